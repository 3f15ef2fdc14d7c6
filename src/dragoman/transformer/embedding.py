"""Tokens and positions as vectors (paper 3.4 and 3.5). Knows no attention and no layer.

Dimensions: B batch, T length, D model, H heads, K head width, V vocabulary.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor, nn

from dragoman.errors import UsageError


def sinusoids(length: int, d_model: int, device: torch.device | None = None) -> Tensor:
    """PE(pos, 2i) = sin(pos / 10000^(2i/D)), PE(pos, 2i+1) = cos(same) (paper 3.5) -> [T, D], fp32."""
    return _table(1 << (max(length, 1) - 1).bit_length(), d_model, device)[:length]


@cache
def _table(length: int, d_model: int, device: torch.device | None) -> Tensor:
    """One for each power of two, and none is ever dropped: a captured CUDA graph reads it where it lies."""
    with torch.inference_mode(False):  # the table is kept, and one made for inference cannot be trained with
        position = torch.arange(length, dtype=torch.float64).unsqueeze(1)  # [T, 1]
        rates = torch.arange(0, d_model, 2, dtype=torch.float64) * (-math.log(1e4) / d_model)
        angle = position * rates.exp()
        return torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(1).float().to(device)  # [T, D]


def rotate(x: Tensor, offset: int = 0) -> Tensor:
    """Turn each pair of features of x [B, H, T, K] by an angle that grows with its position.

    Rotary positions (Su et al., 2021): the product of a rotated query and key depends on their distance only.
    """
    angles = sinusoids(offset + x.size(2), x.size(3), x.device)[offset:].to(x.dtype)  # [T, K]
    sin, cos = angles[:, 0::2], angles[:, 1::2]
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)


class LearnedPositions(nn.Embedding):
    """One trained vector a position; a sentence longer than the table cannot be placed."""

    def forward(self, positions: Tensor) -> Tensor:
        if positions.numel() and int(positions[-1]) >= self.num_embeddings:
            raise UsageError(
                f"position {int(positions[-1])} lies beyond the {self.num_embeddings} learned positions: "
                "split the sentence, or train with a larger model.max_length or positions = 'sinusoidal'"
            )
        return super().forward(positions)


class InputEmbedding(nn.Module):
    """Token vectors scaled by sqrt(D), plus positions, then dropout (paper 3.4, 3.5 and 5.4).

    The token table is handed in at each call because source, target and output projection may share it.
    """

    def __init__(
        self, positions: str, d_model: int, max_length: int, dropout: nn.Module, scaled: bool = True
    ) -> None:
        super().__init__()
        self.scale = math.sqrt(d_model) if scaled else 1.0  # GPT-2's vectors are not scaled
        self.sinusoidal = positions == "sinusoidal"
        self.learned = LearnedPositions(max_length, d_model) if positions == "learned" else None
        self.dropout = dropout

    def forward(self, tokens: Tensor, table: nn.Embedding, offset: int = 0) -> Tensor:
        """tokens [B, T] -> [B, T, D]; `offset` is the position of the first token."""
        x = table(tokens) * self.scale
        end = offset + tokens.size(1)
        if self.sinusoidal:
            x = x + sinusoids(end, table.embedding_dim, x.device)[offset:].to(x.dtype)
        if self.learned is not None:
            x = x + self.learned(torch.arange(offset, end, device=tokens.device))
        return self.dropout(x)
