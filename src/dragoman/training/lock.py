"""One training run at a time in one output directory: a lock held by the process. Knows no model."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dragoman.errors import TrainingError


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
        yield
