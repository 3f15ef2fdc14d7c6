"""Drawing tokens at random, so that a sentence's draws depend on the seed and on itself alone. Knows no model.

Dimensions: R rows, V vocabulary.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def uniforms(seed: int, source: Sequence[int], draw: int, count: int) -> np.ndarray:
    """`count` numbers in [0, 1): a pure function of the seed, the source sentence and which draw of it this is.

    Neither the neighbours in a batch nor the order of batches can change them; equal sentences are drawn equally.
    """
    words = np.array([seed, draw, *source], dtype=np.int64)
    key = hashlib.blake2b(words.tobytes(), digest_size=16).digest()
    stream = np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little")))
    # 32 bits, not 53: the product with a sum of probabilities below must stay under that sum in float64.
    return stream.integers(2**32, size=count) / 2**32


def keep_likely(logits: Tensor, top_k: int, top_p: float) -> Tensor:
    """logits [R, V] with all but the k most probable forbidden, then all but the fewest that reach p together."""
    if 0 < top_k < logits.size(-1):
        least = logits.topk(top_k).values[:, -1:]
        logits = logits.masked_fill(logits < least, float("-inf"))
    if top_p < 1:
        falling = logits.sort(descending=True).values
        probability = falling.double().softmax(-1)
        kept = (probability.cumsum(-1) - probability < top_p).sum(-1, keepdim=True)  # at least 1
        logits = logits.masked_fill(logits < falling.gather(-1, kept - 1), float("-inf"))
    return logits


def draw(logits: Tensor, uniform: Tensor, temperature: float, top_k: int, top_p: float) -> Tensor:
    """One token for each row of logits [R, V] by inverting its distribution at uniform [R] -> [R].

    The tokens stand in order of id, not of probability: rounding may swap two that are about equally probable,
    and a draw must not notice.
    """
    logits = logits.double() / temperature  # before the cut: top_p means the tempered probabilities
    cumulative = keep_likely(logits, top_k, top_p).softmax(-1).cumsum(-1)
    wanted = uniform.double()[:, None] * cumulative[:, -1:]
    return torch.searchsorted(cumulative, wanted, right=True).squeeze(-1)
