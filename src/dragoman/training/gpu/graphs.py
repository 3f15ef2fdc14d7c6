"""Computations that are repeated over the same memory: called each time, or captured once as CUDA graphs and replayed.

Knows nothing of what is computed. Unmeasured on a GPU: what can be tested on a CPU is all but the capture itself.

A graph repeats kernels on the addresses they had. So what is computed may read and write only tensors that stay
where they are, must have shapes known beforehand, and may not wait for the device.
"""

from __future__ import annotations

import warnings
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
    """Why a computation cannot be a graph; everything is as it was before the attempt."""


class Graphs(Protocol):
    """Where a computation is repeated."""

    def run(self, key: Hashable, compute: Compute, touched: Sequence[Tensor]) -> None:
        """Compute once. Under one key always the same is computed; `touched` is what it changes.

        Raises NotCaptured.
        """

    def forget(self) -> None:
        """What was computed so far lies at other addresses now."""


class Direct:
    """No graph: every call computes anew. What a CPU does."""

    def run(self, key: Hashable, compute: Compute, touched: Sequence[Tensor]) -> None:
        compute()

    def forget(self) -> None:
        pass


class Replay(Protocol):
    def replay(self) -> Any: ...


class Recorded:
    """Each computation is recorded when first asked for, and then replayed; how is left to `record`.

    Recording computes several times over: what it touches and the random numbers it draws are put back, so that a
    run that records again, because it was resumed, computes the same. What was recorded must do once what a call does,
    or it is not used.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._graphs: dict[Hashable, Replay] = {}

    def run(self, key: Hashable, compute: Compute, touched: Sequence[Tensor]) -> None:
        graph = self._graphs.get(key)
        if graph is None:
            if len(self._graphs) >= MOST_GRAPHS:
                compute()
                return
            graph = self._graphs[key] = self._rehearsed(compute, touched)
        graph.replay()

    def forget(self) -> None:
        self._graphs.clear()

    def record(self, compute: Compute) -> Replay:
        raise NotImplementedError

    def _rehearsed(self, compute: Compute, touched: Sequence[Tensor]) -> Replay:
        randomness = random_state(self.device)
        kept: list[Tensor] = []
        try:
            kept += [tensor.clone() for tensor in touched]
            graph = self.record(compute)
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


class CudaGraphs(Recorded):
    """One torch.cuda.CUDAGraph a key, all in one pool of memory.

    They may share it, in any order, since nothing that lies in the pool is read after its graph has run. The first
    calls and the capture run on one stream beside the default one, as torch asks for (CUDA semantics, "CUDA Graphs").
    Dropout draws from the device's own generator, whose place in its sequence each replay moves on.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__(device)
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()

    def forget(self) -> None:
        super().forget()
        self._pool = torch.cuda.graph_pool_handle()

    def record(self, compute: Compute) -> Replay:
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
    """An operation that waits for the device raises a RuntimeError: sooner, and with a clearer word, than a capture.

    A capture that fails half-way may leave torch's random numbers and memory in a state that cannot be mended.
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
    """Changed alike but for sums in another order. A step that is no number when computed is dealt with elsewhere."""
    expected = expected.float()
    allowed = DIFFERENCE * (expected - before).norm() + ROUNDING * expected.norm()
    return not bool(allowed.isfinite()) or bool((found.float() - expected).norm() <= allowed)


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]


def graphs_on(device: torch.device) -> Graphs:
    """CUDA graphs where there is a GPU, plain calls elsewhere."""
    return CudaGraphs(device) if device.type == "cuda" else Direct()
