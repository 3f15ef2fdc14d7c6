"""Sentences of many clients together: none is lost, swapped, done twice or waited for in vain."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from dragoman.decoding.options import DecodingOptions, Hypothesis, SearchRequest, Unwanted, Wanted
from dragoman.errors import UsageError
from dragoman.server.gate.metrics import Metrics
from dragoman.server.gate.refusals import Refusal
from dragoman.server.queue import BATCH_TOKENS, SPREAD, Found, Queue, Unit, Work, fill

REQUEST = SearchRequest(DecodingOptions(beam_size=1))
MODEL: Any = object()


def work(text: str, **others: Any) -> Work:
    """A sentence whose ids are its characters."""
    return Work(MODEL, tuple(map(ord, text)), **{"request": REQUEST} | others)


def words(ids: Sequence[int]) -> str:
    return "".join(map(chr, ids))


def said(found: Sequence[Found]) -> list[str]:
    return [words(best[0].tokens) for best in found]


class Engine:
    """Answers each sentence with itself, backwards; remembers its batches, and waits where it is told to."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.go = threading.Event()
        self.go.set()

    def __call__(self, batch: Sequence[Work], wanted: Wanted) -> list[Found]:
        self.batches.append([words(one.ids) for one in batch])
        assert self.go.wait(10)
        if "bad" in self.batches[-1]:
            raise UsageError("this one cannot be translated")
        return [[Hypothesis(list(one.ids[::-1]), -1.0, [])] for one in batch]


def run(story: Callable[[Queue, Engine], Awaitable[None]], room: int = 100, threads: int = 1) -> Engine:
    """Tell a story on an event loop with a queue."""
    engine = Engine()

    async def told() -> None:
        queue = Queue(Metrics(), room, threads, engine)
        try:
            await asyncio.wait_for(story(queue, engine), 20)
        finally:
            engine.go.set()
            await queue.close()

    asyncio.run(told())
    return engine


async def until(true: Callable[[], object]) -> None:
    while not true():
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("threads", [1, 3])
def test_each_client_gets_its_own_answer(threads: int) -> None:
    async def story(queue: Queue, engine: Engine) -> None:
        async def client(n: int) -> None:
            for k in range(20):
                texts = [f"text {n} {k} {i}" * (1 + (n * k) % 5) for i in range(3)]
                found = await queue.search([work(text) for text in texts], 10)
                assert said(found) == [text[::-1] for text in texts]

        await asyncio.gather(*map(client, range(20)))

    run(story, room=1000, threads=threads)


def test_texts_of_different_clients_share_a_batch() -> None:
    async def story(queue: Queue, engine: Engine) -> None:
        engine.go.clear()
        clients = [asyncio.create_task(queue.search([work("first")], 10))]
        await until(lambda: engine.batches)
        clients += [asyncio.create_task(queue.search([work(f"text {n}")], 10)) for n in range(8)]
        await until(lambda: queue.depth == 8)
        engine.go.set()
        await asyncio.gather(*clients)

    assert [len(batch) for batch in run(story).batches] == [1, 8]


def test_what_is_searched_for_differently_shares_none() -> None:
    async def story(queue: Queue, engine: Engine) -> None:
        engine.go.clear()
        first = asyncio.create_task(queue.search([work("first")], 10))
        await until(lambda: engine.batches)
        beams = (REQUEST, SearchRequest(DecodingOptions(beam_size=3)), REQUEST)
        others = queue.search([work(f"text {n}", request=r) for n, r in enumerate(beams)], 10)
        rest = asyncio.create_task(others)
        await until(lambda: queue.depth == 3)
        engine.go.set()
        await asyncio.gather(first, rest)

    assert sorted(run(story).batches[1:]) == [["text 0", "text 2"], ["text 1"]]


def test_equal_texts_are_translated_once() -> None:
    async def story(queue: Queue, engine: Engine) -> None:
        engine.go.clear()
        clients = [asyncio.create_task(queue.search([work("same"), work("same")], 10)) for _ in range(5)]
        await until(lambda: engine.batches)
        clients.append(asyncio.create_task(queue.search([work("same")], 10)))  # one that is under way
        await asyncio.sleep(0.01)
        engine.go.set()
        for found in await asyncio.gather(*clients):
            assert set(said(found)) == {"emas"}

    assert run(story).batches == [["same"]]


