"""A signal that asks a training run to end lets it do so after a whole step, with its checkpoint. Knows no model."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol


class Stoppable(Protocol):
    """A run that ends after the present step once `stop_reason` is not empty, and reports it."""

    stop_reason: str


PASSED_ON = 2.0  # seconds in which torchrun passes on to its processes what they got from the terminal, too


@contextmanager
def stop_on_signals(run: Stoppable, deaf: float = 0.0) -> Iterator[None]:
    """Give `run` a stop_reason at the first SIGINT, SIGTERM or SIGHUP; raise KeyboardInterrupt at once at the second.

    deaf: seconds after the first in which another one is taken for the same.

    The handlers from before are put back at the end. To be called in the main thread, as Python's signals are.
    """

    until = 0.0

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal until
        if run.stop_reason and time.monotonic() >= until:
            raise KeyboardInterrupt
        if not run.stop_reason:
            run.stop_reason, until = f"stopped by {signal.Signals(number).name}", time.monotonic() + deaf

    heard = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup has it
        heard.append(signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
