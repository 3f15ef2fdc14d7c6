"""Tables, bars and heat maps for a terminal, in colour or in plain characters. Knows no trace and no model.

Columns are counted in cells, not characters: a Chinese character is two cells wide.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from dragoman.explain import sentences

Lines = list[RenderableType]

# Cividis, eight steps: rises in lightness alone, so it reads the same to every eye and in grey.
RAMP = ("#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#a59c74", "#d2c060", "#fee838")
_LIGHT_FROM = 5  # from this step on, black letters are the legible ones
_SHADES = " .:-=+*#%@"
_CELL = 4  # "@100": a shade and a number of percent
_LABEL = 10  # cells that the name of a row or a column may take

# A line under the heads, in characters that any terminal has; rich asks for eight rows of four.
_RULED = box.Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)

# A line may end after one wide character or after a word, with the closing signs that follow it.
_WIDE = "\u2e80-\u9fff\uff00-\uff5e"
_ATOMS = re.compile(rf"\s+|[（“《]*(?:[^\s{_WIDE}“”]+|\S)[，。：；、？！）”》]*")


@dataclass(frozen=True)
class Screen:
    """What is written on: its width in cells, whether it shows colours, and the reader's language."""

    width: int = 100
    colour: bool = False
    language: str = sentences.FIRST
    stands_in: bool = False  # what the model wrote stands in for a reference

    def say(self, key: str, **values: object) -> str:
        """A sentence in the language of the reader; the gap {reference} is filled by itself."""
        own = "words.reference.own" if self.stands_in else "words.reference"
        return sentences.say(key, self.language, **{"reference": sentences.say(own, self.language), **values})

    def heads(self, key: str, **values: object) -> list[str]:
        """The heads of a table."""
        return sentences.parts(key, self.language, **values)


def drawn(lines: Lines, screen: Screen, cleaned: Callable[[str], str] | None = None) -> str:
    """All lines as text, with the codes of their colours; `cleaned` takes from words what must not reach a terminal."""
    console = Console(
        width=screen.width,
        force_terminal=screen.colour,
        no_color=not screen.colour,
        highlight=False,
        markup=False,
        emoji=False,
    )
    with console.capture() as captured:
        for line in lines:
            console.print(_Cleaned(line, cleaned) if cleaned else line)
    # Not splitlines, which also ends a line at characters that a word may contain.
    return "\n".join(line.rstrip() for line in captured.get().split("\n"))


@dataclass(frozen=True)
class _Cleaned:
    """A drawing whose words are cleaned when they have their places and before colours stand beside them.

    A character that steers a terminal is no cell wide, so nothing moves, and what was drawn from stays as it is.
    """

    line: RenderableType
    cleaned: Callable[[str], str]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for text, style, control in console.render(self.line, options):
            yield Segment(self.cleaned(text), style, control)


def heading(text: str) -> Text:
    return Text(f"\n{text}", style="bold")


def prose(text: str, screen: Screen, style: str = "") -> Text:
    """Sentences broken into lines; Chinese may break after any character."""
    lines, line = [], ""
    for atom in _ATOMS.findall(text):
        if cell_len(line + atom.rstrip()) > screen.width and line:
            lines.append(line.rstrip())
            line = ""
        line += atom if line else atom.lstrip()
    return Text("\n".join([*lines, line.rstrip()]), style=style)


def table(heads: Sequence[str], rows: Iterable[Sequence[str | Text]], right: Sequence[int] = ()) -> Table:
    """Columns under their heads; those numbered in `right` are set to the right, for numbers."""
    made = Table(box=_RULED, show_edge=False, pad_edge=False, padding=(0, 1), header_style="dim")
    for number, head in enumerate(heads):
        made.add_column(head, justify="right" if number in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    return made


def facts(rows: Iterable[tuple[str, str]], screen: Screen) -> Table:
    """Names, each with what belongs to it."""
    named = list(rows)
    side = max(cell_len(name) for name, _ in named) + 2
    made = Table(box=None, show_header=False, pad_edge=False, padding=0)
    made.add_column(no_wrap=True, style="dim", width=side)
    made.add_column()
    room = Screen(screen.width - side)
    for name, value in named:
        made.add_row(name, prose(value, room))
    return made


def bar(share: float, screen: Screen, cells: int = 20) -> str:
    """`share` of a full bar."""
    return ("█" if screen.colour else "#") * round(cells * min(max(share, 0.0), 1.0))


def number(value: float, digits: int = 2) -> str:
    """Without a sign before a zero, which would come and go with rounding."""
    text = f"{value:.{digits}f}"
    return text if text.strip("-0.") else text.removeprefix("-")


def one_line(text: str) -> str:
    return " ".join(text.split())


def tail(words: Sequence[str], shown: int = 5) -> str:
    """The last few words of what was written."""
    return " ".join([*(["..."] if len(words) > shown else []), *words[-shown:]])


def heat_map(
    weights: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    screen: Screen,
    allowed: np.ndarray | None = None,
) -> Lines:
    """Weights between 0 and 1 [rows, columns] in percent; x is what the mask hides. Too wide: in bands."""
    side = min(max(map(cell_len, rows), default=0), _LABEL)
    widths = [max(_CELL, min(cell_len(column), _LABEL)) for column in columns]
    lines: Lines = []
    for band in _bands(widths, screen.width - side - 1):
        if lines:
            lines.append(Text())
        heads = "".join(" " + _fit(columns[column], widths[column], right=True) for column in band)
        lines.append(Text(" " * (side + 1) + heads, style="dim"))
        for row, name in enumerate(rows):
            line = Text(_fit(name, side, right=False) + " ")
            for column in band:
                hidden = allowed is not None and not allowed[row, column]
                line.append(" ").append(_cell(float(weights[row, column]), widths[column], hidden, screen))
            lines.append(line)
    return lines


def _bands(widths: Sequence[int], room: int) -> list[list[int]]:
    """Numbers of the columns that stand side by side in so many cells, a space before each."""
    bands: list[list[int]] = []
    left = 0
    for column, width in enumerate(widths):
        if not bands or width + 1 > left:
            bands.append([])
            left = room
        bands[-1].append(column)
        left -= width + 1
    return bands


def _cell(weight: float, width: int, hidden: bool, screen: Screen) -> Text:
    percent = round(100 * weight)
    if hidden:
        return Text(f"{'x':>{width}}", style="dim")
    if not screen.colour:
        shade = _SHADES[min(int(weight * len(_SHADES)), len(_SHADES) - 1)]
        return Text(f"{f'{shade}{percent:>3}':>{width}}")
    step = min(int(weight * len(RAMP)), len(RAMP) - 1)
    letters = "#000000" if step >= _LIGHT_FROM else "#ffffff"
    return Text(f"{percent:>{width}}", style=f"{letters} on {RAMP[step]}")


def _fit(text: str, cells: int, right: bool) -> str:
    """Exactly so many cells; what is longer ends in an ellipsis."""
    if cell_len(text) > cells:
        text = set_cell_size(text, cells - 1).rstrip() + "…"
    space = " " * (cells - cell_len(text))
    return space + text if right else text + space
