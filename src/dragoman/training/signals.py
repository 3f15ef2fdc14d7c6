"""Ctrl-C and SIGTERM end a training run after a whole step, with its checkpoint. Knows no model."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol


class Stoppable(Protocol):
    """A run that ends after the present step once `stop_reason` is not empty, and reports it."""

    stop_reason: str


@contextmanager
def stop_on_signals(run: Stoppable) -> Iterator[None]:
    """Give `run` a stop_reason at the first SIGINT or SIGTERM; raise KeyboardInterrupt at once at the second.

    The handlers from before are put back at the end. To be called in the main thread, as Python's signals are.
    """

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
