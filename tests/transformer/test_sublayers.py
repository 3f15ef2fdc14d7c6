"""Dropout, feed-forward, Add & Norm."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dragoman.transformer.sublayers import Dropout, FeedForward, Residual


def test_dropout_zeroes_its_share_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    x, dropout = torch.ones(400, 1001), Dropout(0.3).train()
    y = dropout(x)
    assert (y == 0).float().mean().item() == pytest.approx(0.3, abs=0.003)
    assert sorted(y.unique().tolist()) == pytest.approx([0, 1 / 0.7])
    assert sorted(dropout.add(x, x).unique().tolist()) == pytest.approx([1, 1 + 1 / 0.7])
    assert torch.equal(dropout.eval()(x), x) and torch.equal(dropout.add(x, x), 2 * x)


@pytest.mark.parametrize("activation", ["relu", "gelu", "swiglu"])
def test_feed_forward_is_equation_2_and_its_variants(activation: str) -> None:
    layer = FeedForward(6, 10, activation)
    x = torch.randn(2, 3, 6)
    inner = x @ layer.inner.weight.T + layer.inner.bias
    if layer.gate is not None:
        inner = inner * F.silu(x @ layer.gate.weight.T + layer.gate.bias)
    else:
        inner = inner.clamp(min=0) if activation == "relu" else F.gelu(inner)
    torch.testing.assert_close(layer(x), inner @ layer.outer.weight.T + layer.outer.bias)


def test_add_and_norm_in_both_orders() -> None:
    x, double = torch.randn(2, 3, 8), lambda x: 2 * x
    norm = nn.LayerNorm(8)
    torch.testing.assert_close(Residual(norm, Dropout(0.0), pre_norm=False)(x, double), norm(3 * x))
    torch.testing.assert_close(Residual(norm, Dropout(0.0), pre_norm=True)(x, double), x + 2 * norm(x))
