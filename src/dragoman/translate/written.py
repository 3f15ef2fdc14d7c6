"""A translation as it came about, and what is changed in it. Decides nothing.

Dimensions: S source tokens and </s>, T target tokens.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from dragoman.translate.protect import Kept

# Within don't, U.S. and 3.14, whose two halves no space parts.
_JOINED = re.compile(r"[A-Za-z0-9]['’.]\n[A-Za-z0-9]|[A-Za-z0-9]\n['’.][A-Za-z0-9]")
_HAN = re.compile("[\u3040-\u30ff\u3400-\u9fff]")


@dataclass(frozen=True)
class Written:
    """A translation and how it came about.

    text: as one line. tell: where in it each token ends, and the source token that each looked at most, None where it
    is not known; asked only where something is not found by its words. places: for each part of the source that was
    kept, its first token and the one after its last. length: source tokens.
    """

    text: str
    tell: Callable[[], tuple[Sequence[int], Sequence[int | None]]]
    places: Sequence[tuple[int, int]]
    length: int

    @cached_property
    def _told(self) -> tuple[Sequence[int], Sequence[int | None]]:
        return self.tell()

    @property
    def ends(self) -> Sequence[int]:
        return self._told[0]

    @property
    def looked(self) -> Sequence[int | None]:
        return self._told[1]

    def stretch(self, start: int, end: int) -> tuple[int, int] | None:
        """The tokens that looked at source tokens from `start` to `end`: the largest group with gaps of one at most."""
        found = [at for at, source in enumerate(self.looked) if source is not None and start <= source < end]
        groups: list[list[int]] = []
        for at in found:
            if groups and at - groups[-1][-1] <= 2:
                groups[-1].append(at)
            else:
                groups.append([at])
        best = max(groups, key=len, default=None)
        return (best[0], best[-1] + 1) if best else None

    def begin(self, token: int) -> int:
        """Where a token begins, the space before it left out."""
        at = self.ends[token - 1] if token else 0
        while at < len(self.text) and self.text[at] == " ":
            at += 1
        return at

    def near(self, source: int) -> int:
        """Where something goes that stands before a source token."""
        at = self.behind(source)
        return round(len(self.text) * source / max(1, self.length)) if at is None else at

    def behind(self, source: int) -> int | None:
        """Behind what was written for the nearest source token before `source`."""
        for nearest in range(source - 1, max(-1, source - 6), -1):
            if (found := self.stretch(nearest, nearest + 1)) is not None:
                return self.ends[found[1] - 1]
        return None


@dataclass(frozen=True)
class Edit:
    """What takes the place of a stretch of the translation; `order` among those at one place."""

    start: int
    end: int
    order: tuple[int, int]
    part: Kept | None  # None: left out


def between(text: str, at: int) -> bool:
    """Whether no word of letters goes on here; Chinese has no such words."""
    if at <= 0 or at >= len(text):
        return True
    before, after = text[at - 1], text[at]
    if _JOINED.search(text[max(0, at - 2) : at] + "\n" + text[at : at + 2]):
        return False
    return not (before.isalnum() and after.isalnum()) or bool(_HAN.match(before) or _HAN.match(after))
