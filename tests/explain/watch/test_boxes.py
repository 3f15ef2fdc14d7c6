"""The numbers of a box are those that the layers compute: by hand from the weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from dragoman.explain import explain
from dragoman.explain.trace.trials import Wanted
from dragoman.translate.translator import Translator
from tiny import parts

TEXT = "The dog sees the old tree."


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("activation", ["relu", "gelu", "swiglu"])
def test_the_numbers_of_a_layer(norm: str, activation: str, tmp_path: Path) -> None:
    translator = Translator.load(
        parts(norm=norm, activation=activation).write(tmp_path / "model"), engine="torch"
    )
    trace = explain(translator, TEXT, wanted=Wanted(boxes=True))
    found = trace.boxes
    assert found is not None and len(found.tokens) == len(trace.source.tokens)
    for one in found.norms:
        for spread in one.middle:
            assert spread.mean == pytest.approx(0, abs=1e-4) and spread.variance == pytest.approx(1, abs=1e-2)
            assert sum(spread.counts) == trace.model.config["d_model"]
    if norm == "pre":
        assert trace.inference.passed.embedding is not None
        x = trace.inference.passed.embedding.source.sum[0]
        first = found.norms[0].before[0]
        assert first.mean == pytest.approx(float(np.mean(x)), abs=1e-3)
        assert first.variance == pytest.approx(float(np.var(x)), rel=1e-2)
    sizes = trace.model.config
    sublayers = 2 * sizes["encoder_layers"] + 3 * sizes["decoder_layers"]
    assert len(found.norms) == sublayers and len(found.feeds) == len(trace.encoder) + len(trace.decoder)
    assert [one.id for one in found.written] == [step.input.id for step in trace.inference.steps]
    for one in found.norms:
        assert len(one.before) == len(found.words(one.name))
    for fed in found.feeds:
        for units in fed.units:
            assert [one.adds for one in units[:3]] == sorted((one.adds for one in units[:3]), reverse=True)
            if activation == "relu":
                assert all(one.fires == pytest.approx(max(0.0, one.inner)) for one in units)
    # Nothing of it stays on the model that serves.
    assert all("forward" not in vars(part) for part in translator.module.modules())
    assert torch.is_grad_enabled()
