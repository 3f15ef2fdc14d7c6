"""Sentences without their padding: the real tokens of a batch as rows of one matrix, and attention among them.

Two things are won: nothing is computed for padding, and the products of the layers meet few shapes, since the rows
are filled up to one of few numbers. oneDNN compiles a kernel for each new shape, which takes it milliseconds.

Dimensions: B sentences, L padded length, N real tokens, R rows (N and what fills them up), D features.
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
    """Where the real tokens of a padded batch [B, L] stand among its rows."""

    places: Tensor  # [N] of the real tokens, in the batch laid out flat
    starts: Tensor  # [B + 1] the first row of each sentence, and the row after the last
    longest: int  # tokens of a sentence

    @classmethod
    def of(cls, real: Tensor) -> Self:
        """real [B, L], True at real tokens, of which each sentence has one at least."""
        lengths = real.sum(1)
        starts = torch.zeros(len(real) + 1, dtype=torch.int64)
        torch.cumsum(lengths, 0, out=starts[1:])
        return cls(real.flatten().nonzero().squeeze(1), starts, int(lengths.max()))

    @property
    def rows(self) -> int:
        return filled(len(self.places))

    def pack(self, x: Tensor) -> Tensor:
        """x [B, L, D] -> [1, R, D]; the rows after the last token are zeros."""
        return Pack.apply(x, self)  # type: ignore[no-untyped-call]

    def real(self, x: Tensor) -> Tensor:
        """x [1, R, D] -> [N, D], without the rows that fill up."""
        return x[0, : len(self.places)]


@dataclass(frozen=True)
class Sight:
    """Who may attend to whom among packed sentences, in the place of a mask: each to the tokens of its own."""

    queries: Packing
    keys: Packing
    causal: bool = False  # and to none after itself


class Pack(torch.autograd.Function):
    """Choose rows; on the way back, put their gradients where they came from."""

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
    """softmax(q kᵀ / sqrt(K)) v of packed sentences, with the projections before it: x [1, R, D] asks, memory
    [1, R', D] answers, or x itself where that is None -> [1, R, D]. Weights and biases are those of q, k and v.

    Projections of one input are one product. The weights of attention exist for one head of one sentence at a time,
    and in the backward pass anew.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, memory: Tensor | None, heads: int, sight: Sight, *parameters: Tensor
    ) -> Tensor:
        weights = parameters[:3]
        if memory is None:
            sides = [x @ joined(weights).t()]
        else:
            sides = [x @ weights[0].t(), memory @ joined(weights[1:]).t()]
        ctx.heads, ctx.sight, ctx.itself = heads, sight, memory is None
        ctx.save_for_backward(x, x if memory is None else memory, *sides, *parameters)
        out = torch.empty_like(x)
        kernels.run(
            "attention", *_given(sight, heads, sides, parameters), x.size(1), out, _scratch(sight, x, heads)
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
            *_given(ctx.sight, ctx.heads, sides, parameters, gradient.contiguous()),
            x.size(1), memory.size(1), *_split(slopes), sums, _scratch(ctx.sight, x, ctx.heads),
        )  # fmt: skip
        found = add_sums(biases, sums)
        if ctx.itself:
            return slopes[0] @ joined(weights), None, None, None, *add_product(weights, slopes[0], x), *found
        asking = add_product(weights[:1], slopes[0], x)
        answering = add_product(weights[1:], slopes[1], memory)
        x_slope, memory_slope = slopes[0] @ weights[0], slopes[1] @ joined(weights[1:])
        return x_slope, memory_slope, None, None, *asking, *answering, *found


def _split(sides: list[Tensor]) -> tuple[Tensor, ...]:
    """q, k and v, of one matrix or of two."""
    return sides[0].chunk(3, -1) if len(sides) == 1 else (sides[0], *sides[1].chunk(2, -1))


def _given(
    sight: Sight,
    heads: int,
    sides: list[Tensor],
    parameters: tuple[Tensor, ...],
    *gradient: Tensor,
) -> tuple[Any, ...]:
    """What the kernels of both ways take first."""
    q, k, v = _split(sides)
    width = q.size(-1) // heads
    q_bias, k_bias, v_bias = parameters[3:]
    return (
        len(sight.queries.starts) - 1, heads, width, sight.queries.starts, sight.keys.starts, int(sight.causal),
        1 / math.sqrt(width), *gradient, q, q.stride(1), q_bias, k, v, k.stride(1), k_bias, v_bias,
    )  # fmt: skip


def _scratch(sight: Sight, x: Tensor, heads: int) -> Tensor:
    """Floats for one head of the longest sentence, as the backward pass needs them, which needs more."""
    tall, wide = (side.longest + kernels.LANES for side in (sight.queries, sight.keys))
    return torch.empty((2 * tall + max(tall, wide) + 2 * wide) * (x.size(-1) // heads) + 2 * tall * wide)
