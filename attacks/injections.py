"""What is done to a process of Dragoman from within before it begins: calls that fail or kill, clocks that jump,
limits. Attacks nothing by itself, and is used in a process of its own only (spawner.py).

The calls counted are those by which files become durable, below one folder: the k-th of them is always the same one,
so that "killed between the write and the rename" is a case that can be tried again.
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

CALLS = ("open", "write", "fsync", "replace", "rename", "mkdir")


@dataclass
class Calls:
    """Counts the calls that change what is below `root`, and lets the k-th of them fail.

    kill_at: SIGKILL instead of this call. remove_at: `root` is deleted before it. fail_from: this call and
    all after it raise `error` (an errno), as on a disk that is full. Calls are counted from 1.
    """

    root: str
    kill_at: int = 0
    remove_at: int = 0
    fail_from: int = 0
    error: int = errno.ENOSPC
    made: list[str] = field(default_factory=list)  # each call and what it was about
    inside: set[int] = field(default_factory=set)  # descriptors of files below root

    @property
    def count(self) -> int:
        return len(self.made)

    def install(self) -> None:
        for name in CALLS:
            setattr(os, name, self._watched(name, getattr(os, name)))

    def _watched(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(target: Any, *rest: Any, **named: Any) -> Any:
            if name == "open" and not self._writes(rest, named):
                return call(target, *rest, **named)
            if not self._concerns(target):
                return call(target, *rest, **named)
            self.made.append(f"{name} {'' if isinstance(target, int) else os.fsdecode(target)}")
            if self.count == self.kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            if self.count == self.remove_at:
                shutil.rmtree(self.root, ignore_errors=True)
            if self.fail_from and self.count >= self.fail_from:
                if name == "write" and self.count == self.fail_from:
                    call(target, rest[0][: len(rest[0]) // 2])  # the part that there was room for
                raise OSError(
                    self.error, os.strerror(self.error), None if isinstance(target, int) else str(target)
                )
            found = call(target, *rest, **named)
            if name == "open":
                self.inside.add(found)
            return found

        return watched

    @staticmethod
    def _writes(rest: tuple[Any, ...], named: Mapping[str, Any]) -> bool:
        flags = rest[0] if rest else named.get("flags", 0)
        return bool(flags & (os.O_WRONLY | os.O_RDWR))

    def _concerns(self, target: Any) -> bool:
        if isinstance(target, int):
            return target in self.inside
        return os.path.abspath(os.fsdecode(target)).startswith(self.root)


def install_clock(jump: float, every: int) -> None:
    """Set the clock of the wall back by `jump` seconds again and again, each time it has been read `every` times."""
    seconds, reads = time.time, [0]

    def behind() -> float:
        reads[0] += 1
        return seconds() - jump * (reads[0] // every)

    time.time = behind
    time.time_ns = lambda: int(behind() * 1e9)


def install(asked: Mapping[str, Any]) -> Calls | None:
    """All that a case asks for: `calls` (fields of Calls), `clock` (jump, every), `limits` (name -> value)."""
    for name, value in asked.get("limits", {}).items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))
    if "clock" in asked:
        install_clock(**asked["clock"])
    if "calls" not in asked:
        return None
    calls = Calls(**asked["calls"])
    calls.install()
    return calls
