"""How often the pairs of each corpus are read in an epoch. Knows corpora by their names; opens no file.

A pair of a corpus with weight 3 stands three times in every epoch, one with 0.25 in every fourth, each pair in another.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import PurePath
from zlib import crc32

from dragoman.corpus.pairs import Pair, labels_of
from dragoman.errors import ConfigError

HEAVIEST = 1000.0  # an epoch that reads a pair more often than this is a mistake in a zero
_SCALE = 2**32


class Weights:
    """The weight of each corpus, and of each source that a corpus names in its third column; 1 for all others."""

    def __init__(self, given: Sequence[str]) -> None:
        """`given`: "NAME=WEIGHT" each. Raises ConfigError."""
        self.by_name = dict(map(_parsed, given))
        if len(self.by_name) < len(given):
            raise ConfigError(f"data.weights = {', '.join(given)}: each corpus has one weight")
        self._found: dict[tuple[str, str], float] = {}

    def __bool__(self) -> bool:
        return bool(self.by_name)

    def of(self, pair: Pair) -> float:
        """That of the source a labelled pair is from, or else of its corpus."""
        labels = labels_of(pair)
        if (weight := self._found.get(labels)) is None:
            corpus, source = labels
            named = self.by_name.get(source) if source else None
            weight = named if named is not None else self._of_corpus(corpus)
            if len(self._found) < 10_000:  # an attribution is another for each pair
                self._found[labels] = weight
        return weight

    def _of_corpus(self, corpus: str) -> float:
        fitting = [name for name in self.by_name if fits(name, corpus)]
        return self.by_name[max(fitting, key=len)] if fitting else 1.0  # the most exact name counts

    def check(self, corpora: Collection[str], sources: Collection[str]) -> None:
        """Raises ConfigError for a name that fits no corpus and no source."""
        for name in self.by_name:
            if name not in sources and not any(fits(name, corpus) for corpus in corpora):
                known = [*corpora, *sources]
                near = "".join(f"; did you mean {one}?" for one in difflib.get_close_matches(name, known, 1))
                raise ConfigError(
                    f"data.weights: no corpus is called {name}{near} (there are {', '.join(known[:20])})"
                )


def fits(name: str, corpus: str) -> bool:
    """Whether a corpus may be called so: `tatoeba`, `train` and `tatoeba/train` are all corpus/tatoeba/train.tsv.gz."""
    parts, asked = _parts(corpus), _parts(name)
    if not asked:
        return False
    return any(parts[at : at + len(asked)] == asked for at in range(len(parts) - len(asked) + 1))


def _parts(path: str) -> list[str]:
    pure = PurePath(path)
    return [*pure.parts[:-1], pure.name.partition(".")[0]] if pure.name.strip(".") else list(pure.parts)


def _parsed(text: str) -> tuple[str, float]:
    name, equals, number = text.rpartition("=")
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if not (equals and name.strip() and 0 <= weight <= HEAVIEST):
        raise ConfigError(
            f"data.weights: {text} is not NAME=WEIGHT, such as tatoeba=3, with a weight from 0 to {HEAVIEST:g}"
        )
    return name.strip(), weight


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
