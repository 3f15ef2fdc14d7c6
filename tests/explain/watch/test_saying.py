"""A word of the reader's: in training one row's loss moves and no input does; in inference all that follows is new."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dragoman.errors import UsageError
from dragoman.explain import explain
from dragoman.explain.trace.trials import Said, Wanted
from dragoman.translate.translator import Translator

TEXT, REFERENCE = "Are you OK ?", "你好吗？"


@pytest.fixture(scope="module")
def bundled() -> Iterator[Translator]:
    with Translator.load("en-zh-tiny", engine="torch") as translator:
        yield translator


def said(translator: Translator, t: int, word: str, reference: str | None = REFERENCE) -> Said:
    found = explain(translator, TEXT, reference, wanted=Wanted(say=(t, word))).said
    assert found is not None
    return found


@pytest.mark.parametrize("t, word", [(0, "我"), (1, "干"), (2, "什么"), (3, "大家"), (1, "OK")])
def test_in_training_one_row_moves(bundled: Translator, t: int, word: str) -> None:
    found = said(bundled, t, word)
    moved = [row.t for row in found.rows if abs(row.loss - row.loss_after) > 1e-6]
    assert moved == [t]
    assert found.rows[t].loss_after > found.rows[t].loss  # it was not the label
    assert [row.input.id for row in found.rows[1:]] == [row.label.id for row in found.rows[:-1]]
    assert found.rows[t].after.id != found.rows[t].prediction.id


def test_the_label_itself_costs_less(bundled: Translator) -> None:
    row = said(bundled, 1, "好吗").rows[1]
    assert row.loss_after < row.loss and row.after.id == row.label.id


@pytest.mark.parametrize("word", ["干", "干什么", "们", "OK", "🙂"])
def test_in_inference_the_word_is_the_next_input(bundled: Translator, word: str) -> None:
    found = said(bundled, 1, word)
    forced = [step.t for step in found.steps if step.forced]
    assert forced and forced == list(range(1, 1 + len(forced)))
    assert all(
        now.input.id == before.chosen.id for before, now in zip(found.steps, found.steps[1:], strict=False)
    )
    assert found.text.startswith("你") and word in found.text
    assert found.steps[0].was is not None and found.steps[0].was.id == found.steps[0].chosen.id


def test_without_a_reference_the_loop_alone(bundled: Translator) -> None:
    found = said(bundled, 1, "干", None)
    assert found.rows == () and found.steps


@pytest.mark.parametrize("t, word", [(99, "干"), (1, " ")])
def test_what_cannot_be_said_is_refused(bundled: Translator, t: int, word: str) -> None:
    with pytest.raises(UsageError):
        said(bundled, t, word)
