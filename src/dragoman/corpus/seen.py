"""Which keys have come before, of any number of keys in little memory. Knows nothing of what a key stands for.

Sorted runs, merged as they grow, so that a key is merged some twenty times however many there are; runs that are as
large as they may be go to the disk (O'Neil et al., The Log-Structured Merge-Tree, 1996).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dragoman.files import naming

Keys = NDArray[np.uint64]

MOST = 2**23  # keys of a run in memory: 64 MB, and thrice that while it is merged


class Seen:
    """A set of 64-bit keys that is asked about many at a time."""

    def __init__(self, scratch: Path | None = None) -> None:
        """scratch: a directory for files without names, gone with the process; None: all stays in memory."""
        self._scratch = scratch
        self._runs: list[Keys] = []  # in memory, each less than half as long as the one before it
        self._full: list[Keys] = []

    def add(self, keys: Keys) -> NDArray[np.bool_]:
        """For each key whether it is the first of its kind: in no earlier call, and not before in this one."""
        values, places = np.unique(keys, return_index=True)
        new = np.ones(len(values), dtype=bool)
        for run in (*self._runs, *self._full):
            at = np.minimum(np.searchsorted(run, values), len(run) - 1)
            new &= run[at] != values
        first = np.zeros(len(keys), dtype=bool)
        first[places[new]] = True
        if new.any():
            self._put(values[new])
        return first

    def _put(self, run: Keys) -> None:
        while self._runs and len(self._runs[-1]) < 2 * len(run):
            run = np.concatenate((self._runs.pop(), run))
            run.sort(kind="stable")  # which merges what is sorted in parts
        if len(run) >= MOST and self._scratch is not None:
            self._full.append(self._on_disk(run, self._scratch))
        else:
            self._runs.append(run)

    def _on_disk(self, run: Keys, scratch: Path) -> Keys:
        with naming(scratch), tempfile.TemporaryFile(dir=scratch) as file:
            file.write(run.data)
            file.flush()
            return np.memmap(file, dtype=run.dtype, mode="r")
