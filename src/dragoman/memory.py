"""The room that a limit on memory leaves, held against what a library's next step takes. Loads no library.

Under `ulimit -v` some libraries do not say that there is too little: OpenBLAS ends the process, a thread of CTranslate2
that gets no memory is a segmentation fault, and a library of which a part could not be loaded fails much later, in its
own words. What counts are addresses: stacks of threads too, and what is only set aside.
Without such a limit nothing is looked at.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

MEGABYTE = 2**20
# Measured on Linux, from the import to a first result, and rounded up: torch and numpy map so much of their libraries,
# and each thread of a processor's core has a stack of 8 MB and 32 (OpenBLAS) to 64 MB (glibc) set aside.
IMPORTS = {"numpy": 150, "ctranslate2": 96, "torch": 704, "numba": 256, "scipy": 160}
PER_THREAD = {"numpy": 48, "torch": 128}
MOST_THREADS = 64  # that OpenBLAS is built for
# Of CTranslate2: the kernels that it compiles, and a thread's stack, heap and workspace.
ENGINE, WORKER = 96, 80
SERVING = 192  # of the service: its threads, and what requests are


def left() -> int | None:
    """Bytes of addresses that this process may still take; None where nothing limits them."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        most = resource.getrlimit(resource.RLIMIT_AS)[0]
        if most != resource.RLIM_INFINITY:
            with open("/proc/self/statm", "rb") as file:
                return most - int(file.read().split()[0]) * resource.getpagesize()
    return None


def require(needed: int, step: str) -> None:
    """Raises MemoryError where fewer than `needed` bytes are left for a step, which the message names."""
    room = left()
    if room is not None and room < needed:
        raise MemoryError(
            f"{step} needs {needed // MEGABYTE:,} MB and {max(0, room) // MEGABYTE:,} MB are left"
        )


def require_for_engine(file_bytes: int, workers: int) -> None:
    """... for a model of so many bytes in CTranslate2, which reads them into a copy, and its threads."""
    require(2 * file_bytes + (ENGINE + WORKER * workers) * MEGABYTE, "opening the model")


class Watch(MetaPathFinder):
    """Finds no module, but looks whether there is room for the one that is asked for."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Raises MemoryError where there is not."""
        if fullname in IMPORTS:
            threads = min(_threads(), MOST_THREADS) * PER_THREAD.get(fullname, 0)
            require((IMPORTS[fullname] + threads) * MEGABYTE, f"loading {fullname}")
        return None


def watch_imports() -> None:
    """From now on a library is not loaded where there is no room for it. Nothing is watched without a limit."""
    if left() is not None and not any(isinstance(finder, Watch) for finder in sys.meta_path):
        sys.meta_path.insert(0, Watch())


def _threads() -> int:
    said = next((os.environ[n] for n in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS") if n in os.environ), "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(int(said), cores) if said.isdecimal() and int(said) else cores
