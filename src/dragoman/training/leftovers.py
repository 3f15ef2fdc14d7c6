"""What processes that are dead left half written: found by its name and removed. Knows no format.

Whoever writes a file writes NAME.tmp-PID first; a process that was killed meanwhile leaves it.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

_TEMPORARY = re.compile(r".+\.tmp-(\d{1,18})", re.ASCII)


def remove_leftovers(directory: Path) -> None:
    """Remove what dead processes left in `directory`, and what an earlier one with our own number did.

    To be called before this process writes there. What a living process writes stays.
    """
    for path in _temporary(directory):
        owner = _owner(path)
        if owner == os.getpid() or not _alive(owner):
            remove(path)


def remove_own(directory: Path) -> None:
    """Remove what this process left in `directory` when writing failed."""
    for path in _temporary(directory):
        if _owner(path) == os.getpid():
            remove(path)


def remove(path: Path) -> None:
    """Remove a file, a link or a whole directory; what cannot be removed is in nobody's way."""
    try:
        path.unlink()
    except OSError:
        shutil.rmtree(path, ignore_errors=True)


def _temporary(directory: Path) -> list[Path]:
    try:
        return [path for path in directory.iterdir() if _TEMPORARY.fullmatch(path.name)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _owner(path: Path) -> int:
    return int(path.name.rpartition("-")[2])


def _alive(process: int) -> bool:
    """Whether there is such a process, of whichever user."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's; a number that no process has
        return process < 2**31
    return True
