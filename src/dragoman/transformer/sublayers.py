"""What stands between the attentions: feed-forward, dropout, and Add & Norm (Figure 1). Knows no attention.

Dimensions: B batch, T length, D model, F feed-forward.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# relu overwrites: its gradient needs only the result, and another large tensor costs a CPU more than the comparison.
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu_,
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),  # GPT-2's, which others call gelu_new
    "swiglu": F.silu,
}


class ByteDropout(torch.autograd.Function):
    """x + dropout(y), with one random byte an element, eight of them from each 64-bit draw.

    On a CPU torch's own dropout draws a serial Bernoulli variable for each element, which costs more than the
    matrix product before it. The rate is rounded to 1/256, and the scale follows the rounded rate.
    """

    @staticmethod
    def forward(  # type: ignore[no-untyped-def]
        ctx, x: Tensor, y: Tensor, threshold: int, generator: torch.Generator | None
    ) -> Tensor:
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
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, Tensor, None, None]:  # type: ignore[no-untyped-def]
        (keep,) = ctx.saved_tensors
        dropped = torch.addcmul(gradient.new_zeros(()), gradient, keep, value=ctx.scale)
        return gradient if ctx.needs_input_grad[0] else None, dropped, None, None


class Dropout(nn.Module):
    """Zero a share `rate` of the features during training, scale up the rest (paper 5.4)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.generator: torch.Generator | None = None  # of its random numbers on a CPU; None: torch's own

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        if x.device.type == "cpu":
            return self._bytes(x.new_zeros(()), x)
        return F.dropout(x, self.rate)

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        """x + dropout(y); on a CPU in one pass over both."""
        if self.training and self.rate and y.device.type == "cpu":
            return self._bytes(x, y)
        return x + self(y)

    def _bytes(self, x: Tensor, y: Tensor) -> Tensor:
        threshold = min(round(self.rate * 256), 255)
        return ByteDropout.apply(x, y, threshold, self.generator)  # type: ignore[no-untyped-call]


class FeedForward(nn.Module):
    """max(0, x W1 + b1) W2 + b2, the same at each position (paper 3.3, equation 2).

    "gelu" exchanges the activation; "swiglu" gates the inner features: silu(x Wg) * (x W1) (Shazeer, 2020).
    """

    def __init__(self, d_model: int, d_ff: int, activation: str = "relu") -> None:
        super().__init__()
        self.inner = nn.Linear(d_model, d_ff)
        self.gate = nn.Linear(d_model, d_ff) if activation == "swiglu" else None
        self.outer = nn.Linear(d_ff, d_model)
        self.activation = ACTIVATIONS[activation]

    def forward(self, x: Tensor) -> Tensor:
        """x [B, T, D] -> [B, T, F] -> [B, T, D]."""
        if self.gate is None:
            return self.outer(self.activation(self.inner(x)))
        return self.outer(self.activation(self.gate(x)) * self.inner(x))


class Residual(nn.Module):
    """Add & Norm around a sublayer (paper 3.1): the only place that knows pre-norm from post-norm.

    post (the paper): norm(x + dropout(sublayer(x))).  pre (today's default): x + dropout(sublayer(norm(x))).
    """

    def __init__(self, d_model: int, dropout: Dropout, pre_norm: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(d_model)
        self.dropout = dropout
        self.pre_norm = pre_norm

    def before(self, x: Tensor) -> Tensor:
        """What the sublayer reads."""
        return self.norm(x) if self.pre_norm else x

    def after(self, x: Tensor, y: Tensor) -> Tensor:
        """x, and the sublayer's answer y, added (and normed, in the paper's order)."""
        x = self.dropout.add(x, y)
        return x if self.pre_norm else self.norm(x)

    def forward(self, x: Tensor, sublayer: Callable[[Tensor], Tensor]) -> Tensor:
        return self.after(x, sublayer(self.before(x)))
