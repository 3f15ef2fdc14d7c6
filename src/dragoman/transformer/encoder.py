"""Figure 1, left: the encoder. Knows no tokens, no vocabulary and no decoder.

Dimensions: B batch, S source, D model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from dragoman.transformer.attention import KVCache, MultiHeadAttention
from dragoman.transformer.sublayers import FeedForward, Residual


class EncoderLayer(nn.Module):
    """Self-attention, then feed-forward, each inside Add & Norm (Figure 1, left)."""

    def __init__(
        self, self_attention: MultiHeadAttention, feed_forward: FeedForward, residual: Callable[[], Residual]
    ) -> None:
        super().__init__()
        self.self_attention = self_attention
        self.feed_forward = feed_forward
        self.residuals: Sequence[Residual] = nn.ModuleList(residual() for _ in range(2))  # type: ignore[assignment]

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """x [B, S, D] -> [B, S, D]."""
        x = self.residuals[0](x, lambda x: self.self_attention(x, x, mask))
        return self.residuals[1](x, self.feed_forward)

    def step(self, x: Tensor, past: KVCache) -> tuple[Tensor, KVCache]:
        """n new tokens x [B, n, D] of a causal stack, each blind to later ones -> [B, n, D], the past with them."""
        add_norm = self.residuals[0]
        y, past = self.self_attention.step(add_norm.before(x), past)
        return self.residuals[1](add_norm.after(x, y), self.feed_forward), past


class Encoder(nn.Module):
    """A stack of encoder layers; with pre-norm, a last norm makes up for the one each layer leaves open."""

    def __init__(self, layers: list[EncoderLayer], norm: nn.LayerNorm | None) -> None:
        super().__init__()
        self.layers: Sequence[EncoderLayer] = nn.ModuleList(layers)  # type: ignore[assignment]
        self.norm = norm

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """x [B, S, D], mask broadcastable to [B, H, S, S] -> memory [B, S, D]."""
        for layer in self.layers:
            x = layer(x, mask)
        return x if self.norm is None else self.norm(x)

    def step(self, x: Tensor, past: Sequence[KVCache]) -> tuple[Tensor, tuple[KVCache, ...]]:
        """The same under a causal mask, for n new tokens x [B, n, D] after those in `past`, a cache a layer."""
        seen = []
        for layer, before in zip(self.layers, past, strict=True):
            x, after = layer.step(x, before)
            seen.append(after)
        return (x if self.norm is None else self.norm(x)), tuple(seen)
