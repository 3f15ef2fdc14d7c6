"""Value zeroing against blanking one value at a time by hand, and rank correlation against its definition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from dragoman.explain import explain
from dragoman.explain.watch.influence import agreement
from dragoman.transformer.attention import attention, merge_heads
from dragoman.translate.translator import Translator
from tiny import parts


@pytest.mark.parametrize("length", [3, 40])
def test_each_source_token_is_blanked_alone(tmp_path: Path, length: int) -> None:
    """One decoder layer, written out: a sum over the values that leaves one out."""
    with Translator.load(parts().write(tmp_path / "m"), engine="torch") as translator:
        trace = explain(translator, "dog " * length)
        module = translator.module
    source, fed = (
        torch.tensor([[token.id for token in tokens]])
        for tokens in (trace.source.tokens, [step.input for step in trace.inference.steps])
    )
    (layer,) = module.decoder.layers  # type: ignore[union-attr]
    with torch.no_grad():
        memory = module.encode(source, source > 0)  # type: ignore[operator]
        x = module.target_input(fed, module.target_table)  # type: ignore[operator]
        mask = torch.ones(fed.size(1), fed.size(1)).tril().bool()
        x = layer.residuals[0](x, lambda x: layer.self_attention(x, x, mask))
        ask = layer.cross_attention
        q, kv = ask.queries(layer.residuals[1].before(x)), ask.keys_values(memory)

        def hidden(blank: int | None) -> torch.Tensor:
            values = kv.values.clone()
            if blank is not None:
                values[:, :, blank] = 0
            y = layer.residuals[1].after(x, ask.output(merge_heads(attention(q, kv.keys, values))))
            return module.decoder.norm(layer.residuals[2](y, layer.feed_forward))[0]  # type: ignore[union-attr, operator]

        whole = hidden(None)
        moved = [1 - torch.cosine_similarity(hidden(s), whole, dim=-1) for s in range(source.size(1))]
    expected = torch.stack(moved, 1).clamp(min=0)
    expected = expected / expected.sum(1, keepdim=True)
    assert trace.influence.value_zeroing is not None
    kept = trace.influence.value_zeroing.shape
    np.testing.assert_allclose(trace.influence.value_zeroing, expected[: kept[0], : kept[1]], atol=2e-3)
    assert trace.influence.value_zeroing.sum(1) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    "a, b, expected",
    [
        ([[1, 2, 3]], [[10, 20, 30]], 1.0),
        ([[1, 2, 3]], [[3, 2, 1]], -1.0),
        ([[1, 2, 3, 4]], [[1, 3, 2, 4]], 0.8),  # 1 - 6 x 2 / (4 x 15)
        ([[1, 2, 3], [1, 2, 3]], [[1, 2, 3], [3, 2, 1]], 0.0),
        ([[1, 1, 2]], [[1, 2, 3]], np.sqrt(3) / 2),  # ranks 1.5, 1.5, 3 and 1, 2, 3
        ([[1, 1, 1], [1, 2, 3]], [[1, 2, 3], [1, 2, 3]], 1.0),  # a flat row says nothing
        ([[1, 1]], [[1, 2]], None),
    ],
)
def test_agreement_is_the_mean_of_rank_correlations(
    a: list[list[float]], b: list[list[float]], expected: float | None
) -> None:
    found = agreement(np.array(a, float), np.array(b, float))
    assert found == expected if expected is None else found == pytest.approx(expected)
