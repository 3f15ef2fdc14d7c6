"""What looks wrong with a corpus as a whole, told and not mended: no single pair shows it. Removes nothing.

Lengths of the two sides of true pairs go up and down together. Where they follow those of the line before or after
better than their own, a line is missing on one side.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from math import sqrt
from typing import Any

from dragoman.corpus.pairs import Pair
from dragoman.text.normalize import dominant_script, scripts_of

_ALL, _EVERY = 2000, 10  # so many pairs are looked at, and then every tenth: their text tells a habit
_SOME = 20  # fewer pairs are no corpus
LOT = 300  # pairs of which the lengths are compared: enough for a clear answer, few enough to tell where
_MUCH_BETTER = 0.25  # in correlation; blocks of true pairs differ by a tenth from what a shift gives them
_FEW = 0.02  # share of the pairs that makes a habit of a mark
_MARKS = {
    "subword marks (@@ or \u2581)": (
        re.compile(r"@@( |$)|(^| )\u2581\w"),
        "it seems to be cut into subwords already: the model will want its input cut likewise. Undo it, such as with "
        " sed 's/@@ //g'",
    ),
    "HTML entities (&amp;, &#39; ...)": (
        re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{1,6}|#x[0-9a-fA-F]{1,6});"),
        "the model will learn to write them. Undo it, such as with  python -c 'import html, sys; "
        '[print(html.unescape(line), end="") for line in sys.stdin]\'',
    ),
    "spaces before stops ( . , ? )": (
        re.compile(r"\w [.,?!](?: |$)"),
        "it seems to be tokenised already: the model will want its input, and write its output, with such spaces",
    ),
}
_HABIT = {"spaces before stops ( . , ? )": 0.5}


_FOUND = ("read", "looked", "marked", "exchanged", "numbered", "shifted")


class Suspicions:
    """Fed with each pair as it was read, in order; says in the end what seems wrong."""

    def __init__(self, source: str, target: str, read: int = 0) -> None:
        """read: pairs before these, a multiple of LOT, which others are fed with."""
        self.source, self.target = source, target
        self.read, self.looked = read, 0
        self.marked = dict.fromkeys(_MARKS, 0)
        self.exchanged = 0  # pairs with each side in the script of the other
        self.numbered = 0  # pairs with a number, and nothing else, on one side alone
        self.lengths: list[tuple[int, int]] = []
        self.shifted: list[int] = []  # the first pairs of blocks that look misaligned
        scripts = [scripts_of(code) for code in (source, target)]
        self.told_by_script = bool(scripts[0] and scripts[1] and not scripts[0] & scripts[1])

    def add(self, pair: Pair) -> None:
        """The next pair, before cleaning."""
        self.read += 1
        if self.read <= _ALL or self.read % _EVERY == 0:
            self._look(pair)
        self.lengths.append((len(pair.source), len(pair.target)))
        if len(self.lengths) == LOT:
            if _misaligned(self.lengths):
                self.shifted.append(self.read - LOT + 1)
            self.lengths.clear()

    def found(self) -> dict[str, Any]:
        """What has been seen, as JSON."""
        return {name: getattr(self, name) for name in _FOUND}

    def absorb(self, found: dict[str, Any]) -> None:
        """What others have seen of the pairs behind those that are known here."""
        self.read = found["read"]
        self.looked, self.exchanged = self.looked + found["looked"], self.exchanged + found["exchanged"]
        self.numbered += found["numbered"]
        self.shifted += found["shifted"]
        for name, count in found["marked"].items():
            self.marked[name] += count

    def _look(self, pair: Pair) -> None:
        self.looked += 1
        for name, (mark, _) in _MARKS.items():
            self.marked[name] += bool(mark.search(pair.source) or mark.search(pair.target))
        self.numbered += pair.source.strip().isdigit() != pair.target.strip().isdigit()
        if self.told_by_script and not (pair.source.isascii() and pair.target.isascii()):
            seen = [dominant_script(side) for side in (pair.source, pair.target)]
            self.exchanged += seen[0] in scripts_of(self.target) and seen[1] in scripts_of(self.source)

    def notes(self, kept: int) -> Iterator[str]:
        """A sentence each; `kept` pairs were left by cleaning."""
        if not self.read:
            return
        if kept and self.read >= _SOME and kept < self.read / 2:
            yield (
                f"cleaning removed {1 - kept / self.read:.0%} of the pairs, which is more than a corpus of sentences "
                "loses: look at what it removed with  dragoman data clean --dry-run --rejects FILE"
            )
        if self.exchanged > self.looked / 2:
            yield (
                f"the sides seem to be exchanged: {self.exchanged / self.looked:.0%} of the sources are in the script "
                f"of {self.target}, and their targets in that of {self.source}. Exchange --source-lang and "
                "--target-lang, or the columns"
            )
        if self.numbered > self.looked / 2:
            yield (
                f"{self.numbered / self.looked:.0%} of the pairs have a number on one side and a text on the other: a "
                "column of numbers seems to be taken for a side. Keep the texts alone, such as with  cut -f2,3"
            )
        for name, count in self.marked.items():
            if count > _HABIT.get(name, _FEW) * self.looked:
                yield f"{count / self.looked:.0%} of the pairs have {name}: {_MARKS[name][1]}"
        if self.shifted:
            yield (
                f"the sides seem not to belong together from about pair {self.shifted[0]:,} on, in {len(self.shifted)} "
                f"of {self.read // LOT} blocks of {LOT}: their lengths follow those of another line. Look there "
                "for a line that one side lacks"
            )


def _misaligned(lengths: list[tuple[int, int]]) -> bool:
    # By ranks: one long line, or the names of columns, would else decide alone.
    ranks = list(zip(*(_ranks(side) for side in zip(*lengths, strict=True)), strict=True))
    own, *others = (_correlation(ranks, shift) for shift in (0, -3, -2, -1, 1, 2, 3))
    return max(others) > own + _MUCH_BETTER


def _ranks(values: Sequence[int]) -> list[int]:
    """Twice the mean place of each in the order of all."""
    order = sorted(values)
    return [bisect_left(order, value) + bisect_right(order, value) for value in values]


def _correlation(lengths: list[tuple[int, int]], shift: int) -> float:
    """Of the lengths of the sources with those of targets `shift` lines on."""
    count = len(lengths) - abs(shift)
    sources = [one for one, _ in lengths][max(0, -shift) :][:count]
    targets = [other for _, other in lengths][max(0, shift) :][:count]
    means = sum(sources) / count, sum(targets) / count
    both = sum((a - means[0]) * (b - means[1]) for a, b in zip(sources, targets, strict=True))
    spread = sum((a - means[0]) ** 2 for a in sources) * sum((b - means[1]) ** 2 for b in targets)
    return both / sqrt(spread) if spread else 0.0
