"""Figure 1, right: the decoder, whole sentences at once (training) or a step at a time (inference).

Knows no tokens and no vocabulary.
Dimensions: B batch, S source, T target, D model, R rows (B sentences x k beams), n new tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dragoman.transformer.attention import KVCache, MultiHeadAttention, causal_mask
from dragoman.transformer.sublayers import FeedForward, Residual


class DecoderLayer(nn.Module):
    """Causal self-attention, cross-attention over the memory, feed-forward (Figure 1, right)."""

    def __init__(
        self,
        self_attention: MultiHeadAttention,
        cross_attention: MultiHeadAttention,
        feed_forward: FeedForward,
        residual: Callable[[], Residual],
    ) -> None:
        super().__init__()
        self.self_attention = self_attention
        self.cross_attention = cross_attention
        self.feed_forward = feed_forward
        self.residuals: Sequence[Residual] = nn.ModuleList(residual() for _ in range(3))  # type: ignore[assignment]

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor | None, memory_mask: Tensor | None) -> Tensor:
        """x [B, T, D], memory [B, S, D] -> [B, T, D]."""
        x = self.residuals[0](x, lambda x: self.self_attention(x, x, mask))
        x = self.residuals[1](x, lambda x: self.cross_attention(x, memory, memory_mask))
        return self.residuals[2](x, self.feed_forward)

    def step(
        self, x: Tensor, past: KVCache, memory: KVCache, memory_mask: Tensor | None
    ) -> tuple[Tensor, KVCache]:
        """The same for n new tokens only: x [R, n, D], past [R, H, t, K], memory [B, H, S, K].

        The k rows of one sentence ask the same memory, so they stand side by side as k n queries of B
        sentences, and the memory is never copied for a beam.
        """
        rows, new, d_model = x.shape
        add_norm = self.residuals[0]
        y, past = self.self_attention.step(add_norm.before(x), past)
        x = add_norm.after(x, y)
        ask = self.cross_attention
        x = x.reshape(memory.keys.size(0), -1, d_model)  # [B, k n, D]
        x = self.residuals[1](x, lambda x: ask.attend(ask.queries(x), memory, memory_mask))
        return self.residuals[2](x, self.feed_forward).view(rows, new, d_model), past


@dataclass(frozen=True)
class DecoderState:
    """What decoding remembers: per layer the past and the memory, as keys and values. Belongs to the search.

    Rows come in groups: the k = R / B rows of sentence b are rows b k ... b k + k - 1, and `owner` [R] names b.
    """

    past: tuple[KVCache, ...]
    memory: tuple[KVCache, ...]
    memory_mask: Tensor
    owner: Tensor

    @property
    def length(self) -> int:
        """Tokens decoded so far."""
        return self.past[0].length

    def select(self, rows: Tensor) -> DecoderState:
        """Keep, repeat, reorder or drop rows; a sentence none of whose rows is kept leaves the memory too."""
        past = tuple(cache.select(rows) for cache in self.past)
        owner = self.owner[rows]
        kept, counts = torch.unique_consecutive(owner, return_counts=True)
        if bool((counts != counts[:1]).any()) or kept.unique().numel() != kept.numel():
            kept, counts = owner, torch.ones_like(owner)  # uneven groups: a copy of the memory for each row
        memory, memory_mask = self.memory, self.memory_mask
        if not torch.equal(kept, torch.arange(memory_mask.size(0), device=kept.device)):
            memory = tuple(cache.select(kept) for cache in memory)
            memory_mask = memory_mask.index_select(0, kept)
        owner = torch.arange(kept.numel(), device=rows.device).repeat_interleave(counts)
        return DecoderState(past, memory, memory_mask, owner)


class Decoder(nn.Module):
    """A stack of decoder layers; with pre-norm, a last norm makes up for the one each layer leaves open."""

    def __init__(self, layers: list[DecoderLayer], norm: nn.LayerNorm | None) -> None:
        super().__init__()
        self.layers: Sequence[DecoderLayer] = nn.ModuleList(layers)  # type: ignore[assignment]
        self.norm = norm

    def forward(self, x: Tensor, memory: Tensor, memory_mask: Tensor | None) -> Tensor:
        """All T positions at once, each blind to later ones: x [B, T, D], memory [B, S, D] -> [B, T, D]."""
        mask = causal_mask(x.size(1), device=x.device)
        for layer in self.layers:
            x = layer(x, memory, mask, memory_mask)
        return x if self.norm is None else self.norm(x)

    def start(self, memory: Tensor, memory_mask: Tensor) -> DecoderState:
        """Project the memory to keys and values, once for the whole translation; the past is empty."""
        # In one piece: the heads of a split are not, and each step's products would copy them anew.
        kv = tuple(layer.cross_attention.keys_values(memory).contiguous() for layer in self.layers)
        past = tuple(KVCache(cache.keys[:, :, :0], cache.values[:, :, :0]) for cache in kv)
        return DecoderState(past, kv, memory_mask, torch.arange(memory.size(0), device=memory.device))

    def step(self, x: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """x [R, n, D] -> [R, n, D] and the state that has seen it."""
        past = []
        for layer, before, memory in zip(self.layers, state.past, state.memory, strict=True):
            x, seen = layer.step(x, before, memory, state.memory_mask)
            past.append(seen)
        state = DecoderState(tuple(past), state.memory, state.memory_mask, state.owner)
        return (x if self.norm is None else self.norm(x)), state
