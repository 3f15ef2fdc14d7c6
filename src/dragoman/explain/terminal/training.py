"""Teacher forcing in a terminal: the table of time steps, the mask, the loss, the free-running model beside it."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from dragoman.explain.terminal.drawing import (
    Lines,
    Screen,
    facts,
    heading,
    number,
    one_line,
    prose,
    table,
    tail,
)
from dragoman.explain.terminal.reading import mistakes, pieces, training_of
from dragoman.explain.trace.values import FreeStep, Training, TrainingStep

if TYPE_CHECKING:
    from dragoman.explain.trace.trace import Trace

_SEEN = 3  # tokens of the input that are shown in a row; the mask below shows how far each row sees
_TASKS = ("write", "fill", "follow", "label", "find")  # on text, as classification
_OTHER = " !"  # marks a token that is not the reference's


def training(trace: Trace, screen: Screen) -> Lines:
    """One training step of this pair, row by row. Raises UsageError for a trace without a reference."""
    run = training_of(trace)
    return [
        heading(screen.say("terminal.training.title")),
        Text(f"{one_line(trace.source.text)}  ->  {one_line(run.reference)}", style="bold"),
        facts(
            [
                (screen.say("clocks.input"), " ".join(pieces(run.input))),
                (
                    screen.say("terminal.training.labels"),
                    screen.say("terminal.training.shifted", labels=" ".join(pieces(run.labels))),
                ),
            ],
            screen,
        ),
        Text(),
        *stand_in(screen),
        _steps(run, screen),
        prose(_of_the_loss(run, screen), screen),
        *_tasks(trace.model.vocabulary, run, screen),
        Text(),
        *causal_mask(run, screen),
        Text(),
        prose(of_a_mistake(run, screen), screen),
    ]


def stand_in(screen: Screen) -> Lines:
    """That no reference was given, where none was."""
    return [prose(screen.say("words.stands-in"), screen), Text()] if screen.stands_in else []


def _steps(run: Training, screen: Screen) -> Table:
    heads = screen.heads("terminal.training.heads")
    fed = pieces(run.input)
    rows = [
        (str(t), *_forced(step, fed), "|", *_free(free, step))
        for t, (step, free) in enumerate(zip_longest(run.steps, run.free_running.steps))
    ]
    return table(heads, rows, right=(0, 4, 5))


def _forced(step: TrainingStep | None, fed: list[str]) -> tuple[str, ...]:
    if step is None:
        return ("", "", "", "", "")
    other = step.prediction.id != step.label.id
    return (
        tail(fed[: step.t + 1], _SEEN),
        step.label.piece,
        f"{step.prediction.piece} {number(step.prediction.p)}{_OTHER if other else ''}",
        number(step.p_label),
        number(step.loss),
    )


def _free(free: FreeStep | None, step: TrainingStep | None) -> tuple[str, str]:
    if free is None:
        return "", ""
    other = step is None or free.input.id != step.input.id
    return (
        f"{free.input.piece}{_OTHER if other else ''}",
        f"{free.prediction.piece} {number(free.prediction.p)}",
    )


def _of_the_loss(run: Training, screen: Screen) -> str:
    loss = run.loss
    once = run.encoder_passes == run.decoder_passes == 1
    return screen.say(
        "terminal.training.loss" if once else "terminal.training.loss.again",
        passes=run.decoder_passes,
        n=len(run.steps),
        sum=number(loss.sum),
        tokens=loss.tokens,
        mean=number(loss.mean),
        e=loss.label_smoothing,
        smoothed=number(loss.smoothed_mean),
    )


def _tasks(vocabulary: int, run: Training, screen: Screen) -> Lines:
    """That a step is a choice among classes, and which other tasks are."""
    rows = [screen.heads(f"loss.tasks.{name}", v=vocabulary) for name in _TASKS]
    return [
        Text(),
        prose(screen.say("loss.class", v=vocabulary, n=run.loss.tokens), screen),
        Text(),
        prose(screen.say("loss.tasks"), screen, "bold"),
        table(screen.heads("loss.tasks.heads"), rows),
        prose(screen.say("loss.tasks.answer"), screen),
    ]


def causal_mask(run: Training, screen: Screen) -> Lines:
    """Which inputs each row may look at."""
    on, off = ("█", "·") if screen.colour else ("#", ".")
    hidden = sum(not seen for row in run.causal_mask for seen in row)
    said = screen.say("clocks.mask.training", hidden=hidden, all=len(run.causal_mask) ** 2)
    lines: Lines = [prose(said, screen, "dim")] if hidden else []
    for t, row in enumerate(run.causal_mask):
        marks = " ".join(on if seen else off for seen in row)
        lines.append(Text(f"{t:>3}  {marks}  {run.input[t].piece}", no_wrap=True, overflow="ellipsis"))
    return lines


def of_a_mistake(run: Training, screen: Screen) -> str:
    """What a wrong prediction does in each of the two modes, on the first one there is."""
    wrong = mistakes(run)
    if not wrong:
        return screen.say("clocks.own.same")
    t, free = wrong[0].t, run.free_running.steps
    own = wrong[0].prediction.piece
    values = {"t": t, "u": t + 1, "label": wrong[0].label.piece, "own": own, "loss": number(wrong[0].loss)}
    if t + 1 == len(run.steps):
        return screen.say("clocks.own.at-end", **values)
    kept = run.steps[t + 1].input.piece
    later = run.steps[t + 1 : len(free)]
    if not later:
        return screen.say("clocks.own.ends", **values, kept=kept)
    parted = sum(free[step.t].prediction.id != step.prediction.id for step in later)
    return screen.say("clocks.own.told", **values, kept=kept, changed=own, n=len(later), k=parted)
