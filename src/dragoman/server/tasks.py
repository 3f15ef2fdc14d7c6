"""Work that takes long, in threads beside the event loop, and so much of it at once and no more. Knows no model.

A thread that computes in Python lets others have the interpreter only now and then (run.SWITCHING): with n of them the
event loop waits n times as long, several times a request. So there are few.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, ParamSpec, TypeVar

from dragoman.server.gate.refusals import overloaded, too_late

P = ParamSpec("P")
T = TypeVar("T")


SHORT = 2000  # characters of a request that is computed where it is: they take some 10 ms
COMPUTING = 2  # threads of Python
LARGE = 4  # requests that are not short under way at once: the first are answered, instead of all being late


class Beside:
    """Steps of Python: short ones done at once, since a thread costs more than they do; long ones beside the loop."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(COMPUTING, "computing")
        self._places = asyncio.Semaphore(LARGE)
        self._computing = threading.Semaphore(COMPUTING)

    @asynccontextmanager
    async def place(self, size: int) -> AsyncIterator[None]:
        """For a request of `size` characters from its first step to its last."""
        if size <= SHORT:
            yield
            return
        async with self._places:
            yield

    @contextmanager
    def computing(self) -> Iterator[None]:
        """In a thread of somebody else's: while this lasts it counts as one of ours."""
        with self._computing:
            yield

    @contextmanager
    def turn(self, size: int) -> Iterator[None]:
        """For a step of a request of `size` characters in such a thread: `computing`, where that is long."""
        if size <= SHORT:
            yield
            return
        with self.computing():
            yield

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Within `computing`: it does not count meanwhile."""
        self._computing.release()
        try:
            yield
        finally:
            self._computing.acquire()

    async def run(self, size: int, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """`function` of some arguments, which are together `size` characters long."""
        if size <= SHORT:
            return function(*arguments, **named)
        loop, work = asyncio.get_running_loop(), partial(function, *arguments, **named)
        return await loop.run_in_executor(self._pool, self._counted, work)

    def _counted(self, work: Callable[[], T]) -> T:
        with self.computing():
            return work()

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


class LongTasks:
    """A number of threads, and as much work as there are threads."""

    def __init__(self, most: int) -> None:
        self._most, self._running = most, 0
        self._pool = ThreadPoolExecutor(most, "long-task")

    async def run(self, seconds: float, function: Callable[..., T], *arguments: Any) -> T:
        """Run what takes long beside the event loop. Raises Refusal when too much of it is under way."""
        if self._running >= self._most:
            raise overloaded(1)
        self._running += 1
        task = asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)
        task.add_done_callback(self._done)
        try:
            return await asyncio.wait_for(asyncio.shield(task), seconds)
        except TimeoutError:
            raise too_late(seconds) from None

    def _done(self, task: asyncio.Future[Any]) -> None:
        self._running -= 1
        if not task.cancelled():
            task.exception()  # seen, even if the client has left

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
