"""The boxes at both ends of the figure, in a terminal: a row is fetched, one of V classes chosen. Computes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dragoman.errors import UsageError
from dragoman.explain.terminal.drawing import Lines, Screen, heading, number, prose, table
from dragoman.explain.terminal.reading import chosen
from dragoman.explain.trace.layers import Token

if TYPE_CHECKING:
    from dragoman.explain.trace.trace import Trace

_NUMBERS, _CLASSES = 4, 6  # shown


def place_of(words: Sequence[Token], word: str | None) -> int:
    """Of the first token that is spelled so; without a word, of the first that is one, and no symbol such as ⟨zh⟩.

    Raises UsageError with the tokens there are.
    """
    if word is None:
        return next((i for i, token in enumerate(words) if token.span is not None and token.text), 0)
    texts = [token.text or token.piece for token in words]
    for i, text in enumerate(texts):
        if text.casefold() == word.strip().casefold():
            return i
    raise UsageError(f"{word!r} is no token of this sentence: there are {' '.join(texts)}")


def embedding(trace: Trace, screen: Screen, at: int) -> Lines:
    """Of the source token at a place: its row, scaled, the place, and what goes in."""
    found = trace.inference.passed.embedding
    if found is None or at >= len(found.source.token):
        raise UsageError("the trace keeps no vector of this token: the sentence is too long")
    token, parts = trace.source.tokens[at], found.source
    row, scaled, place, total = (
        part[at].astype(np.float32) for part in (parts.token, parts.scaled, parts.positions, parts.sum)
    )
    times = float(np.linalg.norm(scaled) / max(float(np.linalg.norm(row)), 1e-9))
    named = [
        (screen.say("boxes.embedding.row", id=token.id), row),
        (screen.say("boxes.embedding.scaled", times=number(times, 1)), scaled),
        (screen.say("boxes.embedding.place", i=at), place),
        (screen.say("boxes.embedding.sum"), total),
    ]
    rows = [(name, _first(vector), number(float(np.linalg.norm(vector)))) for name, vector in named]
    sizes = {"id": token.id, "v": trace.model.vocabulary, "d": len(row)}
    return [
        prose(screen.say("boxes.embedding", **sizes), screen),
        table(screen.heads("boxes.embedding.heads"), rows, right=(2,)),
    ]


def _first(vector: np.ndarray) -> str:
    return " ".join(f"{value:6.2f}" for value in vector[:_NUMBERS]) + " ..."


def output(trace: Trace, screen: Screen, word: str | None) -> Lines:
    """Of the step that chose a word: the best classes, and all the others."""
    steps = trace.inference.steps
    at = place_of(trace.inference.tokens, word)
    rows = trace.inference.passed.logits
    if at >= len(rows):
        raise UsageError("the trace keeps no logits of this step: the sentence is too long")
    best = rows[at].top[:_CLASSES]
    left = 1 - sum(one.p for one in best)
    sizes = {"t": at, "v": trace.model.vocabulary, "d": trace.model.config["d_model"]}
    others = screen.say("boxes.output.rest", n=sizes["v"] - len(best))
    shown = [(one.piece, number(one.logit), number(one.p, 4)) for one in best]
    return [
        heading(screen.say("boxes.done", name="output", word=chosen(steps[at]).piece)),
        prose(screen.say("boxes.output", **sizes), screen),
        table(
            screen.heads("boxes.output.heads"), [*shown, (others, "", number(max(left, 0), 4))], right=(1, 2)
        ),
    ]
