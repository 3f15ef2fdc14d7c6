"""Keep freed memory in the process instead of giving it back after every step. Knows nothing of training.

glibc hands large blocks back to the kernel as soon as they are freed, and pays with a page fault for every 4 kB
when the next step asks for them again; measured, that was a third of a CPU training step.
"""

from __future__ import annotations

import ctypes

# From <malloc.h>: https://man7.org/linux/man-pages/man3/mallopt.3.html
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3


def keep_freed_memory() -> bool:
    """Raise glibc's thresholds for the life of the process; False where there is no mallopt (macOS, Windows, musl)."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, 2**30) and mallopt(M_TRIM_THRESHOLD, 2**31 - 1))
