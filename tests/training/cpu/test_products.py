"""Products with weights: values and gradients of torch's own, wherever the gradients are to arrive."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dragoman.training.cpu import kernels
from dragoman.training.cpu.products import Embedding, Linear, LinearRelu, add_scaled, joined

pytestmark = pytest.mark.skipif(kernels.library() is None, reason="no C compiler on this machine")
ONE_ROUNDING = 2**-8  # of bfloat16, relative


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(1)


def features(*shape: int) -> Tensor:
    return torch.randn(*shape).bfloat16().requires_grad_()


def close(found: Tensor | None, expected: Tensor | None) -> None:
    """To a few roundings of the number, or of what numbers of this tensor are like."""
    assert found is not None and expected is not None
    size = float(expected.detach().square().mean().sqrt())
    torch.testing.assert_close(found.float(), expected, rtol=4 * ONE_ROUNDING, atol=4 * ONE_ROUNDING * size)


def check(
    mine: Callable[..., Tensor], theirs: Callable[..., Tensor], *inputs: Tensor, times: int = 1
) -> None:
    """Values and gradients, summed over `times`: bf16 from the kernel, fp32 from torch on the same rounded inputs."""
    exact = [x.detach().float().requires_grad_() for x in inputs]
    slope = torch.randn(theirs(*exact).shape).bfloat16()
    for _ in range(times):
        found, expected = mine(*inputs), theirs(*exact)
        close(found, expected)
        found.backward(slope)  # type: ignore[no-untyped-call]
        expected.backward(slope.float())  # type: ignore[no-untyped-call]
    for x, y in zip(inputs, exact, strict=True):
        close(x.grad, y.grad)


@pytest.mark.parametrize("rows", [1, 15, 16, 37])
@pytest.mark.parametrize(("narrow", "wide"), [(16, 48), (48, 16), (32, 32)])
@pytest.mark.parametrize("placed", [False, True])
def test_linear_maps_with_and_without_relu(rows: int, narrow: int, wide: int, placed: bool) -> None:
    given = (features(rows, narrow), features(wide, narrow), features(wide))

    def clear() -> None:
        for x in given:
            x.grad = torch.zeros_like(x) if placed else None

    clear()
    check(Linear.apply, F.linear, *given, times=2)
    # A sum that is nearly zero falls on either side of it by rounding: those units are left out of the comparison.
    sums = F.linear(*(x.detach().float() for x in given))
    with torch.no_grad():
        given[2][sums.abs().min(0).values < 0.05] += 64
    clear()
    check(LinearRelu.apply, lambda x, w, b: F.linear(x, w, b).relu(), *given, times=2)


@pytest.mark.parametrize("placed", [False, True])
def test_a_gradient_arrives_in_the_tensor_that_is_there(placed: bool) -> None:
    x, weight, bias = features(5, 16), features(32, 16), features(32)
    place = torch.zeros_like(weight)
    weight.grad = place if placed else None
    Linear.apply(x, weight, bias).sum().backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None and bool(weight.grad.any())
    assert (weight.grad is place) == placed


@pytest.mark.parametrize("placed", [False, True])
def test_rows_of_a_table(placed: bool) -> None:
    table = features(9, 32)
    table.grad = torch.zeros_like(table) if placed else None
    tokens = torch.tensor([[1, 1, 8], [0, 3, 1]])
    check(lambda w: Embedding.apply(tokens, w), lambda w: F.embedding(tokens, w), table)  # type: ignore[no-untyped-call]


def test_a_row_that_is_chosen_often_forgets_none_of_its_gradients() -> None:
    table = features(2, 16)
    table.grad = torch.zeros_like(table)
    Embedding.apply(torch.ones(1000, dtype=torch.int64), table).sum().backward()  # type: ignore[no-untyped-call]
    assert table.grad[0].eq(0).all() and table.grad[1].eq(1000).all()  # in bfloat16, 256 + 1 is 256


def test_joined_parts_are_a_view_only_where_they_lie_together() -> None:
    whole = torch.randn(7, 4)
    parts = [whole[:2], whole[2:3], whole[3:7]]
    together = joined(parts)
    assert torch.equal(together, whole) and together.data_ptr() == whole.data_ptr()
    apart = joined([parts[2], parts[0]])
    assert torch.equal(apart, torch.cat([parts[2], parts[0]])) and apart.data_ptr() != parts[2].data_ptr()
    strangers = joined([parts[0], torch.ones(1, 4)])
    assert torch.equal(strangers, torch.cat([parts[0], torch.ones(1, 4)]))


@pytest.mark.parametrize("numbers", [1, 15, 16, 53])
@pytest.mark.parametrize("placed", [False, True])
def test_what_is_found_is_scaled_and_added(numbers: int, placed: bool) -> None:
    weight, found, before = features(numbers), torch.randn(numbers), torch.randn(numbers).bfloat16()
    weight.grad = before.clone() if placed else None
    left = add_scaled(weight, found, torch.tensor(0.5))
    if placed:
        assert left is None
        close(weight.grad, before.float() + 0.5 * found)
    else:
        close(left, 0.5 * found)
