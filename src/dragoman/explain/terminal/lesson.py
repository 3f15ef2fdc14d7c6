"""The lesson in a terminal: eight screens in the order in which it is taught. Computes nothing.

Steps and loops count from 1 here, as the lesson does; everywhere else the paper's t counts from 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from dragoman.explain.terminal.drawing import (
    Lines,
    Screen,
    bar,
    heading,
    number,
    one_line,
    prose,
    table,
    tail,
)
from dragoman.explain.terminal.lettering import (
    ALIKE,
    SHOWN,
    alike,
    cells,
    judged,
    lettered,
    masked,
    percent,
    read,
    shapes_of,
    words,
)
from dragoman.explain.terminal.overview import tagged
from dragoman.explain.terminal.reading import chosen
from dragoman.explain.terminal.sheet import sheet
from dragoman.explain.terminal.training import stand_in
from dragoman.explain.trace.lesson import Lesson

if TYPE_CHECKING:
    from dragoman.explain.trace.trace import Trace

STEPS = ("boxes", "inference", "training", "forcing", "mask", "loss", "forks", "sheet")
FORKS = ("memory", "memory", "x")  # where they come from, left to right, as in the paper's figure


def lesson(trace: Trace, screen: Screen) -> list[Lines]:
    """One list of lines a step, each under its heading."""
    made = {
        "boxes": _boxes,
        "inference": _inference,
        "training": _training,
        "forcing": _forcing,
        "mask": _mask,
        "loss": _loss,
        "forks": _forks,
        "sheet": sheet,
    }
    return [
        [
            heading(f"{n}/{len(STEPS)}  {screen.say(f'lesson.name.{name}')}"),
            Text(),
            *made[name](trace, screen),
        ]
        for n, name in enumerate(STEPS, 1)
    ]


def forks_answered(trace: Trace, screen: Screen, guess: str) -> Lines:
    """What is said to a guess of three letters, such as QKV for the forks from left to right; "" only answers."""
    letters = guess.upper().replace(" ", "")
    if sorted(letters) != ["K", "Q", "V"]:
        letters = ""
    said = [_placed(trace, screen, letter, fork) for fork, letter in enumerate(letters)]
    right = not letters or all(_fits(letter, fork) for fork, letter in enumerate(letters))
    rest = (
        []
        if letters and right
        else [_placed(trace, screen, letter, fork) for fork, letter in enumerate("KVQ")]
    )
    return [prose(line, screen) for line in [*said, *rest, screen.say("lesson.forks.done")]]


# -- the steps --------------------------------------------------------------------------------------------------------


def _boxes(trace: Trace, screen: Screen) -> Lines:
    return [
        prose(screen.say("lesson.boxes.ask"), screen),
        prose(screen.say("lesson.q1"), screen, "bold"),
        prose(screen.say("lesson.q2"), screen, "bold"),
        Text(),
        *_picture(trace, screen, screen.say("lesson.unknown"), one_line(trace.inference.text)),
        Text(),
        prose(
            screen.say("lesson.boxes.said", source=one_line(trace.source.text), s=len(trace.source.tokens)),
            screen,
        ),
        prose(screen.say("lesson.boxes.token"), screen),
        *tagged(trace.source.tokens, screen),
    ]


def _picture(trace: Trace, screen: Screen, fed: str, answer: str) -> Lines:
    names = [screen.say(f"lesson.{name}") for name in ("encoder", "memory", "decoder")]
    rows: list[Sequence[str | Text]] = [
        ("", "", Text(answer, style="bold")),
        ("", "", "^"),
        (f"[ {names[0]} ]", f"-- {names[1]} -->", f"[ {names[2]} ]"),
        ("^", "", "^"),
        (words(trace.source.tokens), "", fed),
    ]
    return [_columns(rows)]


def _columns(rows: Sequence[Sequence[str | Text]]) -> Table:
    """Without heads and lines; what is too long goes on below."""
    made = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for row in rows:
        made.add_row(*row)
    return made


def _inference(trace: Trace, screen: Screen) -> Lines:
    run = trace.inference
    lines: Lines = [prose(screen.say("lesson.inference.start", s=len(trace.source.tokens)), screen), Text()]
    rows = [
        (str(step.t + 1), tail([lettered(one.input) for one in run.steps[: step.t + 1]], SHOWN), "->",
         Text(lettered(chosen(step)), style="bold"), number(chosen(step).p))
        for step in run.steps
    ]  # fmt: skip
    heads = ["", screen.say("lesson.fed"), "", screen.say("lesson.says"), "p"]
    lines += [table(heads, rows, right=(0, 4)), Text()]
    first, count = run.steps[0], len(run.steps)
    said = [screen.say("lesson.inference.first", word=lettered(chosen(first)), p=percent(chosen(first).p))]
    if count > 1:
        step = run.steps[1]
        values = {
            "word": lettered(chosen(step)),
            "p": percent(chosen(step).p),
            "before": lettered(step.input),
        }
        said.append(screen.say("lesson.inference.loop", n=2, count=2, **values))
    ranked = [step for step in run.steps if chosen(step).rank > 1]
    said += [
        f"{step.t + 1}{screen.say('language.colon')}"
        + screen.say("lesson.inference.rank", word=lettered(chosen(step)), rank=chosen(step).rank)
        for step in ranked[:2]
    ]
    ended = "end" if run.stop.reason == "end" else "limit"
    said.append(screen.say(f"lesson.inference.{ended}", n=count, e=run.encoder_passes))
    return [*lines, *(prose(one, screen) for one in said)]


def _training(trace: Trace, screen: Screen) -> Lines:
    found = trace.lesson
    if found is None:
        return [prose(screen.say("lesson.training.none"), screen)]
    once, n = found.iteration, len(found.rows)
    values = {
        "n": n,
        "loss": number(once.loss),
        "weights": f"{once.weights:,}",
        "norm": number(once.norm),
        "rate": once.rate,
        "before": number(once.loss),
        "after": number(once.after),
    }
    parts = " -> ".join(screen.heads("lesson.training.cards"))
    return [
        *stand_in(screen),
        prose(f"x   {words(trace.source.tokens)}", screen),
        prose(f"y   {words([row.label for row in found.rows])}", screen),
        prose(f"ŷ   {' '.join(judged(row) for row in found.rows)}", screen),
        Text(),
        Text(parts, style="bold"),
        *(
            prose(screen.say(f"lesson.training.{part}", **values), screen)
            for part in ("pair", "forward", "loss", "gradient", "step", "iteration")
        ),
    ]


def _forcing(trace: Trace, screen: Screen) -> Lines:
    found = trace.lesson
    if found is None:
        return [prose(screen.say("lesson.training.none"), screen)]
    rows = [
        (
            str(row.t + 1),
            tail(read(found, row.t), SHOWN),
            lettered(row.label),
            judged(row),
            number(row.loss),
        )
        for row in found.rows
    ]
    step, _, reads, label, says, loss = screen.heads("lesson.forcing.heads")
    said = [screen.say("lesson.forcing.table", n=len(rows))]
    if found.spelled:
        said.append(screen.say("lesson.forcing.spelled"))
    if any(alike(row) for row in found.rows):
        said.append(screen.say("lesson.forcing.begins").replace("≈", ALIKE.strip()))
    return [
        *stand_in(screen),
        prose(f"x   {words(trace.source.tokens)}", screen),
        Text(),
        table([step, reads, label, says, loss], rows, right=(0, 4)),
        *(prose(one, screen) for one in [*said, *_slipped(found, screen)]),
    ]


def _slipped(found: Lesson, screen: Screen) -> list[str]:
    slip = found.slip
    if slip is None:
        return [screen.say("lesson.forcing.none")]
    row, said = found.rows[slip.t], lettered(slip.said)
    key = "suppose" if slip.supposed else "slip"
    return [
        screen.say(
            f"lesson.forcing.{key}",
            t=slip.t + 1,
            said=said,
            label=lettered(row.label),
            loss=number(row.loss),
        ),
        screen.say("lesson.forcing.kept", t=slip.t + 2, fed=tail(read(found, slip.t + 1)), said=said),
    ]


def _mask(trace: Trace, screen: Screen) -> Lines:
    found = trace.lesson
    if found is None:
        return [prose(screen.say("lesson.training.none"), screen)]
    n = len(found.rows)
    stairs = [Text("  " + tail(read(found, t), SHOWN)) for t in range(n)]
    lines: Lines = [*stairs, Text(), prose(screen.say("lesson.mask.triangle", n=n), screen), Text()]
    if not masked(trace):
        return [*lines, prose(screen.say("lesson.mask.none"), screen)]
    on, off = ("█", "·") if screen.colour else ("#", ".")
    (once, may), colon = screen.heads("lesson.mask.heads"), screen.say("language.colon")
    lines += [
        prose(f"{once}{colon}{tail(read(found, n - 1), SHOWN)}", screen),
        prose(f"{may}{colon}".rstrip(), screen),
    ]
    for row in found.rows:
        marks = " ".join([on] * (row.t + 1) + [off] * (n - row.t - 1))
        lines.append(Text(f"  {marks}  {lettered(row.input)}", no_wrap=True, overflow="ellipsis"))
    return [*lines, Text(), prose(screen.say("lesson.mask.row", n=n, **cells(n)), screen)]


def _loss(trace: Trace, screen: Screen) -> Lines:
    found = trace.lesson
    if found is None:
        return [prose(screen.say("lesson.training.none"), screen)]
    total, most = sum(row.loss for row in found.rows), max(row.loss for row in found.rows)
    rows = [
        (lettered(row.label), number(row.loss), bar(row.loss / most if most else 0, screen))
        for row in found.rows
    ]
    *_, label, _, loss = screen.heads("lesson.forcing.heads")
    values: dict[str, str] = {"n": str(len(rows)), "sum": number(total), "mean": number(total / len(rows))}
    return [
        *stand_in(screen),
        table([label, loss, ""], [*rows, ("Σ", values["sum"], "")], right=(1,)),
        prose(screen.say("lesson.loss.said", **values), screen),
    ]


def _forks(trace: Trace, screen: Screen) -> Lines:
    shapes = shapes_of(trace)
    if shapes is None:
        return [prose(screen.say("lesson.forks.none"), screen)]
    attention = screen.say("lesson.forks.attention")
    origins = [
        screen.say("lesson.forks.memory", n=shapes["S"]),
        screen.say("lesson.forks.memory", n=shapes["S"]),
        screen.say("lesson.forks.below", n=shapes["T"]),
    ]
    return [
        prose(screen.say("lesson.q2"), screen, "bold"),
        prose(screen.say("lesson.forks.mean"), screen),
        Text(),
        _columns([(f"[ {attention} ]", "", ""), ("1 ?", "2 ?", "3 ?"), ("^", "^", "^"), origins]),
        Text(),
    ]


def _placed(trace: Trace, screen: Screen, letter: str, fork: int) -> str:
    """Whether a letter belongs to a fork, and why."""
    shapes = shapes_of(trace) or {}
    verdict = "right" if _fits(letter, fork) else "wrong"
    same = ".same" if verdict == "wrong" and letter != "K" and shapes["T"] == shapes["S"] else ""
    why = screen.say(f"lesson.forks.{letter.lower()}.{verdict}{same}", **shapes)
    said = screen.say("language.space").join([screen.say(f"lesson.forks.{verdict}"), why])
    return f"{fork + 1} {letter}  {said}"


def _fits(letter: str, fork: int) -> bool:
    """Both lines of the encoder bring the same memory, so K and V may change places."""
    return (letter == "Q") == (FORKS[fork] == "x")
