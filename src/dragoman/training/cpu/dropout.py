"""Dropout on a CPU, from random bytes: the same share of features for a tenth of the time. Knows no other layer.

torch's own draws a serial Bernoulli variable for each element, which costs more than the matrix product before it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dragoman.transformer.parts import Parts
from dragoman.transformer.sublayers import Dropout


class ByteDropout(Dropout):
    """Dropout of x [..., D] whose rate is rounded to 1/256, and the scale follows the rounded rate."""

    generator: torch.Generator | None = None  # of its random numbers; None: torch's own

    def forward(self, x: Tensor) -> Tensor:
        return self._drop(x.new_zeros(()), x) if self._drops() else x

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        """In one pass over both."""
        return self._drop(x, y) if self._drops() else x + y

    def _drops(self) -> bool:
        return self.training and self.rate > 0

    def _drop(self, x: Tensor, y: Tensor) -> Tensor:
        threshold = min(round(self.rate * 256), 255)
        return _AddBytes.apply(x, y, threshold, self.generator)  # type: ignore[no-untyped-call]


class _AddBytes(torch.autograd.Function):
    """x + dropout(y), [..., D] each, with one random byte an element, eight of them from each 64-bit draw."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, threshold: int, generator: torch.Generator | None) -> Tensor:
        draws = torch.empty((y.numel() + 7) // 8, dtype=torch.int64)
        draws.random_(-(2**63), None, generator=generator)
        # 0 and 1 in the type of y: a product with booleans would turn them into numbers first, at three times the cost.
        keep = torch.ge(
            draws.view(torch.uint8)[: y.numel()].view(y.shape), threshold, out=torch.empty_like(y)
        )
        ctx.save_for_backward(keep)
        ctx.scale = 256 / (256 - threshold)
        return torch.addcmul(x, y, keep, value=ctx.scale)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, None, None]:
        (keep,) = ctx.saved_tensors
        dropped = torch.addcmul(gradient.new_zeros(()), gradient, keep, value=ctx.scale)
        return gradient if ctx.needs_input_grad[0] else None, dropped, None, None


BYTES = Parts(dropout=ByteDropout)
