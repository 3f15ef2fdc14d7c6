"""Models with one thing wired wrongly, which proofs and doctor have to find."""

from __future__ import annotations

from torch import Tensor, nn

from dragoman.transformer.decoder import Decoder
from dragoman.transformer.embedding import InputEmbedding
from dragoman.transformer.encoder import Encoder


class SeesTheFuture(Decoder):
    def forward(self, x: Tensor, memory: Tensor, memory_mask: Tensor | None) -> Tensor:
        for layer in self.layers:
            x = layer(x, memory, None, memory_mask)
        return x if self.norm is None else self.norm(x)


class ReadsPadding(Encoder):
    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        return super().forward(x, None)


class LosesItsPlace(InputEmbedding):
    """With a cache every token thinks that it is the first."""

    def forward(self, tokens: Tensor, table: nn.Embedding, offset: int = 0) -> Tensor:
        return super().forward(tokens, table)
