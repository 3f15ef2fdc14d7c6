"""Long work beside the event loop: so much at once, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from dragoman.server.gate.refusals import Refusal
from dragoman.server.tasks import LongTasks


def test_more_than_there_are_threads_is_refused_until_one_is_free() -> None:
    async def story() -> None:
        tasks, go = LongTasks(2), threading.Event()
        running = [asyncio.create_task(tasks.run(5, go.wait)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Refusal) as refused:
            await tasks.run(5, go.wait)
        assert refused.value.status == 503
        go.set()
        await asyncio.gather(*running)
        assert await tasks.run(5, lambda: "done") == "done"
        tasks.close()

    asyncio.run(story())


def test_what_takes_too_long_is_no_longer_waited_for_and_still_counts() -> None:
    async def story() -> None:
        tasks, go = LongTasks(1), threading.Event()
        started = time.monotonic()
        with pytest.raises(Refusal):
            await tasks.run(0.05, go.wait)
        assert time.monotonic() - started < 1
        with pytest.raises(Refusal):  # its thread is still at it
            await tasks.run(5, go.wait)
        go.set()
        for _ in range(500):
            await asyncio.sleep(0.002)
            try:
                assert await tasks.run(5, lambda: "free") == "free"
                break
            except Refusal:
                continue
        else:
            raise AssertionError("the thread never became free")
        tasks.close()

    asyncio.run(story())


def test_what_fails_fails_for_who_asked() -> None:
    async def story() -> None:
        tasks = LongTasks(1)
        with pytest.raises(ZeroDivisionError):
            await tasks.run(5, divmod, 1, 0)
        tasks.close()

    asyncio.run(story())
