"""Lines of a table: where one cell ends and the next begins, as CSV and columns of spaces have it. Reads no file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dragoman.text.kinds import Kind, Role, Span

# Nothing that may stand in an address, a call or a message: there a comma divides no cells. 2/3 and 9:30 may.
_NO_CELL = r";|:/&@=\"(){}<>\[\]`，；"
_QUOTED = r"\"(?:[^\"\n]|\"\"){0,400}+\""
_SIGN = rf"(?:[^\n,{_NO_CELL}]|(?<=\w)[:/](?=\d))"
_NUMBER = (
    r"-?\d{1,3}(?:\.?\d{3}){0,4},\d{1,2}(?: ?[$€£%])?"  # with a decimal comma, where a semicolon divides
)
_CELL = rf"(?:{_QUOTED}|(?![\s])(?:{_SIGN}){{1,82}}+(?<!\s))"
_COMMAS = rf"{_CELL},(?:{_CELL}?,){{1,60}}{_CELL}?"
_SEMICOLONS = rf"{_CELL};(?:(?:{_NUMBER}(?=;)|{_CELL})?;){{1,60}}(?:{_NUMBER}|{_CELL})?"
_ROW = re.compile(rf"(?m:^(?:(?P<comma>{_COMMAS})|{_SEMICOLONS})(?<![.!?])$)")
_PARTS = re.compile(rf"(?P<quoted>(?:(?<=[,;])|(?m:^)){_QUOTED}(?=[,;]|$))|(?P<separator>[,;])", re.MULTILINE)
_GROUPED = re.compile(r"\d,\d{3}(?!\d)")
# Three spaces between small letters may be a line that was made to end where the others do.
_COLUMNS = re.compile(r"(?<=\S) {4,}(?=\S)|(?<=[^\sa-z,]) {3}(?=\S)|(?<=[a-z,]) {3}(?=[^\sa-z])")
_LEADERS = re.compile(r"(?<![.\s])[ ]?(?:\.[ ]?){5,}+(?=\d{1,4}\b)")  # Introduction ....... 7


def cells(text: str) -> Iterator[Span]:
    """What stands between the cells of a row, and the quotes around one.

    Of CSV there are at least two separators, none with a space after it; a row that ends as a sentence does is none,
    nor one with a number such as 1,000 that is not in quotes.
    """
    at = 0
    for row in _ROW.finditer(text):
        comma = row.group("comma") is not None
        if comma and _GROUPED.search(re.sub(_QUOTED, "", row.group())):
            continue
        yield from _columns(text, at, row.start())
        yield from _divided(text, row.start(), row.end(), "," if comma else ";")
        at = row.end()
    yield from _columns(text, at, len(text))


def _divided(text: str, start: int, end: int, separator: str) -> Iterator[Span]:
    for part in _PARTS.finditer(text, start, end):
        if part.group() == separator:
            yield Span(*part.span(), Kind.BREAK)
        elif part.group("quoted"):
            first, last = part.span()
            yield Span(first, first + 1, Kind.MARK, Role.OPENS)
            for double in re.finditer('""', text[first + 1 : last - 1]):
                at = first + 1 + double.start()
                opens = text[at + 2 : at + 3].isalnum()
                yield Span(at, at + 2, Kind.MARK, Role.OPENS if opens else Role.CLOSES)
            yield Span(last - 1, last, Kind.MARK, Role.CLOSES)


def _columns(text: str, start: int, end: int) -> Iterator[Span]:
    if "   " in text or "....." in text or ". . ." in text:
        gaps = [*_COLUMNS.finditer(text, start, end), *_LEADERS.finditer(text, start, end)]
        for gap in sorted(gaps, key=lambda one: one.start()):
            yield Span(*gap.span(), Kind.BREAK)
