"""Threads by the size of the work; and memory that stays, in processes of their own, whose heap nobody has used."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from dragoman import processor
from dragoman.processor import KERNELS, keep_few_kernels, one_thread, side_by_side, threads, threads_worth

LARGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")

FAULTS = """
import resource, torch
from dragoman.processor import keep_freed_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

kept = keep_freed_memory()
block = torch.ones(2**26)  # 256 MB are 65,536 pages of 4 kB
first = faults()
del block
for _ in range(3):
    block = torch.ones(2**26)
    del block
print(kept, faults() - first)
"""

PAGES = """
import torch
from dragoman.processor import keep_freed_memory
keep_freed_memory()
block = torch.ones(2**26)
print(next(line.split()[1] for line in open("/proc/self/smaps_rollup") if line.startswith("AnonHugePages")))
"""

THREAD = """
import resource, threading, torch
from dragoman.processor import keep_freed_memory
keep_freed_memory()
found = []

def work():
    torch.ones(2**24)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(2**24)  # 64 MB, the largest heap that glibc gives a thread
    found.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

for _ in range(2):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
print(*found)
"""


def said(program: str) -> list[str]:
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return run.stdout.split()


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_a_block_that_was_freed_costs_no_page_faults_again() -> None:
    kept, faults = said(FAULTS)
    assert kept == "True"
    assert int(faults) < 65_536 / 4  # three times 65,536 where the memory is given back


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_threads_keep_their_memory_too() -> None:
    assert all(int(faults) < 16_384 / 4 for faults in said(THREAD))


@pytest.mark.skipif(
    not LARGE_PAGES.exists() or "[never]" in LARGE_PAGES.read_text(), reason="the kernel gives no large pages"
)
def test_the_heap_grows_in_large_pages() -> None:
    kilobytes = int(said(PAGES)[0])
    assert kilobytes > 200_000  # of 256 MB


def test_the_user_has_the_last_word_on_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", raising=False)
    keep_few_kernels()
    assert os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] == str(KERNELS)
    monkeypatch.setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "7")
    keep_few_kernels()
    assert os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] == "7"


@pytest.fixture
def three_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """torch has three, whatever the machine has, and they sleep while they wait."""
    before = torch.get_num_threads()
    monkeypatch.setattr(processor, "_they_count", False)
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def elsewhere(function: Callable[[], int]) -> int:
    """In a thread that has not computed yet."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


@pytest.mark.usefixtures("three_threads")
class TestThreads:
    def test_a_piece_of_work_has_its_threads_and_gives_them_back(self) -> None:
        with threads(2):
            assert torch.get_num_threads() == 2
            with one_thread():
                assert torch.get_num_threads() == 1
            assert torch.get_num_threads() == 2
        assert torch.get_num_threads() == 3

    def test_they_are_given_back_by_work_that_fails(self) -> None:
        with pytest.raises(ZeroDivisionError), one_thread():
            1 / 0  # noqa: B018
        assert torch.get_num_threads() == 3

    def test_what_the_user_set_is_the_most(self) -> None:
        with threads(8):
            assert torch.get_num_threads() == 3
        with one_thread(), threads(2):
            assert torch.get_num_threads() == 1
        assert threads_worth(2**20, 2**30) == 3

    def test_no_other_thread_is_touched(self) -> None:
        """torch.set_num_threads alone also decides for threads to come: a trace would have slowed all of a server."""
        inside, done = threading.Event(), threading.Event()

        def at_work() -> int:
            before = torch.get_num_threads()
            inside.wait(60)
            found = torch.get_num_threads()
            done.set()
            return min(before, found)

        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(at_work)
            with one_thread():
                assert elsewhere(torch.get_num_threads) == 3
                inside.set()
                assert done.wait(60)
                assert torch.get_num_threads() == 1
            assert other.result() == 3
        assert elsewhere(torch.get_num_threads) == 3

    def test_many_at_once_get_what_they_ask_for(self) -> None:
        def work(count: int) -> list[int]:
            found = []
            for _ in range(20):
                with threads(count):
                    found.append(torch.get_num_threads())
                found.append(torch.get_num_threads())
            return found

        with ThreadPoolExecutor(3) as pool:
            assert list(pool.map(work, (1, 2, 3))) == [[count, 3] * 20 for count in (1, 2, 3)]
        assert torch.get_num_threads() == elsewhere(torch.get_num_threads) == 3

    def test_small_work_is_worth_one(self) -> None:
        weights = 9_400_000  # of the preset small
        assert threads_worth(5, weights) == 1  # a step of a search with five beams
        assert threads_worth(1024, weights) == 1
        assert threads_worth(4096, weights) == 3

    def test_threads_that_count_while_they_wait_are_worth_nothing(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(processor, "_they_count", True)
        assert threads_worth(2**20, 2**30) == 1

    @pytest.mark.parametrize("count, each, found", [(3, None, 1), (1, None, 3), (1, 2, 2), (2, 5, 1)])
    def test_side_by_side_they_share(self, count: int, each: int | None, found: int) -> None:
        with side_by_side(count, each) as pool:
            assert {future.result() for future in [pool.submit(torch.get_num_threads) for _ in range(9)]} == {
                found
            }
        assert torch.get_num_threads() == elsewhere(torch.get_num_threads) == 3


WAITING = """
import os, sys
import dragoman
assert "torch" not in sys.modules
import torch
from dragoman import processor
print(os.environ.get("OMP_WAIT_POLICY"), processor._they_count)
"""


@pytest.mark.parametrize(
    "program, environment, found",
    [
        (WAITING, {}, ["passive", "False"]),
        (WAITING, {"OMP_WAIT_POLICY": "active"}, ["active", "False"]),
        (WAITING, {"GOMP_SPINCOUNT": "7"}, ["None", "False"]),
        # Loaded before us, it has settled how its threads wait.
        (f"import torch{WAITING.replace('assert', '#')}", {}, ["None", "True"]),
    ],
)
def test_threads_sleep_while_they_wait_unless_told_otherwise(
    program: str, environment: dict[str, str], found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in processor.POLICIES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert said(program) == found


def test_what_is_made_uncollected_is_never_looked_through() -> None:
    import gc

    from dragoman.processor import uncollected

    before = gc.get_freeze_count()
    with uncollected():
        assert not gc.isenabled()
        kept = [[] for _ in range(1000)]
    assert gc.isenabled() and gc.get_freeze_count() >= before + len(kept)
    gc.unfreeze()
