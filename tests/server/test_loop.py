"""What a request makes the event loop compute at a stretch: during it, nobody else is answered, not even /health."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from dragoman.server.app import build
from dragoman.server.planning import planned
from dragoman.server.requests import ClientRequest
from dragoman.server.settings import Limits
from dragoman.translate.translator import Translator
from server.conftest import HERE, settings

CHARACTERS = (
    200_000  # ten times what is let in by default, so that the figures stand out from those of a busy machine
)
LONGEST = 0.05  # seconds of the processor

TERMS = {f"term {number}": "w" for number in range(60_000)}
PAIR = {"text": "A dog.", "source": "en", "target": "zh"}
FORM = "application/x-www-form-urlencoded"
HEAVY: dict[str, tuple[str, Any]] = {
    "terms": ("/api/translate", PAIR | {"glossary": TERMS}),
    "streamed terms": ("/api/translate/stream", PAIR | {"glossary": TERMS}),
    "no texts": ("/api/translate", {"text": [""] * 200_000}),
    "no field": ("/api/explain", {"text": "A dog.", "reference": [{"a": 1}] * 100_000}),
    "LibreTranslate": ("/translate", {"q": ["a"] * 150_000, "source": "en", "target": "zh"}),
    "DeepL, not to be cut": (
        "/v2/translate",
        {"text": ["a. " * 60_000], "target_lang": "ZH", "split_sentences": 0},
    ),
    "DeepL, too much": (
        "/v2/translate",
        {"text": ["a. " * 600_000], "target_lang": "ZH", "split_sentences": 0},
    ),
    "traditional signs": ("/api/translate", PAIR | {"target": "zh-Hant", "prefix": "学" * 190_000}),
    "a form": ("/translate", "q=" + "%41" * 600_000 + "&source=en&target=zh"),
}


@pytest.fixture(scope="module")
def roomy(tiny_model: Path) -> Any:
    limits = Limits(characters=CHARACTERS, deadline=2)
    with TestClient(build(settings(tiny_model, limits=limits)), HERE) as client:
        yield client


@pytest.mark.parametrize("name", HEAVY)
def test_the_largest_requests_are_not_read_on_the_event_loop(
    name: str, roomy: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A glossary of 14,000 terms took 30 ms to read, a text that DeepL's clients want uncut 0.2 s to be cut.

    The loop answers nobody meanwhile: with 16 such clients at once /health took 0.4 s and 9 s. What the loop's thread
    computes is measured, and not how long it takes, so that busy neighbours do not count.
    """
    longest = [0.0]
    run = asyncio.Handle._run

    def measured(handle: asyncio.Handle) -> None:
        began = time.thread_time()
        run(handle)
        longest[0] = max(longest[0], time.thread_time() - began)

    path, body = HEAVY[name]
    form = isinstance(body, str)
    data = body if form else json.dumps(body)
    monkeypatch.setattr(asyncio.Handle, "_run", measured)
    roomy.post(path, content=data, headers={"content-type": FORM if form else "application/json"})
    assert longest[0] < LONGEST


SIGNS = ("'", ". ", "🙂", "。」』）", "1234567890", "QUJDREVGR0hJ=", "The dog sees a cat. ", "a\n")
HELD = 0.02  # seconds of the processor, in a quarter of the text that is let in by default


@pytest.mark.parametrize("sign", SIGNS)
def test_no_text_holds_the_interpreter_for_long(sign: str, translator: Translator) -> None:
    """A thread of Python gives way between two calls, not within one of a regular expression.

    One search for what is no word took 0.15 to 0.3 s in 20,000 signs, in which the loop's thread got nothing done:
    with 16 such texts at once, on a core that others wanted too, /health took 2.3 s. What the processor did between
    two events of the interpreter is measured.
    """
    text = ClientRequest([(sign * 5_000)[:5_000]])
    planned(
        translator, translator.options, ClientRequest([text.texts[0][:2000]])
    )  # what is made once is made
    longest, last = 0.0, time.thread_time()

    def event(*_: object) -> None:
        nonlocal longest, last
        longest = max(longest, time.thread_time() - last)
        last = time.thread_time()

    gc.disable()  # the server looks for garbage in small parts (run._collect_little)
    sys.setprofile(event)
    try:
        planned(translator, translator.options, text)
    finally:
        sys.setprofile(None)
        gc.enable()
    assert longest < HELD
