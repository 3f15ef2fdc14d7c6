"""What one trace records beside its layers: the modes, the beam, the proofs. Holds values, computes nothing.

docs/guide/trace.md says what each field means; codec.py writes these as JSON. Layers and heads are numbered from 1 in
names ("decoder.2.cross") and from 0 in lists, as Python counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dragoman.explain.trace.layers import (
    DecoderLayer,
    EncoderLayer,
    Guess,
    Pass,
    RankedGuess,
    Token,
    dims,
)


def _named(name: str) -> Any:
    """A field that JSON calls by a word that Python keeps for itself."""
    return field(metadata={"json": name})


# -- inference ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CacheUse:
    """Target positions held before and after a step, and source positions, which never change."""

    before: int
    after: int
    memory: int


@dataclass(frozen=True)
class Step:
    """One turn of the loop, for the hypothesis that won."""

    t: int
    input: Token
    fed: str = _named("from")  # start or chosen
    so_far: tuple[str, ...] = ()
    top: tuple[Guess, ...] = ()
    chosen: RankedGuess | None = None
    cache: CacheUse | None = None
    beams: int = 1
    milliseconds: float = 0.0


@dataclass(frozen=True)
class Node:
    """One token in the tree of the beam; `total` is the log-probability up to it, `score` what endings compare by."""

    id: int
    parent: int | None
    t: int
    token: Token
    logp: float
    total: float
    state: str  # root, live, pruned, finished or won
    why: str
    score: float | None


@dataclass(frozen=True)
class Beam:
    width: int
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Stop:
    reason: str  # end or limit
    t: int


@dataclass(frozen=True)
class Served:
    """What the translator itself answers to the same sentence, and through which engine."""

    engine: str
    text: str
    same: bool


@dataclass(frozen=True)
class Inference:
    """The search that wrote the translation, along the hypothesis that won."""

    text: str
    tokens: tuple[Token, ...]
    options: dict[str, Any]
    encoder_passes: int
    decoder_passes: int
    rows_computed: int
    seconds: dict[str, float]
    steps: tuple[Step, ...]
    beam: Beam
    stop: Stop
    served: Served
    passed: Pass = _named("pass")


# -- training -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TrainingStep:
    """One row of teacher forcing: what was fed, what had to be said, what the model would have said."""

    t: int
    input: Token
    label: Token
    prediction: Guess
    p_label: float
    rank: int
    loss: float
    smoothed_loss: float
    top: tuple[Guess, ...]


@dataclass(frozen=True)
class TrainingLoss:
    sum: float
    mean: float
    smoothed_mean: float
    tokens: int
    label_smoothing: float


@dataclass(frozen=True)
class FreeStep:
    """The same position when the model is fed its own words; p_label is None past the reference."""

    t: int
    input: Token
    prediction: Guess
    p_label: float | None


@dataclass(frozen=True)
class FreeRunning:
    tokens: tuple[Token, ...]
    steps: tuple[FreeStep, ...]
    first_difference: int | None


@dataclass(frozen=True)
class Training:
    """Teacher forcing on the reference, all positions in one pass, and free running beside it."""

    reference: str
    input: tuple[Token, ...]
    labels: tuple[Token, ...]
    encoder_passes: int
    decoder_passes: int
    causal_mask: tuple[tuple[int, ...], ...]
    steps: tuple[TrainingStep, ...]
    loss: TrainingLoss
    free_running: FreeRunning
    passed: Pass = _named("pass")
    stands_in: bool | None = field(
        default=None, metadata={"rare": True}
    )  # the reference is the model's own words

    @property
    def encoder(self) -> tuple[EncoderLayer, ...]:
        return self.passed.encoder

    @property
    def decoder(self) -> tuple[DecoderLayer, ...]:
        return self.passed.decoder


# -- the rest -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Model:
    name: str
    kind: str
    languages: tuple[str, str]
    vocabulary: int
    config: dict[str, Any]
    specials: dict[str, int]
    fingerprint: str


@dataclass(frozen=True, eq=False)
class Source:
    """`prepared` is the text as the tokenizer saw it, and what spans point into.

    `mask` is that of the sentence beside a longer one; `padded` is where the last layer looked then, mean of heads.
    """

    text: str
    prepared: str
    tokens: tuple[Token, ...]
    padded_to: int
    mask: tuple[int, ...]
    padded: np.ndarray | None = dims("target", "source")


@dataclass(frozen=True, eq=False)
class Influence:
    """What each output token took from each source token, by two measures; rows sum to 1."""

    attention: np.ndarray = dims("target", "source")
    value_zeroing: np.ndarray | None = dims("target", "source")
    agreement: float | None = None


@dataclass(frozen=True)
class Proof:
    """`value` is what was measured, `passed` whether it is at most `limit`."""

    id: str
    statement: str
    value: float
    limit: float
    passed: bool


@dataclass(frozen=True)
class Limits:
    """What was left out so that a trace stays small."""

    truncated: bool
    kept_source: int
    kept_target: int
    note: str


@dataclass(frozen=True)
class Environment:
    dragoman: str
    torch: str
    threads: int
    seconds: float
