"""What a lesson says of a trace in words and sizes: tokens without the signs of pieces, rows, shapes. Draws nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dragoman.explain.terminal.drawing import number, tail
from dragoman.explain.trace.layers import Guess, RankedGuess, Token
from dragoman.explain.trace.lesson import Lesson, LessonRow
from dragoman.explain.trace.tokens import SPACE

if TYPE_CHECKING:
    from dragoman.explain.trace.trace import Trace

SHOWN = 12  # words of a sentence in one cell

_OTHER, ALIKE = " !", " ~"  # another word than the label; one that goes on beyond it


def shapes_of(trace: Trace) -> dict[str, object] | None:
    """Sizes of a head of the last cross-attention, as they are said; None for a model without Q, K and V."""
    cross = trace.decoder[-1].cross if trace.decoder else None
    if cross is None or cross.q is None:
        return None
    queries, keys, width = len(trace.inference.steps), len(trace.source.tokens), cross.q.shape[2]
    q, k = [queries, width], [keys, width]
    return {
        "T": queries, "S": keys, "q": q, "k": k, "v": k, "w": [queries, keys], "out": q, "name": cross.name,
        "heads": len(cross.weights), "count": len(trace.decoder),
    }  # fmt: skip


def masked(trace: Trace) -> bool:
    return trace.training is not None and bool(trace.training.causal_mask)


def cells(n: int) -> dict[str, int]:
    return {"all": n * n, "hidden": n * (n - 1) // 2}


def read(found: Lesson, t: int) -> list[str]:
    """What the row reads, up to its own input."""
    return [lettered(row.input) for row in found.rows[: t + 1]]


def words(tokens: Sequence[Token]) -> str:
    return tail([lettered(token) for token in tokens], SHOWN)


def lettered(token: Token | Guess | RankedGuess) -> str:
    """Without the sign of a space; a piece that is nothing else shows one."""
    return token.piece.replace(SPACE, " ").strip() or "␣"


def judged(row: LessonRow) -> str:
    if row.prediction.id == row.label.id:
        return lettered(row.prediction)
    return lettered(row.prediction) + (ALIKE if alike(row) else _OTHER)


def alike(row: LessonRow) -> bool:
    """Whether what is said goes on beyond the label."""
    other = row.prediction.id != row.label.id
    return other and lettered(row.prediction).startswith(lettered(row.label))


def percent(p: float) -> str:
    return f"{number(100 * p, 0)} %"