def test_the_answer_is_not_kept() -> None:
    async def story(queue: Queue, engine: Engine) -> None:
        for _ in range(2):
            await queue.search([work("same")], 10)

    assert run(story).batches == [["same"], ["same"]]


def test_what_its_client_has_left_is_not_translated() -> None:
    async def story(queue: Queue, engine: Engine) -> None:
        engine.go.clear()
        first = asyncio.create_task(queue.search([work("first")], 10))
        await until(lambda: engine.batches)
        leaving = [asyncio.create_task(queue.search([work(t)], 10)) for t in ("alone", "shared")]
        staying = asyncio.create_task(queue.search([work("shared")], 10))
        await until(lambda: queue.depth == 2)
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        assert queue.depth == 1
        engine.go.set()
        assert said(await staying) == ["derahs"]
        await first

    assert run(story).batches == [["first"], ["shared"]]


def test_a_search_that_nobody_waits_for_is_given_up() -> None:
    # A beam that had begun ran to its end, and those who came after waited for it.
    asked = threading.Event()

    def endless(batch: Sequence[Work], wanted: Wanted) -> list[Found]:
        while words(batch[0].ids) == "long" and wanted():
            asked.set()
            time.sleep(0.001)
        if not wanted():
            raise Unwanted
        return [[Hypothesis(list(one.ids[::-1]), -1.0, [])] for one in batch]

    async def told() -> None:
        queue = Queue(Metrics(), 10, 1, endless)
        first, second = (asyncio.create_task(queue.search([work("long")], 10)) for _ in range(2))
        await until(asked.is_set)
        first.cancel()
        await asyncio.sleep(0.02)
        other = asyncio.create_task(queue.search([work("other")], 10))
        await asyncio.sleep(0.02)
        assert not other.done()  # one of the two still waits
        second.cancel()
        assert said(await asyncio.wait_for(other, 1)) == ["rehto"]
        with pytest.raises(Refusal):  # the same is begun anew, and given up when its time is over
            await queue.search([work("long")], 0.1)
        await asyncio.wait_for(queue.close(), 1)

    asyncio.run(told())


def test_more_than_there_is_room_for_is_refused_at_once() -> None:
    async def story(queue: Queue, engine: Engine) -> None:
        engine.go.clear()
        accepted = [asyncio.create_task(queue.search([work("first")], 10))]
        await until(lambda: engine.batches)
        accepted.append(asyncio.create_task(queue.search([work(f"{n}") for n in range(4)], 10)))
        await until(lambda: queue.depth == 4)
        started = time.monotonic()
        with pytest.raises(Refusal) as refused:
            await queue.search([work("one"), work("two")], 10)
        assert time.monotonic() - started < 0.5
        assert refused.value.status == 503
        assert refused.value.retry_after
        assert queue.depth == 4  # none of the two was taken
        engine.go.set()
        await asyncio.gather(*accepted)

    run(story, room=5)


def test_what_could_not_be_done_in_time_is_refused_at_once() -> None:
    async def story(queue: Queue, engine: Engine) -> None:
        engine.go.clear()
        first = asyncio.create_task(queue.search([work("x" * 500)], 10))
        await asyncio.sleep(0.2)
        engine.go.set()
        await first  # 500 tokens in 0.2 s: the speed is known now
        with pytest.raises(Refusal) as refused:
            await queue.search([work("y" * 10_000)], 2)  # 10,000 tokens would take 4 s
        # A text that needed longer than the deadline was told "busy: try again", which could never help.
        assert refused.value.status == 413
        assert (
            refused.value.message
            == "this takes about 4 seconds here, and 2 are allowed (--deadline): send it in parts"
        )
        assert said(await queue.search([work("short")], 2)) == ["trohs"]
        engine.go.clear()
        others = [asyncio.create_task(queue.search([work("z" * 4000 + sign)], 9)) for sign in "ab"]
        await asyncio.sleep(0.1)
        with pytest.raises(Refusal) as refused:  # by itself it would be done in time
            await queue.search([work("y" * 2500)], 1.5)
        assert refused.value.status == 503
        assert refused.value.retry_after
        engine.go.set()
        await asyncio.gather(*others)

    run(story)


def test_a_small_batch_says_nothing_about_speed() -> None:
    async def story(queue: Queue, engine: Engine) -> None:
        engine.go.clear()
        first = asyncio.create_task(queue.search([work("one word")], 10))
        await asyncio.sleep(0.2)
        engine.go.set()
        await first
        await queue.search([work("y" * 10_000)], 2)

    run(story)


