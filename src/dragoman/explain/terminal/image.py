"""An image that was read, in a terminal: what it shows, and where each word looked. Computes no weights.

A cell of a terminal is about twice as high as wide, so it stands for two pixels, one above the other. In colour the two
are drawn apart, in plain characters as one.

Dimensions: h and w pixels, S patches.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import set_cell_size
from rich.table import Table
from rich.text import Text

from dragoman.explain.terminal.drawing import RAMP, Lines, Screen, facts, heading, number, prose, table
from dragoman.explain.trace.image import ImageTrace, Row, Step

_BLOCKS = " ░▒▓█"
_INK = 0.4  # from here on a pixel of a plain drawing is ink
_GAP = "    "
_PAPER = (255, 255, 255)


def image_view(
    trace: ImageTrace, screen: Screen, step: int | None, layer: int | None, head: int | None
) -> Lines:
    """The image, each step laid over it (or one, from 0), and who asked whom. Numbers from 1 choose layer and head."""
    chosen = trace.steps if step is None else trace.steps[step : step + 1]
    lines: Lines = [
        heading(screen.say("image.title", text=trace.text, digits=_drawn(trace, screen))),
        prose(screen.say("image.lead", patches=len(trace.looks[0][0][0]), side=trace.patch), screen),
        Text(),
        *_picture(trace, None, screen),
        Text(),
        prose(screen.say("image.looks", which=_which(trace, screen, layer, head)), screen),
    ]
    room = max(1, (screen.width + len(_GAP)) // (len(trace.pixels[0]) + len(_GAP)))
    for start in range(0, len(chosen), room):
        lines += [Text(), *_beside(trace, chosen[start : start + room], screen, layer, head)]
    return [*lines, Text(), _steps(trace, chosen, screen, layer, head), Text(), *_asking(trace, screen)]


def _drawn(trace: ImageTrace, screen: Screen) -> str:
    if not trace.digits:
        return ""
    return screen.say("image.drawn", digits=" ".join(map(str, trace.digits)))


def _which(trace: ImageTrace, screen: Screen, layer: int | None, head: int | None) -> str:
    layer = layer or len(trace.looks)
    key = "image.mean" if head is None else "image.head"
    return screen.say(key, layer=layer, head=head, n=len(trace.looks[0][0]))


# -- pictures -----------------------------------------------------------------------------------------------------


def _beside(
    trace: ImageTrace, steps: Sequence[Step], screen: Screen, layer: int | None, head: int | None
) -> Lines:
    """Some steps side by side, what each writes above its picture."""
    width = len(trace.pixels[0])
    heads = (set_cell_size(f"t={one.t}  {one.chosen}  {one.p:.0%}", width) for one in steps)
    pictures = [_picture(trace, trace.look(one.t, layer, head), screen) for one in steps]
    rows = (Text(_GAP).join(parts) for parts in zip(*pictures, strict=True))
    return [Text(_GAP.join(heads), style="bold"), *rows]


def _picture(trace: ImageTrace, look: Row | None, screen: Screen) -> list[Text]:
    """The image; under it, where it is given, the weight of each patch [S] as a shade."""
    most = max(look) if look else 0.0
    lines = []
    for row in range(0, len(trace.pixels), 2):
        line = Text()
        for column in range(len(trace.pixels[0])):
            pair = [
                (pixels[column], _weight(trace, look, row + below, column) / most if look and most else None)
                for below, pixels in enumerate(trace.pixels[row : row + 2])
            ]
            line.append(*(_coloured(pair) if screen.colour else (_plain(pair), "")))
        lines.append(line)
    return lines


def _weight(trace: ImageTrace, look: Row, row: int, column: int) -> float:
    return look[row // trace.patch * trace.columns + column // trace.patch]


def _plain(pair: Sequence[tuple[float, float | None]]) -> str:
    """Ink as #, or as a shade where nothing is laid over it; paper as the shade of its patch."""
    ink = sum(pixel for pixel, _ in pair) / len(pair)
    share = pair[0][1]
    if share is None:
        return _shade(ink)
    return "#" if ink >= _INK else _shade(share)


def _shade(share: float) -> str:
    return _BLOCKS[min(int(share * len(_BLOCKS)), len(_BLOCKS) - 1)]


def _coloured(pair: Sequence[tuple[float, float | None]]) -> tuple[str, str]:
    """Two pixels in one cell: the upper half is its letter, the lower its ground."""
    above, below = (_colour(*one) for one in (pair[0], pair[-1]))
    return "▀", f"{above} on {below}"


def _colour(ink: float, share: float | None) -> str:
    """Black on white, or on the colour of the patch; ink on what is dark is white."""
    ground = _PAPER
    if share is not None:
        step = RAMP[min(int(share * len(RAMP)), len(RAMP) - 1)]
        ground = tuple(int(step[i : i + 2], 16) for i in (1, 3, 5))  # type: ignore[assignment]
    pen = 0 if sum(ground) > 330 else 255
    red, green, blue = (round(paper + (pen - paper) * ink) for paper in ground)
    return f"#{red:02x}{green:02x}{blue:02x}"


# -- numbers ------------------------------------------------------------------------------------------------------


def _steps(
    trace: ImageTrace, steps: Sequence[Step], screen: Screen, layer: int | None, head: int | None
) -> Table:
    rows = []
    for one in steps:
        look = trace.look(one.t, layer, head)
        best = max(range(len(look)), key=look.__getitem__)
        place = f"({best // trace.columns + 1}, {best % trace.columns + 1})  {look[best]:.0%}"
        own = trace.on_its_digit(one.t, layer, head)
        rivals = "  ".join(f"{rival.word} {rival.p:.0%}" for rival in one.rivals if rival.word != one.chosen)
        rows.append(
            (
                str(one.t),
                " ".join(one.read),
                one.chosen,
                f"{one.p:.0%}",
                rivals,
                place,
                "-" if own is None else f"{own:.0%}",
            )
        )
    return table(screen.heads("image.heads"), rows, right=(0, 3, 6))


def _asking(trace: ImageTrace, screen: Screen) -> Lines:
    """Who asks and who answers, in the shapes of this image, and what was checked."""
    shapes = {name: list(value) for name, value in vars(trace.shapes).items()}
    who = [
        (part, screen.say(f"image.{part.lower()}", **{name: str(value) for name, value in shapes.items()}))
        for part in ("Q", "K", "V")
    ]
    checks = screen.say("language.comma").join(
        f"{screen.say(f'image.check.{one.name}')} {'✓' if one.ok else '✗'} {number(one.value, 6)}"
        for one in trace.checks
    )
    where = (
        screen.say(f"image.positions.{trace.positions}")
        if trace.positions in ("grid", "none")
        else screen.say("image.positions.other", name=trace.positions)
    )
    return [
        prose(screen.say("image.asking"), screen),
        facts(who, screen),
        Text(),
        prose(where, screen),
        prose(screen.say("image.checks", list=checks), screen, "dim"),
    ]
