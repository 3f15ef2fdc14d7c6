"""Lines of a table as CSV writes them: where one cell ends and the next begins. Reads no file, and quotes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Nothing that may stand in an address, a call or a message: there a comma divides no cells.
_NO_CELL = r",;|:/&@=\"(){}<>\[\]`，；"
_CELL = rf"(?:\"[^\"\n]{{0,200}}\"|[^\s{_NO_CELL}](?:[^\n{_NO_CELL}]{{0,80}}[^\s{_NO_CELL}])?)"
_ROW = re.compile(rf"(?m:^{_CELL}(?:(,)|;)(?:{_CELL}?(?(1),|;)){{1,60}}{_CELL}?(?<![.!?])$)")
_COMMA = re.compile(r"(\"[^\"\n]*\")|[,;]")
_GROUPED = re.compile(r"\d,\d{3}(?!\d)")


def separators(text: str, start: int, end: int) -> Iterator[int]:
    """Offsets of the commas or semicolons between the cells of a row: at least two, none with a space after it.

    A row that ends as a sentence does is none, nor one with a number such as 1,000.
    """
    for row in _ROW.finditer(text, start, end):
        if _GROUPED.search(row.group()):
            continue
        separator = row.group(1) or ";"
        for match in _COMMA.finditer(row.group()):
            if match.group() == separator:
                yield row.start() + match.start()
