"""The last step of the lesson in a terminal: both answers in the numbers of this trace. Computes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from dragoman.explain.terminal.drawing import Lines, Screen, number, one_line, prose, table, tail
from dragoman.explain.terminal.lettering import SHOWN, cells, lettered, masked, read, shapes_of
from dragoman.explain.terminal.training import stand_in

if TYPE_CHECKING:
    from dragoman.explain.trace.trace import Trace


def sheet(trace: Trace, screen: Screen) -> Lines:
    pair = Text(f"{one_line(trace.source.text)}  ->  {one_line(trace.inference.text)}", style="bold")
    first: Lines = [prose(screen.say("lesson.training.none"), screen)]
    if trace.lesson is not None and trace.training is not None:
        first = [*stand_in(screen), table(screen.heads("terminal.clocks.heads"), _differences(trace, screen))]
    shapes = shapes_of(trace)
    second = (
        ["forks.none"] if shapes is None else ["sheet.q", "sheet.k", "sheet.v", "sheet.why", "sheet.where"]
    )
    return [
        pair,
        Text(),
        prose(screen.say("lesson.q1"), screen, "bold"),
        *first,
        Text(),
        prose(screen.say("lesson.q2"), screen, "bold"),
        *(prose(screen.say(f"lesson.{key}", **(shapes or {})), screen) for key in second),
    ]


def _differences(trace: Trace, screen: Screen) -> list[list[str]]:
    found, run, training = trace.lesson, trace.inference, trace.training
    assert found is not None and training is not None
    n, m = len(found.rows), len(run.steps)
    own = tail([lettered(step.input) for step in run.steps], SHOWN)
    own_words = "words.reference.own" if screen.stands_in else "words.reference"
    ended = "end" if run.stop.reason == "end" else "limit"
    mean = number(sum(row.loss for row in found.rows) / n)
    parts: list[tuple[str, dict[str, object]]] = [
        ("encoder", {"train": training.encoder_passes, "infer": run.encoder_passes}),
        ("decoder", {"n": n, "m": m}),
        ("input", {"reference": screen.say(own_words), "fed": tail(read(found, n - 1), SHOWN), "own": own}),
    ]
    if found.slip is not None:
        t = found.slip.t
        words = {"said": lettered(found.slip.said), "label": lettered(found.rows[t].label)}
        parts.append(("slip", {"t": t + 1, "u": t + 2, "kept": tail(read(found, t + 1), SHOWN), **words}))
    parts.append(("compared", {"mean": mean}))
    if masked(trace):
        parts.append(("future", dict(cells(n))))
    parts.append(("ends", {"end": screen.say(f"lesson.sheet.{ended}", n=m)}))
    rows = [screen.heads(f"lesson.sheet.{name}", **values) for name, values in parts]
    return [*rows, *(screen.heads(f"clocks.{name}") for name in ("weights", "dropout", "iteration"))]
