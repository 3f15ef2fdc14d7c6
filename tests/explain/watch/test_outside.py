"""A recurrent model through the same door: loop, tree, losses, where it looked; and what it has not is left out."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dragoman.errors import UsageError
from dragoman.explain import Trace, explain, probe
from dragoman.explain.terminal.drawing import Screen
from dragoman.explain.terminal.twins import twins
from dragoman.explain.trace.trials import Wanted
from dragoman.lineage.rnn import Rnn, RnnConfig
from dragoman.translate.translator import Translator
from tiny import parts

TEXT, REFERENCE = "The dog sees the old tree.", "我喜欢你的老树"


@pytest.fixture(scope="module", params=["additive", "dot", "none"])
def translator(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Translator:
    made = parts()
    config = RnnConfig(d_model=16, layers=1, attention=request.param)
    torch.manual_seed(1)
    weights = {name: weight.numpy() for name, weight in Rnn(config, 360, 360).state_dict().items()}
    recurrent = replace(made, config=made.config | {"model": asdict(config)}, weights=weights)
    return Translator.load(recurrent.write(tmp_path_factory.mktemp("models") / request.param))


@pytest.fixture(scope="module")
def trace(translator: Translator) -> Trace:
    return explain(translator, TEXT, REFERENCE)


def test_the_loop_is_the_search(translator: Translator, trace: Trace) -> None:
    assert trace.inference.text == translator.translate(TEXT).text
    assert trace.inference.served.same
    assert trace.inference.encoder_passes == 1
    assert sum(node.state == "won" for node in trace.inference.beam.nodes) == 1


def test_the_losses_are_the_score(translator: Translator, trace: Trace) -> None:
    (score,) = translator.score([TEXT], [REFERENCE])
    assert trace.training is not None
    assert [-step.loss for step in trace.training.steps] == pytest.approx(score.token_scores, abs=1e-4)


def test_it_shows_where_it_looked_and_nothing_else(translator: Translator, trace: Trace) -> None:
    align = translator.module.align
    assert trace.training is not None
    if align is None:
        assert trace.decoder == () and trace.attentions() == {}
        return
    ids = [
        torch.tensor([[token.id for token in tokens]])
        for tokens in (trace.source.tokens, trace.training.input)
    ]
    with torch.no_grad():
        expected = align(ids[0], ids[0] > 0, ids[1])  # type: ignore[operator]
    (layer,) = trace.training.decoder
    np.testing.assert_allclose(layer.cross.weights, expected, atol=1e-5)
    assert layer.self is layer.cross.q is layer.feed_forward is None
    assert list(trace.attentions()) == ["decoder.1.cross"]


def test_its_proofs_hold(trace: Trace) -> None:
    of_attention = ["rows_sum_to_one"] if trace.decoder else []
    expected = [*of_attention, "train_equals_infer", "cache_equals_full", "pad_free", "encoder_once"]
    assert {proof.id: proof.passed for proof in trace.proofs} == dict.fromkeys(expected, True)


def test_it_goes_through_json_and_a_notebook(trace: Trace) -> None:
    assert Trace.from_json(trace.to_json()).to_json() == trace.to_json()
    assert trace.inference.text in trace._repr_html_()


def test_it_can_be_probed(translator: Translator) -> None:
    tokenizers = translator.model.source_tokenizer, translator.model.target_tokenizer
    found = probe(translator.module, *tokenizers, TEXT, REFERENCE, 1)
    assert len(found.attention) == (translator.module.align is not None)


def test_its_parts_cannot_be_removed(trace: Trace) -> None:
    with pytest.raises(UsageError, match="'cache' cannot be removed from a Rnn"):
        trace.without("cache")


def test_a_recurrent_model_is_a_directory_like_any_other(translator: Translator, trace: Trace) -> None:
    assert trace.model.kind == "rnn" and Path(translator.model.path).name == trace.model.name


def test_it_can_be_taught_and_told_a_word(translator: Translator) -> None:
    wanted = Wanted(teach=3, say=(0, "大"))
    trace = explain(translator, TEXT, REFERENCE, max_length=9, wanted=wanted)
    assert trace.taught is not None and trace.taught.loss[-1] < trace.taught.loss[0]
    assert sum(box.norms[0] ** 2 for box in trace.taught.boxes) ** 0.5 == pytest.approx(
        trace.taught.norms[0], rel=1e-4
    )
    assert trace.said is not None and [row.t for row in trace.said.rows if row.loss != row.loss_after] == [0]


def test_a_recurrent_encoder_needs_no_positions(trace: Trace) -> None:
    """It has no twins and no such proof, and the terminal says why."""
    assert trace.twins is None and "order_needs_positions" not in {proof.id for proof in trace.proofs}
    (line,) = twins(trace, Screen(400))
    assert "recurrent" in str(line)
