"""What a name leads to is written: a file whole or not at all, a pipe and a device as they are, and a link stays."""

from __future__ import annotations

import os
import socket
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from dragoman.corpus.lines import new_file
from dragoman.files import publish


def by_lines(path: Path, data: bytes) -> None:
    with new_file(path) as file:
        file.write(data)


WAYS = pytest.mark.parametrize("write", [publish, by_lines])
Write = Callable[[Path, bytes], None]


@WAYS
def test_a_device_stays_one(tmp_path: Path, write: Write) -> None:
    """`-o /dev/null`, typed by root, put a file in its place: it was gone for every program of the machine."""
    link = tmp_path / "nowhere.txt"
    link.symlink_to(os.devnull)  # and not itself: this test must do no harm either
    write(link, b"text")
    assert link.is_symlink() and stat.S_ISCHR(link.stat().st_mode) and [*tmp_path.iterdir()] == [link]


@WAYS
def test_a_full_device_is_told_by_its_name(tmp_path: Path, write: Write) -> None:
    link = tmp_path / "full.txt"
    link.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device") as told:
        write(link, b"text")
    assert told.value.filename == str(link) and [*tmp_path.iterdir()] == [link]


@WAYS
def test_a_pipe_gets_what_is_written(tmp_path: Path, write: Write) -> None:
    """It was replaced by a file, and whoever read it waited for ever."""
    pipe, got = tmp_path / "pipe.txt", list[bytes]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write(pipe, b"text\n")
    reader.join(20)
    assert got == [b"text\n"] and pipe.is_fifo() and [*tmp_path.iterdir()] == [pipe]


@WAYS
def test_a_descriptor_of_our_own_is_written_behind_what_is_there(
    tmp_path: Path, write: Write, capfd: pytest.CaptureFixture[str]
) -> None:
    os.write(1, b"before ")
    write(Path("/dev/stdout"), b"and after")
    assert capfd.readouterr().out == "before and after" and Path("/dev/stdout").exists()


@WAYS
def test_what_a_link_leads_to_is_written(tmp_path: Path, write: Write) -> None:
    (tmp_path / "there").mkdir()
    real, link = tmp_path / "there" / "real.txt", tmp_path / "link.txt"
    link.symlink_to(real)
    for data in (b"new", b"newer"):  # one that leads to nothing yet, and one that leads to a file
        write(link, data)
        assert link.is_symlink() and real.read_bytes() == data and [*real.parent.iterdir()] == [real]


@WAYS
def test_a_socket_is_no_place_for_a_file(tmp_path: Path, write: Write) -> None:
    path = tmp_path / "s.txt"
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))
        with pytest.raises(OSError, match="a socket, and a file is to be written"):
            write(path, b"text")
    assert stat.S_ISSOCK(path.stat().st_mode)


def test_a_link_is_packed_as_its_own_name_says(tmp_path: Path) -> None:
    link = tmp_path / "a.txt.gz"
    link.symlink_to(tmp_path / "real")
    by_lines(link, b"text")
    assert (tmp_path / "real").read_bytes()[:2] == b"\x1f\x8b"
