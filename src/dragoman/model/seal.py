"""Files that belong together, sealed by a manifest: read whole or refused, replaced in one step. Knows no format.

`manifest.json` holds size and sha256 of each file; what it does not list is neither opened nor touched.

How one set of files replaces another: the new files are written beside the old ones under names that hold their
sha256, made durable, and then the manifest is replaced in one step. That step is the publication. The files are moved
to their plain names after it, and whoever reads in between finds them under the long names. Nothing is written over.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

from dragoman.bounds import shown
from dragoman.errors import ModelError
from dragoman.files import FULL, new_directories, publish, sha256, sweep_temporary, sync_directory

FORMAT = 1
MANIFEST = "manifest.json"
LARGEST_MANIFEST = 2**16  # bytes; a real one has about 600
LARGEST_FILE = 2**40  # bytes
COPY_AGAIN = "copy the model directory again, whole"


@dataclass(frozen=True)
class Part:
    """What the manifest says of one file."""

    name: str
    size: int
    sha256: str

    @property
    def staged(self) -> str:
        """The name from before the publication until the file gets its plain one."""
        return f".{self.name}.new-{self.sha256[:16]}"


def read_sealed(directory: Path, known: Collection[str], verify: bool = True) -> dict[str, bytes]:
    """Name -> content of each file that the manifest lists. Raises ModelError, naming the file that is wrong.

    `known` are the only names a manifest may hold. `verify=False` leaves out the sha256.
    """
    # Files can be replaced while they are read, one after another; another look then finds the new ones whole.
    for _ in range(2):
        with suppress(ModelError):
            return _read_once(directory, known, verify)
    return _read_once(directory, known, verify)


def _read_once(directory: Path, known: Collection[str], verify: bool) -> dict[str, bytes]:
    return {part.name: _content(directory, part, verify) for part in _manifest(directory, known)}


def _manifest(directory: Path, known: Collection[str]) -> list[Part]:
    try:
        data = _read(directory / MANIFEST, LARGEST_MANIFEST)
    except FileNotFoundError as error:
        raise ModelError(f"{directory}: {MANIFEST} is missing") from error
    try:
        found = json.loads(data, object_pairs_hook=_no_repeats)
        if found["format"] != FORMAT:
            raise ModelError(
                f"{directory}: {MANIFEST} has format {shown(found['format'])} and this version reads format {FORMAT}: "
                "install a newer dragoman"
            )
        for name in found["files"]:
            if name not in known:  # an absolute path and `..` end here too
                raise ModelError(f"{directory}: {MANIFEST} lists {shown(name)}, which is no part of a model")
        return [_part(name, entry) for name, entry in found["files"].items()]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"{directory}: {MANIFEST} is damaged ({type(error).__name__}: {error}); {COPY_AGAIN}"
        ) from error


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key stands in it twice")
    return dict(pairs)


def _part(name: str, entry: Mapping[str, Any]) -> Part:
    size, digest = entry["size"], entry["sha256"]
    if type(size) is not int or not 0 <= size <= LARGEST_FILE:
        raise ValueError(f"size of {name}: {shown(size)}")
    if not re.fullmatch("[0-9a-f]{64}", digest):
        raise ValueError(f"sha256 of {name}: {shown(digest)}")
    return Part(name, size, digest)


def _content(directory: Path, part: Part, verify: bool) -> bytes:
    """The bytes of one file, under its plain name or the one it was published under."""
    fault = "is missing"
    for name in (part.name, part.staged):
        try:
            data = _read(directory / name, part.size)
        except FileNotFoundError:
            continue
        found = _fault(part, data, verify)
        if found is None:
            return data
        if (
            name == part.name or fault == "is missing"
        ):  # a stale staged file is not what the reader should look at
            fault = found
    raise ModelError(f"{directory}: {part.name} {fault}; {COPY_AGAIN}")


def _fault(part: Part, data: bytes, verify: bool) -> str | None:
    if len(data) > part.size:
        return f"has more than the {part.size:,} bytes it was sealed with: it was changed, or belongs to another model"
    if len(data) < part.size:
        return (
            f"has {len(data):,} bytes instead of {part.size:,}: it was cut short, or belongs to another model"
        )
    if verify and sha256(data) != part.sha256:
        return "is not what was sealed (its sha256 differs): it was changed, or belongs to another model"
    return None


def _read(path: Path, most: int) -> bytes:
    """At most `most` bytes and one more, which tells that there are too many."""
    with _opened(path) as file:
        # No more room than there are bytes: a manifest may say anything.
        return file.read(min(most, os.fstat(file.fileno()).st_size) + 1)


def _opened(path: Path) -> BufferedReader:
    """A plain file. Follows no link, waits for no pipe."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except NotADirectoryError as error:
        raise ModelError(f"{path.parent} is not a directory") from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ModelError(f"{path} is a symbolic link: a model is made of plain files") from error
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ModelError(f"{path} is not a plain file")
    return open(handle, "rb")


