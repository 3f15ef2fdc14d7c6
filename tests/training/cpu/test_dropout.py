"""Dropout from random bytes: its share, its gradient, its randomness."""

from __future__ import annotations

import pytest
import torch

from dragoman.training.cpu.dropout import BYTES, ByteDropout
from dragoman.transformer.model import TransformerConfig, transformer
from dragoman.transformer.sublayers import Dropout


def test_dropout_zeroes_its_share_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    x = torch.ones(400, 1001)
    y = ByteDropout(0.3).train()(x)
    zeroed = (y == 0).float().mean().item()
    assert zeroed == pytest.approx(77 / 256, abs=0.003)  # 0.3 rounded to 1/256
    assert y.mean().item() == pytest.approx(1, abs=0.005)
    assert sorted(y.unique().tolist()) == pytest.approx([0, 256 / 179])


def test_dropout_drops_in_the_gradient_what_it_dropped_in_the_value() -> None:
    x = torch.randn(7, 33, requires_grad=True)
    y = ByteDropout(0.5).train()(x)
    y.sum().backward()
    torch.testing.assert_close(y, x.detach() * x.grad)


def test_dropout_with_the_addition_after_it_is_the_two_one_after_the_other() -> None:
    dropout = ByteDropout(0.3).train()
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
    x, dropout = torch.randn(50, 50), ByteDropout(0.2).train()
    torch.manual_seed(3)
    first = dropout(x)
    second = dropout(x)
    torch.manual_seed(3)
    assert torch.equal(first, dropout(x)) and not torch.equal(first, second)
    assert dropout.eval()(x) is x


def test_a_generator_of_its_own_is_drawn_from() -> None:
    x, dropout = torch.ones(50, 50), ByteDropout(0.2).train()
    dropout.generator = torch.Generator().manual_seed(5)
    before = torch.get_rng_state()
    first = dropout(x)
    assert torch.equal(torch.get_rng_state(), before)
    dropout.generator.manual_seed(5)
    assert torch.equal(first, dropout(x))


def test_a_model_made_from_it_has_no_other() -> None:
    shape = TransformerConfig(d_model=16, d_ff=32, n_heads=2, encoder_layers=1, decoder_layers=1, dropout=0.4)
    model = transformer(shape, 20, 20, BYTES)
    found = [module for module in model.modules() if isinstance(module, Dropout)]
    assert {type(module) for module in found} == {ByteDropout} and {module.rate for module in found} == {0.4}
