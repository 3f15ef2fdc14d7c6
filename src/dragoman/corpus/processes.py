"""Blocks of a corpus worked on by several processes at once, and given back in order. Knows no kind of work.

A worker is this module run as a program: it opens a kind of work, named by module and function, and answers one block
after another, a JSON value a line each way. It ends with its standard input: whoever asked is gone then. What a worker
that died was given is done in the process that asked, where an error of the work itself is met again and told.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from dragoman.processor import cores

Work = Callable[[Any], Any]  # JSON in, JSON out, and nothing remembered from one block to the next

ALONE = 16  # blocks before the first worker is started, which takes as long as two of them
MOST = (
    8  # workers: one process reads, deletes duplicates and writes for all, and has enough to do for so many
)
_AHEAD = 2  # blocks that a worker has, so that it never waits for the next
_SOURCES = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Kind:
    """A kind of work: a function of a module, which makes it of its settings (JSON)."""

    open: Callable[[Any], Work]
    settings: Any

    def opened(self) -> Work:
        return self.open(self.settings)


def in_order(kind: Kind, blocks: Iterable[Any], processes: int | None = None) -> Generator[Any, None, None]:
    """What the work makes of each block, in the order of the blocks, whatever the number of processes.

    processes: that work, None is one a core, at most MOST. Few blocks are done by this process alone. No more than some
    blocks a worker are held at a time. Closing the iterator ends the workers.
    """
    work, coming = kind.opened(), iter(blocks)
    yield from map(work, islice(coming, ALONE))
    count = min(processes or cores(), MOST)
    if count > 1 and (first := list(islice(coming, 1))):
        yield from _side_by_side(kind, work, chain(first, coming), count)
    else:
        yield from map(work, coming)


def _side_by_side(kind: Kind, work: Work, blocks: Iterable[Any], count: int) -> Iterator[Any]:
    crew = [_Worker(kind, work) for _ in range(count)]
    order: deque[_Worker] = deque()  # whose turn it is to answer
    try:
        for block in blocks:
            if len(order) == _AHEAD * count:
                yield order.popleft().answer()
            worker = min(crew, key=lambda one: (one.dead, len(one.given)))
            worker.give(block)
            order.append(worker)
        while order:
            yield order.popleft().answer()
    finally:
        for worker in crew:
            worker.end()


class _Worker:
    """A process, and the blocks that it has been given and has not answered."""

    def __init__(self, kind: Kind, work: Work) -> None:
        self.given: deque[Any] = deque()
        self.dead = False
        self._work = work
        self._process: subprocess.Popen[bytes] | None = None
        try:
            # A group of its own: Ctrl-C is told to the process that asked alone, which then ends the others.
            self._process = subprocess.Popen(
                (sys.executable, "-P", "-m", "dragoman.corpus.processes"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": str(_SOURCES), "OMP_NUM_THREADS": "1"},
                start_new_session=True,
            )
        except OSError:  # no process or no memory is left: this one does it all
            self.dead = True
        self._write([kind.open.__module__, kind.open.__name__, kind.settings])

    def give(self, block: Any) -> None:
        self.given.append(block)
        self._write(block)

    def answer(self) -> Any:
        """To the oldest block."""
        block = self.given.popleft()
        if not self.dead:
            assert self._process is not None and self._process.stdout is not None
            line = self._process.stdout.readline()
            if line.endswith(b"\n"):
                return json.loads(line)
            self.dead = True
        return self._work(block)

    def _write(self, value: Any) -> None:
        """A worker always reads, whatever it is at: this waits for nobody."""
        if not self.dead:
            assert self._process is not None and self._process.stdin is not None
            try:
                self._process.stdin.write(json.dumps(value).encode() + b"\n")
                self._process.stdin.flush()
            except OSError:
                self.dead = True

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    with suppress(OSError):
                        stream.close()


def main() -> None:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    asked: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_listen, args=(asked,), daemon=True).start()
    try:
        module, name, settings = json.loads(asked.get())
        work: Work = getattr(importlib.import_module(module), name)(settings)
        while True:
            answers.write(json.dumps(work(json.loads(asked.get()))).encode() + b"\n")
            answers.flush()
    except BaseException:  # whoever asked does it again, and tells
        os._exit(1)


def _listen(asked: SimpleQueue[bytes]) -> None:
    for line in sys.stdin.buffer:
        asked.put(line)
    os._exit(0)


if __name__ == "__main__":
    main()
