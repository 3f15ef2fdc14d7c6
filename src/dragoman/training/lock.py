"""One training run at a time in one output directory: a lock held by the process, which then clears away what
dead ones left half written. Knows no model.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dragoman.errors import TrainingError
from dragoman.training.leftovers import remove_leftovers

_WRITTEN_TO = (".", "checkpoints", "data", "data/*")  # the directories of a run


@contextmanager
def exclusive(output: Path) -> Iterator[None]:
    """Hold the lock of `output`, which is created where it is missing; the system frees it however the process ends.

    Raises TrainingError at once when another process holds it.
    """
    output.mkdir(parents=True, exist_ok=True)
    with open(output / ".lock", "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise TrainingError(
                f"another training run is writing to {output}: wait for it, or stop it"
            ) from error
        for pattern in _WRITTEN_TO:
            for directory in [output] if pattern == "." else output.glob(pattern):
                remove_leftovers(directory)
        yield


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Wait for whoever holds the lock at `path`, which is created where it is missing, and hold it."""
    with open(path, "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