def write_sealed(directory: Path, contents: Mapping[str, bytes], known: Collection[str]) -> None:
    """Make `contents` what `directory` holds, in one step; files with other names than `known` are left alone.

    Raises ModelError when the disk refuses; what could be read before can then be read still.
    """
    parts = [Part(name, len(data), sha256(data)) for name, data in contents.items()]
    files = {part.name: {"size": part.size, "sha256": part.sha256} for part in parts}
    manifest = json.dumps({"format": FORMAT, "files": files}, indent=1).encode()
    former: list[Part] = []
    try:
        with new_directories(directory), _swept(directory, known):
            with suppress(ModelError):  # no model yet, or a damaged one
                former = _manifest(directory, known)
            _settle(directory, former)  # should an earlier write have been interrupted after its publication
            for part in parts:
                publish(directory / part.staged, contents[part.name])
            publish(directory / MANIFEST, manifest)
    except OSError as error:
        advice = (
            "make room and write it again" if error.errno in FULL else "name a directory that can be written"
        )
        raise ModelError(
            f"the model could not be written to {directory} ({error.strerror}); what was there before is intact: "
            f"{advice}"
        ) from error
    # The model is published. Should the disk refuse now, it is read under the long names until the next write.
    with suppress(OSError):
        _settle(directory, parts)
        for name in {part.name for part in former} - contents.keys():
            (directory / name).unlink(missing_ok=True)
        _sweep(directory, parts)


@contextmanager
def _swept(directory: Path, known: Collection[str]) -> Iterator[None]:
    """After an error, leave nothing of what was being written."""
    try:
        yield
    except BaseException:
        with suppress(OSError, ModelError):
            _sweep(directory, _manifest(directory, known) if (directory / MANIFEST).exists() else [])
        raise


def _settle(directory: Path, published: Sequence[Part]) -> None:
    """Give the files that the manifest lists their plain names."""
    for part in published:
        plain, staged = directory / part.name, directory / part.staged
        if _holds(staged, part) and not _holds(plain, part):
            os.replace(staged, plain)
    sync_directory(directory)


def _sweep(directory: Path, published: Sequence[Part]) -> None:
    """Remove staged and temporary files, save those that are the only copy of what the manifest lists."""
    needed = {part.staged for part in published if not _holds(directory / part.name, part)}
    for path in directory.glob(".*.new-*"):
        if path.name not in needed:
            path.unlink()
    sweep_temporary(directory)


def _holds(path: Path, part: Part) -> bool:
    """Whether a file is what was sealed. It is not read as a whole: the model that was written is in memory too."""
    with suppress(ModelError, FileNotFoundError), _opened(path) as file:
        whole = os.fstat(file.fileno()).st_size == part.size
        return whole and hashlib.file_digest(file, "sha256").hexdigest() == part.sha256
    return False