def test_nobody_waits_longer_than_the_deadline() -> None:
    async def story(queue: Queue, engine: Engine) -> None:
        engine.go.clear()
        started = time.monotonic()
        with pytest.raises(Refusal) as refused:
            await queue.search([work("stuck")], 0.1)
        assert 0.1 <= time.monotonic() - started < 1
        assert refused.value.status == 503

    run(story)


def test_one_that_fails_does_not_harm_its_neighbours() -> None:
    async def story(queue: Queue, engine: Engine) -> None:
        engine.go.clear()
        first = asyncio.create_task(queue.search([work("first")], 10))
        await until(lambda: engine.batches)
        tasks = [asyncio.create_task(queue.search([work(t)], 10)) for t in ("good", "bad", "fine")]
        await until(lambda: queue.depth == 3)
        engine.go.set()
        good, bad, fine = await asyncio.gather(*tasks, return_exceptions=True)
        assert (said(good), said(fine)) == (["doog"], ["enif"])  # type: ignore[arg-type]
        assert isinstance(bad, UsageError)
        await first

    run(story)


def test_an_unforeseen_error_is_logged_and_tells_the_client_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        def broken(batch: Sequence[Work], wanted: Wanted) -> list[Found]:
            raise ValueError("secret")

        queue = Queue(Metrics(), 10, 1, broken)
        with pytest.raises(Refusal) as refused:
            await queue.search([work("text")], 10)
        assert refused.value.status == 500
        assert "secret" not in refused.value.message
        await queue.close()

    asyncio.run(story())
    assert "secret" in caplog.text


def test_closing_finishes_what_was_accepted_and_takes_no_more() -> None:
    async def story() -> None:
        engine = Engine()
        queue = Queue(Metrics(), 100, 2, engine)
        engine.go.clear()
        tasks = [asyncio.create_task(queue.search([work(f"text {n}")], 10)) for n in range(30)]
        await until(lambda: engine.batches)
        closing = asyncio.create_task(queue.close())
        await asyncio.sleep(0.01)
        with pytest.raises(Refusal):
            await queue.search([work("late")], 10)
        engine.go.set()
        await closing
        answers = [said(found)[0] for found in await asyncio.gather(*tasks)]
        assert answers == [f"text {n}"[::-1] for n in range(30)]

    asyncio.run(story())


def test_who_asks_for_little_does_not_wait_for_who_asks_for_much() -> None:
    async def story(queue: Queue, engine: Engine) -> None:
        engine.go.clear()
        book = [work(f"{n:03}" * 100) for n in range(60)]  # one a batch
        reader = asyncio.create_task(queue.search(book, 10))
        await until(lambda: engine.batches)
        await asyncio.sleep(0.2)
        word = asyncio.create_task(queue.search([work("word")], 10))
        await until(lambda: queue.depth == 60)
        engine.go.set()
        await asyncio.gather(reader, word)

    batches = run(story).batches
    # Its turn came after those of the book that were due in the time before it.
    assert next(n for n, batch in enumerate(batches) if "word" in batch) <= 3 + 60 * 0.3 / (10 * SPREAD)


class TestFill:
    def units(self, *lengths: int, turns: Sequence[int] = ()) -> list[Unit]:
        future: Any = None
        order = turns or range(len(lengths))
        return [Unit(work("x" * (n - 1)), turn, future) for n, turn in zip(lengths, order, strict=True)]

    def lengths(self, batch: Sequence[Unit]) -> list[int]:
        return [unit.work.tokens for unit in batch]

    def test_begins_with_the_one_whose_turn_it_is(self) -> None:
        units = self.units(5, 5, 5, turns=(3, 1, 2))
        assert fill(units) == [units[1], units[2], units[0]]

    def test_takes_those_nearest_in_length(self) -> None:
        assert self.lengths(fill(self.units(100, 400, 99, 3, 101))) == [100, 99, 101, 3]

    def test_holds_so_many_tokens(self) -> None:
        assert len(fill(self.units(*[10] * 200))) == BATCH_TOKENS // 10

    def test_one_longer_than_a_batch_is_one(self) -> None:
        assert len(fill(self.units(BATCH_TOKENS * 2, 10))) == 1


def test_who_comes_alone_finds_room_for_any_request() -> None:
    async def story(queue: Queue, engine: Engine) -> None:
        found = await queue.search([work(f"text {n}") for n in range(50)], 10)
        assert len(found) == 50

    run(story, room=5)
