"""The gradient of a window of batches: cut to fit memory, computed by several workers side by side. Knows no model.

Dimensions: P all parameters, end to end in one vector.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

from dragoman import processor
from dragoman.errors import TrainingError
from dragoman.protocols import Batch, Loss
from dragoman.training.cpu import kernels
from dragoman.training.measuring import quickest
from dragoman.training.parameters import FlatParameters
from dragoman.training.random_state import random_state, set_random_state

MOST_PARTS = 64

T = TypeVar("T")


class SplittableBatch(Batch, Protocol):
    """A batch that can be cut between sentences."""

    def __len__(self) -> int:
        """Number of sentences."""

    def rows(self, start: int, end: int) -> SplittableBatch:
        """The sentences from `start` to before `end`."""


@dataclass(frozen=True)
class Worker:
    """One copy of the model, to be used by one thread: its loss, its gradient, its random numbers."""

    objective: Callable[[Batch], Loss]
    gradient: Tensor  # [P], in the type the model computes in
    generator: torch.Generator | None = (
        None  # seeded anew for each gradient; None: torch's own, for one alone
    )

    def backward(self, piece: SplittableBatch, tokens: int) -> Tensor:
        """Set `gradient` to that of the piece's loss / tokens; returns the summed loss and nll of the piece [2].

        `tokens` is the number in the whole window, so that gradients of its pieces add up to that of the mean.
        """
        self.gradient.zero_()
        loss = self.objective(piece)
        (loss.sum / tokens).backward()  # type: ignore[no-untyped-call]
        return torch.stack((loss.sum.detach(), loss.nll))


@dataclass(frozen=True)
class Gradient:
    """The gradient of the mean loss over the tokens of some batches, and what was counted on the way."""

    flat: Tensor  # fp32 [P]; good until the next gradient is asked for
    loss: float  # nats a token, smoothed targets
    nll: float
    tokens: int
    parts: int


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: CUDA, Python and torch on a CPU raise different errors for it."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and "allocate memory" in str(error)
    )


class Workers:
    """Computes gradients with one or more workers over the same weights.

    One computes in the calling thread; several have a thread each, at whose products `threads` compute, itself among
    them. Their gradients are added in a fixed order, so the sum is the same to the bit whichever is done first.
    """

    def __init__(self, workers: Sequence[Worker], threads: int = 1) -> None:
        self.workers = workers
        self.threads = threads
        self._total = torch.empty(0)  # the sum of a window, in fp32: its memory is used again for the next

    def arrange(self, count: int, threads: int) -> None:
        """Compute with the first `count` workers from now on, at whose products `threads` compute."""
        if (pool := self.__dict__.pop("_pool", None)) is not None:
            pool.shutdown()
        self.workers, self.threads = self.workers[:count], threads

    def choose(self, window: list[SplittableBatch], clock: Callable[[], float] = time.perf_counter) -> bool:
        """One worker with one thread, where all of them together take more time on this window; whether that is so.

        They wait for each other, and on a machine with other work, or little work to share, that costs more than it
        brings.
        """
        whole, threads = self.workers, self.threads

        def tried(count: int, each: int) -> Callable[[], object]:
            def run() -> object:
                self.workers = whole
                self.arrange(count, each)
                return self.gradient(window, 1)

            return run

        candidates = {"all": tried(len(whole), threads), "one": tried(1, 1)}
        chosen = quickest(candidates, clock=clock)
        self.workers = whole
        self.arrange(*((1, 1) if chosen == "one" else (len(whole), threads)))
        return chosen == "one"

    @cached_property
    def _pool(self) -> ThreadPoolExecutor | None:
        return processor.side_by_side(len(self.workers), self.threads) if len(self.workers) > 1 else None

    def gradient(self, window: list[SplittableBatch], parts: int, tokens: int | None = None) -> Gradient:
        """The gradient over all batches of the window, each cut in `parts` pieces for each worker.

        tokens: of a larger window that this one is a part of, and by which its loss is divided.
        When memory runs out, it starts again with twice as many parts, from the same random state. Raises
        TrainingError when MOST_PARTS do not fit either.
        """
        while True:
            device = self.workers[0].gradient.device
            randomness = random_state(device)
            try:
                return self._gradient(window, parts, tokens)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if parts >= min(MOST_PARTS, max((len(batch) for batch in window), default=1)):
                    raise TrainingError(
                        f"memory runs out even with a batch cut into {parts} parts: "
                        "lower training.batch_tokens or the size of the model"
                    ) from error
            set_random_state(randomness, device)  # as if the failed attempt had not been
            parts *= 2

    def _gradient(self, window: list[SplittableBatch], parts: int, tokens: int | None) -> Gradient:
        for worker in self.workers:
            if worker.generator is not None:
                worker.generator.manual_seed(int(torch.randint(2**62, ())))
        if tokens is None:
            tokens = sum(int(batch.target_mask[:, 1:].sum()) for batch in window)
        losses: list[Tensor] = []
        count = len(self.workers)
        pieces = [piece for batch in window for piece in _pieces(batch, parts * count)]
        for start in range(0, len(pieces), count):
            found = self._backward(pieces[start : start + count], tokens)
            self._add([worker.gradient for worker in self.workers[: len(found)]], first=not losses)
            losses += found
        if not losses:
            self._add([worker.gradient.zero_() for worker in self.workers], first=True)
            return Gradient(self._total, 0.0, 0.0, tokens, parts)
        loss, nll = (torch.stack(losses).sum(0) / tokens).tolist()
        return Gradient(self._total, loss, nll, tokens, parts)

    def _add(self, gradients: Sequence[Tensor], first: bool) -> None:
        """Add gradients [P] to the total [P], or with `first` set the total to their sum. Each worker adds a slice.

        The total is in fp32: over many pieces, bf16 would forget small addends.
        """
        if self._total.numel() != gradients[0].numel():
            self._total = torch.empty_like(gradients[0], dtype=torch.float32)
        shares = (x.chunk(len(self.workers)) for x in (self._total, *gradients))
        self._side_by_side(
            [partial(_add_up, total, parts, first) for total, *parts in zip(*shares, strict=True)]
        )

    def _backward(self, shares: Sequence[SplittableBatch], tokens: int) -> list[Tensor]:
        """Backward of one piece by each worker, or by the first of them; their summed losses and nlls [2] each."""
        together = zip(self.workers, shares, strict=False)
        return self._side_by_side([partial(worker.backward, piece, tokens) for worker, piece in together])

    def _side_by_side(self, work: Sequence[Callable[[], T]]) -> list[T]:
        """A piece of work in each worker's thread, or here where there is one worker."""
        if self._pool is None:
            with processor.threads(self.threads):
                return [one() for one in work]
        running = [self._pool.submit(one) for one in work]
        wait(running)  # all of them, also when one has failed: the others still write
        return [future.result() for future in running]


