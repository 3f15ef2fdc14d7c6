"""The building blocks that a model is made from, and stacks of layers put together from them. Computes nothing.

A model is given its blocks when it is made and keeps them: the class that `print(model)` names is the class that runs.
The default are those of this folder, which one reads beside the paper; training hands in faster ones that compute the
same (training/cpu/fused.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import nn

from dragoman.transformer.attention import MultiHeadAttention
from dragoman.transformer.decoder import Decoder, DecoderLayer
from dragoman.transformer.embedding import InputEmbedding
from dragoman.transformer.encoder import Encoder, EncoderLayer
from dragoman.transformer.positions import Positions
from dragoman.transformer.sublayers import Dropout, FeedForward, Residual

if TYPE_CHECKING:
    from dragoman.transformer.model import Transformer


@dataclass(frozen=True)
class Parts:
    """A class for each block: a subclass takes the arguments and has the weights of the one it stands for."""

    dropout: type[Dropout] = Dropout
    table: type[nn.Embedding] = nn.Embedding
    embedding: type[InputEmbedding] = InputEmbedding
    norm: type[nn.LayerNorm] = nn.LayerNorm
    residual: type[Residual] = Residual
    feed_forward: type[FeedForward] = FeedForward
    attention: type[MultiHeadAttention] = MultiHeadAttention
    encoder: type[Encoder] = Encoder
    decoder: type[Decoder] = Decoder
    # Where the loss has a way of its own: takes what Transformer takes. None: model.Transformer.
    transformer: Callable[..., Transformer] | None = None


PAGE = Parts()


def set_epsilon(module: nn.Module, epsilon: float) -> None:
    """What all norms of a model add to the variance."""
    for part in module.modules():
        if isinstance(part, nn.LayerNorm):
            part.eps = epsilon


@dataclass(frozen=True)
class Layers:
    """What the layers of a stack are like."""

    d_model: int
    d_ff: int
    n_heads: int
    activation: str
    pre_norm: bool
    dropout: float
    attention_dropout: float
    parts: Parts = PAGE

    def encoder(self, layers: int, positions: Positions, last_norm: bool) -> Encoder:
        return self.parts.encoder(
            [
                EncoderLayer(self._attention(positions), self._feed_forward(), self._residual)
                for _ in range(layers)
            ],
            self._norm() if last_norm else None,
        )

    def decoder(self, layers: int, positions: Positions, last_norm: bool) -> Decoder:
        return self.parts.decoder(
            [
                DecoderLayer(
                    self._attention(positions), self._attention(None), self._feed_forward(), self._residual
                )
                for _ in range(layers)
            ],
            self._norm() if last_norm else None,
        )

    def _attention(self, positions: Positions | None) -> MultiHeadAttention:
        dropout = self.parts.dropout(self.attention_dropout) if self.attention_dropout else None
        return self.parts.attention(self.d_model, self.n_heads, dropout, positions)

    def _feed_forward(self) -> FeedForward:
        return self.parts.feed_forward(self.d_model, self.d_ff, self.activation)

    def _residual(self) -> Residual:
        return self.parts.residual(self._norm(), self.parts.dropout(self.dropout), self.pre_norm)

    def _norm(self) -> nn.LayerNorm:
        return self.parts.norm(self.d_model)
