"""What keeps a run from harm: a lock on its directory, and signals that end it after a whole step. Knows no model."""

from __future__ import annotations

import fcntl
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Protocol

from dragoman.errors import TrainingError


class Stoppable(Protocol):
    stop_reason: str


@contextmanager
def only_run(output: Path) -> Iterator[None]:
    """Refuse a second trainer in one directory; the lock goes with the process, however it ends."""
    output.mkdir(parents=True, exist_ok=True)
    with open(output / ".lock", "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise TrainingError(
                f"another training run is writing to {output}: wait for it, or stop it"
            ) from error
        yield


@contextmanager
def stops_politely(run: Stoppable) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the run after the present step; the second Ctrl-C ends it at once."""

    def stop(number: int, frame: FrameType | None) -> None:
        if run.stop_reason:
            raise KeyboardInterrupt
        run.stop_reason = f"stopped by {signal.Signals(number).name}"

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
