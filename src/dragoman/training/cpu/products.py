"""Products with weights as they are trained on a CPU: biases and gradients in few passes. Knows no layer.

A training run keeps all gradients in one long vector, of which each weight's `grad` is a view (FlatParameters). The
functions here add a weight's gradient to that view themselves and give autograd None, which saves a tensor and a pass
over it. Where `grad` is None, they return the gradient to autograd as usual. So they are for `backward`, not for
`torch.autograd.grad`.

Dimensions: R rows, D features that go in, F that come out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from dragoman.training.cpu import kernels


class Linear(torch.autograd.Function):
    """x weightᵀ + bias: x [..., D] contiguous, weight [F, D], bias [F] -> [..., F]."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        y = x @ weight.t()
        kernels.run("add_bias", y.numel() // len(bias), len(bias), y, bias)
        ctx.save_for_backward(x, weight, bias)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias = ctx.saved_tensors
        gradient = gradient.contiguous()
        to_bias = add_sums([bias], kernels.sum_of_rows(gradient))
        return gradient @ weight, *add_product([weight], gradient, x), *to_bias


class LinearRelu(torch.autograd.Function):
    """max(0, x weightᵀ + bias): x [..., D] contiguous, weight [F, D], bias [F] -> [..., F]."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        y = x @ weight.t()
        kernels.run("add_bias_relu", y.numel() // len(bias), len(bias), y, bias)
        ctx.save_for_backward(x, weight, bias, y)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, y = ctx.saved_tensors
        gradient, kept, sums = gradient.contiguous(), torch.empty_like(y), torch.zeros(len(bias))
        kernels.run("relu_backward", y.numel() // len(bias), len(bias), gradient, y, kept, sums)
        return kept @ weight, *add_product([weight], kept, x), *add_sums([bias], sums)


class Embedding(torch.autograd.Function):
    """The rows of weight [V, D] at tokens [...] -> [..., D]."""

    @staticmethod
    def forward(ctx: Any, tokens: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(tokens, weight)
        return torch.nn.functional.embedding(tokens, weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor | None]:
        tokens, weight = ctx.saved_tensors
        place = _place([weight])
        total = torch.zeros_like(weight) if place is None else place
        places, order = tokens.flatten().sort()
        kernels.run("add_at", len(places), weight.size(1), places, order, gradient.contiguous(), total)
        return None, total if place is None else None


def joined(parts: Sequence[Tensor]) -> Tensor:
    """Matrices [F, D] stacked by rows, or vectors [F] end to end: a view where they lie so in memory, else a copy."""
    return torch.cat(list(parts)) if (found := _adjacent(parts)) is None else found


def add_product(weights: Sequence[Tensor], gradient: Tensor, x: Tensor) -> list[Tensor | None]:
    """Add gradientᵀ x [F, D] to the `grad` of weights whose rows are F together: gradient [..., F], x [..., D].

    Returns None for each weight. Where their `grad`s are not one run of memory, it adds nothing and returns each
    weight's share of the product instead, for autograd to add.

    oneDNN is slow at a product whose sum runs down the columns of both sides. Where one side is narrower, it is
    transposed in memory first, and the whole takes a fifth to a third less time.
    """
    gradient, x = gradient.flatten(0, -2), x.flatten(0, -2)
    place = _place(weights)
    narrow = x.size(1) < gradient.size(1)
    if place is None:
        found = (_transposed(x) @ gradient).t() if narrow else _transposed(gradient) @ x
        return [*found.split([len(weight) for weight in weights])]  # type: ignore[no-untyped-call]
    if narrow:
        kernels.run("add_transposed", x.size(1), gradient.size(1), _transposed(x) @ gradient, place)
    else:
        place.addmm_(gradient.t() if x.size(1) == gradient.size(1) else _transposed(gradient), x)
    return [None] * len(weights)


def add_sums(biases: Sequence[Tensor], sums: Tensor) -> list[Tensor | None]:
    """Add sums [F] in fp32 to the `grad` of biases that are F numbers together. Returns what add_product does."""
    place = _place(biases)
    if place is None:
        return [*sums.to(biases[0].dtype).split([len(bias) for bias in biases])]  # type: ignore[no-untyped-call]
    place += sums
    return [None] * len(biases)


def add_scaled(weight: Tensor, found: Tensor, scale: Tensor) -> Tensor | None:
    """Add scale [] times found [...], both fp32, to the `grad` of weight [...]; None, or that product for autograd."""
    place = _place([weight])
    if place is None:
        return (scale * found).to(weight.dtype)
    kernels.run("add_scaled", found.numel(), found, scale, place)
    return None


def _place(parameters: Sequence[Tensor]) -> Tensor | None:
    """The `grad`s of parameters [F, D] or [F] as one view of them all, to be added to in place.

    None where one of them has no `grad`, is computed from another tensor, or does not follow the one before in memory.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.is_leaf]
    found = [gradient for gradient in gradients if gradient is not None]
    return _adjacent(found) if len(found) == len(parameters) else None


def _adjacent(parts: Sequence[Tensor]) -> Tensor | None:
    """Tensors [F, ...] as one view [sum of F, ...], where they lie end to end in one storage; else None."""
    first, end = parts[0], parts[0].storage_offset()
    for part in parts:
        same = part.untyped_storage().data_ptr() == first.untyped_storage().data_ptr()
        if not (same and part.is_contiguous() and part.storage_offset() == end):
            return None
        end += part.numel()
    return first.as_strided((sum(map(len, parts)), *first.shape[1:]), first.stride())


def _transposed(x: Tensor) -> Tensor:
    """x [R, F] -> a copy [F, R]."""
    out = x.new_empty(x.size(1), x.size(0))
    kernels.run("transpose", *x.shape, x, out)
    return out
