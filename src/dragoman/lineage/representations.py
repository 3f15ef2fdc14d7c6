"""Three ways to write the tokens of a sentence as numbers: one-hot, integers, embeddings. Knows no files.

Dimensions: T tokens, V vocabulary, D width of an embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dragoman.lineage.wordvectors import Neighbours, Vectors, WordVectors

Ids = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Representation:
    """A sentence in one of the ways, and what is near to each of its tokens if numbers are all one has."""

    name: str
    numbers: NDArray[Any]  # [T, V], [T, 1] or [T, D]
    # With the cosine, or with the difference of integers; None where all other tokens are equally far.
    neighbours: tuple[Neighbours | None, ...]

    @property
    def width(self) -> int:
        """How many numbers stand for one token."""
        return int(self.numbers.shape[1])

    @property
    def bytes(self) -> int:
        """What the sentence takes, at four bytes a number."""
        return int(self.numbers.nbytes)


def one_hot(ids: Ids, vocab_size: int) -> Vectors:
    """A one at the id of each token, zeros elsewhere: float32 [T, V]. Times a table [V, D] it looks rows up."""
    rows = np.zeros((len(ids), vocab_size), np.float32)
    rows[np.arange(len(ids)), ids] = 1
    return rows


def represent(ids: Sequence[int], vectors: WordVectors, count: int = 5) -> list[Representation]:
    """One-hot, integers and embeddings of a sentence, with at most `count` neighbours a token."""
    row = np.asarray(ids, np.int32)
    size = len(vectors.words)
    return [
        Representation("one-hot", one_hot(row, size), (None,) * len(row)),
        Representation("integer", row[:, None], tuple(_beside(i, vectors.words, count) for i in ids)),
        Representation(
            "embedding", vectors.vectors[row], tuple(vectors.nearest(vectors.words[i], count) for i in ids)
        ),
    ]


def _beside(here: int, words: Sequence[str], count: int) -> Neighbours:
    """What stands beside a token in the list: that is all that two integers say of each other."""
    others = sorted(
        (i for i in range(here - count, here + count + 1) if i != here), key=lambda i: (abs(i - here), i)
    )
    return [(words[i], float(abs(i - here))) for i in others if 0 <= i < len(words)][:count]
