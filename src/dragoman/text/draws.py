"""Random numbers one at a time, as numpy's Generator draws them from PCG64, in a fraction of its time. Seeds nothing.

numpy promises that the words of a bit generator stay what they are, and not what its Generator makes of them (NEP 19):
here it is written down.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_AT_ONCE = 1024  # words
_LOW = 2**32 - 1


class Draws:
    """Draws go on where the bit generator stands; nobody else may draw from it any more."""

    def __init__(self, bits: np.random.BitGenerator) -> None:
        self._words = _words(bits)
        self._half = -1  # upper half of a word whose lower one was used; -1: none

    def random(self) -> float:
        """In [0, 1): the upper 53 bits of a word."""
        return (next(self._words) >> 11) * 2.0**-53

    def below(self, end: int) -> int:
        """From 0 on, less than `end`, which is at most 2^32 - 1: halves of words by Lemire's method (2019)."""
        if end == 1:
            return 0
        product = self._half_word() * end
        if product & _LOW < end:
            least = (2**32 - end) % end
            while product & _LOW < least:
                product = self._half_word() * end
        return product >> 32

    def _half_word(self) -> int:
        if self._half >= 0:
            half, self._half = self._half, -1
            return half
        word = next(self._words)
        self._half = word >> 32
        return word & _LOW


def _words(bits: np.random.BitGenerator) -> Iterator[int]:
    while True:
        yield from bits.random_raw(_AT_ONCE).tolist()
