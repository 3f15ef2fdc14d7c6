"""A reading of an image as one HTML file, or as a picture (SVG) of every step. Computes no weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from dragoman.errors import DragomanError
from dragoman.explain import sentences
from dragoman.explain.page.writing import written
from dragoman.files import publish

ENTRY, STYLE = "image/look.js", "image/page.css"

_START = """\
const { trace, options } = JSON.parse(document.getElementById("data").textContent);
image_look_js.mount(document.getElementById("look"), trace, options);
"""

# As drawing/colour.js has them: rising or falling in lightness alone.
_RAMPS = {
    "light": ("#fdfdf9", "#e6efb4", "#a9d8a0", "#5bb79d", "#2f8f9d", "#2d6592", "#343b7b", "#210f4b"),
    "dark": ("#14161c", "#232a55", "#274a78", "#25728a", "#2c9b86", "#6cc067", "#bfdc4e", "#fdf39a"),
}
_LETTERS = {"light": "#1c1f26", "dark": "#e8eaf0"}
_DUE = {"light": "#b04800", "dark": "#f79a55"}  # the frame of the digit that is due
_SIDE, _GAP, _HEAD = 6, 18, 26  # px: of a pixel, between pictures, of what stands above one
_ACROSS = 3  # pictures in a row


def write_image_page(trace: Any, path: Path, language: str | None = None) -> None:
    """The page of an ImageTrace, whole or not at all; without a language it follows the reader's browser.

    Raises DragomanError.
    """
    options = {} if language is None else {"lang": language}
    title = f"{sentences.say('image.name', language or sentences.FIRST)} → {trace.text} · Dragoman"
    page = written(ENTRY, STYLE, _START, title, {"trace": trace.to_dict(), "options": options})
    _publish(path, page)


def write_picture(
    trace: Any, path: Path, theme: str, language: str, layer: int | None = None, head: int | None = None
) -> None:
    """The image, and each step laid over it, as SVG. Raises DragomanError."""
    _publish(path, picture(trace, theme, language, layer, head))


def _publish(path: Path, text: str) -> None:
    try:
        publish(path, text.encode())
    except OSError as error:
        raise DragomanError(f"cannot write {path}: {error.strerror}: choose another -o path") from error


def picture(trace: Any, theme: str, language: str, layer: int | None, head: int | None) -> str:
    """SVG: the image alone first, then a picture for each step."""

    def say(key: str, **values: object) -> str:
        return sentences.say(key, language, **values)

    parts = [(say("image.name"), None, ())]
    for one in trace.steps:
        name = say("image.step", t=one.t, word=one.chosen, p=f"{one.p:.0%}")
        parts.append((name, trace.look(one.t, layer, head), one.place))
    high, wide = (_SIDE * n for n in (len(trace.pixels), len(trace.pixels[0])))
    rows = -(-len(parts) // _ACROSS)
    width, height = _ACROSS * (wide + _GAP) + _GAP, rows * (high + _HEAD + _GAP)
    drawn = []
    for i, (name, look, place) in enumerate(parts):
        x, y = _GAP + i % _ACROSS * (wide + _GAP), i // _ACROSS * (high + _HEAD + _GAP)
        drawn.append(f'<g transform="translate({x} {y})">{_one(trace, name, look, place, theme)}</g>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" font-family="system-ui, sans-serif" font-size="14">\n<title>{escape(trace.text)}</title>\n'
        + "\n".join(drawn)
        + "\n</svg>\n"
    )


def _one(trace: Any, name: str, look: Sequence[float] | None, place: Sequence[int], theme: str) -> str:
    ramp, side = _RAMPS[theme], trace.patch
    most = max(look) if look else 1.0
    grounds = [ramp[min(int(weight / most * len(ramp)), len(ramp) - 1)] for weight in look or ()]
    patches = trace.rows * trace.columns
    grounds = grounds or [ramp[0]] * patches

    def square(x: int, y: int, pixels: int, more: str) -> str:
        size = _SIDE * pixels
        return f'<rect x="{_SIDE * x}" y="{_HEAD + _SIDE * y}" width="{size}" height="{size}" {more}/>'

    def at(patch: int) -> tuple[int, int]:
        return patch % trace.columns * side, patch // trace.columns * side

    out = [f'<text x="0" y="{_HEAD - 9}" fill="{_LETTERS[theme]}">{escape(name)}</text>']
    out += [square(*at(patch), side, f'fill="{grounds[patch]}"') for patch in range(patches)]
    out += _ink(trace, grounds, square)
    out += [
        square(*at(patch), side, f'fill="none" stroke="{_LETTERS[theme]}" stroke-opacity="0.2"')
        for patch in range(patches)
    ]
    out += [
        square(*at(patch), side, f'fill="none" stroke="{_DUE[theme]}" stroke-width="2"') for patch in place
    ]
    return "".join(out)


def _ink(trace: Any, grounds: Sequence[str], square: Callable[[int, int, int, str], str]) -> list[str]:
    """White where the ground is dark."""
    out = []
    for y, row in enumerate(trace.pixels):
        for x, ink in enumerate(row):
            if ink:
                ground = grounds[y // trace.patch * trace.columns + x // trace.patch]
                red, green, blue = (int(ground[i : i + 2], 16) for i in (1, 3, 5))
                pen = "#111" if 0.3 * red + 0.59 * green + 0.11 * blue > 110 else "#fff"
                out.append(square(x, y, 1, f'fill="{pen}" fill-opacity="{ink:.2f}"'))
    return out
