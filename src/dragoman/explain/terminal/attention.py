"""One attention in a terminal: where Q, K and V come from, its shapes, its weights, its heads. Computes no weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.console import RenderableType
from rich.text import Text

from dragoman.explain.terminal.drawing import Lines, Screen, facts, heading, heat_map, number, prose, table
from dragoman.explain.terminal.reading import Run, entropy, labels, strongest
from dragoman.explain.trace.values import Attention

if TYPE_CHECKING:
    from dragoman.explain.trace.trace import Trace


def attention_view(trace: Trace, screen: Screen, name: str, head: int | None, run: Run) -> Lines:
    """One head, or the mean of all and a line for each. Raises UsageError for a name or head that is not there."""
    attention = trace.attention(name, run)
    weights, heads = attention.weights, len(attention.weights)  # [H, T, S]
    rows, columns = labels(trace, run, attention.kind)
    shown = weights.mean(0) if head is None else trace.head(name, head, run)
    which = (
        screen.say(f"mean of {heads} heads", f"{heads} 个头的平均")
        if head is None
        else screen.say(f"head {head} of {heads}", f"第 {head} 个头（共 {heads} 个）")
    )
    lines: Lines = [
        heading(screen.say(f"{name}, {which}", f"{name}，{which}")),
        facts(_origins(attention, screen), screen),
        Text(),
        *heat_map(
            shown, rows, columns, screen, np.array(attention.allowed, bool) if attention.allowed else None
        ),
        prose(_of_the_weights(shown, rows, columns, screen), screen),
    ]
    return [*lines, Text(), _of_the_heads(weights, rows, columns, screen)] if head is None else lines


def _origins(attention: Attention, screen: Screen) -> Iterator[tuple[str, str]]:
    """Who is asked for what, in shapes of this sentence."""
    meanings = {
        "x": screen.say("x, the stream it stands in", "x，它所在的那一路"),
        "memory": screen.say("memory, the encoder's output", "memory，编码器的输出"),
    }
    origins = (attention.q_from, attention.k_from, attention.v_from)
    for part, origin in zip("QKV", origins, strict=True):
        yield part, screen.say("from ", "来自 ") + meanings.get(origin, origin)
    shapes = (f"{name.replace(' ', '_')}[{','.join(map(str, shape))}]" for name, shape in attention.shapes)
    yield screen.say("shapes", "形状"), "  ".join(shapes)
    yield screen.say("mask", "掩码"), attention.mask
    yield screen.say("code", "代码"), attention.code


def _of_the_weights(weights: np.ndarray, rows: Sequence[str], columns: Sequence[str], screen: Screen) -> str:
    row, column = strongest(weights)
    bits, most = number(float(entropy(weights).mean()), 1), number(np.log2(len(columns)), 1)
    return screen.say(
        f"Each row sums to 100. The strongest look is from {rows[row]} (row {row}) to {columns[column]}, "
        f"{weights.max():.0%}; a row spreads over {bits} bits on average, {most} at most.",
        f"每行加起来是 100。看得最专注的是第 {row} 行 {rows[row]} 看 {columns[column]}，{weights.max():.0%}；"
        f"每行平均分散 {bits} 比特，最多 {most} 比特。",
    )


def _of_the_heads(
    weights: np.ndarray, rows: Sequence[str], columns: Sequence[str], screen: Screen
) -> RenderableType:
    heads = screen.say(
        f"head|bits a row|strongest look||rests on {columns[-1]}",
        f"头|每行比特|看得最专注||停在 {columns[-1]} 上",
    ).split("|")
    cells = []
    for place, one in enumerate(weights, 1):
        row, column = strongest(one)
        bits = number(float(entropy(one).mean()), 1)
        look = f"{rows[row]} -> {columns[column]}"
        cells.append((str(place), bits, look, f"{one.max():.0%}", f"{one[:, -1].mean():.0%}"))
    return table(heads, cells, right=(0, 1, 3, 4))
