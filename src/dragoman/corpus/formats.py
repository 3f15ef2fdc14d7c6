"""Sentence pairs out of each kind of file: two texts, tables, JSON Lines. Knows no file, only its lines and its name.

One generator a kind, which yields (source, target, extra or None). TMX and archives have files of their own.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice, zip_longest
from typing import Any

from dragoman.bounds import shown
from dragoman.errors import CorpusError
from dragoman.text.languages import base_language, name_of

Row = tuple[str, str, str | None]
Lines = Generator[str, None, None]

_LOOKED_AT = 20  # lines that tell how a table is laid out
_SIDES = {"source": 0, "src": 0, "target": 1, "tgt": 1, "trg": 1}
_NAME = 16  # characters of a column's name at most: a longer cell is text
_DELIMITERS = ",;\t|"


def read_two(first: Lines, second: Lines, names: tuple[str, str]) -> Iterator[Row]:
    """Line n of one translates line n of the other. Blank lines that one alone has at its end are none."""
    with closing(first), closing(second):
        for count, (a, b) in enumerate(zip_longest(first, second)):
            if a is None or b is None:
                longer = chain([b if a is None else a], second if a is None else first)
                more = max(
                    (number for number, line in enumerate(longer, 1) if line and line.strip()), default=0
                )
                if not more:
                    return
                counts = (count, count + more) if a is None else (count + more, count)
                raise CorpusError(
                    f"the two sides differ: {names[0]} has {counts[0]:,} lines and {names[1]} has {counts[1]:,}; "
                    "line n of one must translate line n of the other"
                )
            yield a, b, None


@dataclass(frozen=True)
class _Layout:
    """Which columns of a table are the sides, and whether its first row only names them."""

    sides: tuple[int, int] = (0, 1)
    header: bool = False

    def row(self, columns: Sequence[str]) -> Row:
        rest = [text for number, text in enumerate(columns) if number not in self.sides]
        return columns[self.sides[0]], columns[self.sides[1]], "\t".join(rest) if rest else None


@lru_cache(1024)  # asked for each key of each line
def _side(name: str, source: str, target: str) -> int | None:
    """Which side a column or key of that name is: `en`, `eng_Latn`, `English`, `source`, `src`; None for another."""
    if len(name) > _NAME:
        return None
    sides = {base_language(source): 0, base_language(target): 1} if source and target else {}
    named = {name_of(code).lower(): side for code, side in sides.items()}
    plain = name.strip().lower()
    return next((known[key] for known, key in ((sides, base_language(name)), (named, plain), (_SIDES, plain))
                 if key in known), None)  # fmt: skip


def _layout(rows: Sequence[Sequence[str]], source: str, target: str, name: str) -> _Layout:
    """By the names in the first row, where there are some. Raises CorpusError for an export with numbers."""
    if not rows:
        return _Layout()
    found: dict[int, int] = {}
    for number, cell in enumerate(rows[0]):
        side = _side(cell, source, target)
        if side is not None:
            found.setdefault(side, number)
    if len(found) == 2:
        return _Layout((found[0], found[1]), header=True)
    if all(len(row) >= 4 and row[0].strip().isdigit() and row[2].strip().isdigit() for row in rows):
        raise CorpusError(
            f"{name}: columns 1 and 3 hold numbers, as in an export of Tatoeba: keep the texts alone, such as with  "
            f"cut -f2,4 {name} > pairs.tsv"
        )
    return _Layout()


def read_table(lines: Lines, name: str, source: str, target: str) -> Iterator[Row]:
    """Columns with tabs between them: source, target, and what travels with them. A header is understood."""
    with closing(lines):
        numbered = _without_blank_end(lines, name)
        seen = list(islice(numbered, _LOOKED_AT))
        layout = _layout([line.split("\t") for _, line in seen], source, target, name)
        for number, line in chain(seen[layout.header :], numbered):
            columns = line.split("\t")
            if len(columns) <= max(layout.sides):
                raise CorpusError(
                    f"{name}:{number}: {_columns(len(columns))}, where source and target stand with a tab between them"
                )
            yield layout.row(columns)


def _columns(count: int) -> str:
    return "one column" if count == 1 else f"{count} columns"


def _without_blank_end(lines: Iterable[str], name: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers. Blank ones at the end are none; elsewhere one is an error."""
    blank = 0
    for number, line in enumerate(lines, 1):
        if "\t" not in line and not line.strip():  # with a tab it is a pair without words
            blank = blank or number
        elif blank:
            raise CorpusError(
                f"{name}:{blank}: an empty line, where source and target stand with a tab between them"
            )
        else:
            yield number, line


