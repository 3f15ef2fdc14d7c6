"""A paragraph as sentences and what stood between them. Translates nothing, and loses no character.

Rules, not a model: an end mark, what closes after it, then a space (none is needed after a full-width mark). Where
the rules are in doubt they do not split: a translator survives two sentences at once better than half of one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from dragoman.text.languages import base_language

# Sentences longer than this are cut at a pause: translators trained on sentences do badly on pages.
LONGEST = 500  # characters

_LINE_ENDS = r"\n\r\v\f\x85\u2028\u2029"
_CLOSERS = r"[\"'”’»›)\]}）】》〉」』]*+"
_HAN = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"
# Possessive, and anchored to the start of each run: a million full stops must not be tried a million times.
_ENDS = re.compile(
    rf"[{_LINE_ENDS}]\s*"
    rf"|[。！？｡।॥]++[。！？｡।॥…]*+{_CLOSERS}\s*"
    rf"|(?<![.!?…؟۔])(?P<mark>[.!?…؟۔]++){_CLOSERS}(?P<space>\s+|(?<=[?!])(?=[{_HAN}]))"
)
_PAUSES = (re.compile(r"[;；:：]\s*"), re.compile(r"[,，、،]\s*"), re.compile(r"\s+"))

# What a full stop follows without ending a sentence. Single letters (J. Smith) and e.g., U.S. are found by shape.
_ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof st jr sr vs etc cf al fig no vol ed pp approx dept inc ltd co corp gen col sgt capt lt rev hon "
    "gov sen rep jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun hr nr bzw ca evtl ggf "
    "usw vgl mme mlle env".split()
)
_WORD_BEFORE = re.compile(r"(?:^|[\s(\[\"'“‘„«])((?:\w\.)*\w+)$")
_ORDINALS = frozenset({"de", "da", "nb", "nn", "cs", "sk", "sl", "hr", "hu", "fi", "et", "lv", "pl", "tr"})


@dataclass(frozen=True)
class Segment:
    """A sentence, and the white space up to the next one."""

    text: str
    separator: str


def split_paragraph(text: str, language: str = "", longest: int = LONGEST) -> list[Segment]:
    """Sentences of `text`; their texts and separators, joined, are `text` again. Linear in its length.

    A segment without text carries white space that stood first. Line ends always separate. `language` is a code:
    in some languages "3." is "third" and ends nothing. Those without end marks (Thai) are cut by length alone.
    """
    segments: list[Segment] = []
    for part in _sentences(text, base_language(language) in _ORDINALS):
        for piece in _short_enough(part, longest):
            before, inner, after = _trimmed(piece)
            if not inner:
                segments.append(Segment("", piece))
                continue
            if before:
                segments.append(Segment("", before))
            segments.append(Segment(inner, after))
    return segments


def _trimmed(piece: str) -> tuple[str, str, str]:
    left = piece.lstrip()
    inner = left.rstrip()
    return piece[: len(piece) - len(left)], inner, left[len(inner) :]


def _sentences(text: str, ordinals: bool) -> Iterator[str]:
    start = 0
    for end in _ENDS.finditer(text):
        if _is_end(text, start, end, ordinals):
            yield text[start : end.end()]
            start = end.end()
    if start < len(text):
        yield text[start:]


def _is_end(text: str, start: int, end: re.Match[str], ordinals: bool) -> bool:
    """Whether a mark ends the sentence from `start`; a full-width mark and a line end always do."""
    mark, space = end.group("mark", "space")
    if mark is None or re.search(f"[{_LINE_ENDS}]", space):
        return True
    following = text[end.end() : end.end() + 1]
    if following.islower():  # "Why?" she asked. Wait... what?
        return False
    if mark != "." or text[end.start() + 1] not in space:
        return True
    # Forty characters hold any abbreviation; the whole sentence would make this quadratic.
    found = _WORD_BEFORE.search(text[max(start, end.start() - 40) : end.start()])
    return found is None or not _is_abbreviation(found.group(1), ordinals)


def _is_abbreviation(word: str, ordinals: bool) -> bool:
    if len(word) == 1 and word.isalpha():
        return word != "I"
    return word.lower() in _ABBREVIATIONS or "." in word or (ordinals and word.isdigit() and len(word) <= 2)


def _short_enough(part: str, longest: int) -> Iterator[str]:
    """A sentence in pieces of at most `longest` characters: cut at a pause, else a space, else anywhere."""
    start = 0
    while len(part) - start > longest:
        middle, end = start + longest // 2, start + longest
        cut = _last_pause(part, middle, end) or _between_characters(part, max(start, middle, end - 16), end)
        yield part[start:cut]
        start = cut
    yield part[start:]


def _last_pause(part: str, start: int, end: int) -> int | None:
    for pause in _PAUSES:
        found = [match.end() for match in pause.finditer(part, start, end)]
        if found:
            return found[-1]
    return None


def _between_characters(part: str, start: int, end: int) -> int:
    """The last place after `start` that tears no accent from its letter and no emoji apart; `end` if none is."""
    for place in range(end, start, -1):
        if part[place - 1] != "\u200d" and not _joins(part[place]):
            return place
    return end


def _joins(character: str) -> bool:
    return (
        character == "\u200d" or unicodedata.category(character).startswith("M") or character in "🏻🏼🏽🏾🏿"
    )
