"""Positions against the paper's formula, written out."""

import math

import pytest
import torch

from dragoman.errors import DragomanError
from dragoman.transformer.embedding import InputEmbedding, rotate, sinusoids


def test_sinusoids_are_the_papers() -> None:
    table = sinusoids(50, 8)
    for position in (0, 1, 7, 49):
        for i in range(4):
            angle = position / 10000 ** (2 * i / 8)
            assert table[position, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-6)
            assert table[position, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-6)


def test_embeddings_are_scaled_before_positions_are_added() -> None:
    table = torch.nn.Embedding(10, 16)
    out = InputEmbedding("sinusoidal", 16, 32, torch.nn.Identity())(torch.tensor([[3, 4]]), table, offset=5)
    torch.testing.assert_close(out[0], table.weight[[3, 4]] * 4 + sinusoids(7, 16)[5:])


def test_rotation_keeps_lengths_and_starts_at_no_turn() -> None:
    x = torch.randn(1, 2, 5, 6)
    turned = rotate(x)
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))
    torch.testing.assert_close(turned[:, :, 0], x[:, :, 0])
    torch.testing.assert_close(rotate(x[:, :, 2:], offset=2), turned[:, :, 2:])


def test_positions_first_seen_in_inference_can_be_trained_with_later() -> None:
    # The table is cached; made inside inference mode it once broke the training that followed in the process.
    with torch.inference_mode():
        rotate(torch.randn(1, 1, 23, 6))
    x = torch.randn(1, 1, 23, 6, requires_grad=True)
    rotate(x).sum().backward()
    assert x.grad is not None


def test_a_sentence_beyond_the_learned_positions_is_refused_with_both_numbers() -> None:
    embed = InputEmbedding("learned", 8, 4, torch.nn.Identity())
    with pytest.raises(DragomanError, match="position 4 .* the 4 learned positions"):
        embed(torch.zeros(1, 5, dtype=torch.long), torch.nn.Embedding(3, 8))
