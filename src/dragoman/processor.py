"""How torch uses a processor: threads side by side, and memory that stays. Knows no model."""

from __future__ import annotations

import ctypes
import threading
from concurrent.futures import ThreadPoolExecutor

import torch

# From <malloc.h>: https://man7.org/linux/man-pages/man3/mallopt.3.html
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3


def keep_freed_memory() -> bool:
    """Raise glibc's thresholds for the life of the process; False where there is no mallopt (macOS, Windows, musl).

    glibc hands large blocks back to the kernel as soon as they are freed, and pays with a page fault for every 4 kB
    when the next step asks for them again; measured, that was a third of a training step.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, 2**30) and mallopt(M_TRIM_THRESHOLD, 2**31 - 1))


def side_by_side(count: int) -> ThreadPoolExecutor:
    """`count` threads, each of which computes with an equal share of the threads torch has.

    On small matrices a thread to each of two batches does nearly twice the work of two threads on one: those wait
    for each other after every product.
    """
    threads = torch.get_num_threads()
    together = threading.Barrier(count + 1)

    def begin() -> None:
        torch.get_num_threads()  # settles the default of this thread, which would else come after the next line
        torch.set_num_threads(max(threads // count, 1))  # for what this thread computes
        together.wait()

    pool = ThreadPoolExecutor(count, "dragoman", initializer=begin)
    for _ in range(count):
        pool.submit(int)
    together.wait()
    torch.set_num_threads(threads)  # or threads yet to come would take the last setting for theirs
    return pool
