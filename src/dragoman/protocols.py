"""What training and search ask of a model, and what they hand to it. Holds no code that computes.

Training and search know these shapes, never a model class; so one loop and one beam search serve every system.

Dimensions: B batch, S source, T target, R rows (sentences x beams), V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from torch import Tensor


class Batch(Protocol):
    """Sentence pairs as padded ids: source [B, S] ends with </s>; target [B, T] runs from <s> to </s>."""

    @property
    def source(self) -> Tensor: ...

    @property
    def source_mask(self) -> Tensor:
        """Boolean [B, S], True at real tokens."""

    @property
    def target(self) -> Tensor: ...

    @property
    def target_mask(self) -> Tensor:
        """Boolean [B, T], True at real tokens."""


class Loss(NamedTuple):
    """Summed over the predicted tokens, so that parts of a batch add up to the whole."""

    sum: Tensor  # scalar, with gradient: what training minimises (label-smoothed)
    nll: Tensor  # scalar, without gradient: negative log-likelihood of the labels, in nats
    tokens: int


class CrossEntropy(Protocol):
    """From decoder outputs to a summed loss, the output projection included."""

    def __call__(self, hidden: Tensor, weight: Tensor, labels: Tensor) -> Loss:
        """hidden [N, D], weight [V, D], labels [N]."""


@runtime_checkable
class MaskedCrossEntropy(Protocol):
    """The same from all positions, padding included: no shape depends on what is in the batch."""

    def masked(self, hidden: Tensor, weight: Tensor, labels: Tensor, real: Tensor) -> Loss:
        """hidden [N, D], weight [V, D], labels [N], real [N] boolean: the others count for nothing."""


class State(Protocol):
    """Everything a decoder remembers between steps; a value, owned by the search."""

    def select(self, rows: Tensor) -> Any:
        """Keep, repeat, reorder or drop rows: row i of the result is row rows[i] of this."""


class Decodable(Protocol):
    """A model that search can drive: start once, step many times."""

    def start(self, source: Tensor, source_mask: Tensor) -> Any:
        """source [B, S], source_mask [B, S] -> the state before the first token, one row a sentence."""

    def step(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        """tokens [R, n] -> logits [R, V] for the token after the last of them, and the new state."""


@runtime_checkable
class Ranks(Protocol):
    """A decodable model that finds the likeliest tokens itself, and need not hand out all logits for that."""

    def rank(
        self, tokens: Tensor, state: Any, count: int, never: Sequence[int]
    ) -> tuple[Tensor, Tensor, Any]:
        """As step, for tokens [R, n]: log-probabilities [R, count], highest first, their tokens, and the new state.

        The probabilities are among the tokens that are not in `never`.
        """
