"""Computations that are repeated over the same memory: called each time, or captured once as CUDA graphs and replayed.

Knows nothing of what is computed. Unmeasured on a GPU: what can be tested on a CPU is all but the capture itself.

A graph launches the same kernels on the same addresses. So a computation may read and write only tensors that stay
where they are, must have shapes known beforehand, and may not wait for the device.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor

from dragoman.errors import TrainingError
from dragoman.training.gradients import is_out_of_memory
from dragoman.training.random_state import random_state, set_random_state

# The first calls load kernels and take cuBLAS's workspace; the last is watched for what would wait for the device.
WARM_UPS = 3
# A graph keeps some megabytes of the device's memory; a corpus has about thirty shapes (see training/gpu/grid.py).
MOST_GRAPHS = 128
# Between what a replayed and a computed step change, as a share of it: wrong dropout or a stale address give far more.
DIFFERENCE = 0.01
ROUNDING = 1e-6  # of fp32, as a share of what was changed

Compute = Callable[[], None]


class NotCaptured(Exception):
    """A computation cannot be captured; the message says why. All tensors are as they were before the attempt."""


class Graphs(Protocol):
    """How a computation is repeated: by calling it, or by replaying what was captured."""

    def run(self, key: Hashable, compute: Compute, touched: Sequence[Tensor]) -> None:
        """Carry out `compute` once. Calls with an equal key must compute the same, over the same tensors.

        `touched` are all tensors [...] that it writes. Raises NotCaptured when it cannot be captured.
        """

    def forget(self) -> None:
        """Drop all graphs: a tensor that they read or write has moved to another address."""


class Eager:
    """Without graphs: each run calls the function. For a CPU."""

    def run(self, key: Hashable, compute: Compute, touched: Sequence[Tensor]) -> None:
        compute()

    def forget(self) -> None:
        pass


class Replayable(Protocol):
    """A captured computation."""

    def replay(self) -> Any:
        """Carry it out once, over the tensors it was captured with."""


class GraphCache(ABC):
    """Captures each computation the first time its key comes, and replays it from then on; at most MOST_GRAPHS.

    Capturing carries out the computation several times. The tensors it writes and the random state are put back after
    that, so a resumed run, which captures anew, computes the same. A graph is used only when replaying it once changes
    the tensors as calling the function does.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._graphs: dict[Hashable, Replayable] = {}

    def run(self, key: Hashable, compute: Compute, touched: Sequence[Tensor]) -> None:
        graph = self._graphs.get(key)
        if graph is None:
            if len(self._graphs) >= MOST_GRAPHS:
                compute()
                return
            graph = self._graphs[key] = self._captured(compute, touched)
        graph.replay()

    def forget(self) -> None:
        self._graphs.clear()

    @abstractmethod
    def capture(self, compute: Compute) -> Replayable:
        """What replays `compute`. Raises RuntimeError or MemoryError when it cannot be captured."""

    def _captured(self, compute: Compute, touched: Sequence[Tensor]) -> Replayable:
        """Capture, and compare a replay with a call; `touched` [...] hold afterwards what they held before.

        Raises NotCaptured; TrainingError when the GPU cannot be used after a failed attempt.
        """
        randomness = random_state(self.device)
        kept: list[Tensor] = []
        try:
            kept += [tensor.clone() for tensor in touched]
            graph = self.capture(compute)
            self._put_back(touched, kept, randomness)
            compute()
            expected = [tensor.clone() for tensor in touched]
            self._put_back(touched, kept, randomness)
            graph.replay()
            agree = all(map(_agree, touched, expected, kept))
        except (RuntimeError, MemoryError) as error:
            memory = is_out_of_memory(error)
            raise NotCaptured("memory runs out" if memory else _first_line(error)) from error
        finally:
            self._put_back(touched, kept, randomness)
        if not agree:
            raise NotCaptured("a replayed step gives other numbers than a computed one")
        return graph

    def _put_back(self, touched: Sequence[Tensor], kept: list[Tensor], randomness: list[Tensor]) -> None:
        """Set `touched` [...] to the copies `kept`, and the random state to `randomness`.

        Raises TrainingError when the GPU refuses to compute.
        """
        try:
            for tensor, before in zip(touched, kept, strict=False):  # of a failed attempt some may be missing
                tensor.copy_(before)
            set_random_state(randomness, self.device)
            torch.rand(1, device=self.device)  # fails where a capture that was broken off still goes on
            set_random_state(randomness, self.device)
        except RuntimeError as error:
            if is_out_of_memory(error):
                return  # of the one number: everything is back in its place
            raise TrainingError(
                "a training step could not be captured as a CUDA graph, and the GPU cannot go on after the attempt: "
                "go on with --resume --set training.graph=off"
            ) from error


class CudaGraphs(GraphCache):
    """One torch.cuda.CUDAGraph a key, all in one pool of memory.

    Graphs may share a pool and be replayed in any order, since nothing in the pool is read after its graph has run.
    The first calls and the capture run on one stream beside the default one, as torch asks for (CUDA semantics, "CUDA
    Graphs"). Dropout draws from the device's own generator, which each replay advances as a call would.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__(device)
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()

    def forget(self) -> None:
        super().forget()
        self._pool = torch.cuda.graph_pool_handle()

    def capture(self, compute: Compute) -> Replayable:
        present = torch.cuda.current_stream(self.device)
        self._stream.wait_stream(present)
        try:
            with torch.cuda.stream(self._stream):
                for _ in range(WARM_UPS - 1):
                    compute()
                with _waiting_refused():
                    compute()
        finally:
            present.wait_stream(self._stream)
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
                compute()
        finally:
            torch.cuda.set_stream(present)  # a capture that cannot be ended leaves its own
        return graph


@contextmanager
def _waiting_refused() -> Iterator[None]:
    """While this lasts, an operation that waits for the device raises a RuntimeError that names it.

    A capture would refuse it too, but a capture that fails half-way may leave torch's random numbers and memory in a
    state that cannot be mended.
    """
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that the mode does not see all that waits
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


def _agree(found: Tensor, expected: Tensor, before: Tensor) -> bool:
    """Whether a replay (`found` [...]) changed a tensor as a call did (`expected`), up to sums in another order.

    True where the call itself gave inf or nan: that is the loop's to notice, and says nothing about the graph.
    """
    expected = expected.float()
    allowed = DIFFERENCE * (expected - before).norm() + ROUNDING * expected.norm()
    return not bool(allowed.isfinite()) or bool((found.float() - expected).norm() <= allowed)


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]


def graphs_on(device: torch.device) -> Graphs:
    """CUDA graphs on a GPU, plain calls elsewhere."""
    return CudaGraphs(device) if device.type == "cuda" else Eager()
