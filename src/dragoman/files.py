"""Bytes that are whole on the disk or not there at all. Knows no format.

A file is written under a name that is new, made durable, and only then given the name that readers look for.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

# What a disk says that has no room left for a file.
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def refuse_directory(path: Path) -> None:
    """Raises IsADirectoryError where a file would get the name of a directory: before work of hours, not after it."""
    if path.is_dir() or path.name in ("", ".."):
        raise IsADirectoryError(
            errno.EISDIR, "is a directory, and a file is to be written: name one in it", str(path)
        )


_DESCRIPTOR = re.compile(r"/dev/std(?P<name>out|err)|/(?:dev|proc/self)/fd/(?P<number>\d{1,9})")


def stream_of(path: Path) -> BinaryIO | None:
    """What a name leads to, if bytes flow there and nothing is replaced: a pipe, a terminal, /dev/null, /dev/stdout.

    None for the name of a file. Raises OSError for a disk and a socket: neither is a place for a file. A new file
    would else take the name from the device, for every program.
    """
    if own := _DESCRIPTOR.fullmatch(str(path)):
        with naming(path):
            return open(os.dup(int(own["number"] or ("out", "err").index(own["name"]) + 1)), "wb")
    try:
        mode = path.stat().st_mode
    except OSError:
        return None
    if stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
        raise OSError(
            errno.EINVAL, "is a disk or a socket, and a file is to be written: name another", str(path)
        )
    if not (stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)):
        return None
    return open(os.open(path, os.O_WRONLY), "wb")


def behind_links(path: Path) -> Path:
    """Where a file is to lie that gets the name of a link: what it leads to is written, and the link stays."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


@contextmanager
def new_directories(path: Path) -> Iterator[None]:
    """Make `path` with all that lies above it; after an error, take away again what was made and is empty still."""
    made = [one for one in (path, *path.parents) if not os.path.lexists(one)]
    try:
        with naming(path):
            path.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        with suppress(OSError):
            for one in made:
                one.rmdir()
        raise


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sha256_of(path: Path) -> str:
    """Of a file of any size, without reading it whole."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def naming(path: Path | str, temporary: Path | None = None) -> Iterator[None]:
    """Put the name of a file into what the system says of it.

    Of a full disk it says no name, and of what is written under a `temporary` name one that nobody knows; that may be
    a directory, and the file one in it.
    """
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(temporary)):
            raise OSError(error.errno, error.strerror, str(path)) from error
        inside = str(error.filename).removeprefix(f"{temporary}{os.sep}")
        if error.errno is not None and inside != str(error.filename):
            raise OSError(error.errno, error.strerror, str(Path(path) / inside)) from error
        raise


def write_new(path: Path, data: bytes) -> None:
    """Write and fsync a file that no reader knows of yet."""
    write_parts(path, [data])


def write_parts(path: Path, parts: Iterable[bytes | memoryview]) -> tuple[int, str]:
    """`write_new` of what need not be in memory at once; returns the size and the sha256 of the file."""
    size, digest = 0, hashlib.sha256()
    with naming(path):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            for part in parts:
                size, view = size + len(part), memoryview(part)
                digest.update(view)
                while view:
                    view = view[os.write(handle, view) :]
            os.fsync(handle)
        finally:
            os.close(handle)
    return size, digest.hexdigest()


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable: without this a rename can be lost with the power."""
    with naming(path):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sweep_temporary(directory: Path) -> None:
    """Remove what `publish` left in a directory when its process was killed; what a living one writes is left alone."""
    for path in directory.glob(".*.tmp-*"):
        writer = path.name.rpartition("-")[2]
        if writer.isdecimal() and not _lives(int(writer)):
            path.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def publish(path: Path, data: bytes) -> None:
    """Replace `path` in one step: a reader sees the old content or the new, whatever happens in between."""
    refuse_directory(path)
    if stream := stream_of(path):
        with naming(path), stream:
            stream.write(data)
        return
    path = behind_links(path)
    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    try:
        with naming(path, temporary):
            write_new(temporary, data)
            os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)
