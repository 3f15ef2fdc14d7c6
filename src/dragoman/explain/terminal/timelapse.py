"""A sentence through its training, in a terminal: from noise to structure. Reads probes, and knows no training.

Dimensions: H heads, T target, S source.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.table import Table
from rich.text import Text

from dragoman.errors import UsageError
from dragoman.explain.terminal.drawing import Lines, Screen, heading, heat_map, number, one_line, prose, table
from dragoman.explain.terminal.reading import entropy, pieces
from dragoman.explain.watch.probing import Probe

_WRITTEN = 36  # characters of what it writes
_PICTURES = 4  # heat maps: the first, the last, and some between


def timelapse(probes: Sequence[Probe], screen: Screen) -> Lines:
    """A line for each probe, and where the last decoder layer looked in some of them. Raises UsageError for none."""
    if not probes:
        raise UsageError("there is no probe in this file: the run has not validated yet")
    first, last = probes[0], probes[-1]
    lines: Lines = [
        heading(screen.say("terminal.timelapse.title")),
        Text(" ".join(pieces(first.source)), style="bold"),
        _table(probes, screen),
        prose(_summary(first, last, screen), screen),
    ]
    for one in _spread(probes):
        if one.attention:
            lines += _picture(one, screen)
    return lines


def _table(probes: Sequence[Probe], screen: Screen) -> Table:
    heads = screen.heads("terminal.timelapse.heads")
    rows = (
        (
            f"{one.step:,}",
            number(one.loss),
            number(float(np.mean(one.p_label))),
            number(_bits(one)) if one.attention else "",
            _short(one_line(one.text)),
        )
        for one in probes
    )
    return table(heads, rows, right=(0, 1, 2, 3))


def _short(text: str) -> str:
    """A model that has not learnt much repeats itself."""
    return text if len(text) <= _WRITTEN else f"{text[: _WRITTEN - 1]}…"


def _bits(one: Probe) -> float:
    """How far the heads of the last layer spread, on average: 0 is a single word."""
    return float(entropy(one.attention[-1].weights).mean())


def _summary(first: Probe, last: Probe, screen: Screen) -> str:
    if not (first.attention and last.attention):
        return screen.say("terminal.timelapse.none")
    return screen.say(
        "terminal.timelapse.single" if first is last else "terminal.timelapse.said",
        before=number(_bits(first)),
        after=number(_bits(last)),
        first=f"{first.step:,}",
        last=f"{last.step:,}",
        most=number(float(np.log2(len(first.source)))),
        was=number(first.loss),
        now=number(last.loss),
    )


def _spread(probes: Sequence[Probe]) -> list[Probe]:
    places = np.linspace(0, len(probes) - 1, min(_PICTURES, len(probes)))
    return [probes[round(place)] for place in places]


def _picture(one: Probe, screen: Screen) -> Lines:
    looked = one.attention[-1]
    title = screen.say("terminal.timelapse.picture", name=looked.name, step=f"{one.step:,}")
    rows, columns = pieces(one.labels), pieces(one.source)
    weights = looked.weights.mean(0)[: len(rows), : len(columns)]  # [T, S]
    return [heading(title), *heat_map(weights, rows[: len(weights)], columns[: weights.shape[1]], screen)]
