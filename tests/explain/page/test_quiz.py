"""The quiz of the page: every answer is worked out here once more from the record, and compared."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dragoman.explain import Trace
from dragoman.explain.page import writing as page
from explain.made_trace import made_trace
from explain.made_trace import tensor as stored
from explain.page_fixtures import SLOW, OpenPage, bundled_trace, go_to_view

pytestmark = SLOW

Json = dict[str, Any]
Ask = Callable[[Json], dict[str, Json]]

ASK = "\nwindow.ask = (trace) => quiz_questions_js.questions(trace, new trace_model_js.Model(trace));\n"


@pytest.fixture
def ask(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """The questions about a record, by their names."""
    monkeypatch.setattr(page, "_START", page._START + ASK)
    opened = open_page(made_trace())

    def ask(record: Json) -> dict[str, Json]:
        return {
            question["id"]: question for question in opened.evaluate("(trace) => window.ask(trace)", record)
        }

    return ask


def said(option: Json) -> Any:
    """What an option says: its word, its number, or its place and word."""
    values, words = option["values"], option["words"]
    return (
        (values["t"], words["word"])
        if "t" in values
        else words.get("word") or values.get("x") or option["key"]
    )


def right(question: Json) -> Json:
    return question["options"][question["right"]]


def answers(record: Json, question: Json) -> Any:
    """The one answer to a question, from the record."""
    inference, training, values = record["inference"], record["training"], question["ask"]["values"]
    t = values.get("t")
    match question["id"]:
        case "fed":
            return training["labels"][t]["piece"]
        case "together":
            return training["decoder_passes"]
        case "loop":
            return inference["steps"][t - 1]["chosen"]["piece"]
        case "cache":
            return inference["steps"][t]["cache"]["before"]
        case "loss":
            worst = max(training["steps"], key=lambda step: step["loss"])
            return worst["t"], worst["label"]["piece"]
        case "rows":
            return len(inference["steps"])
        case "split":
            heads, width = record["model"]["config"]["n_heads"], record["model"]["config"]["d_model"]
            return f"[1, {heads}, {len(inference['steps'])}, {width // heads}]"
        case "origin":
            return "quiz.origin.x.memory"
        case "looks":
            weights = Trace.from_json(json.dumps(record)).head(values["name"], values["head"])
            return record["source"]["tokens"][int(np.argmax(weights[t]))]["piece"]
        case "explains":
            return "quiz.explains.right"


def check(record: Json, question: Json) -> None:
    options = [(option["key"], said(option), str(option["values"])) for option in question["options"]]
    assert len(set(options)) == len(options) >= 3
    if question["id"] == "passes":
        run = record["inference"]
        assert right(question)["values"] == {"e": run["encoder_passes"], "d": run["decoder_passes"]}
    elif question["id"] == "hidden":
        row = record["training"]["causal_mask"][question["ask"]["values"]["t"]]
        mine = [option["values"]["t"] for option in question["options"]]
        assert [c for c in mine if not row[c]] == [right(question)["values"]["t"]]
    else:
        assert said(right(question)) == answers(record, question), question["id"]
        others = [said(option) for option in question["options"] if option is not right(question)]
        assert answers(record, question) not in others


SOURCES = ("▁Are ▁you ▁OK ▁?", "▁a ▁b ▁c", "▁one ▁two ▁three ▁four ▁five ▁six ▁seven")


def test_every_answer_is_that_of_the_trace(ask: Ask) -> None:
    asked = set()
    for seed in range(30):
        record = made_trace(
            SOURCES[seed % 3].split(), tuple("▁你 好 吗 ？ 我 很 好 。".split())[: 3 + seed % 6], seed=seed
        )
        questions = ask(record)
        assert len(questions) == 8
        assert {"hidden", "fed", "passes", "origin"} <= set(questions)
        for question in questions.values():
            check(record, question)
        asked |= set(questions)
    assert asked == {
        "hidden", "fed", "passes", "together", "loop", "cache", "loss", "origin", "rows", "split", "looks", "explains",
    }  # fmt: skip


@pytest.mark.parametrize("reference", ["你好吗？", None])
def test_every_answer_is_that_of_a_real_trace(ask: Ask, reference: str | None) -> None:
    record = bundled_trace("Are you OK ?", reference).to_dict()
    questions = ask(record)
    assert len(questions) >= (7 if reference else 5)
    for question in questions.values():
        check(record, question)


def test_the_same_trace_is_always_asked_the_same_and_another_is_not(ask: Ask) -> None:
    first = ask(made_trace())
    assert ask(made_trace()) == first
    others = [ask({**made_trace(), "source": {**made_trace()["source"], "text": str(n)}}) for n in range(5)]
    assert any(other != first for other in others)


def test_without_training_nothing_is_asked_about_it(ask: Ask) -> None:
    questions = ask(made_trace(training=False))
    assert not {"hidden", "fed", "together", "loss"} & set(questions)
    assert len(questions) >= 5


def test_what_could_be_answered_in_two_ways_is_not_asked(ask: Ask) -> None:
    square = ("▁a", "▁b", "▁c")
    for seed in range(10):
        record = made_trace(square, square, seed=seed)
        for step in record["training"]["steps"]:
            step["loss"] = 1.0
        for layer in record["inference"]["pass"]["decoder"]:
            layer["cross"]["weights"] = _even(layer["cross"]["weights"])
        record["influence"]["value_zeroing"] = record["influence"]["attention"]
        assert not {"rows", "loss", "looks", "explains"} & set(ask(record))
    blind = made_trace()
    blind["training"]["causal_mask"] = [[1] * 5] * 5
    assert "hidden" not in ask(blind)
    unshifted = made_trace()
    unshifted["training"]["input"] = unshifted["training"]["labels"]
    assert "fed" not in ask(unshifted)


def _even(tensor: Json) -> Json:
    return stored(np.full(tensor["shape"], 1 / tensor["shape"][-1]), *tensor["dims"])


def test_the_quiz_is_answered_through_and_begun_again(open_page: OpenPage) -> None:
    opened = open_page(made_trace(), view="quiz")
    questions = opened.locator(".quiz-item")
    assert questions.count() == 8
    for i in range(8):
        question = questions.nth(i)
        question.locator(".option").nth(i % 3).click()
        assert question.locator(".option.right").count() == 1
        assert question.locator(".reason p").text_content()
        # The first answer counts.
        before = question.inner_html()
        question.locator(".option").nth((i + 1) % 3).dispatch_event("click")
        assert question.inner_html() == before
    missed = opened.locator(".option.wrong").count()
    score = opened.locator(".score")
    assert f"{8 - missed} of 8 right" in score.text_content()
    opened.click(".language")
    assert f"8 题答对 {8 - missed} 题" in score.text_content()
    opened.click(".again")
    assert score.text_content() == "" and opened.locator(".option.right").count() == 0


def test_every_answer_leads_to_a_chapter_and_back(open_page: OpenPage) -> None:
    opened = open_page(made_trace(), view="quiz", width=390)
    for i in range(8):
        question = opened.locator(".quiz-item").nth(i)
        question.locator(".option").first.click()
        view = question.locator("[data-open]").get_attribute("data-open")
        question.locator("[data-open]").click()
        assert opened.get_attribute(".tabs [aria-current]", "data-view") == view
        go_to_view(opened, "quiz")
        assert opened.locator(".quiz-item").nth(i).locator(".option.right").count() == 1
