"""Tokens and positions as vectors (paper 3.4 and 3.5). Knows no attention, no layer, and no encoding by name.

Dimensions: B batch, T length, D model.
"""

from __future__ import annotations

import math

from torch import Tensor, nn

from dragoman.errors import ConfigError
from dragoman.transformer.positions import Positions


def check_tie(tie: str, source_vocab: int, target_vocab: int) -> None:
    """Raises ConfigError for one table of two vocabularies that differ in size."""
    if tie == "all" and source_vocab != target_vocab:
        raise ConfigError(
            f"model.tie = 'all' needs one vocabulary, but the source has {source_vocab} tokens and the target "
            f"{target_vocab}: set model.tie = 'target' or tokenizer.joint = true"
        )


class InputEmbedding(nn.Module):
    """Token vectors scaled by sqrt(D), plus positions, then dropout (paper 3.4, 3.5 and 5.4).

    The token table is handed in at each call because source, target and output projection may share it.
    """

    def __init__(self, positions: Positions, d_model: int, dropout: nn.Module, scaled: bool = True) -> None:
        super().__init__()
        self.scale = math.sqrt(d_model) if scaled else 1.0  # GPT-2's vectors are not scaled
        self.positions = positions
        for name, weights in positions.weights.items():
            self.add_module(name, weights)
        self.dropout = dropout

    def forward(self, tokens: Tensor, table: nn.Embedding, offset: int = 0) -> Tensor:
        """tokens [B, T] -> [B, T, D]; `offset` is the position of the first token."""
        return self.dropout(self.positions.add(table(tokens) * self.scale, offset))

    def extra_repr(self) -> str:
        return f"positions={self.positions}"
