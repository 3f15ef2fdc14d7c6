"""Drawings in SVG that read the same on light and on dark pages: bars, lines over classes, curves over steps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

COLOURS = ("#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#9c6b4e")
WIDTH, _LEFT, _RIGHT, _ROW = 720, 190, 60, 30


def bars(values: Sequence[tuple[str, float]]) -> str:
    """One bar a value, with its number, from 0."""
    longest = max((value for _, value in values), default=1.0)
    room = WIDTH - _LEFT - _RIGHT
    parts = []
    for i, (name, value) in enumerate(values):
        y = 10 + i * _ROW
        width = room * value / longest
        parts += [
            _text(_LEFT - 8, y + 16, name, "end"),
            f'<rect x="{_LEFT}" y="{y + 3}" width="{width:.1f}" height="18" fill="{COLOURS[0]}"/>',
            _text(_LEFT + width + 6, y + 16, f"{value:.2f}"),
        ]
    return _svg(20 + _ROW * len(values), parts)


def lines(
    series: Mapping[str, Sequence[float]], classes: Sequence[str], what: str = "words of the English sentence"
) -> str:
    """One line a system over the classes, from 0. what: the classes are."""
    points = {name: list(enumerate(values)) for name, values in series.items()}
    return _plot(points, list(enumerate(classes)), what)


def curves(
    series: Mapping[str, Sequence[tuple[float, float]]],
    what: str,
    floor: float = 0.0,
    borders: Sequence[tuple[float, str]] = (),
) -> str:
    """One line each over numbers, from `floor` up; points below it are left out. borders: where something else begins,
    and what."""
    above = {name: [point for point in points if point[1] >= floor] for name, points in series.items()}
    last = max((x for points in above.values() for x, _ in points), default=1.0)
    return _plot(above, [(tick, f"{tick:,.0f}") for tick in _ticks(0, last)], what, floor, borders)


def _plot(
    series: Mapping[str, Sequence[tuple[float, float]]],
    marks: Sequence[tuple[float, str]],
    what: str,
    floor: float = 0.0,
    borders: Sequence[tuple[float, str]] = (),
) -> str:
    top, bottom, left, right = 20, 300, 50, WIDTH - 200
    every = [point for points in series.values() for point in points]
    most = max((y for _, y in every), default=0.0)
    last = max([x for x, _ in marks] + [x for x, _ in every], default=0) or 1
    tall = (most - floor) or 1.0
    at = lambda x, y: (left + (right - left) * x / last, bottom - (bottom - top) * (y - floor) / tall)  # noqa: E731
    parts = [f'<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="#888"/>']
    parts += [_text(at(x, floor)[0], bottom + 18, name, "middle") for x, name in marks]
    parts += [_text((left + right) / 2, bottom + 38, what, "middle")]
    parts += [_text(left - 6, at(0, tick)[1] + 4, f"{tick:.0f}", "end") for tick in _ticks(floor, most)]
    for x, begins in borders:
        across = at(x, floor)[0]
        parts.append(f'<path d="M{across:.1f} {top}V{bottom}" stroke="#888" stroke-dasharray="4 4"/>')
        parts.append(_text(across + 6, bottom - 8, begins))
    for number, (name, points) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = [at(*point) for point in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        y = top + 20 * number
        parts.append(f'<rect x="{right + 16}" y="{y - 9}" width="12" height="12" fill="{colour}"/>')
        parts.append(_text(right + 34, y + 2, name))
    return _svg(bottom + 50, parts)


def _ticks(least: float, most: float) -> list[float]:
    """Round numbers from one to the other, nine at most."""
    wide = most - least
    step = next(
        step for power in range(9) for step in (10**power, 2 * 10**power, 5 * 10**power) if wide / step <= 8
    )
    first = math.ceil(least / step)
    return [step * i for i in range(first, int(most // step) + 1)]


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(height: float, parts: Sequence[str]) -> str:
    style = "text{font:13px sans-serif;fill:#333}@media(prefers-color-scheme:dark){text{fill:#ddd}}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}">'
    return "\n".join((head, f"<style>{style}</style>", *parts, "</svg>", ""))
