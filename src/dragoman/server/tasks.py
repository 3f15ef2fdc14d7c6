"""Work that takes long, in threads beside the event loop, and so much of it at once and no more. Knows no model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from dragoman.server.gate.refusals import overloaded, too_late

T = TypeVar("T")


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
