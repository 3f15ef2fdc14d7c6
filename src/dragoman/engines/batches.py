"""Which sentences share a call of CTranslate2, and how many a batch of it. Calls nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence

from dragoman.engines import Ids

# Sentences of a batch, with one beam and with several, and its source tokens, measured on small models: what a
# core's cache has room for.
BATCH, BATCH_OF_BEAMS, BATCH_TOKENS = 48, 16, 1024
# Hypotheses x longest translation of a batch that may not be wanted to its end. Every one at its limit took the bundled
# model 2 s on a busy core; without it 31 s, of which nobody could have the core back.
BATCH_WORK = 8192

Group = tuple[
    int, int, tuple[int, ...]
]  # tokens of the source, of the prefix, and placeholders that it lacks


def grouped(
    sources: Sequence[Ids], given: Sequence[Ids], placeholders: Sequence[int]
) -> dict[Group, list[int]]:
    """Sentences that share a call: of one length, with prefixes of one length, that lack the same placeholders.

    Longest first.

    A call has one limit for all its sentences, and treats a sentence without a prefix otherwise when another
    has one. And padding changes the order in which numbers are summed: in one sentence of some hundreds the
    last bits decide between two words. None of these may reach a neighbour.
    """
    groups: dict[Group, list[int]] = {}
    for i in sorted(range(len(sources)), key=lambda i: -len(sources[i])):
        if sources[i]:
            lacked = tuple(word for word in placeholders if word not in sources[i])
            groups.setdefault((len(sources[i]), len(given[i]), lacked), []).append(i)
    return groups


def batch_size(sentences: int, length: int, most: int) -> int:
    """Sentences of a batch, where there are so many of one length: as few batches as can be, of like size."""
    most = max(1, min(most, BATCH_TOKENS // length))
    return math.ceil(sentences / math.ceil(sentences / most))
