"""The one training loop: a generator of steps. Knows no model class, no text and no files.

It asks for an objective (batch -> Loss) and a stream of batches, and leaves validation, checkpoints and printing
to whoever consumes the steps.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor

from dragoman.errors import TrainingError
from dragoman.protocols import Batch, Loss
from dragoman.training.optimizer import Optimizer

# So far above the best smoothed loss no healthy run gets, once it has settled a little.
DIVERGED_NATS = 1.5
SETTLED_STEPS = 50
MOST_PARTS = 64


class SplittableBatch(Batch, Protocol):
    def __len__(self) -> int: ...

    def rows(self, start: int, end: int) -> Self: ...


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


def is_out_of_memory(error: BaseException) -> bool:
    """CUDA and CPU say it differently."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and "allocate memory" in str(error)
    )


@dataclass(frozen=True)
class Gradients:
    """Of the mean loss over the tokens of some batches."""

    flat: Tensor  # fp32 [P]
    loss: float  # nats a token, smoothed targets
    nll: float
    tokens: int
    parts: int


def add_gradients(
    objective: Callable[[Batch], Loss], window: list[SplittableBatch], parts: int, flat: Tensor
) -> Gradients:
    """Backward through each batch of the window in `parts` pieces; `flat` [P] is where the model leaves gradients."""
    tokens = sum(int(batch.target_mask[:, 1:].sum()) for batch in window)
    total: Tensor | None = None
    loss_sum, nll_sum = torch.zeros((), device=flat.device), torch.zeros((), device=flat.device)
    for piece in (piece for batch in window for piece in _pieces(batch, parts)):
        flat.zero_()
        loss = objective(piece)
        (loss.sum / tokens).backward()  # type: ignore[no-untyped-call]
        loss_sum, nll_sum = loss_sum + loss.sum.detach(), nll_sum + loss.nll
        # In fp32: between pieces bf16 would forget small addends.
        total = flat.to(torch.float32, copy=True) if total is None else total.add_(flat)
    assert total is not None  # a window is never empty
    return Gradients(total, float(loss_sum) / tokens, float(nll_sum) / tokens, tokens, parts)


def _pieces(batch: SplittableBatch, parts: int) -> Iterator[SplittableBatch]:
    size = -(-len(batch) // parts)
    for start in range(0, len(batch), size):
        yield batch.rows(start, min(start + size, len(batch)))


def gradients_within_memory(
    objective: Callable[[Batch], Loss], window: list[SplittableBatch], parts: int, flat: Tensor
) -> Gradients:
    """add_gradients, with twice the parts each time memory runs out; the random numbers start over."""
    while True:
        randomness = torch.get_rng_state()
        try:
            return add_gradients(objective, window, parts, flat)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if parts >= min(MOST_PARTS, max(len(batch) for batch in window)):
                raise TrainingError(
                    f"memory runs out even with a batch cut into {parts} parts: "
                    "lower training.batch_tokens or the size of the model"
                ) from error
        torch.set_rng_state(randomness)
        parts *= 2


def train(
    objective: Callable[[Batch], Loss],
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
        found = gradients_within_memory(objective, window, parts, optimizer.parameters.gradient)
        parts = found.parts
        health.check(found.loss)
        norm = optimizer.step(number, found.flat)
        if not math.isfinite(norm):
            raise Diverged(f"the gradient's norm became {norm}")
        seconds = time.perf_counter() - started
        rate = optimizer.learning_rate(number)
        yield Step(number, found.loss, found.nll, found.tokens, rate, norm, seconds, parts)