def _add_up(total: Tensor, parts: Sequence[Tensor], first: bool) -> None:
    """Add parts [N] to total [N] in their order; with `first`, the total begins at zero."""
    for part in parts:
        if first and part is parts[0]:
            total.copy_(part)
        elif part.device.type == "cpu" and part.dtype == torch.bfloat16 and kernels.library():
            kernels.add(total, part)
        else:
            total.add_(part)


def side_by_side(
    model: nn.Module,
    parameters: FlatParameters,
    loss: Callable[[nn.Module, Batch], Loss],
    count: int,
    threads: int | None = None,
) -> Workers:
    """`count` workers over the weights of one model, each with a copy of it and random numbers of its own.

    The modules that draw them are those with an attribute `generator`. threads: that compute for each worker, at most
    an equal share of those torch has, which is the default.
    """
    share = max(torch.get_num_threads() // count, 1)
    threads = share if threads is None else min(threads, share)
    if count == 1:
        return Workers([Worker(partial(loss, model), parameters.gradient)], threads)
    workers = []
    for number in range(count):
        own = copy.deepcopy(model) if number else model
        gradient = parameters.attach(own) if number else parameters.gradient
        generator = torch.Generator()
        for module in own.modules():
            if hasattr(module, "generator"):
                module.generator = generator  # type: ignore[assignment]
        workers.append(Worker(partial(loss, own), gradient, generator))
    return Workers(workers, threads)


def _pieces(batch: SplittableBatch, count: int) -> Iterator[SplittableBatch]:
    size = -(-len(batch) // count)
    for start in range(0, len(batch), size):
        yield batch.rows(start, min(start + size, len(batch)))
