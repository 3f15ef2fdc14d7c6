"""Dropout, feed-forward, Add & Norm."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dragoman.transformer.sublayers import Dropout, FeedForward, Residual


def test_dropout_zeroes_its_share_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    x = torch.ones(400, 1001)
    y = Dropout(0.3).train()(x)
    zeroed = (y == 0).float().mean().item()
    assert zeroed == pytest.approx(77 / 256, abs=0.003)  # 0.3 rounded to 1/256
    assert y.mean().item() == pytest.approx(1, abs=0.005)
    assert sorted(y.unique().tolist()) == pytest.approx([0, 256 / 179])


def test_dropout_drops_in_the_gradient_what_it_dropped_in_the_value() -> None:
    x = torch.randn(7, 33, requires_grad=True)
    y = Dropout(0.5).train()(x)
    y.sum().backward()
    torch.testing.assert_close(y, x.detach() * x.grad)


def test_dropout_with_the_addition_after_it_is_the_two_one_after_the_other() -> None:
    dropout = Dropout(0.3).train()
    results = []
    for add in (dropout.add, lambda x, y: x + dropout(y)):
        x, y = (torch.randn(7, 33, generator=torch.manual_seed(seed), requires_grad=True) for seed in (1, 2))
        torch.manual_seed(3)
        added = add(x, y)
        (added * torch.arange(33.0)).sum().backward()
        results.append((added, x.grad, y.grad))
    for fast, slow in zip(*results, strict=True):
        assert fast is not None and slow is not None
        torch.testing.assert_close(fast, slow)
    assert torch.equal(dropout.eval().add(x, y), x + y)


def test_dropout_is_the_same_for_the_same_seed_and_off_in_evaluation() -> None:
    x, dropout = torch.randn(50, 50), Dropout(0.2).train()
    torch.manual_seed(3)
    first = dropout(x)
    second = dropout(x)
    torch.manual_seed(3)
    assert torch.equal(first, dropout(x)) and not torch.equal(first, second)
    assert dropout.eval()(x) is x


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
    torch.testing.assert_close(Residual(8, Dropout(0.0), pre_norm=False)(x, double), norm(3 * x))
    torch.testing.assert_close(Residual(8, Dropout(0.0), pre_norm=True)(x, double), x + 2 * norm(x))
