"""Where a line of Chinese and Latin words may end on a terminal. Draws nothing.

rich breaks at spaces, and a run without any wherever the line is full: within a Latin word among Chinese signs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.cells import cell_len, chop_cells
from rich.containers import Lines
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console, JustifyMethod, OverflowMethod

_WIDE = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef"
_OPENING, _CLOSING = "（《「『【〈“‘", "，。、；：！？）》」』】〉…”’"
# What stays on one line: no sign that closes begins one, and none that opens ends one.
_UNIT = re.compile(
    rf"[{_OPENING}]*(?:[^\s{_WIDE}{_OPENING}{_CLOSING}]+|[{_WIDE}]|[{_OPENING}{_CLOSING}])[{_CLOSING}]*\s*|\s+"
)


class Wrapped(Text):
    """A text that is cut between Chinese signs and between words, and within a word only where no line holds it."""

    def wrap(
        self,
        console: Console,
        width: int,
        *,
        justify: JustifyMethod | None = None,
        overflow: OverflowMethod | None = None,
        tab_size: int = 8,
        no_wrap: bool | None = None,
    ) -> Lines:
        """As rich does it for a text that is set from the left. Width in cells: a Chinese sign takes two."""
        lines = Lines()
        for paragraph in self.split(allow_blank=True):
            for line in paragraph.divide(breaks(paragraph.plain, width)):
                line.rstrip()
                lines.append(line)
        return lines


def breaks(text: str, width: int) -> list[int]:
    """Offsets, in characters, at which the lines after the first begin."""
    found: list[int] = []
    used = 0
    for unit in _UNIT.finditer(text):
        needed = cell_len(unit.group().rstrip())
        if used and used + needed > width:
            found.append(unit.start())
            used = 0
        if needed <= width:
            used += cell_len(unit.group())
            continue
        at = unit.start()
        *full, last = chop_cells(unit.group(), width)
        for part in full:
            at += len(part)
            found.append(at)
        used = cell_len(last)
    return found
