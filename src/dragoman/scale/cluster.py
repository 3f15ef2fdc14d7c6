"""Workers on a Ray cluster: actors that shards are handed to, replaced when they or their hosts die.

Knows no kind of work. Inputs, outputs and models lie where all hosts see them under the same name: what travels are
names and counts. https://docs.ray.io/en/latest/ray-core/actors.html
"""

from __future__ import annotations

import logging
import os
import socket
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from dragoman.errors import DragomanError, MissingExtraError, UsageError
from dragoman.scale.jobs import Job, Work, job_of
from dragoman.scale.pool import TRIES, Event, event_of
from dragoman.scale.shards import Shard
from dragoman.scale.worker import refusal

_KNOCK = 10.0  # seconds that a cluster may take to answer at all
_WAIT = 60.0  # seconds without a word, after which it is said that there is none


class Worker:
    """An actor: what `worker.main` is as a process."""

    def __init__(self) -> None:
        self._work: Work | None = None

    def open(self, job: dict[str, Any], threads: int) -> dict[str, Any]:
        return self._answer(lambda: self._opened(job, threads))

    def do(self, shard: dict[str, Any]) -> dict[str, Any]:
        assert self._work is not None
        work = self._work
        asked = Shard(tuple(shard["inputs"]), shard["output"])
        return self._answer(lambda: work(asked, lambda done: None))

    def _opened(self, job: dict[str, Any], threads: int) -> None:
        self._work = job_of(job).opened(threads)

    def _answer(self, doing: Any) -> dict[str, Any]:
        try:
            return {"done": doing()}
        except Exception as error:
            if (word := refusal(error)) is None:
                raise
            return word


def _ray() -> Any:
    # It would send statistics of its use to its makers.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("--ray needs Ray: install it with  pip install 'dragoman[ray]'") from error
    return ray


def run(job: Job, shards: Sequence[Shard], workers: int | None, address: str) -> Iterator[Event]:
    """Do all shards on the cluster at `address`; empty: the one that this machine is part of, else one of its own.

    workers: actors; None is one for each processor of the cluster. Raises UsageError where no cluster answers.
    """
    ray = _ray()
    try:
        _knock(address)
        ray.init(address=address or None, logging_level=logging.ERROR, log_to_driver=False)
    except (ValueError, RuntimeError, OSError, OverflowError) as error:
        said = " ".join(str(error).split())[:200]
        raise UsageError(f"--ray {address}: no Ray cluster answers there ({said})") from error
    try:
        yield from _Crew(ray, job, shards, workers).events()
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raises OSError where nobody listens at host:port: Ray itself would try for many minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        with socket.create_connection((host.strip("[]"), int(port)), _KNOCK):
            pass


class _Crew:
    """The actors, and what each is at."""

    def __init__(self, ray: Any, job: Job, shards: Sequence[Shard], workers: int | None) -> None:
        self._ray, self._job = ray, job
        self._tasks = deque(shards)
        self._tries: Counter[Shard] = Counter()
        self._at: dict[
            Any, tuple[Any, Shard | None]
        ] = {}  # by reference: an actor, and its shard when it has one
        hosts = [node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]]
        processors = max(1, int(sum(hosts)))
        self._count = min(workers or processors, len(shards))
        self._threads = max(1, min(processors // self._count, int(max(hosts, default=1))))
        # SPREAD: a host that dies should take few shards with it.
        self._kind = ray.remote(num_cpus=self._threads, scheduling_strategy="SPREAD")(Worker)
        self._unopened = 0  # actors in a row that died before they could work

    def events(self) -> Iterator[Event]:
        for _ in range(self._count):
            self._hire()
        while self._tasks or any(shard for _, shard in self._at.values()):
            done, _ = self._ray.wait(list(self._at), num_returns=1, timeout=_WAIT)
            if not done:
                yield Event(
                    None, note=f"nothing from the cluster for {_WAIT:.0f} s: is a processor free there?"
                )
            for reference in done:
                yield from self._taken(reference)

    def _hire(self) -> None:
        actor = self._kind.remote()
        self._at[actor.open.remote(asdict(self._job), self._threads)] = actor, None

    def _next(self, actor: Any) -> None:
        if self._tasks:
            shard = self._tasks.popleft()
            self._at[actor.do.remote(asdict(shard))] = actor, shard

    def _taken(self, reference: Any) -> Iterator[Event]:
        actor, shard = self._at.pop(reference)
        try:
            answer = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError:  # a fault of ours, with its traceback
            raise
        except self._ray.exceptions.RayError as error:
            yield from self._died(shard, error)
            return
        if shard is not None:
            yield event_of(shard, answer)
        elif "error" in answer:
            raise (UsageError if answer["code"] == 2 else DragomanError)(answer["error"])
        self._unopened = 0
        self._next(actor)

    def _died(self, shard: Shard | None, error: Exception) -> Iterator[Event]:
        why = type(error).__name__
        if shard is None:
            self._unopened += 1
            if self._unopened >= TRIES * self._count:
                said = " ".join(str(error).split())[:300]
                raise DragomanError(f"no worker of the cluster can begin: {said}") from error
        else:
            self._tries[shard] += 1
            if self._tries[shard] < TRIES:
                self._tasks.appendleft(shard)
                yield Event(shard, note=f"a worker died ({why}); {shard.inputs[0]} is done by another")
            else:
                yield Event(shard, error=f"{shard.inputs[0]}: {TRIES} workers died at it ({why})")
        if self._tasks:
            self._hire()
