"""The one training loop: a generator of steps. Knows no model class, no text and no files.

It asks for workers (batches -> gradient) and a stream of batches, and leaves validation, checkpoints and printing
to whoever consumes the steps.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

from dragoman.training.gradients import SplittableBatch, Workers
from dragoman.training.optimizer import Optimizer

# So far above the best smoothed loss no healthy run gets, once it has settled a little.
DIVERGED_NATS = 1.5
SETTLED_STEPS = 50


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


class Diverged(Exception):
    """The loss is no number, or has run away: the consumer puts the last good state back."""


@dataclass
class Health:
    """Watches the loss. Smoothed over about twenty steps; remembered in checkpoints."""

    smoothed: float = 0.0
    best: float = math.inf
    steps: int = 0

    def check(self, loss: float) -> None:
        """Raises Diverged with the reason."""
        if not math.isfinite(loss):
            raise Diverged(f"the loss became {loss}")
        self.steps += 1
        rate = max(1 / self.steps, 0.05)
        self.smoothed += rate * (loss - self.smoothed)
        self.best = min(self.best, self.smoothed)
        if self.steps > SETTLED_STEPS and self.smoothed > self.best + DIVERGED_NATS:
            raise Diverged(f"the loss rose from {self.best:.2f} to {self.smoothed:.2f}")


def train(
    workers: Workers,
    batches: Iterator[SplittableBatch],
    optimizer: Optimizer,
    *,
    number: int = 0,
    accumulate: int = 1,
    parts: int = 1,
    health: Health | None = None,
) -> Iterator[Step]:
    """Yield after each optimiser step, for as long as there are batches and the consumer wants more.

    `number` is the last step done; `accumulate` batches make one step; `parts` pieces each are computed one
    after another, and doubled when memory runs out. Raises Diverged before a bad step touches the weights.
    """
    health = health or Health()
    while True:
        started = time.perf_counter()
        window = [batch for _, batch in zip(range(accumulate), batches, strict=False)]
        if not window:
            return
        number += 1
        found = workers.gradient(window, parts)
        parts = found.parts
        health.check(found.loss)
        norm = optimizer.step(number, found.flat)
        if not math.isfinite(norm):
            raise Diverged(f"the gradient's norm became {norm}")
        seconds = time.perf_counter() - started
        rate = optimizer.learning_rate(number)
        yield Step(number, found.loss, found.nll, found.tokens, rate, norm, seconds, parts)
