"""Finds things in a trace: the words of an attention's rows, the mistakes, what failed. Draws nothing.

People count layers, heads and names from 1 ("decoder.2.cross", head 3) and time steps from 0, as the paper's t.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from dragoman.errors import UsageError
from dragoman.explain.trace.layers import Attention, RankedGuess, Token
from dragoman.explain.trace.values import Proof, Step, Training, TrainingStep

if TYPE_CHECKING:
    from dragoman.explain.trace.trace import Trace

Run = Literal["inference", "training"]


def pieces(tokens: Sequence[Token]) -> list[str]:
    return [token.piece for token in tokens]


def a_byte(tokens: Sequence[Token]) -> str | None:
    """The first piece that is a single byte, which is to be explained."""
    return next((token.piece for token in tokens if token.byte), None)


def a_tag(tokens: Sequence[Token]) -> str | None:
    """The symbol in front of a source that tells a model of several directions what to write, as ⟨zh⟩."""
    first = tokens[0].piece if tokens else ""
    return first if first.startswith("⟨") and first.endswith("⟩") else None


def chosen(step: Step) -> RankedGuess:
    """Every step of a translation chose something."""
    assert step.chosen is not None
    return step.chosen


def training_of(trace: Trace) -> Training:
    """Raises UsageError for a trace that was made without a reference."""
    if trace.training is None:
        raise UsageError("this trace has no training step: give explain() a reference translation")
    return trace.training


def check_step(trace: Trace, step: int) -> None:
    """Raises UsageError that names the steps that exist, or those whose numbers were kept."""
    last = len(trace.inference.steps) - 1
    if not 0 <= step <= last:
        raise UsageError(f"there is no step {step}: this translation has steps 0 to {last}")
    kept = trace.limits.kept_target
    if step >= kept:
        raise UsageError(
            f"the numbers of step {step} were not kept: of a long translation, steps 0 to {kept - 1} are"
        )


def labels(trace: Trace, run: Run, kind: str) -> tuple[list[str], list[str]]:
    """Names of the rows and columns of an attention, as many as were kept: who asks, and who is asked.

    Rows of cross-attention carry the token that the position is about to write, not the one that it was fed.
    """
    source = pieces(trace.source.tokens[: trace.limits.kept_source])
    if kind == "encoder_self":
        return source, source
    if run == "training":
        training = training_of(trace)
        fed, written = pieces(training.input), pieces(training.labels)
    else:
        fed = [step.input.piece for step in trace.inference.steps]
        written = [chosen(step).piece for step in trace.inference.steps]
    kept = trace.limits.kept_target
    return (written[:kept], source) if kind == "cross" else (fed[:kept], fed[:kept])


def choosing(attention: Attention) -> tuple[np.ndarray, np.ndarray]:
    """The rows that may look at more than one place, and at how many.

    The first row under a causal mask looks at itself, whatever the head is like. Where no row has a choice, all rows.
    """
    rows, columns = attention.weights.shape[1:]
    allowed = np.array(attention.allowed, bool) if attention.allowed else np.ones((rows, columns), bool)
    counts = allowed[:rows, :columns].sum(1)
    found = np.flatnonzero(counts > 1)
    found = found if len(found) else np.arange(rows)
    return found, counts[found]


def strongest(weights: np.ndarray, rows: np.ndarray, rest: int | None) -> tuple[int, int]:
    """Row and column of the largest weight [T, S], among these rows; looks at the token `rest` are no find."""
    looks = weights[rows].copy()
    if rest is not None and looks.shape[1] > 1:
        looks[:, rest] = -1
    place, column = divmod(int(looks.argmax()), looks.shape[1])
    return int(rows[place]), column


def resting_place(trace: Trace, attention: Attention) -> int | None:
    """The column of the special token of those who are asked, </s> or <s> of the decoder; None where it was cut off."""
    columns = attention.weights.shape[2]
    if attention.kind == "decoder_self":
        return 0
    tokens = trace.source.tokens[:columns]
    return next((c for c, token in enumerate(tokens) if token.id == trace.model.specials["eos"]), None)


def entropy(weights: np.ndarray) -> np.ndarray:
    """Bits along the last axis: 0 where all weight is on one place."""
    logs = np.log2(weights, out=np.zeros_like(weights), where=weights > 0)
    return -(weights * logs).sum(-1)


def mistakes(training: Training) -> list[TrainingStep]:
    """The rows in which the model would have written another token than the reference."""
    return [step for step in training.steps if step.prediction.id != step.label.id]


def failed_proofs(trace: Trace) -> list[Proof]:
    return [proof for proof in trace.proofs if not proof.passed]
