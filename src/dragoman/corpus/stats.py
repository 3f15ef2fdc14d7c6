"""What a corpus is made of: pairs, lengths, duplicates, scripts, counted in one pass. Judges no pair."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from dragoman.corpus.pairs import Pair
from dragoman.text.normalize import count_words, script_counts


@dataclass(frozen=True)
class SideStats:
    """One side of a corpus. `percentiles` are lengths in characters; a word is a Han character or a run of letters."""

    characters: int
    words: int
    distinct: int
    percentiles: dict[int, int]
    scripts: dict[str, int]


@dataclass(frozen=True)
class CorpusStats:
    pairs: int
    duplicates: int
    source: SideStats
    target: SideStats

    def __str__(self) -> str:
        sides = (self.source, self.target)
        rows = [
            ("", "source", "target"),
            *(
                (name, *(f"{getattr(side, name):,}" for side in sides))
                for name in ("characters", "words", "distinct")
            ),
            *((_length_name(p), *(f"{side.percentiles[p]:,}" for side in sides)) for p in PERCENTILES),
            ("letters", *(_shares(side.scripts) for side in sides)),
        ]
        width = max(len(row[1]) for row in rows)
        table = "\n".join(f"{name:<16}{a:>{width}}  {b:>{width}}".rstrip() for name, a, b in rows)
        return f"{self.pairs:,} pairs, {self.duplicates:,} of them read before\n{table}"


PERCENTILES = (1, 50, 90, 99, 100)


def stats(pairs: Iterable[Pair]) -> CorpusStats:
    """What a corpus is made of, in one pass. Memory: about 200 bytes for each different pair."""
    sources, targets, seen = _Side(), _Side(), set[int]()
    for pair in pairs:
        sources.add(pair.source)
        targets.add(pair.target)
        seen.add(hash((pair.source, pair.target)))
    count = len(sources.lengths)
    return CorpusStats(count, count - len(seen), sources.stats(), targets.stats())


class _Side:
    def __init__(self) -> None:
        self.lengths, self.words = array("L"), 0
        self.seen: set[int] = set()
        self.scripts: Counter[str] = Counter()

    def add(self, text: str) -> None:
        self.lengths.append(len(text))
        self.words += count_words(text)
        self.seen.add(hash(text))
        self.scripts.update(script_counts(text))

    def stats(self) -> SideStats:
        ordered = sorted(self.lengths) or [0]
        percentiles = {p: ordered[round(p / 100 * (len(ordered) - 1))] for p in PERCENTILES}
        return SideStats(
            sum(ordered), self.words, len(self.seen), percentiles, dict(self.scripts.most_common())
        )


def _length_name(percentile: int) -> str:
    return {50: "median length", 100: "longest"}.get(percentile, f"{percentile} % length")


def _shares(scripts: dict[str, int]) -> str:
    total = sum(scripts.values())
    return (
        ", ".join(f"{name} {count / total:.0%}" for name, count in scripts.items() if count / total >= 0.005)
        or "-"
    )
