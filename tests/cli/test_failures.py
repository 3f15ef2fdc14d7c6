"""Whatever ends a command is one sentence that names the file or the limit; a fault of ours stays a traceback."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dragoman.cli import main
from dragoman.cli.failures import leave_word, told
from dragoman.errors import DragomanError, ModelError
from dragoman.files import naming, new_directories, publish, write_new
from tiny import parts


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "not enough memory ("),
        (np.exceptions.AxisError("x"), None),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "not enough memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "not enough memory"),
        (RuntimeError("std::bad_alloc"), "not enough memory"),
        (RuntimeError("can't start new thread"), "not enough threads"),
        (ImportError("libtorch.so: failed to map segment from shared object"), "not enough memory"),
        (caused(ImportError("IMPORTANT: PLEASE READ THIS"), ImportError("failed to map segment")), "not enough memory"),
        (OSError("libx.so: cannot open shared object file: Too many open files"), "not enough open files"),
        (OSError(errno.EMFILE, "Too many open files", "a.txt"), "a.txt: Too many open files (ulimit -n"),
        (OSError(errno.ENOSPC, "No space left on device", "a.txt"), "a.txt: No space left on device"),
        (caused(ModelError("m: cannot be read"), OSError(errno.EMFILE, "x")), "m: cannot be read (ulimit -n"),
        (caused(ModelError("another run writes"), BlockingIOError(errno.EAGAIN, "x")), "another run writes"),
        (KeyError("x"), None),
        (RuntimeError("shapes do not match"), None),
    ],
)  # fmt: skip
def test_what_is_said_of_an_error(error: Exception, words: str | None) -> None:
    said = told(error)
    if words is None:
        assert said is None
        return
    assert said is not None and said[0].startswith(words) and "\n" not in said[0]
    assert said[1] == (error.exit_code if isinstance(error, DragomanError) else 1)
    if words == "another run writes":  # a lock is no limit
        assert said[0] == words


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full to write to")
def test_a_full_disk_is_told_with_the_name_of_the_file(tmp_path: Path) -> None:
    """Linux says of a write that failed no name: "input or output: No space left on device" was all that was told."""
    with pytest.raises(OSError) as error, naming("a.txt"), open("/dev/full", "wb", buffering=0) as file:
        file.write(b"x")
    assert error.value.filename == "a.txt"
    with pytest.raises(OSError) as error:
        write_new(Path("/dev/full"), b"x")
    assert error.value.filename == "/dev/full"
    with pytest.raises(OSError) as error:
        publish(tmp_path / "none" / "a.txt", b"x")
    assert error.value.filename == str(tmp_path / "none" / "a.txt")  # and not that of the temporary file


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full to write to")
@pytest.mark.parametrize("words", [["--help"], ["models"], ["words", "show", "今天"]])
def test_standard_output_that_takes_nothing_is_named(words: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "dragoman", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
        )
    assert (done.returncode, done.stderr) == (1, "dragoman: standard output: No space left on device\n")


@pytest.mark.skipif(os.name != "posix", reason="limits are set by a shell")
@pytest.mark.parametrize("kilobytes", [100_000, 150_000, 270_000])
def test_too_little_memory_is_one_sentence_with_the_limit(kilobytes: int) -> None:
    """At 100,000 kB OpenBLAS ended the process, at 150,000 safetensors waited for ever, at 300,000 came a traceback."""
    command = f"ulimit -v {kilobytes}; exec {sys.executable} -m dragoman translate Hi"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and f"ulimit -v {kilobytes}" in done.stderr


def test_a_file_within_a_temporary_directory_is_named_as_it_will_be(tmp_path: Path) -> None:
    """A full disk used to be told of `.export.tmp-4711/model.bin`, which nobody had asked for."""
    temporary = tmp_path / ".export.tmp-1"
    with pytest.raises(OSError, match="model.bin") as raised, naming(tmp_path / "export", temporary):
        raise OSError(errno.ENOSPC, "No space left on device", str(temporary / "model.bin"))
    assert raised.value.filename == str(tmp_path / "export" / "model.bin")


def test_a_command_that_fails_takes_away_the_directories_that_it_made(tmp_path: Path) -> None:
    """A failed import and a failed average left an empty directory; what was there, or holds something, stays."""
    there = tmp_path / "there"
    there.mkdir()
    with pytest.raises(OSError, match="full"), new_directories(there / "a" / "b"):
        raise OSError("full")
    assert list(there.iterdir()) == []
    with pytest.raises(OSError, match="full"), new_directories(there / "kept"):
        (there / "kept" / "file").touch()
        raise OSError("full")
    assert (there / "kept" / "file").exists()


@pytest.mark.parametrize("path", [".", "..", "/", "a directory"])
def test_no_file_gets_the_name_of_a_directory(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`explain -o .` showed a traceback: "." has no name that another could be made of."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a directory").mkdir()
    with pytest.raises(IsADirectoryError, match="name one in it"):
        publish(Path(path), b"")
    assert [one.name for one in tmp_path.iterdir()] == ["a directory"]


@pytest.mark.parametrize(
    "words",
    [
        ["models", "average", "a", "b", "-o", ""],
        ["import", "a", "--output", ""],
        ["train", "", "-o", "run"],
        ["train", "a", "--dev", "b", "", "-o", "run"],
        ["translate", "a", "-m", ""],
    ],
)
def test_an_empty_name_is_not_the_directory_that_one_is_in(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`-o "$RUN"`, where RUN was never set, wrote a model into whatever directory it was typed in."""
    monkeypatch.chdir(tmp_path)
    assert main(words) in (1, 2)
    assert "empty" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_empty_text_is_a_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["translate", ""]) == 0
    assert capsys.readouterr().out == "\n"


def test_training_replaces_no_model_that_lies_there_without_its_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`train --from mine -o mine` wrote another model over the one that it began with."""
    model, corpus = parts().write(tmp_path / "mine"), tmp_path / "train.tsv"
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    corpus.write_text("a dog\t狗\n" * 20, encoding="utf-8")
    languages = ("--source-lang", "en", "--target-lang", "zh")
    assert main(["train", str(corpus), *languages, "--dev", str(corpus), "-o", str(model)]) == 1
    assert "already holds a model" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before


def test_torchrun_finds_what_a_rank_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What torchrun prints of a rank that failed ended with `error_file: <N/A>`, below a traceback of its own."""
    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(tmp_path / "error.json"))
    leave_word("a.tsv is not there")
    found = json.loads((tmp_path / "error.json").read_text())
    assert found["message"] == "a.tsv is not there"
    assert isinstance(found["timestamp"], int)
    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(tmp_path / "nowhere" / "error.json"))
    leave_word("a directory that is gone is no second error")
