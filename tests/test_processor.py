"""Memory that stays: each case in a process of its own, whose heap nobody has used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dragoman.processor import KERNELS, keep_few_kernels

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