def read_csv(lines: Lines, name: str, source: str, target: str) -> Iterator[Row]:
    """Columns as spreadsheets write them: quoted where they must be, with whichever sign stands between them."""
    with closing(lines):
        ended = (f"{line}\n" for line in lines)
        head = next(ended, None)
        if head is None:
            return
        delimiter = delimiter_of(head)
        reader = csv.reader(chain([head], ended), delimiter=delimiter)
        rows = _csv_rows(reader, name)
        seen = list(islice(rows, _LOOKED_AT))
        layout = _layout([row for _, row in seen], source, target, name)
        for number, columns in chain(seen[layout.header :], rows):
            if len(columns) <= max(layout.sides):
                raise CorpusError(
                    f"{name}:{number}: {_columns(len(columns))} with {delimiter!r} between, where source and target "
                    "should stand"
                )
            yield layout.row(columns)


def delimiter_of(head: str) -> str:
    """What stands between the columns of a spreadsheet's first row."""
    return max(_DELIMITERS, key=lambda sign: _columns_of(head, sign))


def _columns_of(head: str, delimiter: str) -> int:
    try:
        return len(next(csv.reader([head], delimiter=delimiter), []))
    except csv.Error:  # told when the row itself is read
        return 0


def _csv_rows(reader: Any, name: str) -> Iterator[tuple[int, list[str]]]:
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise CorpusError(f"{name}:{reader.line_num}: no CSV: {error}") from error
        if row is None:
            return
        if any(map(str.strip, row)):
            yield reader.line_num, row


def read_json(lines: Lines, name: str, source: str, target: str) -> Iterator[Row]:
    """One object a line: {"en": ..., "zh": ...}, {"source": ..., "target": ...}, or either in {"translation": ...}."""
    with closing(lines):
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            where = f"{name}:{number}"
            try:
                value = json.loads("[]" if line.strip() == "[" else line)
            except (ValueError, RecursionError) as error:
                raise CorpusError(
                    f"{where}: not JSON: {error}; one object is expected on each line"
                ) from error
            if isinstance(value, list):
                raise CorpusError(
                    f"{where}: a JSON object is expected, not list: one a line, as  jq -c '.[]' {name}  writes them"
                )
            yield _row_of(value, source, target, where)


def _row_of(value: Any, source: str, target: str, where: str) -> Row:
    inner = value.get("translation", value) if isinstance(value, dict) else value
    if not isinstance(inner, dict):
        raise CorpusError(f"{where}: a JSON object is expected, not {type(inner).__name__}")
    texts: dict[int, Any] = {}
    for key, text in inner.items():
        if (side := _side(key, source, target)) is not None and (side not in texts or key not in _SIDES):
            texts[side] = text
    sides = []
    for side, (code, name) in enumerate(((source, "source"), (target, "target"))):
        if not isinstance(text := texts.get(side), str):
            raise CorpusError(
                f"{where}: no text under {' or '.join(repr(key) for key in (base_language(code), name) if key)}; "
                f"the keys are {', '.join(map(shown, list(inner)[:8]))}"
            )
        sides.append(text)
    extra = value.get("extra")
    row = sides[0], sides[1], extra if isinstance(extra, str) else None
    if not all(map(_encodable, (*sides, row[2] or ""))):
        raise CorpusError(f"{where}: half of a surrogate pair (\\ud800 to \\udfff), which is no character")
    return row


def _encodable(text: str) -> bool:
    """JSON can spell half of a surrogate pair; UTF-8 cannot."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
