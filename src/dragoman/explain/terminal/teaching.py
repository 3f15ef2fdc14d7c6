"""A sentence taught to a copy of the model, in a terminal: rows, gradients, what else it changed. Teaches nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from dragoman.errors import UsageError
from dragoman.explain.terminal.drawing import Lines, Screen, bar, heading, number, one_line, prose, table
from dragoman.explain.terminal.training import stand_in
from dragoman.explain.trace.trials import Teaching, Translations

if TYPE_CHECKING:
    from dragoman.explain.trace.trace import Trace

_COLUMNS = 6  # moments of which p(label) is shown


def teaching(trace: Trace, screen: Screen) -> Lines:
    """p(label) of each row, the gradient in each box, other sentences. Raises UsageError where nothing was taught."""
    found = trace.taught
    if found is None:
        raise UsageError("nothing was taught: ask for --teach")
    steps = len(found.norms)
    values = {"count": steps, "n": steps, "rate": found.rate, "weights": f"{found.weights:,}"}
    return [
        heading(screen.say("teach.done", **values)),
        prose(screen.say("teach.lead", **values), screen),
        Text(),
        *stand_in(screen),
        *_rows(found, screen),
        prose(_of_the_loss(found, screen), screen),
        heading(screen.say("teach.boxes")),
        *_boxes(found, screen),
        heading(screen.say("teach.others")),
        *_others(found, screen),
        prose(screen.say("teach.kept", share=number(100 * found.moved)), screen),
    ]


def moments(count: int, most: int = _COLUMNS) -> list[int]:
    """Which of `count` moments are shown: the first, the last, and some between."""
    if count <= most:
        return list(range(count))
    return sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})


def _rows(found: Teaching, screen: Screen) -> Lines:
    shown = moments(len(found.loss))
    fed, label, loss = screen.heads("teach.heads")
    heads = [
        "t",
        fed,
        label,
        *(screen.say("teach.after" if n else "teach.start", count=n, n=n) for n in shown),
    ]
    rows = [
        (str(row.t), row.input.piece, row.label.piece, *(number(row.p[n], 4) for n in shown))
        for row in found.rows
    ]
    last = ("", "", loss, *(number(found.loss[n]) for n in shown))
    return [table(heads, [*rows, last], right=range(3, 3 + len(shown)))]


def _of_the_loss(found: Teaching, screen: Screen) -> str:
    was, now = number(found.loss[0], 4), number(found.loss[-1], 4)
    flatter = len(found.norms) == 1 or found.norms[-1] < found.norms[0]
    way = "up" if found.loss[-1] > found.loss[0] else "down" if flatter else "steep"
    first, last = number(found.norms[0]), number(found.norms[-1])
    return screen.say(f"teach.loss.{way}", count=len(found.norms), was=was, now=now, first=first, last=last)


def _boxes(found: Teaching, screen: Screen) -> Lines:
    most = max((box.norms[0] for box in found.boxes), default=0.0) or 1.0
    columns = min(4, 2 + len(found.norms))  # of one step the first is the last
    rows = [
        (box.name, number(box.norms[0], 3), bar(box.norms[0] / most, screen), number(box.norms[-1], 3))
        for box in found.boxes
    ]
    name, first, last = screen.heads("teach.boxes.heads")
    heads = [name, first, "", last]
    shown = table(heads[:columns], [row[:columns] for row in rows], right=(1, 3)[: columns - 2])
    return [shown, prose(screen.say("teach.boxes.what"), screen)]


def _others(found: Teaching, screen: Screen) -> Lines:
    everything = [found.own, *found.others]
    heads = screen.heads("teach.others.heads")
    rows = [(one_line(one.text), one_line(one.before), one_line(one.after), _mark(one)) for one in everything]
    changed = sum(one.before != one.after for one in found.others)
    key = (
        "teach.others.none"
        if not found.others
        else "teach.others.same"
        if not changed
        else "teach.others.changed"
    )
    said = screen.say(key, n=changed, all=len(found.others))
    return [table([*heads, ""], rows), prose(said, screen)]


def _mark(one: Translations) -> str:
    return "" if one.before == one.after else "!"
