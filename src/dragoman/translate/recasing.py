"""Text in capitals, or With Capitals Everywhere, as a model reads it: in the case that its words are known in.

Changes no length, so that places in the text stay places. Knows a tokenizer by its pieces, and no model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dragoman.text.kinds import Span
from dragoman.text.tokenizer import Tokenizer

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
# Known everywhere as they are written, and words of a language when they are not.
_ACRONYMS = frozenset(
    "AI API ATM CD CEO CIA CPU DIY DNA DVD EU FAQ FBI FIFA FYI GDP GIF GPS GPU ID IP IQ IT LED MIT NASA NATO NBA OK PC "
    "PDF PIN PM PR QR RAM RIP ROM SIM SOS SUV TV UFO UI UK UN UNESCO UNICEF URL US USA USB UV VIP VPN WHO WIFI".split()
)
_CAPITALISED = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday january february april june july august september "
    "october november december christmas easter english chinese french german japanese american british china england "
    "france germany japan america canada london paris beijing tokyo boston".split()
)
# A long word in small letters tells that a text is neither in capitals nor a title, and two capitals beside each other
# that a word of it may be: without these nothing is read otherwise. Of ASCII text, where every letter has a case.
_SMALL_WORD = re.compile(r"(?<![A-Za-z'])[a-z]{5}")
_STRESSED = re.compile("[A-Z]'?[A-Z]")
_VOWEL = re.compile("[aeiouyAEIOUY\u00c0-\u024f\u0400-\u04ff]")
_POSSESSIVE = re.compile("['’][Ss]$")
_HIDDEN = "\ue000"  # a private sign, in place of what is no word
_SMALL = frozenset("a an the and or but nor of in on at to for from by with as vs".split())


@dataclass(frozen=True)
class Recaser:
    """What a source tokenizer knows of the case of words.

    cased: whether the language has small letters. In Chinese capitals are those of names, if all are: NASA发射了火箭.
    """

    tokenizer: Tokenizer
    cased: bool = True
    _known: dict[tuple[str, bool], str] = field(default_factory=dict)

    def read(self, text: str, first: bool) -> str:
        """The words of a sentence as they are usually written. `first`: whether it begins with them."""
        words = _WORD.findall(text)
        if len(text) > 2_000 or not words:
            return text
        if shouts(words):
            return self._lowered(text, first, lambda word: self._usual(word, False))
        if _is_title(words) and any(self._usual(word, True) != word for word in words[1:]):
            return self._lowered(text, first, lambda word: self._usual(word, True))
        return self._lowered(text, first, self._calm) if any(map(str.isupper, words)) else text

    def around(self, text: str, spans: Sequence[Span]) -> str:
        """A sentence read in the case of its own words; what stands in spans is none of them."""
        if not self.cased or not text[:1] or text.islower() or (not spans and _is_calm(text)):
            return text
        own, at = list[str](), 0
        for span in spans:
            own += (text[at : span.start], _HIDDEN * (span.end - span.start))
            at = span.end
        words = "".join((*own, text[at:]))
        read = self.read(words, words.lstrip()[:1] != _HIDDEN)
        if read == words:
            return text
        return "".join(
            sign if hidden == _HIDDEN else other
            for sign, hidden, other in zip(text, words, read, strict=True)
        )

    def _calm(self, word: str) -> str:
        """A word that is stressed by capitals, which the model knows in small letters and must spell in these."""
        if len(word) < 2 or not word.isupper() or _is_acronym(word) or len(word.lower()) != len(word):
            return word
        lower = word.lower()
        pieces, spelled = self._cost(lower)[0], self._cost(word)[0]
        # WHEREAS is long and made of words; what else is long and in capitals is the name of something.
        known = pieces == 1 or (len(word) > 5 and 3 * pieces <= len(word) and _VOWEL.search(word))
        return lower if known and pieces < spelled else word

    def _lowered(self, text: str, first: bool, usually: Callable[[str], str]) -> str:
        begun = not first

        def usual(match: re.Match[str]) -> str:
            nonlocal begun
            begins, begun = not begun, True
            word = match.group()
            found = usually(word)
            if found == word or len(found) != len(word):
                return found
            return found[:1].upper() + found[1:] if begins else found

        return _WORD.sub(usual, text)

    def _usual(self, word: str, title: bool) -> str:
        """In small letters, with a capital or in capitals. In a title what may be a name stays one."""
        key = word, title
        if key not in self._known:
            if len(self._known) > 500:
                self._known.clear()
            self._known[key] = self._best(word, title)
        return self._known[key]

    def _best(self, word: str, title: bool) -> str:
        """Whichever the tokenizer has the fewest and most frequent pieces for."""
        lower = word.lower()
        if len(lower) != len(word):
            return word
        if word.isupper() and _is_acronym(word):
            return _POSSESSIVE.sub(lambda end: end.group().lower(), word)  # NASA's
        if word in ("I", "A") or lower.startswith(("i'", "i’")):
            return word[:1] + lower[1:] if word[:1] == "I" else lower
        name = lower[:1].upper() + lower[1:]
        if word.isupper() and not _VOWEL.search(word):
            return word  # PDF, HTML
        if lower in _CAPITALISED or (title and lower not in _SMALL and self._cost(lower)[0] > 1):
            return name
        return min((lower, name), key=self._cost)

    def _cost(self, word: str) -> tuple[int, int]:
        """Pieces, and the rank of the rarest: those of a vocabulary stand in the order of how often they are used."""
        ids = self.tokenizer.encode(word)
        return len(ids), max(ids, default=0)


def _is_calm(text: str) -> bool:
    """Whether no word can be written otherwise than usually: seen at once of most sentences."""
    if not text.isascii() or _STRESSED.search(text):
        return False
    return text[1:].islower() or _SMALL_WORD.search(text) is not None


def shouts(words: list[str]) -> bool:
    """Whether all is in capitals: several words, or one that is no acronym by its looks."""
    letters = "".join(words)
    if not letters.isupper() or len(letters) < 2:
        return False
    return len(words) > 1 or (len(letters) > 1 and letters not in _ACRONYMS)


def _is_title(words: list[str]) -> bool:
    """Whether every word begins with a capital but the small ones, and is written small otherwise."""
    long = [word for word in words if word.lower() not in _SMALL]
    capitals = len(long) + sum(word[:1].isupper() for word in words[1:] if word.lower() in _SMALL)
    return capitals > 1 and all(_is_capitalised(word) for word in long)


def _is_capitalised(word: str) -> bool:
    return _is_acronym(word) or (word[:1].isupper() and word[1:] == word[1:].lower())


def _is_acronym(word: str) -> bool:
    return _POSSESSIVE.sub("", word) in _ACRONYMS
