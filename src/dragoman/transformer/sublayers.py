"""What stands between the attentions: feed-forward, dropout, and Add & Norm (Figure 1). Knows no attention.

Dimensions: B batch, T length, D model, F feed-forward.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

# relu overwrites: its gradient needs only the result, and another large tensor costs a CPU more than the comparison.
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu_,
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),  # GPT-2's, which others call gelu_new
    "swish": F.silu,
    "swiglu": F.silu,
}


class Dropout(nn.Module):
    """Zero a share `rate` of the features during training, scale up the rest (paper 5.4)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.rate, self.training)

    def extra_repr(self) -> str:
        return f"rate={self.rate}"

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        """x + dropout(y)."""
        return x + self(y)


class FeedForward(nn.Module):
    """max(0, x W1 + b1) W2 + b2, the same at each position (paper 3.3, equation 2).

    "gelu" and "swish" (x times its sigmoid: Ramachandran et al., 2017) exchange the activation; "swiglu" gates the
    inner features: silu(x Wg) * (x W1) (Shazeer, 2020).
    """

    def __init__(self, d_model: int, d_ff: int, activation: str = "relu") -> None:
        super().__init__()
        self.inner = nn.Linear(d_model, d_ff)
        self.gate = nn.Linear(d_model, d_ff) if activation == "swiglu" else None
        self.outer = nn.Linear(d_ff, d_model)
        self.name, self.activation = activation, ACTIVATIONS[activation]

    def extra_repr(self) -> str:
        return f"activation={self.name}"

    def forward(self, x: Tensor) -> Tensor:
        """x [B, T, D] -> [B, T, F] -> [B, T, D]."""
        if self.gate is None:
            return self.outer(self.activation(self.inner(x)))
        return self.outer(self.activation(self.gate(x)) * self.inner(x))


class Residual(nn.Module):
    """Add & Norm around a sublayer (paper 3.1): the only place that knows pre-norm from post-norm.

    post (the paper): norm(x + dropout(sublayer(x))).  pre (today's default): x + dropout(sublayer(norm(x))).
    """

    def __init__(self, norm: nn.LayerNorm, dropout: Dropout, pre_norm: bool) -> None:
        super().__init__()
        self.norm = norm
        self.dropout = dropout
        self.pre_norm = pre_norm

    def extra_repr(self) -> str:
        return "pre-norm" if self.pre_norm else "post-norm"

    def before(self, x: Tensor) -> Tensor:
        """What the sublayer reads."""
        return self.norm(x) if self.pre_norm else x

    def after(self, x: Tensor, y: Tensor) -> Tensor:
        """x, and the sublayer's answer y, added (and normed, in the paper's order)."""
        x = self.dropout.add(x, y)
        return x if self.pre_norm else self.norm(x)

    def forward(self, x: Tensor, sublayer: Callable[[Tensor], Tensor]) -> Tensor:
        return self.after(x, sublayer(self.before(x)))
