"""The model sizes that are compared, and how many floating-point operations a training step of each needs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Size:
    """As many encoder as decoder layers; one table of embeddings for both languages and the output."""

    d_model: int
    d_ff: int
    layers: int
    n_heads: int
    vocab: int = 8000

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def parameters(self) -> int:
        """Of a pre-norm Transformer with biases everywhere but in the output projection."""
        d, ff = self.d_model, self.d_ff
        attention, feed_forward, norm = 4 * (d * d + d), 2 * d * ff + ff + d, 2 * d
        encoder = attention + feed_forward + 2 * norm
        decoder = 2 * attention + feed_forward + 3 * norm
        return self.vocab * d + self.layers * (encoder + decoder) + 2 * norm

    def training_flops(self, source: np.ndarray, target: np.ndarray) -> float:
        """Of forward and backward pass over sentences of these lengths, padding not counted.

        Matrix products only, two operations for each multiplication and addition; the backward pass takes twice the
        forward one. source, target: tokens that are read and tokens that are predicted, [N] each.
        """
        d, ff = self.d_model, self.d_ff
        s, t = source.astype(float), target.astype(float)
        encoder = s * (4 * d * d + 2 * d * ff) + 2 * d * s * s
        crossed = t * 2 * d * d + s * 2 * d * d + 2 * d * s * t
        decoder = t * (4 * d * d + 2 * d * ff) + 2 * d * t * t + crossed
        output = t * d * self.vocab
        return float(3 * 2 * (self.layers * (encoder + decoder) + output).sum())


SIZES = {
    "toy": Size(64, 128, 1, 2, 2000),
    "small": Size(256, 1024, 4, 4),
    "base": Size(512, 2048, 6, 8),
}
