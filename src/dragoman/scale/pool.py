"""Workers on this machine: processes that shards are handed to, replaced when they die. Knows no kind of work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event as Flag
from threading import Thread
from typing import Any

from dragoman.errors import DragomanError, UsageError
from dragoman.processor import cores
from dragoman.scale.jobs import Job
from dragoman.scale.shards import Result, Shard

TRIES = 3  # workers that a shard may cost: after that it is the shard
_SOURCES = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Event:
    """What became of a shard: `result` when it is done, `error` when it cannot be, else `records` so far."""

    shard: Shard | None  # None: of all of them
    result: Result | None = None
    error: str = ""
    code: int = 1
    full: bool = False  # the disk is: whatever is done next would be for nothing
    records: int = 0
    note: str = ""  # a word for the log


def threads_each(workers: int) -> int:
    return max(1, cores() // workers)


class DiedError(Exception):
    """A worker ended in the middle; never told to the user as such."""


class _Worker:
    """A process, from its start to its end."""

    def __init__(self, job: Job, threads: int) -> None:
        environment = {**os.environ, "PYTHONPATH": str(_SOURCES), "OMP_NUM_THREADS": str(threads)}
        # A group of its own: Ctrl-C is told to this process alone, which then ends the others.
        self.process = subprocess.Popen(
            (sys.executable, "-P", "-m", "dragoman.scale.worker"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        self.opening = {"job": asdict(job), "threads": threads}
        self.ready = False

    def ask(self, word: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """What it answers, up to the word that ends the answer. Raises DiedError."""
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(word).encode() + b"\n")
            self.process.stdin.flush()
            for line in self.process.stdout:
                answer = json.loads(line)
                yield answer
                if "progress" not in answer:
                    return
        except (OSError, ValueError):
            pass
        raise DiedError(_ended(self.process.wait()))

    def open(self) -> dict[str, Any] | None:
        """Load what it needs; what it says where it cannot."""
        if self.ready:
            return None
        *_, answer = self.ask(self.opening)
        self.ready = "ready" in answer
        return None if self.ready else answer

    def end(self) -> None:
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()


def _ended(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def run(job: Job, shards: Sequence[Shard], workers: int) -> Iterator[Event]:
    """Do all shards; what becomes of each, as it does. Every process has ended when this has."""
    tasks: SimpleQueue[Shard] = SimpleQueue()
    for shard in shards:
        tasks.put(shard)
    events: SimpleQueue[Event | BaseException | None] = SimpleQueue()
    stopped = Flag()
    workers = min(workers, len(shards))
    crew = [_Place(job, threads_each(workers), tasks, events, stopped) for _ in range(workers)]
    for place in crew:
        place.start()
    try:
        left = workers
        while left:
            event = events.get()
            if isinstance(event, BaseException):
                raise event
            if event is None:
                left -= 1
            else:
                yield event
    finally:
        stopped.set()
        for place in crew:
            place.stop()
        for place in crew:
            place.join()


class _Place(Thread):
    """Where one worker works, and after it the next."""

    def __init__(
        self,
        job: Job,
        threads: int,
        tasks: SimpleQueue[Shard],
        events: SimpleQueue[Event | BaseException | None],
        stopped: Flag,
    ) -> None:
        super().__init__(daemon=True)
        self._job, self._threads, self._tasks, self._events = job, threads, tasks, events
        self._stopped = stopped
        self._worker: _Worker | None = None

    def run(self) -> None:
        try:
            while not self._stopped.is_set():
                try:
                    shard = self._tasks.get_nowait()
                except Empty:
                    break
                self._do(shard)
            self._events.put(None)
        except BaseException as error:
            self._events.put(error)
        finally:
            self.stop()

    def stop(self) -> None:
        if self._worker is not None:
            self._worker.end()

    def _do(self, shard: Shard) -> None:
        died = ""
        for _ in range(TRIES):
            if self._worker is None:
                self._worker = _Worker(self._job, self._threads)
            if self._stopped.is_set():
                return
            try:
                if refused := self._worker.open():
                    raise (UsageError if refused["code"] == 2 else DragomanError)(refused["error"])
                for answer in self._worker.ask(asdict(shard)):
                    self._events.put(event_of(shard, answer))
                return
            except DiedError as error:
                self._worker.end()
                self._worker = None
                if self._stopped.is_set():
                    return
                self._events.put(
                    Event(shard, note=f"a worker died ({error}); {shard.inputs[0]} is done by another")
                )
                died = str(error)
        self._events.put(Event(shard, error=f"{shard.inputs[0]}: {TRIES} workers died at it ({died})"))


def event_of(shard: Shard, answer: dict[str, Any]) -> Event:
    """A worker's answer."""
    if "done" in answer:
        return Event(shard, result=answer["done"])
    if "progress" in answer:
        return Event(shard, records=answer["progress"])
    return Event(shard, error=answer["error"], code=answer["code"], full=answer.get("full", False))
