"""What the lesson needs beside the translation: the pair cut into characters, and one iteration. Holds values.

The rows are those of teacher forcing, so docs/guide/trace.md says what their fields mean under `training`.
"""

from __future__ import annotations

from dataclasses import dataclass

from dragoman.explain.trace.layers import Guess, Token


@dataclass(frozen=True)
class LessonRow:
    """One time step: what is fed, what has to be said, what the model says, and what that costs in nats."""

    t: int
    input: Token
    label: Token
    prediction: Guess
    p_label: float
    loss: float


@dataclass(frozen=True)
class Slip:
    """A word at step t that is not the label's; `supposed` where the model was right and this is its next choice."""

    t: int
    said: Guess
    supposed: bool


@dataclass(frozen=True)
class Iteration:
    """Forward, loss, gradient, step, once and on a copy of the weights; `loss` and `after` are nats a token."""

    weights: int
    loss: float
    norm: float  # of the gradient
    rate: float
    after: float


@dataclass(frozen=True)
class Lesson:
    """`spelled` tells whether the reference was cut into single characters; otherwise it stands in its pieces."""

    reference: str
    spelled: bool
    rows: tuple[LessonRow, ...]
    slip: Slip | None
    iteration: Iteration
