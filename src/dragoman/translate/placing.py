"""Where what was kept goes in a translation: at the words that stand for it, else by attention, else by proportion.

Whatever the model wrote, each comes out once. Calls no model.

Dimensions: S source tokens and </s>, T target tokens.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from dragoman.text.joining import WIDE, touch
from dragoman.text.kinds import Kind
from dragoman.translate.marks import free, marked
from dragoman.translate.protect import Kept, Part
from dragoman.translate.written import Edit, Written, between

_SIGN = re.compile(r"[A-Za-z0-9]")
_STOPS = " .,;:!?。．，；：！？…"
_DIGITS = re.compile(r"\d+(?:[.,:]\d+)*%?")
# With what makes more or something else of it.
_WORDED = re.compile(
    r"\d+年的?(?:\d+月)?(?:\d+[日号])?|\d+月\d+[日号]?|"  # a day or what is left of one
    rf"(?:百分之|第)?{_DIGITS.pattern}(?:\s?(?:[百千]?[万亿]+|年代?|世纪|%|％|hundred|thousand|million|billion|trillion"
    rf"|percent|美元|欧元|英镑|"
    r"st\b|nd\b|rd\b|th\b|s\b))*"
)
LONGEST = 4  # target tokens of what is replaced because the model looked at a stand-in while it wrote them


def literal(parts: Sequence[Part], text: str) -> tuple[list[Edit], list[int]]:
    """The stretches that are what was shown, and the parts whose are not there, or are there too often."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for number, part in enumerate(parts):
        if isinstance(part, Kept) and part.forms:
            groups.setdefault(part.forms, []).append(number)
    edits: list[Edit] = []
    amiss: list[int] = []
    for forms, numbers in sorted(groups.items(), key=lambda group: -max(map(len, group[0]))):
        free = [span for span in _occurrences(forms, text) if not _taken(*span, edits)]
        own = all(_kept(parts, number).own for number in numbers)
        for (start, end), number in zip(free, numbers, strict=False):
            part = _kept(parts, number)
            wrote = text[start:end]  # its own words stay, unless they are those of the source
            said = replace(part, content=(wrote,)) if part.free and wrote != part.shown else part
            edits.append(Edit(start, end, (1, number), said))
        if len(free) < len(numbers):
            amiss += numbers[len(free) :]
        elif len(free) > len(numbers) and not own:
            amiss += numbers
            edits += [Edit(start, end, (1, 0), None) for start, end in free[len(numbers) :]]
    return edits, amiss


def fill(parts: Sequence[Part], written: Written) -> tuple[tuple[str, Kept | None], ...]:
    """The translation in stretches, each followed by what was kept there; nothing follows the last."""
    edits, amiss = literal(parts, written.text)
    found = {edit.order[1] for edit in edits if edit.part is not None}
    numbers = [number for number, part in enumerate(parts) if isinstance(part, Kept)]
    places = dict(zip(numbers, written.places, strict=True))
    for number in numbers:
        part = _kept(parts, number)
        if part.forms and number not in found:
            if part.kind is Kind.NUMBER and (edit := _misread(number, part, places[number], written, edits)):
                edits.append(edit)
                continue
            edits.append(_replaced(number, part, places[number], written, edits))
    edits = marked(parts, places, written, edits)
    text, at, filled = written.text, 0, list[tuple[str, Kept | None]]()
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end > edit.start, edit.order)):
        filled.append((text[at : max(at, edit.start)], edit.part))
        at = max(at, edit.end)
    return (*filled, (text[at:], None))


