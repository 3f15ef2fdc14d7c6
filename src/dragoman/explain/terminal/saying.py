"""A word of the reader's in the model's mouth, in a terminal: training beside inference. Computes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from dragoman.errors import UsageError
from dragoman.explain.terminal.drawing import Lines, Screen, bar, heading, number, one_line, prose, table
from dragoman.explain.terminal.training import stand_in
from dragoman.explain.trace.trials import Said

if TYPE_CHECKING:
    from dragoman.explain.trace.trace import Trace


def saying(trace: Trace, screen: Screen) -> Lines:
    """What the word changes in either mode. Raises UsageError where none was said."""
    found = trace.said
    if found is None:
        raise UsageError("no word was said: ask for --say")
    return [
        heading(screen.say("say.done", t=found.t, word=found.word)),
        *stand_in(screen),
        *(_training(found, screen) if found.rows else [prose(screen.say("say.no-reference"), screen)]),
        Text(),
        *_inference(trace.inference.text, found, screen),
        *_curve(trace, screen),
    ]


def _training(found: Said, screen: Screen) -> Lines:
    fed, label, says, loss = screen.heads("say.training.heads")
    rows = []
    for row in found.rows:
        here = row.t == found.t
        said = f"{row.prediction.piece} -> {row.after.piece}" if here else row.prediction.piece
        cost = f"{number(row.loss)} -> {number(row.loss_after)}" if here else number(row.loss)
        rows.append((str(row.t), row.input.piece, row.label.piece, said, cost, "!" if here else ""))
    return [
        Text(screen.say("clocks.training"), style="bold"),
        table(["t", fed, label, says, loss, ""], rows, right=(0, 4)),
        prose(_of_the_rows(found, screen), screen),
    ]


def _of_the_rows(found: Said, screen: Screen) -> str:
    """Which rows moved: that of the word, or none."""
    if found.t >= len(found.rows):
        return screen.say("say.training.past", n=len(found.rows), t=found.t)
    row = found.rows[found.t]
    key = "moved" if abs(row.loss - row.loss_after) > 1e-9 else "still"
    rest = len(found.rows) - found.t - 1
    values = {"t": found.t, "label": row.label.piece, "was": number(row.loss), "now": number(row.loss_after)}
    return screen.say(
        f"say.training.{key}", n=rest, best=row.prediction.piece, word=row.after.piece, **values
    )


def _inference(before: str, found: Said, screen: Screen) -> Lines:
    fed, was, now = screen.heads("say.inference.heads")
    rows = []
    for step in found.steps:
        old = "-" if step.was is None else step.was.piece
        mark = (
            screen.say("say.yours")
            if step.forced
            else "!"
            if step.was is None or step.was.id != step.chosen.id
            else ""
        )
        rows.append((str(step.t), step.input.piece, old, step.chosen.piece, number(step.p, 4), mark))
    anew = sum(not step.forced and step.t > found.t for step in found.steps)
    return [
        Text(screen.say("clocks.inference"), style="bold"),
        table(["t", fed, was, now, "p", ""], rows, right=(0, 4)),
        prose(screen.say("say.inference.told", t=found.t, count=anew, n=anew), screen),
        prose(screen.say("say.inference.text", before=one_line(before), after=one_line(found.text)), screen),
    ]


def _curve(trace: Trace, screen: Screen) -> Lines:
    """What words of its own cost on a corpus, where the model's card says it."""
    if trace.worth is None or len(trace.worth.curve) < 2:
        return []
    first, *_, last = curve = trace.worth.curve
    rows = [(str(one.own), number(one.p, 3), bar(one.p, screen)) for one in curve]
    values = {"first": number(first.p, 3), "last": number(last.p, 3), "n": last.own, "rows": last.rows}
    return [
        Text(),
        Text(screen.say("worth.curve"), style="bold"),
        table(screen.heads("worth.curve.heads"), rows, right=(0, 1)),
        prose(screen.say("worth.curve.told", pairs=trace.worth.pairs, **values), screen),
    ]
