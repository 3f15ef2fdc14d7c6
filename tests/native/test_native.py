"""C files compiled on first use: kept, made again when broken, and done without where there is no compiler."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dragoman import native

SOURCE = """#include "vectors.h"
void twice(int64_t count, float *x) { for (int64_t i = 0; i < count; i++) x[i] *= 2; }
"""
SIGNATURES = {"twice": (native.INT, native.POINTER)}


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A C file, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CC", raising=False)
    path = tmp_path / "source.c"
    path.write_text(SOURCE)
    return path


def load(source: Path) -> ctypes.CDLL | None:
    return native.load("twice", (source,), SIGNATURES)


def compiled(source: Path) -> ctypes.CDLL:
    library = load(source)
    if library is None:
        pytest.skip("no C compiler on this machine")
    return library


def kept(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache").rglob("*.so"))


def test_functions_are_called_with_what_they_take(source: Path) -> None:
    numbers = (ctypes.c_float * 3)(1, 2, 3)
    native.call(compiled(source), "twice", 3, numbers)
    assert list(numbers) == [2, 4, 6]


def test_a_source_is_compiled_once(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled(source)
    made = kept(tmp_path)
    assert len(made) == 1

    def fail(*arguments: Any, **options: Any) -> None:
        raise AssertionError("compiled again")

    monkeypatch.setattr(subprocess, "run", fail)
    assert load(source) is not None
    assert kept(tmp_path) == made


def test_another_source_or_header_is_another_library(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled(source)
    source.write_text(SOURCE.replace("*= 2", "*= 3"))
    compiled(source)
    (tmp_path / "own.h").write_text("/* beside the source */")
    compiled(source)
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "vectors.h").write_text((native.HERE / "vectors.h").read_text() + "/* changed */")
    monkeypatch.setattr(native, "HERE", shared)
    compiled(source)
    assert len(kept(tmp_path)) == 4


@pytest.mark.parametrize("compiler", ["/nowhere/cc", "false"])
def test_a_compiler_that_does_not_work_leaves_nothing_behind(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compiler: str
) -> None:
    monkeypatch.setenv("CC", compiler)
    assert load(source) is None
    assert not kept(tmp_path)


def test_without_a_compiler_there_is_no_library(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native.shutil, "which", lambda name: None)
    assert load(source) is None


def test_a_broken_file_in_the_cache_is_made_again(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled(source)
    (made,) = kept(tmp_path)
    broken = tmp_path / "other" / "dragoman" / made.name  # where it was not loaded from before
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"no library")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    assert load(source) is not None
    assert broken.read_bytes() != b"no library"
