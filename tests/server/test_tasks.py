"""Long work beside the event loop: so much at once, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from dragoman.server.gate.refusals import Refusal
from dragoman.server.tasks import COMPUTING, LARGE, SHORT, Beside, LongTasks


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


def test_what_is_short_is_done_at_once_and_what_is_long_beside_the_loop() -> None:
    async def story() -> None:
        beside = Beside()
        assert await beside.run(SHORT, threading.current_thread) is threading.main_thread()
        assert await beside.run(SHORT + 1, threading.current_thread) is not threading.main_thread()
        with pytest.raises(ZeroDivisionError):
            await beside.run(SHORT + 1, divmod, 1, 0)
        beside.close()

    asyncio.run(story())


def test_few_compute_and_those_that_wait_let_others() -> None:
    """Sixteen long pages computed side by side, and the event loop waited for each of them in turn."""
    beside, go, computing, most = Beside(), threading.Event(), [0], [0]
    lock = threading.Lock()

    def page() -> None:
        with beside.computing():
            with lock:
                computing[0] += 1
                most[0] = max(most[0], computing[0])
            time.sleep(0.01)
            with lock:
                computing[0] -= 1
            with beside.waiting():
                go.wait(5)

    threads = [threading.Thread(target=page) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    assert computing[0] == 0  # all of them wait, and none keeps a place
    go.set()
    for thread in threads:
        thread.join()
    assert most[0] == COMPUTING


def test_a_few_long_requests_go_first() -> None:
    async def story() -> None:
        beside, inside, go = Beside(), [0], asyncio.Event()

        async def request(size: int) -> None:
            async with beside.place(size):
                inside[0] += 1
                await go.wait()

        tasks = [asyncio.create_task(request(SHORT + 1)) for _ in range(LARGE + 3)]
        await asyncio.sleep(0.01)
        assert inside[0] == LARGE
        tasks.append(asyncio.create_task(request(SHORT)))  # a short one waits for none of them
        await asyncio.sleep(0.01)
        assert inside[0] == LARGE + 1
        go.set()
        await asyncio.gather(*tasks)
        beside.close()

    asyncio.run(story())
