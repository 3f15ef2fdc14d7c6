"""Teacher forcing: the table against the training loss of training/, and one wrong word in both modes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from dragoman.corpus.batches import collate
from dragoman.explain import Trace, explain
from dragoman.ids import BOS, EOS
from dragoman.training.loss import label_smoothed
from dragoman.translate.translator import Translator
from tiny import parts

TEXT, REFERENCE = "The dog sees the old tree.", "我喜欢你的老树"
SMOOTHING = 0.1


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    made = parts()
    made = replace(made, config=made.config | {"training": {"label_smoothing": SMOOTHING}})
    return Translator.load(made.write(tmp_path_factory.mktemp("models") / "smooth"), engine="torch")


@pytest.fixture(scope="module")
def trace(translator: Translator) -> Trace:
    return explain(translator, TEXT, REFERENCE)


def test_the_input_is_the_reference_shifted_right(trace: Trace) -> None:
    assert trace.training is not None
    labels = [token.id for token in trace.training.labels]
    assert labels[-1] == EOS
    assert [token.id for token in trace.training.input] == [BOS, *labels[:-1]]
    assert [step.label.id for step in trace.training.steps] == labels
    assert (trace.training.encoder_passes, trace.training.decoder_passes) == (1, 1)


def test_the_mask_is_a_triangle(trace: Trace) -> None:
    assert trace.training is not None
    length = len(trace.training.labels)
    assert np.array_equal(trace.training.causal_mask, np.tril(np.ones((length, length))))


def test_the_losses_are_those_of_training(translator: Translator, trace: Trace) -> None:
    """Through the model's own `loss` and the reference implementation of label smoothing."""
    batch = collate(*([ids] for ids in translator.encode(TEXT, REFERENCE)))
    with torch.no_grad():
        found = translator.module.loss(batch, lambda *given: label_smoothed(*given, SMOOTHING))  # type: ignore[operator]
    assert trace.training is not None
    loss = trace.training.loss
    assert (loss.tokens, loss.label_smoothing) == (found.tokens, SMOOTHING)
    assert loss.sum == pytest.approx(float(found.nll), rel=1e-5)
    assert loss.smoothed_mean * loss.tokens == pytest.approx(float(found.sum), rel=1e-5)
    assert loss.mean == pytest.approx(np.mean([step.loss for step in trace.training.steps]))


def test_the_losses_are_the_score_of_the_reference(translator: Translator, trace: Trace) -> None:
    (score,) = translator.score([TEXT], [REFERENCE])
    assert trace.training is not None
    assert [-step.loss for step in trace.training.steps] == pytest.approx(score.token_scores, abs=1e-4)
    assert [np.log(step.p_label) for step in trace.training.steps] == pytest.approx(
        score.token_scores, abs=1e-4
    )


def test_ranks_count_from_one(trace: Trace) -> None:
    assert trace.training is not None
    for step in trace.training.steps:
        assert (step.rank == 1) == (step.prediction.id == step.label.id)
        assert step.top[0] == step.prediction
        assert [guess.p for guess in step.top] == sorted((guess.p for guess in step.top), reverse=True)


def test_a_wrong_word_changes_the_next_step_in_inference_and_not_in_training(trace: Trace) -> None:
    """Training is fed the reference whatever it predicts; free running is fed what it said."""
    assert trace.training is not None
    forced, free = trace.training.steps, trace.training.free_running
    first = free.first_difference
    assert first is not None and first == next(
        t for t, step in enumerate(forced) if step.prediction.id != step.label.id
    )
    assert free.steps[first].p_label == pytest.approx(forced[first].p_label, abs=1e-5), "same input so far"
    assert forced[first + 1].input == forced[first].label
    assert free.steps[first + 1].input.id == free.tokens[first].id != forced[first + 1].input.id
    assert free.steps[first + 1].p_label != pytest.approx(forced[first + 1].p_label, abs=1e-6)


def test_fed_its_own_words_it_makes_no_difference(translator: Translator, trace: Trace) -> None:
    """The proof behind it all, told in words: greedy words as a reference are each the first choice."""
    assert trace.training is not None
    free = trace.training.free_running
    assert trace.proof("train_equals_infer").passed
    assert [step.prediction.id for step in free.steps] == [token.id for token in free.tokens]


def test_without_a_reference_there_is_no_training_mode(translator: Translator) -> None:
    assert explain(translator, TEXT).training is None
