"""Too little memory is told in a sentence before a library meets it. Their own ends are those of the process."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest

from dragoman import memory


def test_without_a_limit_nothing_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert memory.left() is None
    memory.require(2**60, "anything")
    before = list(sys.meta_path)
    memory.watch_imports()
    assert sys.meta_path == before


def test_a_step_is_refused_with_what_it_needs_and_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "left", lambda: 10 * memory.MEGABYTE)
    memory.require(10 * memory.MEGABYTE, "a step")
    with pytest.raises(MemoryError, match="^a step needs 11 MB and 10 MB are left$"):
        memory.require(11 * memory.MEGABYTE, "a step")
    with pytest.raises(MemoryError, match="loading torch needs"):
        memory.Watch().find_spec("torch", None)
    assert memory.Watch().find_spec("torch.nn", None) is None


def test_more_workers_need_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "left", lambda: (memory.ENGINE + 2 * memory.WORKER + 1) * memory.MEGABYTE)
    memory.require_for_engine(0, 2)
    with pytest.raises(MemoryError):
        memory.require_for_engine(0, 3)


# A worker of CTranslate2 without memory was a segmentation fault, and torch between being loaded and computing hung.
@pytest.mark.parametrize(
    ("kilobytes", "words"),
    [
        (395_000, ["translate", "Hi there."]),
        (479_000, ["translate", "Hi there."]),
        (900_000, ["explain", "Hi."]),
        (500_000, ["serve", "--port", "0"]),
    ],
)
def test_a_tight_limit_is_told_in_one_sentence(kilobytes: int, words: list[str]) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (kilobytes * 1024, kilobytes * 1024))

    command = [sys.executable, "-m", "dragoman", *words]
    found = subprocess.run(
        command, capture_output=True, text=True, timeout=60, preexec_fn=limited, env={**os.environ}
    )
    assert found.returncode == 1, found.stderr
    last = found.stderr.strip().splitlines()[-1]
    assert last.startswith("dragoman: not enough memory")
    assert f"ulimit -v {kilobytes}" in last
    assert "Traceback" not in found.stderr
