"""The compiled kernels against torch's own operations."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dragoman.training.cpu import kernels
from dragoman.training.cpu.kernels import AddDropout, LayerNorm, MaskedSoftmax
from dragoman.training.cpu.products import LinearRelu

compiled = pytest.mark.skipif(kernels.library() is None, reason="no C compiler on this machine")
ONE_ROUNDING = 2**-8  # of bfloat16, relative


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(1)


def features(*shape: int) -> Tensor:
    return torch.randn(*shape).bfloat16().requires_grad_()


def check(mine: Callable[..., Tensor], theirs: Callable[..., Tensor], *inputs: Tensor) -> None:
    """Values and gradients: bf16 from the kernel, fp32 from torch on the same rounded inputs."""
    exact = [x.detach().float().requires_grad_() for x in inputs]
    found, expected = mine(*inputs), theirs(*exact)
    slope = torch.randn(expected.shape).bfloat16()
    found.backward(slope)  # type: ignore[no-untyped-call]
    expected.backward(slope.float())  # type: ignore[no-untyped-call]
    close(found, expected)
    for x, y in zip(inputs, exact, strict=True):
        assert x.grad is not None and y.grad is not None
        close(x.grad, y.grad)


def close(found: Tensor, expected: Tensor) -> None:
    """To a few roundings of the number, or of what numbers of this tensor are like."""
    size = float(expected.detach().square().mean().sqrt())
    torch.testing.assert_close(found.float(), expected, rtol=4 * ONE_ROUNDING, atol=4 * ONE_ROUNDING * size)


@compiled
@pytest.mark.parametrize("shape", [(3, 5, 16), (1, 1, 64), (7, 9, 256)])
def test_layer_norm(shape: tuple[int, ...]) -> None:
    width = shape[-1]
    check(
        lambda x, w, b: LayerNorm.apply(x, w, b, 1e-5)[1],  # type: ignore[no-untyped-call]
        lambda x, w, b: F.layer_norm(x, (width,), w, b, 1e-5),
        features(*shape), features(width), features(width),
    )  # fmt: skip


@compiled
def test_a_norm_adds_the_gradient_that_went_past_it() -> None:
    def past(norm: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def both(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
            straight, normed = norm(x, w, b)
            return straight * 3 + normed.square()

        return both

    check(
        past(lambda x, w, b: LayerNorm.apply(x, w, b, 1e-5)),  # type: ignore[no-untyped-call]
        past(lambda x, w, b: (x, F.layer_norm(x, (32,), w, b, 1e-5))),  # type: ignore[arg-type, return-value]
        features(5, 32), features(32), features(32),
    )  # fmt: skip


@compiled
@pytest.mark.parametrize("keys", [1, 2, 15, 16, 17, 33, 100])
@pytest.mark.parametrize("kind", ["none", "padding", "causal", "both"])
def test_masked_softmax(keys: int, kind: str) -> None:
    scores = features(3, 2, keys, keys)
    real = torch.arange(keys) < torch.tensor([keys, max(keys // 2, 1), 1])[:, None]
    padding, causal = real[:, None, None, :], torch.ones(keys, keys, dtype=torch.bool).tril()
    mask = {"none": None, "padding": padding, "causal": causal, "both": padding & causal}[kind]

    def reference(x: Tensor) -> Tensor:
        scaled = x * 0.5
        return (scaled if mask is None else scaled.masked_fill(~mask, -1e30)).softmax(-1)

    check(lambda x: MaskedSoftmax.apply(x, 0.5, mask), reference, scores)  # type: ignore[no-untyped-call]


@compiled
def test_a_row_with_nothing_to_attend_to_is_uniform() -> None:
    hidden = torch.zeros(2, 1, 1, 20, dtype=torch.bool)
    weights = MaskedSoftmax.apply(features(2, 1, 3, 20), 1.0, hidden)  # type: ignore[no-untyped-call]
    close(weights, torch.full((2, 1, 3, 20), 1 / 20))


@compiled
def test_what_is_no_number_stays_none() -> None:
    x = torch.full((4, 16), torch.nan).bfloat16()
    w = torch.ones(16, 16).bfloat16()
    for found in (
        LayerNorm.apply(x, w[0], w[0], 1e-5)[1],  # type: ignore[no-untyped-call]
        LinearRelu.apply(x, w, w[0]),  # type: ignore[no-untyped-call]
        MaskedSoftmax.apply(x.view(1, 1, 4, 16), 1.0, None),  # type: ignore[no-untyped-call]
    ):
        assert found.isnan().all()


@compiled
def test_dropout_zeroes_its_share_and_keeps_the_mean() -> None:
    x = torch.ones(400, 256).bfloat16()
    kept = AddDropout.apply(None, x, 0.25, None)  # type: ignore[no-untyped-call]
    assert abs(float((kept == 0).float().mean()) - 0.25) < 0.005
    assert set(kept.unique().tolist()) == {0.0, float(torch.tensor(256 / 192).bfloat16())}
    assert float((kept == 0).float().mean(0).min()) > 0.15, "each column loses its share"


@compiled
def test_dropout_is_added_and_drops_in_the_gradient_what_it_dropped_in_the_value() -> None:
    x, y = features(5, 64), features(5, 64)
    draw = torch.Generator().manual_seed(7)
    out = AddDropout.apply(x, y, 0.5, draw)  # type: ignore[no-untyped-call]
    again = AddDropout.apply(x, y, 0.5, draw.manual_seed(7))  # type: ignore[no-untyped-call]
    assert torch.equal(out, again)
    other = AddDropout.apply(x, y, 0.5, draw)  # type: ignore[no-untyped-call]
    assert not torch.equal(out, other), "each call draws anew"
    out.backward(torch.ones_like(out))
    assert x.grad is not None and y.grad is not None
    assert (x.grad == 1).all()
    kept = y.grad != 0
    assert (y.grad[kept] == 2).all() and 0.3 < float(kept.float().mean()) < 0.7
    close(out.detach(), x.detach().float() + kept * 2 * y.detach().float())


@compiled
def test_gradients_are_added_as_torch_adds_them() -> None:
    total, part = torch.randn(7, 15), torch.randn(7, 15).bfloat16()
    expected = total + part
    assert torch.equal(kernels.add(total, part), expected)


@compiled
def test_softmax_with_the_log_probabilities_of_labels() -> None:
    logits = (5 * torch.randn(9, 48)).bfloat16()
    labels = torch.randint(48, (9,))
    expected, at_label = logits.float().log_softmax(-1), logits[torch.arange(9), labels].float()
    log_p, raw = kernels.label_softmax_(logits, labels)
    close(logits, expected.exp())
    torch.testing.assert_close(log_p, expected[torch.arange(9), labels])
    assert torch.equal(raw, at_label)
