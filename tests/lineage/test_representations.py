"""One-hot, integer, embedding: what each of them is, in numbers."""

from __future__ import annotations

import numpy as np
import pytest

from dragoman.lineage.representations import one_hot, represent
from dragoman.lineage.wordvectors import WordVectors

WORDS = ("<pad>", "cat", "sky", "dog", "blue", "eat")
TABLE = np.array([[0, 0], [1, 0.1], [0, 1], [1, 0], [0.1, 1], [-1, 1]], np.float32)


def test_a_one_hot_row_looks_up_a_row_of_the_table() -> None:
    ids = np.array([3, 1, 3])
    assert one_hot(ids, 6).tolist()[0] == [0, 0, 0, 1, 0, 0]
    assert np.array_equal(one_hot(ids, 6) @ TABLE, TABLE[ids])


def test_any_two_one_hot_tokens_are_equally_unlike() -> None:
    rows = one_hot(np.arange(6), 6)
    assert np.array_equal(rows @ rows.T, np.eye(6))


def test_a_sentence_in_three_ways() -> None:
    hot, integer, embedding = represent([1, 4], WordVectors(WORDS, TABLE), 2)
    assert (hot.width, integer.width, embedding.width) == (6, 1, 2)
    assert (hot.bytes, integer.bytes, embedding.bytes) == (2 * 6 * 4, 2 * 4, 2 * 2 * 4)
    assert hot.neighbours == (None, None)
    # Of 1 the integers 0 and 2, of 4 the integers 3 and 5, whatever they mean.
    assert [[word for word, _ in near or ()] for near in integer.neighbours] == [
        ["<pad>", "sky"],
        ["dog", "eat"],
    ]
    assert [(near or [])[0][0] for near in embedding.neighbours] == ["dog", "sky"]


def test_at_the_ends_of_the_list_only_one_side_is_beside() -> None:
    _, integer, _ = represent([0, 5], WordVectors(WORDS, TABLE), 2)
    assert integer.neighbours[0] == [("cat", 1.0), ("sky", 2.0)]
    assert integer.neighbours[1] == [("blue", 1.0), ("dog", 2.0)]


@pytest.mark.parametrize("count", [1, 3, 10])
def test_there_are_at_most_as_many_neighbours_as_asked(count: int) -> None:
    _, integer, embedding = represent([2], WordVectors(WORDS, TABLE), count)
    assert len(integer.neighbours[0] or ()) == len(embedding.neighbours[0] or ()) == min(count, 5)
