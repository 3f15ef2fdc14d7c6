"""Drafts: they grow to the greedy translation, by either engine, and stop when nobody looks."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from dragoman.engines import Engine
from dragoman.server.drafting import draft
from dragoman.server.gate.refusals import overloaded
from dragoman.server.tasks import COMPUTING, SHORT, LongTasks
from dragoman.translate.translator import Translator

TEXT = "The red dog sees my house. A small cat!\n\nThe bird likes the tree."


@pytest.fixture(params=["ctranslate2", "torch"])
def one(request: pytest.FixtureRequest, tiny_model: Path) -> Translator:
    return Translator.load(tiny_model, engine=request.param, compute_type="float32", workers=1)


@pytest.mark.parametrize("prefix", ["", "大狗"])
def test_a_draft_grows_to_the_greedy_translation(one: Translator, prefix: str) -> None:
    drafts = list(draft(one, TEXT, prefix))
    right = one.translate(TEXT, beam_size=1, prefixes=prefix or None)
    assert drafts[-1].text == right.text
    assert [d.sentence for d in drafts] == sorted(d.sentence for d in drafts)
    assert {d.sentence for d in drafts} == {0, 1, 2}
    forced = len(right.tokens) - len(drafts)
    assert [d.token for d in drafts] == right.tokens[forced:]
    assert all(d.text.startswith(prefix) for d in drafts)


def test_a_draft_that_nobody_reads_on_stops(one: Translator) -> None:
    drafts = draft(one, TEXT)
    next(drafts)
    drafts.close()
    assert list(drafts) == []
    assert one.translate("A dog.").text  # the engine is free again


def test_what_has_no_words_has_no_draft(one: Translator) -> None:
    assert list(draft(one, "!?\n")) == []


def test_where_too_much_is_going_on_there_is_the_answer_alone(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(*_: object) -> None:
        raise overloaded(1)

    monkeypatch.setattr(LongTasks, "run", busy)
    answer = client.post("/api/translate/stream", json={"text": TEXT, "source": "en"})
    assert answer.text.startswith("event: translation")


def test_of_long_texts_few_are_drafted_side_by_side(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixteen of 20,000 full stops were cut and encoded at once, each in a thread, and /health took 1.4 s."""
    lock, computing, most = threading.Lock(), [0], [0]

    def slow(*_: object) -> Iterator[None]:
        with lock:
            computing[0] += 1
            most[0] = max(most[0], computing[0])
        time.sleep(0.05)
        with lock:
            computing[0] -= 1
        yield from ()

    monkeypatch.setattr("dragoman.server.service.draft", slow)
    body = {"text": "." * (SHORT + 1), "source": "en", "target": "zh"}
    with ThreadPoolExecutor(8) as clients:
        asked = [clients.submit(client.post, "/api/translate/stream", json=body) for _ in range(8)]
    assert all(one.result().text.startswith("event: translation") for one in asked)
    assert most[0] == COMPUTING


@pytest.mark.parametrize("engine", ["ctranslate2", "torch"])
def test_no_draft_shows_what_stands_for_something_kept(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search writes no placeholder that the text lacks; the draft knew no such rule."""
    texts = ["Give {name} 5 of 7 dogs, {name}.", "He is here.", "Give ⟦3⟧ to {name}."]
    with Translator.load("en-zh", engine=engine, workers=1) as translator:
        way = translator.toward("en", "zh")
        plan = way.plan(texts[0], way.options.changed(beam_size=1), draft=True)
        engine_in_use, asked = type(plan.engine), list[Sequence[int]]()
        write = engine_in_use.write

        def watched(self: Engine, *given: Any) -> Generator[int, None, None]:
            asked.append(given[3])
            return write(self, *given)

        monkeypatch.setattr(engine_in_use, "write", watched)
        for text in texts:
            shown = [one.text for one in draft(way, text)]
            assert all(one.count("⟦") <= text.count("⟦") for one in shown)
        assert [len(placeholders) for placeholders in asked] == [16] * 3
        # What is forbidden does not come out, however much the model would like to write it.
        source, options = plan.sources[0], plan.options
        likely = set(write(plan.engine, source, options)) - set(source)
        assert likely
        assert likely.isdisjoint(write(plan.engine, source, options, (), tuple(likely)))
