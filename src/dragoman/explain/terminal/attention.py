"""One attention in a terminal: where Q, K and V come from, its shapes, its weights, its heads. Computes no weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.console import RenderableType
from rich.text import Text

from dragoman.explain import sentences
from dragoman.explain.terminal.drawing import Lines, Screen, facts, heading, heat_map, number, prose, table
from dragoman.explain.terminal.reading import Run, choosing, entropy, labels, resting_place, strongest
from dragoman.explain.trace.layers import Attention

if TYPE_CHECKING:
    from dragoman.explain.trace.trace import Trace


def attention_view(trace: Trace, screen: Screen, name: str, head: int | None, run: Run) -> Lines:
    """One head, or the mean of all and a line for each. Raises UsageError for a name or head that is not there."""
    attention = trace.attention(name, run)
    weights, heads = attention.weights, len(attention.weights)  # [H, T, S]
    rows, columns = labels(trace, run, attention.kind)
    rest = resting_place(trace, attention)
    shown = weights.mean(0) if head is None else trace.head(name, head, run)
    which = "terminal.attention.mean" if head is None else "terminal.attention.head"
    lines: Lines = [
        heading(
            screen.say("terminal.attention.title", name=name, which=screen.say(which, n=heads, head=head))
        ),
        facts(_origins(attention, screen), screen),
        Text(),
        *heat_map(
            shown, rows, columns, screen, np.array(attention.allowed, bool) if attention.allowed else None
        ),
        *([prose(screen.say("terminal.attention.masked"), screen)] if attention.mask == "causal" else []),
        prose(_of_the_weights(attention, shown, (rows, columns), rest, screen), screen),
    ]
    if head is not None:
        return lines
    return [*lines, Text(), _of_the_heads(attention, rows, columns, rest, screen)]


def _origins(attention: Attention, screen: Screen) -> Iterator[tuple[str, str]]:
    """Who is asked for what, in shapes of this sentence."""
    stream = screen.say("qkv.stream.memory")
    origins = (attention.q_from, attention.k_from, attention.v_from)
    for part, origin in zip("QKV", origins, strict=True):
        key = f"terminal.attention.from.{origin}"
        key = key if sentences.known(key) else "terminal.attention.from"
        yield part, screen.say(key, origin=origin, stream=stream)
    shapes = (f"{name.replace(' ', '_')}[{','.join(map(str, shape))}]" for name, shape in attention.shapes)
    yield screen.say("terminal.attention.shapes"), "  ".join(shapes)
    yield screen.say("terminal.attention.mask"), screen.say(f"mask.{attention.mask}")
    yield screen.say("terminal.attention.code"), attention.code


def _of_the_weights(
    attention: Attention,
    weights: np.ndarray,
    names: tuple[Sequence[str], Sequence[str]],
    rest: int | None,
    screen: Screen,
) -> str:
    """Weights [T, S] of one head, or the mean of all; rest: the column on which one rests that has found nothing."""
    rows, columns = names
    asking, choices = choosing(attention)
    row, column = strongest(weights, asking, rest)
    return screen.say(
        "terminal.attention.strongest",
        word=rows[row],
        row=row,
        other=columns[column],
        share=f"{weights[row, column]:.0%}",
        bits=number(float(entropy(weights[asking]).mean()), 1),
        most=number(float(np.log2(choices).mean()), 1),
    )


def _of_the_heads(
    attention: Attention, rows: Sequence[str], columns: Sequence[str], rest: int | None, screen: Screen
) -> RenderableType:
    """rest: the column of the token on which a head rests that has found nothing."""
    heads = screen.heads("terminal.attention.heads", last="" if rest is None else columns[rest])
    asking, _ = choosing(attention)
    cells = []
    for place, one in enumerate(attention.weights, 1):
        row, column = strongest(one, asking, rest)
        bits = number(float(entropy(one[asking]).mean()), 1)
        look = f"{rows[row]} -> {columns[column]}"
        resting = [] if rest is None else [f"{one[asking, rest].mean():.0%}"]
        cells.append((str(place), bits, look, f"{one[row, column]:.0%}", *resting))
    return table(heads[: 4 if rest is None else 5], cells, right=(0, 1, 3, 4))
