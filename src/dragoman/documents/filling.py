"""Translations of text with placeholders, read back: where each one stands, and what to try where one is missing.

Knows no model: `translate` is given, and gets plain text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from dragoman.documents.placeholders import HAN, ROUNDS, Kind, Line, Piece, Place, Placeholder, apart

COMPARED = 1_000_000  # pairs of characters: looking for a part of a form in a text takes so many steps
_END_MARKS = "。．.!！?？;；:：…"
_FREQUENT = frozenset("的了是在一不我你他她它们个这那有和就都也很到说要去上")  # alone they tell nothing
_SENTENCE_ENDS = "。．.!！?？…"
_FULL_WIDTH = {",": "，", ";": "；", ":": "：", "!": "！", "?": "？", ".": "。"}

Translate = Callable[[list[str]], Sequence[str]]


def complete(lines: Sequence[Line], translate: Translate) -> list[str]:
    """Translate lines so that every placeholder comes out exactly once. What `translate` raises, this raises."""
    done, current = [""] * len(lines), dict(enumerate(lines))
    for attempt in range(ROUNDS):
        texts = [text for line in current.values() for text in line.texts]
        written = iter(translate(texts) if texts else ())
        failed: dict[int, Line] = {}
        for number, line in current.items():
            done[number], missing = read_back(line, [next(written) for _ in line.texts])
            if missing:
                failed[number] = line.harder(missing, attempt)
        if not (current := failed):
            break
    return done


def read_back(line: Line, written: Sequence[str]) -> tuple[str, list[int]]:
    """The line with its placeholders filled, given the translations of its texts; and those that were not found."""
    found, missing, translations = "", [], iter(written)
    chinese = any(map(HAN.search, written)) and not any(map(HAN.search, line.texts))
    for piece in line.pieces:
        if isinstance(piece, Placeholder):
            found += piece.content
        elif not piece.words:
            for part in piece.parts:
                found += part.placeholder.content if isinstance(part, Place) else _punctuation(part, chinese)
        else:
            text, lost = _filled(piece, next(translations, ""))
            if len(line.pieces) > 1:
                before, words, after = apart(piece.text)
                text = _punctuation(before, chinese) + like_end(words, text) + after
            found += text
            missing += lost
    return found, missing


def like_end(source: str, text: str) -> str:
    """A translation that ends as its source does: a model puts a full stop after anything."""
    stem = text.rstrip(_END_MARKS + " ")
    if not stem or source[-1:] in _SENTENCE_ENDS:
        return text
    return stem + _punctuation(source[-1:] if source[-1:] in ":：;；" else "", bool(HAN.search(stem)))


def _punctuation(text: str, chinese: bool) -> str:
    """What stands between pieces, as it is written in Chinese: no space follows a full-width sign."""
    if not chinese:
        return text
    return re.sub(r"([,;:!?]|\.(?=\s|$))\s?", lambda sign: _FULL_WIDTH[sign.group(1)], text)


# -- finding again --------------------------------------------------------------------------------------------------


def _filled(piece: Piece, text: str) -> tuple[str, list[int]]:
    """A translation with contents in place of what stood for them, and the numbers of those that it lacks."""
    spans, missing = _spans(piece, text)
    taken = [(start, end) for start, end, _ in spans]
    edits = [*spans, *((at, at, place.placeholder) for at, place in _marks(piece, text, taken))]
    found: list[str] = []
    last = 0
    for start, end, placeholder in sorted(edits, key=lambda edit: edit[:2]):
        found.append(text[last:start])
        before = found[-1] or (found[-2] if len(found) > 1 else "")
        found.append((" " if placeholder.spaced and before[-1:].isalnum() else "") + placeholder.content)
        last = end
        if placeholder.spaced and text[end : end + 1].isalnum():
            found.append(" ")
    return "".join(found) + text[last:], missing


def _spans(piece: Piece, text: str) -> tuple[list[tuple[int, int, Placeholder]], list[int]]:
    """Where each placeholder stands in a translation. Two that look alike (3 and 3) keep their order."""
    groups: dict[tuple[str, ...], list[Place]] = {}
    for part in piece.parts:
        if isinstance(part, Place) and part.forms:
            groups.setdefault(part.forms, []).append(part)
    spans: list[tuple[int, int, Placeholder]] = []
    missing: list[int] = []
    for forms, places in sorted(groups.items(), key=lambda group: -max(map(len, group[0]))):
        free = [
            match.span()
            for match in _pattern(forms).finditer(text)
            if not any(match.start() < end and start < match.end() for start, end, _ in spans)
        ]
        # A stand-in that comes twice is one too many; a word of the text may well be written more often.
        exactly = any(
            place.placeholder.kind is Kind.NUMBER or place.shown != place.placeholder.word for place in places
        )
        if len(free) >= len(places) and not (exactly and len(free) > len(places)):
            spans += [(*span, place.placeholder) for span, place in zip(free, places, strict=False)]
        elif len(places) == 1 and (span := _partly(places[0], text, spans)):
            spans.append(span)
        else:
            missing += [place.number for place in places]
    return spans, missing


def _partly(
    place: Place, text: str, spans: Sequence[tuple[int, int, Placeholder]]
) -> tuple[int, int, Placeholder] | None:
    """Where half of a form or more stands, once: a Chinese word alone and in its sentence differ by a sign or two."""
    placeholder, form = place.placeholder, place.forms[0]
    if placeholder.around is None or place.shown != placeholder.word:
        return None
    if len(form) * len(text) > COMPARED:
        return None
    match = SequenceMatcher(None, form, text, autojunk=False).find_longest_match()
    found, end = text[match.b : match.b + match.size], match.b + match.size
    if 2 * match.size < len(form) or not HAN.match(found) or found in _FREQUENT or text.count(found) > 1:
        return None
    if any(match.b < taken and start < end for start, taken, _ in spans):
        return None
    return match.b, end, replace(placeholder, content=placeholder.around[0] + found + placeholder.around[1])


def _pattern(forms: Sequence[str]) -> re.Pattern[str]:
    """Any of some forms, as a word of its own where its letters are those of words with spaces between them."""
    return re.compile("|".join(map(_bounded, sorted(forms, key=len, reverse=True))), re.IGNORECASE)


def _bounded(form: str) -> str:
    before = (
        r"(?<![A-Za-z])"
        if re.match("[A-Za-z]", form)
        else r"(?<!\d)(?<!\d[.,])"
        if form[:1].isdigit()
        else ""
    )
    after = (
        r"(?![A-Za-z])"
        if re.search("[A-Za-z]$", form)
        else r"(?!\d)(?![.,]\d)"
        if form[-1:].isdigit()
        else ""
    )
    return before + re.escape(form) + after


def _marks(piece: Piece, text: str, taken: Sequence[tuple[int, int]]) -> Iterator[tuple[int, Place]]:
    """Places for what the model did not see: as far into the translation as into the source, between words."""
    total, passed = len(piece.text), 0
    begun = free = -1  # what lies between these two is inside a word: no place is looked at twice
    for part in piece.parts:
        if isinstance(part, str) or part.placeholder.kind is not Kind.MARK:
            passed += len(part if isinstance(part, str) else part.shown)
            continue
        at = round(len(text) * passed / max(1, total))
        if not begun <= at <= free:
            begun = free = at
            while 0 < free < len(text) and _inside_word(text, free, taken):
                free += 1
        yield free, part


def _inside_word(text: str, at: int, taken: Sequence[tuple[int, int]]) -> bool:
    if any(start < at < end for start, end in taken):
        return True
    before, after = text[at - 1], text[at]
    return before.isalnum() and after.isalnum() and not (HAN.match(before) or HAN.match(after))
