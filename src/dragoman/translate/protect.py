"""A sentence with what must not change in it: what the model reads in its place, and what is cut off the ends.

Calls no model. A word that no model knows (an address, a placeholder) is shown as a name that models copy, a number as
itself or as a numeral; what is no word at all (an emoji, a tag) is not shown. Where each goes in the translation:
placing.py. Names in place of terms: Crego et al. 2016, "SYSTRAN's pure neural machine translation systems", section 5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from dragoman.text import seals
from dragoman.text.directions import Direction
from dragoman.text.joining import writes_without_spaces
from dragoman.text.kinds import Kind, Role, Span
from dragoman.text.sentences import goes_on
from dragoman.translate.standins import STAND_INS
from dragoman.translate.terms import Terms, folded
from dragoman.translate.wording import wording

# What models copy well enough to see it.
_COPIED = re.compile(r"\d{1,4}|\d{1,3}%|\d{1,2}:\d{2}")
_HAN = re.compile("[\u3400-\u9fff]")
_LETTER = re.compile(r"[^\W\d_]")
# A letter that touches one of these, even a Chinese one, is read as a part of it.
_APART = re.compile(r"[\w+.-]+:(?://)?\S+|www\.\S+|\S+@\S+|[@#]\S+|[~.]?/\S+")
_BRACKETS = {"(": ")", "（": "）"}
_NARROW = {"：": ":", "，": ",", "；": ";"}
_WIDE = re.compile(r"([：，；])[ \t\u3000]*")
_WIDTHS = {"(": "（", ")": "）", "（": "(", "）": ")"}
_HALF_A_DAY = re.compile(r"\d ?[ap]\.m$")
_TOUCHES = re.compile("[A-Za-z0-9]")
_BEGINS = re.compile(r"\s*[:：]|[\s,，;；–—-]*\s[\"'“‘(]*[^\W\d_a-z]")
_ENDS = re.compile(r"[:：.!?。！？…–—]\s*$")


@dataclass(frozen=True)
class Protection:
    """What is kept beside what no language has words for.

    glossary: terms of the source, each with what it has to become. Raises UsageError where one lacks a side.
    """

    glossary: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.terms  # noqa: B018 - what is no glossary is refused now

    @cached_property
    def targets(self) -> dict[str, str]:
        """By folded source."""
        return {folded(source.strip()): target.strip() for source, target in self.glossary.items()}

    @cached_property
    def terms(self) -> Terms:
        """What finds its terms in a text."""
        return Terms(self.glossary)

    def spans(self, text: str) -> list[Span]:
        """The terms in a text, each as a word of its own."""
        found: list[Span] = []
        search = self.terms.within(text)
        while term := search.after(found[-1].end if found else 0):
            found.append(Span(term.start, term.end, Kind.WORD))
        return found


@dataclass(frozen=True)
class Kept:
    """Something that comes out once and exactly.

    content: what stands there in the end; a number stands for the translation of that branch.
    shown: what the model reads, and `forms` what it may write for it; nothing where it does not see it.
    own: whether `shown` is a word of the text, which may well be written more than once. free: whether what the model
    wrote for it stays.
    """

    content: tuple[str | int, ...]
    kind: Kind
    role: Role = Role.ALONE
    shown: str = ""
    forms: tuple[str, ...] = ()
    own: bool = False
    free: bool = False

    @property
    def raw(self) -> str:
        return "".join(part for part in self.content if isinstance(part, str))

    @property
    def apart(self) -> bool:
        """Whether it is read as a part of any letter that touches it."""
        return _APART.fullmatch(self.raw) is not None


Part = str | Kept


@dataclass(frozen=True)
class Parts:
    """A sentence: what is cut off its front, what is translated, what is cut off its end."""

    before: tuple[Part, ...]
    inner: tuple[Part, ...]
    after: tuple[Part, ...]


def parts_of(
    text: str, spans: Sequence[Span], protection: Protection, languages: Direction
) -> tuple[Part, ...]:
    """A stretch of text as words and what is kept, in turn; nothing is shown yet but what has a translation.

    Spans lie within it.
    """
    parts: list[Part] = []
    at = branches = 0
    for span in spans:
        if span.start > at:
            parts.append(text[at : span.start])
        raw = text[span.start : span.end]
        target = protection.targets.get(folded(raw))
        if target is not None:
            parts.append(Kept((target,), Kind.WORD, shown=raw, forms=(target,), own=True))
        elif (said := wording(raw, *languages)) is not None:
            parts.append(
                Kept((said.content,), span.kind, span.role, said.shown, said.forms, said.own, said.free)
            )
        else:
            content = tuple(_content(text, span, branches))
            parts.append(Kept(_as_wide(content, raw, languages[1]), span.kind, span.role))
            branches += len(span.branches)
        at = span.end
    if at < len(text):
        parts.append(text[at:])
    return tuple(parts)


def _as_wide(content: tuple[str | int, ...], raw: str, language: str) -> tuple[str | int, ...]:
    """With the brackets at its ends as wide as the writing of a language asks for, where these are none of a code."""
    solid = writes_without_spaces(language)
    if raw in _WIDTHS:
        return content if (raw in "（）") == solid else (_WIDTHS[raw],)
    if solid or (raw[0], raw[-1]) != ("（", "）") or len(content) != 1:
        return content
    return (f"({raw[1:-1]})",)


def with_brackets(text: str, spans: Sequence[Span]) -> Sequence[Span]:
    """With the brackets that a sentence stands in, or whose other half is in another one: the model reads its words."""
    start, end = len(text) - len(text.lstrip()), len(text.rstrip())
    if text[start : start + 1] not in _BRACKETS and text[end - 1 : end] not in _BRACKETS.values():
        return spans
    kept = {at for span in spans for at in range(span.start, span.end)}
    partner: dict[int, int] = {}
    waiting: list[int] = []
    for at in range(start, end):
        if at in kept:
            continue
        if text[at] in _BRACKETS:
            waiting.append(at)
        elif text[at] in _BRACKETS.values() and waiting:
            partner[at] = waiting.pop()
            partner[partner[at]] = at
    first, last = text[start] in _BRACKETS, text[end - 1] in _BRACKETS.values()
    opening = first and start not in kept and partner.get(start, end - 1) == end - 1
    closing = last and end - 1 not in kept and partner.get(end - 1, start) == start
    before = [Span(start, start + 1, Kind.MARK, Role.OPENS)] if opening else []
    after = [Span(end - 1, end, Kind.MARK, Role.CLOSES)] if closing else []
    return [*before, *spans, *after]


def _content(text: str, span: Span, first: int) -> Iterator[str | int]:
    """What stands in a span, with the numbers of its branches where these are."""
    at = span.start
    for number, (start, end) in enumerate(span.branches, first):
        yield text[at:start]
        yield number
        at = end
    # The hyphen of a word that goes on in the next line goes, the line end stays.
    rest = re.sub(r"^-(?=\r?\n)", "", text[at : span.end])
    # One full stop ends both 5 p.m. and its sentence; the translation's sentence has a mark of its own.
    yield f"{rest}." if _HALF_A_DAY.search(rest) and text[span.end : span.end + 1] == "." else rest


_READABLE = re.compile(r"[^\W\d_]{2}|[^\W\d_\x00-\x7f]")


def has_words(parts: Sequence[Part]) -> bool:
    """Whether there is anything to translate: a word of more than a letter, or a letter of a writing without words.

    Terms of a glossary have words; a lone A or B is the name of something.
    """
    own = " ".join(part if isinstance(part, str) else part.shown for part in parts)
    return _READABLE.search(own) is not None or own.strip(" .!?") == "I"


def partners(parts: Sequence[Part]) -> dict[int, int]:
    """For each mark that opens something, the one that closes it; properly nested."""
    found: dict[int, int] = {}
    waiting: list[int] = []
    for at, part in enumerate(parts):
        if isinstance(part, str) or part.kind is not Kind.MARK:
            continue
        if part.role is Role.OPENS:
            waiting.append(at)
        elif part.role is Role.CLOSES:
            for depth in range(len(waiting) - 1, max(-1, len(waiting) - 9), -1):
                if _belong(parts[waiting[depth]], part):
                    found[waiting[depth]] = at
                    del waiting[depth:]
                    break
    return found


def _belong(opening: Part, closing: Kept) -> bool:
    assert isinstance(opening, Kept)
    one, other = opening.raw, closing.raw
    if one[0] == seals.Sort.OPEN:
        return other[0] == seals.Sort.CLOSE and one[1:] == other[1:]
    if one.startswith(("<", "[")) and len(one) > 1:
        return re.split(r"[\s>/=\]]", one[1:], maxsplit=1)[0] == other[2:-1].rstrip()
    return (
        (one == "``" and other == "''")
        or (one[-1:] == "[" and other[0] == "]")
        or one == other[::-1]
        or (one[-1:] == "{" and other[0] == "}")
    )


def apart(parts: Sequence[Part], language: str) -> Parts:
    """What is cut off the ends: marks, and words that stand before a sentence of its own or after one.

    language: of the translation, whose stops stand between these and the sentence.
    """
    pairs = partners(parts)
    pairs |= {closing: opening for opening, closing in pairs.items()}
    start, end = 0, len(parts)
    while start < end and _may_go(parts, start, start + 1, end, pairs):
        start += 1
    while start < end and _may_go(parts, end - 1, start, end - 1, pairs):
        end -= 1
    before, inner, after = list(parts[:start]), list(parts[start:end]), list(parts[end:])
    if inner and isinstance(inner[0], str) and before:
        words = inner[0].lstrip(" \t\u3000:：,，;；–—-")
        between = inner[0][: len(inner[0]) - len(words)]
        before.append(between if writes_without_spaces(language) else _WIDE.sub(_narrow, between))
        inner[0] = words
    if inner and isinstance(inner[-1], str) and after:
        words = inner[-1].rstrip()
        after.insert(0, inner[-1][len(words) :])
        inner[-1] = words
    return Parts(tuple(before), tuple(inner), tuple(after))


def _narrow(stop: re.Match[str]) -> str:
    return f"{_NARROW[stop.group(1)]} "


def _may_go(parts: Sequence[Part], at: int, start: int, end: int, pairs: Mapping[int, int]) -> bool:
    """Whether a part at an end is none of the sentence that is left between `start` and `end`."""
    part = parts[at]
    if isinstance(part, str):
        return not part.strip()
    if part.kind in (Kind.MARK, Kind.BREAK):
        partner = pairs.get(at)
        beyond = (
            parts[partner:end] if partner is not None and partner > at else parts[start : (partner or 0) + 1]
        )
        return partner is None or not start <= partner < end or not has_letters(beyond)
    rest = "".join(part if isinstance(part, str) else part.shown or "\ufffc" for part in parts[start:end])
    if at < start:
        return not part.own and _BEGINS.match(rest) is not None
    return not part.own and _ENDS.search(rest) is not None and not goes_on(rest)


def has_letters(parts: Sequence[Part]) -> bool:
    return any(_LETTER.search(part if isinstance(part, str) else part.shown) for part in parts)


def shown(parts: Sequence[Part], placeholders: Sequence[str] = ()) -> tuple[Part, ...]:
    """The same with something in place of what the model cannot copy, and nothing where names have run out.

    placeholders: words that the model was given for this; without them, names and numerals that it happens to copy.
    """
    if placeholders:
        words = iter(placeholders)
        return tuple(
            replace(part, shown=word, forms=(word,))
            if isinstance(part, Kept)
            and not part.shown
            and part.kind in STAND_INS
            and (word := next(words, ""))
            else part
            for part in parts
        )
    own = " ".join(part if isinstance(part, str) else f"{part.raw} {part.shown}" for part in parts)
    chinese = bool(_HAN.search("".join(part for part in parts if isinstance(part, str))))
    kinds = {part.kind for part in parts if isinstance(part, Kept) and not part.shown}
    free = {
        kind: [forms for forms in STAND_INS[kind] if not _occurs(forms, own)]
        for kind in kinds & STAND_INS.keys()
    }
    found: list[Part] = []
    for part in parts:
        if isinstance(part, str) or part.shown or part.kind not in free:
            found.append(part)
        elif part.kind is Kind.NUMBER and _COPIED.fullmatch(part.raw):
            found.append(replace(part, shown=part.raw, forms=(part.raw,)))
        elif free[part.kind]:
            forms = tuple(free[part.kind].pop(0))
            named = forms[1] if chinese and part.kind is not Kind.NUMBER else forms[0]
            found.append(replace(part, shown=named, forms=forms))
        else:
            found.append(part)
    return tuple(found)


def _occurs(forms: Sequence[str], text: str) -> bool:
    return any(form in text for form in forms)


def spaced(parts: Sequence[Part]) -> tuple[Part, ...]:
    """With a space where what is shown would touch a letter: 5{unit} is read as 5 Tom."""
    found: list[Part] = []
    for part in parts:
        words = part if isinstance(part, str) else part.shown
        last = found[-1] if found else ""
        before = last if isinstance(last, str) else last.shown
        both = isinstance(part, Kept) != isinstance(last, Kept) or (
            isinstance(part, Kept) and isinstance(last, Kept)
        )
        if both and _TOUCHES.match(before[-1:]) and _TOUCHES.match(words[:1]):
            found.append(" ")
        found.append(part)
    return tuple(found)
