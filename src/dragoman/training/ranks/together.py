"""One gradient by several ranks: each computes its rows of every batch, and the sum is on all. Knows no run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from dragoman.training.gradients import Gradient, SplittableBatch, Workers
from dragoman.training.ranks.optimizers import ReplicatedOptimizer

Place = tuple[int, int]  # epoch, position: all ranks find the same batch there


def together(
    optimizer: ReplicatedOptimizer,
    workers: Workers,
    window: Sequence[SplittableBatch],
    parts: int,
    stop: bool,
) -> tuple[Gradient, bool]:
    """The gradient of the mean loss over the tokens of the whole window, and whether any rank was asked to stop.

    A batch is the same however many ranks there are: rank r of R computes its r-th share of the sentences.
    """
    ranks = optimizer.ranks
    tokens = sum(int(batch.target_mask[:, 1:].sum()) for batch in window)
    mine = [rows for batch in window if len(rows := _share(batch, ranks.rank, ranks.size))]
    own = workers.gradient(mine, parts, tokens)
    sums = torch.tensor([own.loss * tokens, own.nll * tokens, float(stop)], dtype=torch.float64)
    optimizer.add_up(own.flat)
    ranks.add_up(sums)
    loss, nll, stopped = sums.tolist()
    return Gradient(own.flat, loss / tokens, nll / tokens, tokens, own.parts), stopped > 0


def _share(batch: SplittableBatch, rank: int, size: int) -> SplittableBatch:
    count = len(batch)
    return batch.rows(rank * count // size, (rank + 1) * count // size)


class Led:
    """Rank 0's part: says what is computed before computing its own share. Stands where Workers and Optimizer do."""

    def __init__(self, workers: Workers, optimizer: ReplicatedOptimizer, stop: Callable[[str], None]) -> None:
        """stop: called when another rank was asked to stop."""
        self._workers, self._optimizer, self._stop = workers, optimizer, stop
        self.ranks = optimizer.ranks
        self.places: list[Place] = []  # of batches that were read and are not computed yet
        self.step_done = 0

    def gradient(self, window: list[SplittableBatch], parts: int) -> Gradient:
        """Of batches at the next places, or of the largest batch where no place was read."""
        places, self.places = self.places[: len(window)], self.places[len(window) :]
        self.ranks.say("gradient", places=places, step=self.step_done, parts=parts)
        found, stopped = together(self._optimizer, self._workers, window, parts, stop=False)
        if stopped:
            self._stop("another rank was asked to stop")
        return found

    def step(self, number: int, gradient: torch.Tensor) -> float:
        """The optimiser's step, on all ranks from the same gradient [P]."""
        self.ranks.say("step", number=number, scale=self._optimizer.scale)
        self.step_done = number
        return self._optimizer.step(number, gradient)

    def learning_rate(self, step: int) -> float:
        """Of step 1, 2, ..."""
        return self._optimizer.learning_rate(step)
