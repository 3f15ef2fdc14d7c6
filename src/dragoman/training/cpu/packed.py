"""Sentences without their padding: the real tokens of a batch as rows of one matrix, and attention among them.

It saves time twice. Nothing is computed for padding; and the products of the layers have few shapes, since zero rows
are appended up to one of a few numbers of rows (oneDNN compiles a kernel for each new shape, which takes milliseconds).

Dimensions: B sentences, L padded length, N real tokens, R rows (the N tokens, then zero rows), D features.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from dragoman.processor import filled
from dragoman.training.cpu import kernels
from dragoman.training.cpu.products import add_product, add_sums, joined


@dataclass(frozen=True)
class Packing:
    """Which tokens of a padded batch [B, L] are real, and which rows they become."""

    places: Tensor  # [N] indices of the real tokens in the batch flattened to [B * L]
    starts: Tensor  # [B + 1] the row of each sentence's first token, and N
    longest: int  # tokens in the longest sentence

    @classmethod
    def of(cls, real: Tensor) -> Self:
        """The packing of a batch whose mask is real [B, L], True at real tokens: at least one in each sentence."""
        lengths = real.sum(1)
        starts = torch.zeros(len(real) + 1, dtype=torch.int64)
        torch.cumsum(lengths, 0, out=starts[1:])
        return cls(real.flatten().nonzero().squeeze(1), starts, int(lengths.max()))

    @property
    def rows(self) -> int:
        """R: the real tokens, rounded up as processor.filled does."""
        return filled(len(self.places))

    def pack(self, x: Tensor) -> Tensor:
        """x [B, L, D] -> [1, R, D]; the rows after the last token are zeros."""
        return Pack.apply(x, self)  # type: ignore[no-untyped-call]

    def real(self, x: Tensor) -> Tensor:
        """x [1, R, D] -> [N, D], without the zero rows at the end."""
        return x[0, : len(self.places)]


@dataclass(frozen=True)
class AttentionPattern:
    """Which keys a query may attend to among packed sentences, in place of a mask: those of the same sentence."""

    queries: Packing
    keys: Packing
    causal: bool = False  # and of these, only the keys up to the query's own position


class Pack(torch.autograd.Function):
    """x [B, L, D] -> [1, R, D]: the real tokens as rows. Backward, gradients [1, R, D] return to their tokens."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, packing: Packing) -> Tensor:
        ctx.packing, ctx.shape = packing, x.shape
        out = x.new_zeros(1, packing.rows, x.size(-1))
        torch.index_select(x.flatten(0, 1), 0, packing.places, out=packing.real(out))
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        packing = ctx.packing
        out = gradient.new_zeros(ctx.shape)
        out.flatten(0, 1).index_copy_(0, packing.places, packing.real(gradient))
        return out, None


class Attention(torch.autograd.Function):
    """Multi-head attention over packed sentences, projections of q, k and v included, the output's not.

    Queries come from x [1, R, D], keys and values from memory [1, R', D], or from x where memory is None
    -> [1, R, D]. `parameters` are the weights [D, D] of q, k and v, then their biases [D].

    Projections of one input are one product. Attention weights exist for one head of one sentence at a time; the
    backward pass computes them again.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, memory: Tensor | None, heads: int, pattern: AttentionPattern, *parameters: Tensor
    ) -> Tensor:
        weights = parameters[:3]
        if memory is None:
            sides = [x @ joined(weights).t()]
        else:
            sides = [x @ weights[0].t(), memory @ joined(weights[1:]).t()]
        ctx.heads, ctx.pattern, ctx.itself = heads, pattern, memory is None
        ctx.save_for_backward(x, x if memory is None else memory, *sides, *parameters)
        out = torch.empty_like(x)
        kernels.run(
            "attention",
            *_given(pattern, heads, sides, parameters),
            x.size(1),
            out,
            _scratch(pattern, x, heads),
        )
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, memory, *sides = ctx.saved_tensors[:-6]
        parameters = ctx.saved_tensors[-6:]
        weights, biases = parameters[:3], parameters[3:]
        slopes, sums = [torch.empty_like(side) for side in sides], torch.zeros(3 * x.size(-1))
        kernels.run(
            "attention_backward",
            *_given(ctx.pattern, ctx.heads, sides, parameters, gradient.contiguous()),
            x.size(1), memory.size(1), *_split(slopes), sums, _scratch(ctx.pattern, x, ctx.heads),
        )  # fmt: skip
        found = add_sums(biases, sums)
        if ctx.itself:
            return slopes[0] @ joined(weights), None, None, None, *add_product(weights, slopes[0], x), *found
        asking = add_product(weights[:1], slopes[0], x)
        answering = add_product(weights[1:], slopes[1], memory)
        x_slope, memory_slope = slopes[0] @ weights[0], slopes[1] @ joined(weights[1:])
        return x_slope, memory_slope, None, None, *asking, *answering, *found


def _split(sides: list[Tensor]) -> tuple[Tensor, ...]:
    """q [1, R, D], k and v [1, R', D]: views of [1, R, 3 D], or of [1, R, D] and [1, R', 2 D]."""
    return sides[0].chunk(3, -1) if len(sides) == 1 else (sides[0], *sides[1].chunk(2, -1))


def _given(
    pattern: AttentionPattern,
    heads: int,
    sides: list[Tensor],
    parameters: tuple[Tensor, ...],
    *gradient: Tensor,
) -> tuple[Any, ...]:
    """The leading arguments that the C functions attention and attention_backward share; sides as _split takes them,
    gradient [1, R, D] for the latter."""
    q, k, v = _split(sides)
    width = q.size(-1) // heads
    q_bias, k_bias, v_bias = parameters[3:]
    return (
        len(pattern.queries.starts) - 1, heads, width, pattern.queries.starts, pattern.keys.starts, int(pattern.causal),
        1 / math.sqrt(width), *gradient, q, q.stride(1), q_bias, k, v, k.stride(1), k_bias, v_bias,
    )  # fmt: skip


def _scratch(pattern: AttentionPattern, x: Tensor, heads: int) -> Tensor:
    """Working memory [N] in fp32 for one head of the longest sentence of x [1, R, D], enough for both passes."""
    tall, wide = (side.longest + kernels.LANES for side in (pattern.queries, pattern.keys))
    return torch.empty((2 * tall + max(tall, wide) + 2 * wide) * (x.size(-1) // heads) + 2 * tall * wide)
