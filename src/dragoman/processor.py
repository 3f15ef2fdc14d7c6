"""How torch uses a processor: threads side by side, and memory that stays. Knows no model."""

from __future__ import annotations

import ctypes
import functools
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import torch

# From <malloc.h> and <sys/mman.h>: https://man7.org/linux/man-pages/man3/mallopt.3.html
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
M_ARENA_MAX = -8
MADV_HUGEPAGE = 14

NO_TRIMMING = -1
PAGE = 4096
PIECES, PIECE = 16, 2**29  # bytes of addresses, 8 GB in all: larger heaps than this go on in small pages

KERNELS = 256  # of one padded batch there are some 60
ROWS = 64  # of a matrix, between one shape and the next


def keep_few_kernels() -> None:
    """Before the first product: let oneDNN keep fewer of the kernels that it compiles, one for each shape.

    Batches with padding meet ever new shapes and few old ones. The 1,024 kernels of the default, half a megabyte
    each, are as good as never used again, and lie scattered over the heap, where no large tensor fits between them:
    a run of many epochs took gigabytes more. Packed batches need no more than these (see `filled`). Who sets
    ONEDNN_PRIMITIVE_CACHE_CAPACITY has the last word.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(KERNELS))


def filled(rows: int) -> int:
    """So many rows, and those that fill them up to one of few shapes: a new one costs oneDNN milliseconds."""
    return -(-rows // ROWS) * ROWS


@functools.cache
def keep_freed_memory() -> bool:
    """Let glibc hold on to freed memory for the life of the process; False where there is no mallopt.

    glibc hands large blocks back to the kernel as soon as they are freed, and pays with a page fault for every 4 kB
    when the next step asks for them again; measured, that was a third of a training step. All threads share one
    heap, for those of threads are small and go back to the kernel too; and the heap is asked to grow in pages of
    2 MB, which took another tenth. On macOS, Windows and musl nothing is changed.
    """
    try:
        libc = ctypes.CDLL(None)
        mallopt = libc.mallopt
    except (OSError, AttributeError, TypeError):
        return False
    kept = mallopt(M_MMAP_THRESHOLD, 2 * PIECE) or mallopt(
        M_MMAP_THRESHOLD, 2**25
    )  # the most before glibc 2.35
    kept = mallopt(M_TRIM_THRESHOLD, NO_TRIMMING) and kept
    mallopt(M_ARENA_MAX, 1)
    _grow_in_large_pages(libc)
    return bool(kept)


def _grow_in_large_pages(libc: ctypes.CDLL) -> None:
    """Mark the addresses that the heap will grow into. Nothing is written there, so no memory is taken yet."""
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = (ctypes.c_size_t,)
    libc.free.argtypes = (ctypes.c_void_p,)
    libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    pieces: list[int] = []
    while len(pieces) < PIECES and (piece := libc.malloc(PIECE)):
        pieces.append(piece)
        first = -(-piece // PAGE) * PAGE
        libc.madvise(
            first, (piece + PIECE - first) // PAGE * PAGE, MADV_HUGEPAGE
        )  # a kernel without them says no
    for piece in pieces:
        libc.free(piece)


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
