"""The pair of a lesson: a row for each character, a word that is off, and one iteration on a copy."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dragoman import Translator
from dragoman.explain import Trace, explain_both
from dragoman.explain.trace.lesson import Lesson
from dragoman.explain.trace.trials import Wanted
from dragoman.explain.watch.teacher import shifted, teacher_forced
from dragoman.ids import BOS, EOS

ASKED = Wanted(lesson=True)


@pytest.fixture(scope="module")
def translator(tiny_model: Path) -> Translator:
    return Translator.load(tiny_model, engine="torch")


def lesson(translator: Translator, text: str, reference: str | None) -> Lesson:
    found = explain_both(translator, text, reference, beam_size=1, wanted=ASKED).lesson
    assert found is not None
    return found


def test_row_28_each_character_is_a_row_and_each_row_is_fed_the_label_before(translator: Translator) -> None:
    found = lesson(translator, "The big dog sees my cat.", "大狗看见我的猫。")
    assert found.spelled
    assert [row.label.text for row in found.rows] == [*"大狗看见我的猫。", "</s>"]
    assert [row.input.id for row in found.rows] == [BOS, *(row.label.id for row in found.rows[:-1])]
    assert [row.t for row in found.rows] == list(range(9))


def test_row_35_the_losses_are_those_of_one_pass_over_these_rows(translator: Translator) -> None:
    found = lesson(translator, "my cat", "我的猫")
    labels = [row.label.id for row in found.rows]
    source = torch.tensor([[*translator.model.source_tokenizer.encode("my cat"), EOS]])
    with torch.inference_mode():
        log_p = teacher_forced(translator.module, source, shifted(labels, None)).log_softmax(-1)
    for row, one in zip(found.rows, log_p, strict=True):
        assert row.loss == pytest.approx(-float(one[row.label.id]), rel=1e-4)
        assert row.prediction.id == int(one.argmax())
    assert found.iteration.loss == pytest.approx(sum(row.loss for row in found.rows) / len(labels), rel=1e-4)


def test_row_24_one_iteration_lowers_the_loss_and_changes_no_weight_that_serves(
    translator: Translator,
) -> None:
    before = {name: weight.clone() for name, weight in translator.module.state_dict().items()}
    found = lesson(translator, "my cat", "我的猫").iteration
    assert found.after < found.loss and found.norm > 0
    assert found.weights == sum(weight.numel() for weight in translator.module.parameters())
    after = translator.module.state_dict()
    assert all(torch.equal(weight, after[name]) for name, weight in before.items())


def test_row_30_the_word_that_is_off_is_no_longer_form_of_the_label(translator: Translator) -> None:
    found = lesson(translator, "my cat", "我的猫")
    assert found.slip is not None and found.slip.t < len(found.rows) - 1
    row = found.rows[found.slip.t]
    said = found.slip.said.piece.replace("▁", "")
    assert said and not said.startswith(row.label.text)
    if not found.slip.supposed:
        assert found.slip.said == row.prediction


def test_a_character_that_is_no_piece_leaves_the_reference_in_its_pieces(translator: Translator) -> None:
    """Bytes would be rows that nobody can read."""
    found = lesson(translator, "my cat", "我的龘")
    assert not found.spelled and any(row.label.byte for row in found.rows)


def test_it_is_made_only_where_it_is_asked_for_and_survives_its_json(translator: Translator) -> None:
    assert explain_both(translator, "my cat", "我的猫", beam_size=1).lesson is None
    trace = explain_both(translator, "my cat", "我的猫", beam_size=1, wanted=ASKED)
    again = Trace.from_json(trace.to_json()).lesson
    assert again is not None and trace.lesson is not None
    assert [row.label for row in again.rows] == [row.label for row in trace.lesson.rows]
    assert trace.without("scale", brief=True).lesson is None