def _replaced(
    number: int, part: Kept, place: tuple[int, int], written: Written, edits: Sequence[Edit]
) -> Edit:
    """In place of what the model wrote while it looked at a stand-in; between words where there is no such thing."""
    stretch = written.stretch(*place)
    if stretch is not None and stretch[1] - stretch[0] <= max(LONGEST, place[1] - place[0]):
        start, end = written.begin(stretch[0]), written.ends[stretch[1] - 1]
        while start < end and written.text[end - 1] in _STOPS:
            end -= 1
        if (
            start < end
            and not _taken(start, end, edits)
            and between(written.text, start)
            and between(written.text, end)
        ):
            return Edit(start, end, (1, number), part)
    at = min(written.near(place[0]), len(written.text.rstrip(_STOPS)))  # not behind the end of the sentence
    at = free(at, written.text, edits)
    return Edit(at, at, (1, number), part)


def _misread(
    number: int, part: Kept, place: tuple[int, int], written: Written, edits: Sequence[Edit]
) -> Edit | None:
    """In place of a number that stands nowhere in the source: what the model made of this one, nearest to its"
    " place."""
    numbers = _WORDED if part.free else _DIGITS
    free = [m.span() for m in numbers.finditer(written.text) if not _taken(*m.span(), edits)]
    if not free:
        return None
    at = written.near(place[0])
    start, end = min(free, key=lambda span: min(abs(span[0] - at), abs(span[1] - at)))
    return Edit(start, end, (1, number), part)


def _taken(start: int, end: int, edits: Sequence[Edit]) -> bool:
    return any(start < edit.end and edit.start < end for edit in edits)


def _kept(parts: Sequence[Part], number: int) -> Kept:
    part = parts[number]
    assert isinstance(part, Kept)
    return part


def _occurrences(forms: Sequence[str], text: str) -> list[tuple[int, int]]:
    """Where any of some forms stands, as a word of its own where its letters are those of words with spaces between.

    Without a regular expression: there would be one for each number of a book.
    """
    folded, found = text.lower(), list[tuple[int, int]]()
    if len(folded) != len(text):
        folded = text
    for form in sorted(forms, key=len, reverse=True):
        at = folded.find(sought := form.lower())
        while at >= 0:
            end = at + len(sought)
            if _stands_alone(text, at, end) and not any(at < other and one < end for one, other in found):
                found.append((at, end))
            at = folded.find(sought, at + 1)
    return sorted(found)


def _stands_alone(text: str, start: int, end: int) -> bool:
    first, last, before, after = (
        text[start],
        text[end - 1],
        text[max(0, start - 2) : start],
        text[end : end + 2],
    )
    if first.isdigit() and (
        before[-1:].isdigit() or (before[-1:] in (".", ",", ":") and before[:1].isdigit())
    ):
        return False
    if last.isdigit() and (
        after[:1].isdigit() or after[:1] == "%" or (after[:1] in (".", ",", ":") and after[1:].isdigit())
    ):
        return False
    return not (
        first.isascii() and first.isalpha() and before[-1:].isascii() and before[-1:].isalpha()
    ) and not (last.isascii() and last.isalpha() and after[:1].isascii() and after[:1].isalpha())


def joined(filled: Sequence[tuple[str, str, bool]]) -> str:
    """Stretches of a translation, each with what follows it, and whether any letter would be taken for a part"
    " of it."""
    text, content, apart = "", "", False
    for words, following, is_apart in filled:
        first, last = words.lstrip(" ")[:1], words.rstrip(" ")[-1:]
        if content[-1:] == "[" or first in WIDE or touch(content[-1:], first):
            words = words.lstrip(" ")
        if last in WIDE or touch(last, following[:1]):
            words = words.rstrip(" ")
        text += _gap(content, words[:1], apart, after=True) + words
        text += _gap(following, text[-1:], is_apart, after=False) + following
        content, apart = following, is_apart
    return text


def _gap(kept: str, letter: str, apart: bool, after: bool) -> str:
    """What stands between something that is kept and a letter of the translation before or after it."""
    edge = kept[-1:] if after else kept[:1]
    if not kept or edge in ("[" if after else "]"):
        return ""
    in_brackets = kept[0] == "(" and kept[-1] == ")"
    touches = letter.isalnum() if apart else _SIGN.match(letter) and (in_brackets or _SIGN.match(edge))
    return " " if touches else ""
