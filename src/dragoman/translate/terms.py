"""A glossary as a tree of letters, in which the terms of a text are found in one walk. Translates nothing.

As one regular expression, 14,000 terms were tried one after the other at each place of a text: eleven seconds for a
request of 250 KB.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dragoman.errors import UsageError

LONGEST = 200  # characters of a term: from each place of a text so many are looked at


@dataclass(frozen=True)
class Found:
    """A term in a text, and what it is to become."""

    start: int
    end: int
    target: str


@dataclass(slots=True)
class _Node:
    """What may follow a beginning; `target` where a term ends here."""

    after: dict[str, _Node] = field(default_factory=dict)
    target: str | None = None
    whole: tuple[bool, bool] = (False, False)  # whether no letter or digit may stand before it, and behind it


class Terms:
    """The terms of one glossary. Case is not looked at; of terms that begin at one place the longest is found."""

    def __init__(self, glossary: Mapping[str, str]) -> None:
        """Raises UsageError for an entry that lacks one of its sides, and for a term that is a page."""
        self._root = _Node()
        for source, target in glossary.items():
            term = source.strip()
            if not term or not target.strip():
                raise UsageError(f"glossary: {source!r} -> {target!r}: both sides must have words")
            if len(term) > LONGEST:
                raise UsageError(
                    f"glossary: {term[:40]!r}... has {len(term):,} characters, and a term has {LONGEST} at most"
                )
            node = self._root
            for letter in folded(term):
                # Not setdefault, which makes a node for each letter: a server reads 14,000 terms beside other work.
                following = node.after.get(letter)
                if following is None:
                    following = node.after[letter] = _Node()
                node = following
            node.target, node.whole = target.strip(), (_is_latin(term[0]), _is_latin(term[-1]))

    def within(self, text: str) -> Search:
        return Search(self._root, text)


class Search:
    """The terms of one text, from its beginning to its end."""

    def __init__(self, root: _Node, text: str) -> None:
        self._root, self._text, self._folded = root, text, folded(text) if root.after else ""

    def after(self, place: int) -> Found | None:
        """The first term that begins there or later."""
        first = self._root.after
        for start in range(place, len(self._folded)):
            if self._folded[start] in first and (found := self._at(start)):
                return found
        return None

    def _at(self, start: int) -> Found | None:
        text, node, found = self._text, self._root, None
        for end in range(start, len(text)):
            following = node.after.get(self._folded[end])
            if following is None:
                break
            node = following
            if node.target is None:
                continue
            before, behind = node.whole
            if before and start and _is_latin(text[start - 1]):
                continue
            if behind and end + 1 < len(text) and _is_latin(text[end + 1]):
                continue
            found = Found(start, end + 1, node.target)
        return found


def folded(text: str) -> str:
    """Without the difference of case, and as long as before."""
    return text.lower() if text.isascii() else "".join(map(_folded, text))


def _folded(letter: str) -> str:
    return next((form for form in (letter.casefold(), letter.lower()) if len(form) == 1), letter)


def _is_latin(sign: str) -> bool:
    """Whether a word goes on with it; Chinese has no spaces to tell where one ends."""
    return sign.isascii() and sign.isalnum()
