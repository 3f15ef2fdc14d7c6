"""What each output token took from each source token: where attention points, and what is missed when it is taken away.

Attention alone misleads: a head may rest on a token whose value is small. Value zeroing (Mohebbi et al., 2023) blanks
the value of one source token in every cross-attention, keeps all weights, and measures how far the output moves.
What the encoder has mixed into other positions by then is not undone: this is influence through the memory.

Dimensions: S source, T target, D model, H heads, K head width, C copies of the sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dragoman.explain.watch.record import private_copy, wrap
from dragoman.transformer.attention import KVCache
from dragoman.transformer.model import Transformer

CHUNK = 32  # source positions blanked at once


def value_zeroing(module: Transformer, source: Tensor, inputs: Sequence[int]) -> np.ndarray:
    """1 - cosine between the decoder's output with and without each source token's value [T, S]; rows sum to 1."""
    copied = private_copy(module)
    assert isinstance(copied, Transformer)
    present: list[Tensor] = []  # [C, S], False where a copy lacks a value
    for layer in copied.decoder.layers:
        wrap(layer.cross_attention, "attend", _blanked(present))
    real = copied.read(source, torch.ones_like(source, dtype=torch.bool))
    memory = copied.encode(source, real)
    target = torch.tensor([inputs], device=source.device)
    moved = []
    for blank in torch.split(torch.arange(source.size(1), device=source.device), CHUNK):
        keep = torch.ones(len(blank) + 1, source.size(1), dtype=torch.bool, device=source.device)
        keep[torch.arange(len(blank)), blank] = False  # the last copy is whole
        present[:] = [keep]
        hidden = copied.decode(target.expand(len(keep), -1), memory.expand(len(keep), -1, -1), real)
        moved.append(1 - F.cosine_similarity(hidden[:-1], hidden[-1:], dim=-1))  # [C, T]
    distance = torch.cat(moved).T.clamp(min=0)  # [T, S]
    return (distance / distance.sum(1, keepdim=True).clamp(min=1e-12)).float().cpu().numpy()


def _blanked(present: list[Tensor]) -> Callable[..., Tensor]:
    def attend(original: Callable[..., Tensor], q: Tensor, kv: KVCache, mask: Tensor | None) -> Tensor:
        keep = present[0][:, None, :, None]  # [C, 1, S, 1]
        return original(q, KVCache(kv.keys, kv.values * keep), mask)

    return attend


def agreement(a: np.ndarray, b: np.ndarray) -> float | None:
    """Mean over rows of Spearman's rank correlation; None where every row is flat or has one entry."""
    found = [_spearman(left, right) for left, right in zip(a, b, strict=True)]
    real = [value for value in found if value is not None]
    return float(np.mean(real)) if real else None


def _spearman(a: np.ndarray, b: np.ndarray) -> float | None:
    left, right = _ranks(a), _ranks(b)
    if left.std() == 0 or right.std() == 0:
        return None
    return float(np.corrcoef(left, right)[0, 1])


def _ranks(row: np.ndarray) -> np.ndarray:
    """From 1; equal values share the mean of their ranks."""
    _, inverse, counts = np.unique(row, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]
