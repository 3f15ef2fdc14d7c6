"""The fused cross-entropy equals the plain one, values and gradients; and the plain one equals the definition."""

import pytest
import torch
from torch import Tensor

from dragoman.training import loss as losses
from dragoman.training.loss import LabelSmoothing, divergence, label_smoothed


def example(rows: int = 50, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    hidden, weight = torch.randn(rows, 8).to(dtype), torch.randn(21, 8).to(dtype)
    return hidden.requires_grad_(), weight.requires_grad_(), torch.randint(0, 21, (rows,))


def test_label_smoothing_is_cross_entropy_with_the_smoothed_target() -> None:
    hidden, weight, labels = example()
    log_p = (hidden @ weight.T).log_softmax(-1)
    target = torch.full_like(log_p, 0.1 / 21).scatter_add_(1, labels[:, None], torch.full((50, 1), 0.9))
    found = label_smoothed(hidden, weight, labels, 0.1)
    torch.testing.assert_close(found.sum, -(target * log_p).sum())
    torch.testing.assert_close(found.nll, -log_p.gather(1, labels[:, None]).sum())


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("chunk", [7, 50, 1000])
def test_fused_equals_plain(monkeypatch: pytest.MonkeyPatch, smoothing: float, chunk: int) -> None:
    monkeypatch.setattr(losses, "CHUNK", chunk)
    hidden, weight, labels = example()
    plain = label_smoothed(hidden, weight, labels, smoothing)
    fused = LabelSmoothing(smoothing)(hidden, weight, labels)
    torch.testing.assert_close(fused.sum, plain.sum)
    torch.testing.assert_close(fused.nll, plain.nll)
    assert fused.tokens == 50
    expected = torch.autograd.grad(plain.sum / 50, (hidden, weight))
    for found, wanted in zip(torch.autograd.grad(fused.sum / 50, (hidden, weight)), expected, strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("chunk", [7, 1000])
def test_fused_consistency_equals_mean_loss_plus_a_quarter_divergence(
    monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(losses, "CHUNK", chunk)
    hidden, weight, labels = example()
    labels = labels[:25].repeat(2)
    plain = label_smoothed(hidden, weight, labels, 0.1).sum / 2 + 3 / 4 * divergence(hidden, weight)
    fused = LabelSmoothing(0.1, consistency=3)(hidden, weight, labels)
    torch.testing.assert_close(fused.sum, plain)
    assert fused.tokens == 25
    expected = torch.autograd.grad(plain, (hidden, weight))
    for found, wanted in zip(torch.autograd.grad(fused.sum, (hidden, weight)), expected, strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)


def test_two_equal_passes_diverge_by_nothing() -> None:
    hidden, weight, labels = example(10)
    twice = hidden.repeat(2, 1)
    fused = LabelSmoothing(0.1, consistency=5)(twice, weight, labels.repeat(2))
    torch.testing.assert_close(fused.sum, label_smoothed(hidden, weight, labels, 0.1).sum)


def test_bf16_stays_near_fp32() -> None:
    hidden, weight, labels = example(dtype=torch.bfloat16)
    fused = LabelSmoothing(0.1)(hidden, weight, labels)
    plain = label_smoothed(hidden.float(), weight.float(), labels, 0.1)
    torch.testing.assert_close(fused.sum, plain.sum, rtol=0.01, atol=0)
