"""Lines from everywhere in a text that is too long to be read whole. Knows nothing of what is in them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sized


def some_of(lines: Iterable[str], most: int, seed: int) -> Iterator[str]:
    """At most `most` of the lines, all where it is 0, in their order; a pure function of the arguments.

    All of those whose number is not known. SentencePiece itself chooses others in each process, whatever its seed: two
    hosts would learn two vocabularies. Knuth, The Art of Computer Programming, 3.4.2, algorithm S.
    """
    left = len(lines) if isinstance(lines, Sized) else 0
    if not 0 < most < left:
        yield from lines
        return
    draw = random.Random(seed)
    for line in lines:
        if draw.random() * left < most:
            most -= 1
            yield line
        left -= 1
