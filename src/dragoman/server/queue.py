"""Sentences of many clients put together into batches, in bounded room and time. Knows no HTTP and no text.

The event loop submits sentences and waits; a few worker threads take batches and search for translations. A batch
begins with the sentence whose turn it is and is filled with those nearest to it in length. Equal sentences asked for
at the same time are searched for once. One that nobody waits for any more is taken out.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from dragoman.decoding.options import Hypothesis, SearchRequest
from dragoman.engines import Engine, translate
from dragoman.errors import DragomanError
from dragoman.server.gate.metrics import Metrics
from dragoman.server.gate.refusals import Refusal, failed, overloaded, too_late, too_long
from dragoman.translate.plan import Plan

Found = list[Hypothesis]  # the n best of a sentence

# Source tokens of a batch: what the fast engine computes at once. More would only make others wait.
BATCH_TOKENS = 512
# Seconds that a batch waits for company when it could start at once, while others are being searched for.
WINDOW = 0.002
# Of the measured speed, how much of the past each batch replaces.
FORGETTING = 0.1
# The sentences of a request take their turns over this share of the time it has: whoever comes in between with a
# few goes before most of them, and nobody waits for the end of somebody else's book.
SPREAD = 0.5


@dataclass(frozen=True)
class Work:
    """One sentence and all that its translations depend on: equal works have equal results."""

    engine: Engine  # compared by identity: a model that was loaded again has another one
    ids: tuple[int, ...]
    request: SearchRequest
    prefix: tuple[int, ...] = ()
    # Computed where the work is made, which for many is not on the event loop.
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((id(self.engine), self.ids, self.request, self.prefix)))

    def __hash__(self) -> int:
        return self._hash

    @property
    def group(self) -> tuple[object, ...]:
        """What the sentences of a batch have in common."""
        return id(self.engine), self.request

    @property
    def tokens(self) -> int:
        return len(self.ids) + 1  # </s>

    @property
    def cost(self) -> int:
        """Source tokens x hypotheses."""
        return self.tokens * max(self.request.options.beam_size, self.request.options.n_best)


@dataclass
class Unit:
    """A work in the queue or under way, and those who wait for it."""

    work: Work
    turn: float  # of time.monotonic: whose comes first goes first
    done: asyncio.Future[Found]
    waiting: int = 0


def works_of(plan: Plan) -> list[Work]:
    """The sentences of a text that have words; what is found for them goes to Plan.taking."""
    return [Work(plan.engine, tuple(ids), request, tuple(prefix)) for ids, request, prefix in plan.works]


Search = Callable[[Sequence[Work]], Sequence[Found]]


def search(batch: Sequence[Work]) -> list[Found]:
    """The works of one group, by their engine."""
    first = batch[0]
    prefixes = [work.prefix for work in batch] if any(work.prefix for work in batch) else None
    return translate(first.engine, [work.ids for work in batch], first.request, prefixes)


class Queue:
    """Sentences that wait, and the threads that search. Made and used on one event loop."""

    def __init__(self, metrics: Metrics, room: int, threads: int, search: Search = search) -> None:
        """room: sentences that may wait. threads: batches searched for side by side."""
        self._metrics, self._room, self._search = metrics, room, search
        self._loop = asyncio.get_running_loop()
        self._changed = threading.Condition()
        self._pending: dict[Work, Unit] = {}
        self._running: dict[Work, Unit] = {}
        self._rate: float | None = None  # cost a second of one thread, as measured
        self._open = True
        self._threads = [
            threading.Thread(target=self._work, name=f"translating-{n}", daemon=True) for n in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    # -- on the event loop --------------------------------------------------------------------------------------

    async def search(self, works: Sequence[Work], seconds: float) -> list[Found]:
        """The translations of `works`. Raises Refusal when there is no room, or no answer within `seconds`.

        Being cancelled takes out what nobody else waits for.
        """
        units = self._enter(works, seconds)
        try:
            async with asyncio.timeout(seconds):
                # Shielded, since others may wait for the same.
                return [await asyncio.shield(unit.done) for unit in units]
        except TimeoutError:
            self._metrics.count("dragoman_deadline_missed_total")
            raise self._late(units, seconds) from None
        finally:
            self._leave(units)

    def _late(self, units: Sequence[Unit], seconds: float) -> Refusal:
        """Why there was no answer in time: it was too much by itself, or others were there too."""
        done = sum(unit.work.cost for unit in units if unit.done.done())
        mine = set(map(id, units))
        with self._changed:
            others = any(id(unit) not in mine for unit in (*self._pending.values(), *self._running.values()))
        if others or not done:
            return too_late(seconds)
        return too_long(seconds * sum(unit.work.cost for unit in units) / done, seconds)

    def _enter(self, works: Sequence[Work], seconds: float) -> list[Unit]:
        now, step = time.monotonic(), SPREAD * seconds / max(1, len(works))
        with self._changed:
            known = {work: self._pending.get(work) or self._running.get(work) for work in works}
            new = [work for work, unit in known.items() if unit is None]
            self._admit(new, seconds)
            units = []
            for number, work in enumerate(works):
                turn, unit = now + number * step, known[work]
                if unit is None:
                    unit = self._pending[work] = known[work] = Unit(work, turn, self._loop.create_future())
                unit.turn, unit.waiting = min(unit.turn, turn), unit.waiting + 1
                units.append(unit)
            self._changed.notify(len(self._threads))
        self._metrics.count("dragoman_sentences_total", len(works))
        self._metrics.count("dragoman_sentences_shared_total", len(works) - len(new))
        return units

    def _admit(self, new: Sequence[Work], seconds: float) -> None:
        """Raise Refusal for more than there is room or time for. Who comes alone finds room for any request."""
        cost = sum(work.cost for work in new)
        alone, needed = self._seconds_for(cost, ahead=0), self._seconds_for(cost)
        if alone > seconds and self._open:
            self._metrics.count("dragoman_refused_total")
            raise too_long(alone, seconds)
        crowded = bool(self._pending) and len(self._pending) + len(new) > self._room
        if crowded or needed > seconds or not self._open:
            self._metrics.count("dragoman_refused_total")
            raise overloaded(math.ceil(min(needed, 30)))

    def _seconds_for(self, cost: int, ahead: int | None = None) -> float:
        """How long until that much more work would be done, at the speed of the last batches.

        ahead: the cost of what comes before it, by default of all that waits.
        """
        if self._rate is None:
            return 0.0
        if ahead is None:
            ahead = sum(unit.work.cost for unit in self._pending.values())
        return (ahead + cost) / (self._rate * len(self._threads))

    def _leave(self, units: Sequence[Unit]) -> None:
        with self._changed:
            for unit in units:
                unit.waiting -= 1
                if not unit.waiting and self._pending.get(unit.work) is unit:
                    del self._pending[unit.work]
                    self._metrics.count("dragoman_cancelled_total")

    def _finish(self, found: Sequence[tuple[Unit, Found | Exception]]) -> None:
        for unit, result in found:
            if unit.done.done():
                continue
            if isinstance(result, Exception):
                unit.done.set_exception(result)
                unit.done.exception()  # so that nothing is logged when all who waited have left
            else:
                unit.done.set_result(result)

    @property
    def depth(self) -> int:
        """Sentences that wait."""
        return len(self._pending)

    async def close(self) -> None:
        """Let what was accepted be finished, then end the threads."""
        with self._changed:
            self._open = False
            self._changed.notify_all()
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    # -- in the threads -----------------------------------------------------------------------------------------

    def _work(self) -> None:
        while batch := self._next():
            started = time.monotonic()
            found = self._found([unit.work for unit in batch])
            seconds = max(time.monotonic() - started, 1e-4)
            with self._changed:
                self._note_speed(batch, seconds)
                for unit in batch:
                    if self._running.get(unit.work) is unit:
                        del self._running[unit.work]
            self._metrics.observe("dragoman_batch_sentences", len(batch))
            self._metrics.observe("dragoman_batch_seconds", seconds)
            with suppress(RuntimeError):  # the loop is closed: nobody waits
                self._loop.call_soon_threadsafe(self._finish, list(zip(batch, found, strict=True)))

    def _note_speed(self, batch: Sequence[Unit], seconds: float) -> None:
        """Only a large batch tells: a small one takes longer than its share."""
        if sum(unit.work.tokens for unit in batch) >= BATCH_TOKENS // 2:
            rate = sum(unit.work.cost for unit in batch) / seconds
            self._rate = rate if self._rate is None else self._rate + FORGETTING * (rate - self._rate)

    def _found(self, works: Sequence[Work]) -> Sequence[Found | Exception]:
        """Where one of a batch fails, the others are answered all the same."""
        try:
            return self._search(works)
        except Exception as error:
            if len(works) > 1:
                return [found for work in works for found in self._found([work])]
            return [error if isinstance(error, DragomanError) else _broken(error)]

    def _next(self) -> list[Unit]:
        """The next batch, as soon as there is one; none when the queue is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._pending or not self._open)
            if self._running and self._open:
                # Others are at work, so more is likely to come at once; but what is here may be taken by them.
                self._changed.wait_for(lambda: not self._open or self._is_full(), timeout=WINDOW)
                self._changed.wait_for(lambda: self._pending or not self._open)
            if not self._pending:
                return []
            batch = fill(list(self._pending.values()))
            for unit in batch:
                del self._pending[unit.work]
                self._running[unit.work] = unit
            return batch

    def _is_full(self) -> bool:
        return sum(unit.work.tokens for unit in self._pending.values()) >= BATCH_TOKENS


def fill(pending: Sequence[Unit]) -> list[Unit]:
    """A batch: the unit whose turn it is, and those of its group that are nearest to it in length."""
    first = min(pending, key=lambda unit: unit.turn)
    length, group = first.work.tokens, first.work.group
    mates = [unit for unit in pending if unit is not first and unit.work.group == group]
    mates.sort(key=lambda unit: (abs(unit.work.tokens - length), unit.turn))
    batch, tokens = [first], length
    for unit in mates:
        tokens += unit.work.tokens
        if tokens > BATCH_TOKENS:
            break
        batch.append(unit)
    return batch


def _broken(error: Exception) -> Refusal:
    logging.getLogger("dragoman.server").error("translating failed", exc_info=error)
    return failed()
