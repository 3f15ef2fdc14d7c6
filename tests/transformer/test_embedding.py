"""The embedding: scaled, then placed."""

import torch

from dragoman.transformer.embedding import InputEmbedding
from dragoman.transformer.positions import Sinusoidal, Sizes, sinusoids


def test_embeddings_are_scaled_before_positions_are_added() -> None:
    table = torch.nn.Embedding(10, 16)
    embed = InputEmbedding(Sinusoidal(Sizes(16, 2)), 16, torch.nn.Identity())
    out = embed(torch.tensor([[3, 4]]), table, offset=5)
    torch.testing.assert_close(out[0], table.weight[[3, 4]] * 4 + sinusoids(7, 16)[5:])
