"""A sentence and its twin, the same words in another order, in a terminal: where the two part. Computes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragoman.explain.terminal.drawing import Lines, Screen, heading, one_line, prose, table

if TYPE_CHECKING:
    from dragoman.explain.trace.trace import Trace


def twins(trace: Trace, screen: Screen) -> Lines:
    """The distance at each place, without positions and with them; for a recurrent encoder, why there is none."""
    found = trace.twins
    if found is None:
        return [prose(screen.say("twins.recurrent"), screen)]
    if found.reads_as(trace.source.prepared):
        alike = screen.say("twins.alike", text=one_line(trace.source.prepared))
        return [heading(screen.say("twins.title")), prose(alike, screen)]
    place, bare, placed = screen.heads("twins.heads")
    rows = [
        (one.name, f"{one.bare:.1e}", f"{one.placed:.1e}", "<" if one.name == found.first else "")
        for one in found.places
    ]
    key = "twins.part" if found.first else "twins.same"
    return [
        heading(screen.say("twins.title")),
        prose(
            screen.say("twins.lead", text=one_line(trace.source.prepared), twin=one_line(found.text)), screen
        ),
        table([place, bare, placed, ""], rows, right=(1, 2)),
        prose(screen.say(key, place=found.first), screen),
        prose(screen.say("twins.noise"), screen, "dim"),
    ]
