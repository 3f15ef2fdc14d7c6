"""Figure 2: scaled dot-product and multi-head attention, their masks and their cache. Knows no layer and no residual.

Dimensions: B batch, T queries, S keys, D model, H heads, K head width (D / H).
A mask is boolean, True = may attend, and broadcasts to [B, H, T, S]; a bias is added to the scaled scores.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dragoman.transformer.positions import Positions, Sizes


def attention_weights(q: Tensor, k: Tensor, mask: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
    """softmax(q kᵀ / sqrt(K) + bias): how much each query takes from each key (Figure 2 left, equation 1).

    q [..., T, K], k [..., S, K], mask and bias broadcastable to [..., T, S]; returns [..., T, S], rows sum to 1.
    """
    # The queries are scaled, not the scores: the same product, on the smaller of the two tensors.
    scores = (q / math.sqrt(q.size(-1))) @ k.transpose(-2, -1)
    if bias is not None:
        scores = scores + bias
    if mask is not None:
        # The lowest number, not -inf: a row with nothing to attend to becomes uniform, never NaN.
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    return scores.softmax(dim=-1)


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
    dropout: Callable[[Tensor], Tensor] | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """softmax(q kᵀ / sqrt(K) + bias) v: the values, mixed by the weights (equation 1).

    q [..., T, K], k and v [..., S, K]; returns [..., T, K]. `dropout` falls on the weights.
    """
    if dropout is None and not torch.is_grad_enabled():
        # torch's fused kernel computes the same, with no product that is compiled anew for each length. Its backward
        # is several times slower for short sentences on a CPU.
        return F.scaled_dot_product_attention(q, k, v, _added(mask, bias))
    weights = attention_weights(q, k, mask, bias)
    return (weights if dropout is None else dropout(weights)) @ v


def _added(mask: Tensor | None, bias: Tensor | None) -> Tensor | None:
    """What torch's kernel takes in the place of both: booleans, or numbers to add."""
    if mask is None or bias is None:
        return mask if bias is None else bias
    return bias.masked_fill(~mask, torch.finfo(bias.dtype).min)


def padding_mask(real: Tensor) -> Tensor:
    """real [B, S], True at tokens that are not padding -> mask [B, 1, 1, S]."""
    return real[:, None, None, :]


def causal_mask(queries: int, keys: int | None = None, device: torch.device | None = None) -> Tensor:
    """Mask [T, S] that hides the future (paper 3.2.3): query i sees the keys up to its own position.

    Aligned to the end of the keys: with a cache the last query is always the last key.
    """
    keys = queries if keys is None else keys
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)


def split_heads(x: Tensor, n_heads: int) -> Tensor:
    """[B, T, D] -> [B, H, T, K]: each head gets its own slice of the features."""
    batch, length, d_model = x.shape
    return x.view(batch, length, n_heads, d_model // n_heads).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """[B, H, T, K] -> [B, T, D], the inverse of split_heads ("Concat" in Figure 2, right)."""
    batch, n_heads, length, width = x.shape
    return x.transpose(1, 2).reshape(batch, length, n_heads * width)


@dataclass(frozen=True)
class KVCache:
    """Keys and values of the positions seen so far, [B, H, S, K] each. A value: `extend` returns a new one."""

    keys: Tensor
    values: Tensor

    @property
    def length(self) -> int:
        return self.keys.size(2)

    def extend(self, new: KVCache) -> KVCache:
        return KVCache(torch.cat((self.keys, new.keys), 2), torch.cat((self.values, new.values), 2))

    def contiguous(self) -> KVCache:
        return KVCache(self.keys.contiguous(), self.values.contiguous())

    def select(self, rows: Tensor) -> KVCache:
        return KVCache(self.keys.index_select(0, rows), self.values.index_select(0, rows))


class MultiHeadAttention(nn.Module):
    """H attentions side by side, each on its own projection (paper 3.2.2; Figure 2, right).

    Self-attention when x and memory are the same tensor, cross-attention when memory is the encoder's output:
    the queries always come from x, the keys and values from memory. `positions` are for self-attention.
    """

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        dropout: nn.Module | None = None,
        positions: Positions | None = None,
    ) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.positions = Positions(Sizes(d_model, n_heads)) if positions is None else positions
        self.q = nn.Linear(d_model, d_model)
        self.k = nn.Linear(d_model, d_model)
        self.v = nn.Linear(d_model, d_model)
        self.output = nn.Linear(d_model, d_model)
        self.dropout = dropout

    def queries(self, x: Tensor, offset: int = 0) -> Tensor:
        """x [B, T, D] -> [B, H, T, K]; `offset` is the position of its first token."""
        return self.positions.turn(split_heads(self.q(x), self.n_heads), offset)

    def keys_values(self, memory: Tensor, offset: int = 0) -> KVCache:
        """memory [B, S, D] -> keys and values [B, H, S, K]."""
        k = split_heads(self.k(memory), self.n_heads)
        v = split_heads(self.v(memory), self.n_heads)
        return KVCache(self.positions.turn(k, offset), v)

    def attend(self, q: Tensor, kv: KVCache, mask: Tensor | None) -> Tensor:
        """q [B, H, T, K] over the cached keys and values -> [B, T, D]."""
        bias = self.positions.bias(q, kv.keys)
        return self.output(merge_heads(attention(q, kv.keys, kv.values, mask, self.dropout, bias)))

    def step(self, x: Tensor, past: KVCache) -> tuple[Tensor, KVCache]:
        """Self-attention of n new tokens x [R, n, D], each blind to later ones -> [R, n, D], the past with them."""
        q = self.queries(x, past.length)
        past = past.extend(self.keys_values(x, past.length))
        mask = causal_mask(x.size(1), past.length, x.device) if x.size(1) > 1 else None
        return self.attend(q, past, mask), past

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor | None = None) -> Tensor:
        """x [B, T, D] asks, memory [B, S, D] answers -> [B, T, D]."""
        return self.attend(self.queries(x), self.keys_values(memory), mask)

    def extra_repr(self) -> str:
        return f"heads={self.n_heads}, positions={self.positions}"
