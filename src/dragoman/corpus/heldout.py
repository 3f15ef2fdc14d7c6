"""Which pairs of a corpus are held out of training, and whether any of them stands in it. Reads and writes no file."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from dragoman.corpus.cleaning import digest, in_blocks
from dragoman.corpus.pairs import Pair, sides_of
from dragoman.corpus.processes import Kind, Work, in_order
from dragoman.errors import ConfigError, CorpusError
from dragoman.text.normalize import normalize


def split(pairs: Iterable[Pair], sizes: Mapping[str, float], seed: int = 1) -> dict[str, list[Pair]]:
    """The pairs in parts, such as {"dev": 1000, "test": 0.1}; what is left over is the part "train".

    A size of 1 or more is a number of pairs, a smaller one a share of all. No sentence stands in two parts, on
    whichever side and whatever its case, punctuation and width: pairs that share one, directly or through others,
    stay together. Pairs keep their order. The parts are a pure function of the pairs, the sizes and the seed.
    Raises CorpusError when a part cannot be filled and leave something to train on.
    """
    everything = list(pairs)
    groups = _connected(everything)
    random.Random(seed).shuffle(groups)
    part_of = ["train"] * len(everything)
    for name, size in sizes.items():
        wanted = missing = _count(name, size, len(everything))
        rest = []
        for group in groups:
            if len(group) <= missing:
                missing -= len(group)
                for index in group:
                    part_of[index] = name
            else:
                rest.append(group)
        groups = rest
        if missing or not groups:
            raise CorpusError(
                f"{name}: {wanted - missing:,} of {wanted:,} pairs can be held out of {len(everything):,}, so that "
                "no sentence stands in two parts and some are left to train on; ask for fewer"
            )
    return {
        name: [p for p, part in zip(everything, part_of, strict=True) if part == name]
        for name in ("train", *sizes)
    }


def _count(name: str, size: float, total: int) -> int:
    if name == "train" or not size > 0 or (size > 1 and size != int(size)):
        raise ConfigError(
            f"part {name!r} of size {size}: a size is a whole number of pairs or a share between 0 and 1, and "
            "'train' is what is left over"
        )
    return int(size) if size >= 1 else max(1, round(size * total))


def _connected(pairs: list[Pair]) -> list[list[int]]:
    """Indices of pairs, grouped by union-find over the sentences that they share."""
    parent = list(range(len(pairs)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = index = parent[parent[index]]
        return index

    first: dict[bytes, int] = {}
    for index, pair in enumerate(pairs):
        for text in (pair.source, pair.target):
            parent[root(index)] = root(first.setdefault(digest(sentence_key(text)), index))
    groups: dict[int, list[int]] = {}
    for index in range(len(pairs)):
        groups.setdefault(root(index), []).append(index)
    return list(groups.values())


def sentence_key(text: str) -> str:
    """What two spellings of one sentence have in common: its letters and digits, without case and width."""
    text = unicodedata.normalize("NFKC", normalize(text)).casefold()
    return re.sub(r"[\W_]+", "", text) or text


def leaks(training: Iterable[Pair], held_out: Iterable[Pair], processes: int | None = 1) -> int:
    """How many of the held-out pairs stand in the training corpus too, on both sides, but for case and stops."""
    wanted = [_sentence_keys(pair.source, pair.target) for pair in held_out]
    missing = set(wanted)
    blocks = (list(map(sides_of, block)) for block in in_blocks(training))
    found = in_order(Kind(finding, list(missing)), blocks, processes)
    while missing and (some := next(found, None)) is not None:
        missing -= {(one, other) for one, other in some}
    found.close()
    return sum(key not in missing for key in wanted)


def finding(wanted: Any) -> Work:
    """Which of the wanted keys stand in a block of pairs."""
    known = {(one, other) for one, other in wanted}
    return lambda block: [keys for pair in block if (keys := _sentence_keys(*pair)) in known]


def _sentence_keys(source: str, target: str) -> tuple[str, str]:
    return sentence_key(source), sentence_key(target)
