"""What one pass through the layers records: tokens, guesses, attentions and norms. Holds values, computes nothing.

Dimensions: S source, T target, D model, H heads, K head width, N positions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


def dims(*names: str) -> Any:
    """An array; codec.py tells these names of its dimensions."""
    return field(metadata={"dims": names})


def rare(*names: str) -> Any:
    """An array that most traces, and all older ones, do without: where it is None, nothing is written."""
    return field(default=None, metadata={"dims": names, "rare": True})


# -- tokens and guesses -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Token:
    """A piece of the vocabulary; `span` is its place in the text of its side, None for a special token."""

    id: int
    piece: str
    text: str
    span: tuple[int, int] | None
    byte: bool


@dataclass(frozen=True)
class Guess:
    """A token and its probability."""

    id: int
    piece: str
    p: float


@dataclass(frozen=True)
class RankedGuess:
    """A token, its probability, and how many were as probable or more, itself included."""

    id: int
    piece: str
    p: float
    rank: int


@dataclass(frozen=True)
class Logit:
    """A token before and after the softmax."""

    id: int
    piece: str
    logit: float
    p: float


@dataclass(frozen=True)
class LogitRow:
    """The final projection at one position: the softmax of all logits is exp(logit - logsumexp)."""

    max: float
    logsumexp: float
    top: tuple[Logit, ...]


# -- one pass through the layers ----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Attention:
    """One attention, all heads: weights = softmax(scores * scale + bias over `allowed`), output = weights @ v.

    A model that only tells where it looked has weights and no q, k, v, scores and output. `bias` is there where the
    positions add to the scores (ALiBi).
    """

    name: str
    kind: str  # encoder_self, decoder_self or cross
    q_from: str
    k_from: str
    v_from: str
    scale: float
    mask: str
    code: str
    shapes: tuple[tuple[str, tuple[int, ...]], ...]
    q: np.ndarray | None = dims("head", "target", "width")
    k: np.ndarray | None = dims("head", "key", "width")
    v: np.ndarray | None = dims("head", "key", "width")
    scores: np.ndarray | None = dims("head", "target", "key")
    weights: np.ndarray = dims("head", "target", "key")
    output: np.ndarray | None = dims("head", "target", "width")
    allowed: tuple[tuple[int, ...], ...] = ()
    bias: np.ndarray | None = rare("head", "target", "key")


@dataclass(frozen=True)
class FeedForward:
    """For each position: the share of inner units that fire, and the norm going in and coming out."""

    active: tuple[float, ...]
    norm_in: tuple[float, ...]
    norm_out: tuple[float, ...]
    code: str


@dataclass(frozen=True)
class Residual:
    """Add & Norm in norms, one number for each position: the stream, what the sublayer adds, their sum, the norm."""

    name: str
    order: str  # pre or post
    x: tuple[float, ...]
    sublayer: tuple[float, ...]
    sum: tuple[float, ...]
    normed: tuple[float, ...] | None
    code: str


@dataclass(frozen=True)
class EncoderLayer:
    self: Attention
    feed_forward: FeedForward
    residuals: tuple[Residual, ...]


@dataclass(frozen=True)
class DecoderLayer:
    """`self` and `feed_forward` are None for a model that only tells where it looked."""

    self: Attention | None
    cross: Attention
    feed_forward: FeedForward | None
    residuals: tuple[Residual, ...]


@dataclass(frozen=True, eq=False)
class Embedding:
    """From the table's row to what enters the first layer: token, times sqrt(D), plus positions."""

    token: np.ndarray = dims("position", "model")
    scaled: np.ndarray = dims("position", "model")
    positions: np.ndarray = dims("position", "model")
    sum: np.ndarray = dims("position", "model")


@dataclass(frozen=True)
class Embeddings:
    source: Embedding
    target: Embedding


@dataclass(frozen=True, eq=False)
class Pass:
    """Everything that one run of the layers computed. `lens` is the top word read off after each decoder layer."""

    embedding: Embeddings | None
    encoder: tuple[EncoderLayer, ...]
    decoder: tuple[DecoderLayer, ...]
    memory: np.ndarray | None = dims("source", "model")
    hidden: np.ndarray | None = dims("target", "model")
    lens: tuple[tuple[Guess, ...], ...] = ()
    logits: tuple[LogitRow, ...] = ()
