"""Which token of a source stands for which of its target, counted on the pairs themselves. Knows no text and no model.

IBM's first model (Brown et al., 1993) in both directions, with the diagonal as what is probable beforehand (Dyer et
al., 2013, "A Simple, Fast, and Effective Reparameterization of IBM Model 2"). A link is as strong as both directions
agree on it (Liang et al., 2006, "Alignment by Agreement"). A pure function of the pairs.

Dimensions: P different pairs of tokens, C pairs of places, S source tokens, T target tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.integer[Any]]
Numbers = NDArray[np.float64]

ROUNDS = 5  # of expectation and maximisation; fast_align takes as many
TENSION = 4.0  # how much the diagonal counts; fast_align's first guess
UNSEEN = 1e-7  # probability of two tokens that never stood in a pair
MOST_PLACES = 4_000_000  # pairs of places that are counted on: 300 MB for some seconds


class Pairs(Protocol):
    """Pairs of ids, as IdStore has them."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> tuple[Ids, Ids]:
        """Source and target, without special tokens."""

    def lengths(self) -> tuple[Ids, Ids]:
        """Of all sources, and of all targets [N]."""


@dataclass(frozen=True)
class Lexicon:
    """Probabilities of token pairs, which are found by their key, source * vocabulary + target."""

    vocabulary: int  # of the target
    keys: NDArray[np.int64]  # [P], ascending
    forth: Numbers  # [P] of the target token, given the source token
    back: Numbers  # [P] the other way round

    @classmethod
    def counted(cls, store: Pairs, vocabulary: int, most: int = MOST_PLACES) -> Lexicon:
        """From pairs of ids; of more than have `most` places, from some throughout them, always the same."""
        sources, targets = store.lengths()
        step = -(-int(np.einsum("n,n", sources, targets, dtype=np.int64)) // most) or 1
        some = [store[i] for i in range(0, len(store), step) if sources[i] and targets[i]]
        if not some:
            return cls(vocabulary, np.zeros(1, np.int64), np.zeros(1), np.zeros(1))
        left = np.concatenate([np.repeat(source, len(target)) for source, target in some])
        right = np.concatenate([np.tile(target, len(source)) for source, target in some])
        keys, key_of = np.unique(left.astype(np.int64) * vocabulary + right, return_inverse=True)
        near = [_diagonal(len(source), len(target)) for source, target in some]
        shares = []
        for axis, given in ((0, keys // vocabulary), (1, keys % vocabulary)):
            before = np.concatenate([(one / one.sum(axis, keepdims=True)).ravel() for one in near])
            shares.append(_learnt(key_of, _places(some, axis), given, before))
        return cls(vocabulary, keys, *shares)

    def links(self, source: Ids, target: Ids) -> Numbers:
        """How much each token of a target stands for each of a source [T, S]: rows sum to 1, less in doubt, or to 0.

        A token that never stood in a pair with any of these has no links.
        """
        at, known = self._found(source, target)
        near = _diagonal(len(source), len(target))
        forth, back = (np.where(known, table[at], UNSEEN) * near for table in (self.forth, self.back))
        agreed = (forth / forth.sum(0)) * (back / back.sum(1, keepdims=True))  # [S, T]
        agreed = np.where(known.any(0), agreed, 0.0)
        total = agreed.sum(0)
        # Half of the sum is where both are certain of one link in two: from there on a row counts in full.
        return np.ascontiguousarray((agreed / np.maximum(total, 1e-9) * np.minimum(1, 2 * total)).T)

    def _found(self, source: Ids, target: Ids) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Where each pair stands in the tables [S, T], and whether it does."""
        asked = source.astype(np.int64)[:, None] * self.vocabulary + target
        at = np.searchsorted(self.keys, asked).clip(max=len(self.keys) - 1)
        return at, self.keys[at] == asked


def _diagonal(source: int, target: int) -> Numbers:
    """[S, T]: most at the same share of the way through both sentences."""
    places = (np.arange(source)[:, None] + 0.5) / source - (np.arange(target) + 0.5) / target
    return np.exp(-TENSION * np.abs(places))


def _places(pairs: Sequence[tuple[Ids, Ids]], axis: int) -> NDArray[np.int64]:
    """For each pair of places [C], the token that chooses: of the target where `axis` is 0, else of the source."""
    found, first = [], 0
    for source, target in pairs:
        numbers = np.arange(len(target) if axis == 0 else len(source)) + first
        found.append(np.tile(numbers, len(source)) if axis == 0 else np.repeat(numbers, len(target)))
        first += len(numbers)
    return np.concatenate(found)


def _learnt(
    key_of: NDArray[np.intp], place: NDArray[np.int64], given: NDArray[np.int64], before: Numbers
) -> Numbers:
    """The probability of each token pair [P]; `given` is the token of it [P] that the other is chosen by."""
    share = np.ones(len(given))
    for _ in range(ROUNDS):
        weights = share[key_of] * before
        weights /= np.bincount(place, weights)[place]
        counts = np.bincount(key_of, weights, len(given))
        share = counts / np.bincount(given, counts)[given]
    return share
