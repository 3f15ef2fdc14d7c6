"""The one training loop: a generator of steps. Knows no model class, no text and no files.

It asks for workers (batches -> gradient) and a stream of batches, and leaves validation, checkpoints and printing
to whoever consumes the steps.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from dragoman.training.gradients import Gradient, SplittableBatch

# So far above the best smoothed loss no healthy run stays, once it has settled a little; before that it may well rise.
DIVERGED_NATS = 1.5
UNSETTLED_NATS = 4.5
SETTLED_STEPS = 50
# So many steps in a row that far above are no spike, nor a loss on its way down from one.
ABOVE_STEPS = 8
# A cross-entropy is never below zero; so far below, sums have lost their digits.
_BELOW_ZERO = -0.01


@dataclass(frozen=True)
class Step:
    """What one optimiser step did."""

    number: int
    loss: float  # nats a token, smoothed targets
    nll: float  # nats a token, true labels
    tokens: int  # target tokens, padding not counted
    learning_rate: float
    gradient_norm: float
    seconds: float
    parts: int  # pieces each batch was cut into to fit memory


@dataclass(frozen=True)
class Taken:
    """What a WholeStep did."""

    loss: float  # nats a token, smoothed targets
    nll: float
    tokens: int
    norm: float  # of the gradient, before clipping


class WholeStep(Protocol):
    """Another way to take a step: gradient and update as one computation, which a GPU does without waiting between."""

    def step(self, number: int, window: list[SplittableBatch]) -> Taken | None:
        """Take step `number` on the batches of the window.

        None when it cannot be taken this way: nothing has changed, and the loop takes it as usual. When the loss or the
        norm is no number, no weight may have changed.
        """


class Gradients(Protocol):
    """Batches -> gradient: gradients.Workers, or several ranks."""

    def gradient(self, window: list[SplittableBatch], parts: int) -> Gradient:
        """Over all batches of the window; see gradients.Workers."""


class Steps(Protocol):
    """Gradient -> new weights: an Optimizer, or those of several ranks."""

    def step(self, number: int, gradient: Tensor) -> float:
        """Apply the gradient [P] as step `number`; returns its norm before clipping."""

    def learning_rate(self, step: int) -> float:
        """Of step 1, 2, ..."""


class Diverged(Exception):
    """The loss or the gradient is no number, or the loss has risen far above its best; the message says which.

    Whoever consumes the steps should go back to a checkpoint.
    """


@dataclass
class Health:
    """Notices a loss that runs away. Its fields are saved in checkpoints."""

    smoothed: float = 0.0  # nats a token, averaged over about twenty steps
    best: float = math.inf  # lowest `smoothed` so far
    steps: int = 0
    above: int = 0  # steps in a row, up to the last, that were too far above the best

    def check(self, loss: float) -> None:
        """Take note of a step's loss in nats a token. Raises Diverged when training should not go on from here."""
        if not math.isfinite(loss):
            raise Diverged(f"the loss became {loss}")
        if loss < _BELOW_ZERO:
            raise Diverged(f"the loss became {loss:.2f}, and nothing below zero can be one")
        settled = self.steps >= SETTLED_STEPS
        limit = self.best + (DIVERGED_NATS if settled else UNSETTLED_NATS)
        self.steps += 1
        rate = max(1 / self.steps, 0.05)
        # One step counts for so much at most: a broken line of the corpus is no divergence.
        self.smoothed += rate * (min(loss, limit + UNSETTLED_NATS) - self.smoothed)
        self.best = min(self.best, self.smoothed)
        self.above = self.above + 1 if loss > limit else 0
        # The mean tells a loss that swings; the last loss, whether it is on its way back.
        if self.above >= ABOVE_STEPS or (settled and self.above and self.smoothed > limit):
            raise Diverged(f"the loss rose from {self.best:.2f} to {loss:.2f}")


def train(
    workers: Gradients,
    batches: Iterator[SplittableBatch],
    optimizer: Steps,
    *,
    number: int = 0,
    accumulate: int = 1,
    parts: int = 1,
    health: Health | None = None,
    whole: WholeStep | None = None,
) -> Iterator[Step]:
    """Yield after each optimiser step, for as long as there are batches and the consumer wants more.

    `number` is the last step done; `accumulate` batches make one step; `parts` pieces each are computed one
    after another, and doubled when memory runs out. Raises Diverged before a bad step touches the weights.
    `whole` is asked first, where a batch need not be cut; with it a loss that has run away is noticed a step late.
    """
    health = health or Health()
    while True:
        started = time.perf_counter()
        window = [batch for _, batch in zip(range(accumulate), batches, strict=False)]
        if not window:
            return
        number += 1
        taken = whole.step(number, window) if whole is not None and parts == 1 else None
        if taken is None:
            gradient = workers.gradient(window, parts)
            parts = gradient.parts
            health.check(gradient.loss)
            norm = optimizer.step(number, gradient.flat)
            taken = Taken(gradient.loss, gradient.nll, gradient.tokens, norm)
        else:
            health.check(taken.loss)
        if not math.isfinite(taken.norm):
            raise Diverged(f"the gradient's norm became {taken.norm}")
        seconds = time.perf_counter() - started
        rate = optimizer.learning_rate(number)
        yield Step(number, taken.loss, taken.nll, taken.tokens, rate, taken.norm, seconds, parts)
