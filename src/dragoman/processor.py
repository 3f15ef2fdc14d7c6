"""How torch uses a processor: how many threads for what, how they wait, what stays in memory. Knows no model.

torch is imported where it is used: how threads wait is settled when it is loaded.
"""

from __future__ import annotations

import ctypes
import functools
import gc
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from dragoman.memory import left

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

T = TypeVar("T")

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
    room = left()
    # Under a limit on addresses the heap would keep them all, and no library or thread would find any.
    most = PIECES if room is None else min(PIECES, room // 4 // PIECE)
    while len(pieces) < most and (piece := libc.malloc(PIECE)):
        pieces.append(piece)
        first = -(-piece // PAGE) * PAGE
        libc.madvise(
            first, (piece + PIECE - first) // PAGE * PAGE, MADV_HUGEPAGE
        )  # a kernel without them says no
    for piece in pieces:
        libc.free(piece)


def cores() -> int:
    """Cores that this process may use, which can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# -- threads ------------------------------------------------------------------------------------------------------

# Multiply-adds of one pass forwards (a step of a search, a batch) below which a second thread brings nothing. Measured
# on two cores that others used too: a search with 2e9 took no less time with two threads than with one; a gradient with
# 1e10 a fifth to a half more, for the kernels in C serve one thread (training/cpu/kernels.py), and with 4e10 as much.
WORTH_A_THREAD = 12 * 10**9
POLICIES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")

_settling = threading.Lock()
_they_count = False  # threads that wait: nobody could tell them to sleep


def wait_passively() -> None:
    """Before torch is loaded: let threads that wait for each other sleep, instead of counting to 300,000.

    They wait after every product. Where another process has one of the cores, the thread that is there does not get
    on while the others count: a small step of training took 25 to 50 times as long. Who sets OMP_WAIT_POLICY or
    GOMP_SPINCOUNT has the last word. https://gcc.gnu.org/onlinedocs/libgomp/OMP_005fWAIT_005fPOLICY.html
    """
    global _they_count
    if any(name in os.environ for name in POLICIES):
        return
    _they_count = sys.modules.get("torch") is not None
    if not _they_count:
        os.environ["OMP_WAIT_POLICY"] = "passive"


def _here() -> int:
    """Threads of this thread. Its first look settles them, so none may be taken while another thread sets its own."""
    import torch

    with _settling:
        return torch.get_num_threads()


def threads_worth(rows: int, weights: int) -> int:
    """Threads for a pass of `rows` tokens through so many weights: one, or all that there are.

    How many those are, OMP_NUM_THREADS and torch.set_num_threads say. One, whatever the work, where torch was loaded
    before it could be told how its threads are to wait.
    """
    return 1 if _they_count or rows * weights < WORTH_A_THREAD else _here()


@contextmanager
def threads(count: int) -> Iterator[None]:
    """This thread computes with `count` threads, or as many as it had if those are fewer, then as before.

    No other thread is touched, neither those at work nor those to come. (But one of another library's whose very first
    tensor falls into the tenth of a millisecond in which this is set: torch has no way to say "here" alone.)
    """
    before = _here()
    if count >= before:
        yield
        return
    _set_here(count)
    try:
        yield
    finally:
        _set_here(before)


@contextmanager
def one_thread() -> Iterator[None]:
    """For small products: explaining, single sentences, probes. Also decorates a function."""
    with threads(1):
        yield


@contextmanager
def uncollected() -> Iterator[None]:
    """What is made in it stays, and is never looked through for circles of references.

    For what a program imports and opens at its start: torch makes a million objects, and the collector, which looks
    through them again and again meanwhile, takes a sixth of the time of its import.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


@contextmanager
def undisturbed() -> Iterator[None]:
    """For what sets the threads of whoever calls it: CTranslate2, when it opens a model and torch was loaded first.

    A training that had measured BLEU went on with one thread, and its checkpoints said so. Loads no torch.
    """
    if sys.modules.get("torch") is None:
        yield
        return
    before = _here()
    try:
        yield
    finally:
        if _here() != before:
            _set_here(before)


def _set_here(count: int) -> None:
    """torch.set_num_threads without its second effect: it also says what threads get that have not computed yet."""
    import torch

    with _settling:
        torch.get_num_threads()  # settles the default of this thread, which would else come after the next lines
        others = _in_a_new_thread(torch.get_num_threads)
        torch.set_num_threads(count)
        _in_a_new_thread(lambda: torch.set_num_threads(others))


def _in_a_new_thread(function: Callable[[], T]) -> T:
    found: list[T] = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def side_by_side(count: int, threads: int | None = None) -> ThreadPoolExecutor:
    """`count` threads, each of which computes with `threads`; by default an equal share of those that torch has.

    On small matrices a thread to each of two batches does nearly twice the work of two threads on one: those wait
    for each other after every product.
    """
    from concurrent.futures import ThreadPoolExecutor

    share = max(_here() // count, 1)
    each = share if threads is None else min(threads, share)
    together = threading.Barrier(count + 1)

    def begin() -> None:
        _set_here(each)
        together.wait()

    pool = ThreadPoolExecutor(count, "dragoman", initializer=begin)
    for _ in range(count):
        pool.submit(int)
    together.wait()
    return pool
