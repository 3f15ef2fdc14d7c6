"""What is said of a recurrent network's steps, against the network itself run by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dragoman.ids import BOS
from dragoman.lineage.carried import carried
from dragoman.lineage.rnnlm import RnnLm
from toys import random_lm


@pytest.fixture(scope="module", params=["lstm", "gru"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RnnLm:
    opened = random_lm(tmp_path_factory.mktemp("rnn") / "rnn", "rnn", cell=request.param, layers=2)
    assert isinstance(opened.module, RnnLm)
    return opened.module


def test_each_step_is_the_state_that_search_would_hold(model: RnnLm) -> None:
    ids = [5, 9, 7, 5]
    found, state = carried(model, ids), model.empty(1)
    assert [step.token for step in found.steps] == [BOS, *ids]
    for step in found.steps:
        with torch.no_grad():
            features, state = model.advance(torch.tensor([[step.token]]), state)
        assert step.size == pytest.approx(float(features.norm()), rel=1e-5)
    with torch.no_grad():
        logits = model(torch.tensor([[BOS, *ids]]))[0, :, 4:]
    assert [step.says for step in found.steps] == (logits.argmax(-1) + 4).tolist()


def test_u_w_and_v_are_one_of_each_however_long_the_text(model: RnnLm) -> None:
    short, long = carried(model, [5]), carried(model, [5] * 40)
    assert short.shapes == long.shapes and len(long.steps) == 41
    width = model.config.d_model
    gates = 4 if model.config.cell == "lstm" else 3
    assert short.gates == gates and short.shapes["U"] == short.shapes["W"] == (gates * width, width)
    assert short.shapes["V"] == tuple(model.output_weight.shape)


def test_what_was_read_long_ago_is_felt_less(model: RnnLm) -> None:
    """The bottleneck: forty tokens later little of a token is left, here in a network that has learnt nothing."""
    steps = carried(model, [5, 9] * 20).steps
    assert steps[1].left_at_the_end < 0.1 * steps[-1].left_at_the_end


def test_the_state_before_the_first_step_is_nothing(model: RnnLm) -> None:
    (only,) = carried(model, []).steps
    assert only.token == BOS and only.turned == pytest.approx(1)


def test_a_picture_of_a_long_text_ends_where_the_text_ends(tmp_path: Path) -> None:
    from dragoman.cli.carried import unrolled
    from dragoman.cli.language import speaker

    opened = random_lm(tmp_path / "rnn", "rnn")
    assert isinstance(opened.module, RnnLm)
    for length in (0, 1, 30):
        found = carried(opened.module, [5] * length)
        lines = unrolled(found, opened.vocabulary.words, speaker("en"))
        assert lines[2].endswith(f"h{length + 1}") and all(len(line) < 112 for line in lines[:8])
