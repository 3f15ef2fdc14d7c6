"""How often the pairs of each corpus are read in an epoch. Knows corpora by their names; opens no file.

A pair of a corpus with weight 3 stands three times in every epoch, one with 0.25 in every fourth, each pair in another.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from zlib import crc32

from dragoman.corpus.named import Named, parsed
from dragoman.corpus.pairs import Pair

HEAVIEST = 1000.0  # an epoch that reads a pair more often than this is a mistake in a zero
_SCALE = 2**32


class Weights(Named[float]):
    """The weight of each corpus, and of each source that a corpus names in its third column; 1 for all others."""

    def __init__(self, given: Sequence[str]) -> None:
        """`given`: "NAME=WEIGHT" each. Raises ConfigError."""
        meant = f"NAME=WEIGHT, such as tatoeba=3, with a weight from 0 to {HEAVIEST:g}"
        super().__init__("data.weights", parsed(given, "data.weights", _weight, meant), 1.0)


def _weight(text: str) -> float:
    weight = float(text)
    if not 0 <= weight <= HEAVIEST:
        raise ValueError
    return weight


def drawn(pairs: Iterable[Pair], weights: Weights, seed: int, epoch: int) -> Iterator[Pair]:
    """The pairs of an epoch: each as often as its weight says, what is left of a whole number by lot.

    Pure: the lot falls on a pair by seed, epoch and the pair's place in `pairs`. Over the epochs a weight of 0.25 comes
    to every pair equally often: each pair has a place in the circle, and the epochs go round it in even steps.
    """
    for index, pair in enumerate(pairs):
        weight = weights.of(pair)
        whole = int(weight)
        place = crc32(f"{seed} {index}".encode()) / _SCALE
        part = weight - whole
        turns = math.floor((epoch + 1) * part + place) - math.floor(epoch * part + place)
        for _ in range(whole + turns):
            yield pair
