"""Translated files until they are fetched: in a folder that all processes share, or in Redis. Reads no format."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from dragoman.server.gate.link import Link, LostError
from dragoman.server.gate.refusals import Refusal

KEPT = 600.0  # seconds
ROOM = 200_000_000  # bytes of all files together
FILE, FILES, SIZES = "dragoman:file:", "dragoman:files", "dragoman:sizes"  # names in Redis
_NAME = re.compile(r"[A-Za-z0-9_-]{22}\.[a-z0-9]{1,8}")


class FileStore(Protocol):
    """What the service needs of it."""

    def open(self) -> AbstractContextManager[None]: ...
    def check(self) -> None: ...
    def put(self, data: bytes, suffix: str) -> str: ...
    def get(self, name: str) -> bytes: ...


class Downloads:
    """Files by names that cannot be guessed; each is there for ten minutes, or until newer ones need its room."""

    def __init__(self, folder: Path | None = None) -> None:
        """folder: one that others share; without it, one of its own while it is open."""
        self._given = folder

    @contextmanager
    def open(self) -> Iterator[None]:
        """For as long as the service runs."""
        own = TemporaryDirectory(prefix="dragoman-") if self._given is None else nullcontext(self._given)
        with own as folder:
            self._folder = Path(folder)
            yield

    def check(self) -> None:
        """Raises Refusal (507) where no file can be kept, before there is one."""
        if not self._folder.is_dir():
            raise Refusal(
                507, "this server has nowhere to keep a translated file: TMPDIR names a directory for it"
            )

    def put(self, data: bytes, suffix: str) -> str:
        """The name under which `data` can be fetched. Raises Refusal (507) where nothing can be written."""
        name = _new_name(suffix)
        try:
            self._make_room(len(data))
            with open(
                self._folder / name, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)
            ) as file:
                file.write(data)
            # A clock that is not set back, and that all processes of this machine read alike.
            now = time.monotonic()
            os.utime(self._folder / name, (now, now))
        except OSError as error:
            with suppress(OSError):
                (self._folder / name).unlink(missing_ok=True)  # half of a file
            why = error.strerror or str(error)
            raise Refusal(507, f"this server has nowhere to keep a translated file: {why}") from None
        return name

    def get(self, name: str) -> bytes:
        """Raises Refusal (404) for a name that is none of ours, or of a file that is gone."""
        if not _NAME.fullmatch(name):
            raise _gone()
        path = self._folder / name
        try:
            if time.monotonic() - path.stat().st_mtime > KEPT:
                path.unlink()
                raise _gone()
            return path.read_bytes()
        except OSError:
            raise _gone() from None

    def _make_room(self, wanted: int) -> None:
        found = []
        for path in self._folder.iterdir():
            try:
                stat = path.stat()
            except OSError:  # another process was quicker
                continue
            found.append((stat.st_mtime, stat.st_size, path))
        room, now = ROOM - wanted, time.monotonic()
        for modified, size, path in sorted(found, reverse=True):
            room -= size
            if room < 0 or now - modified > KEPT:
                path.unlink(missing_ok=True)


class SharedDownloads:
    """`Downloads` that any replica can give out; what is translated while Redis is lost stays where it was."""

    def __init__(self, link: Link, here: Downloads) -> None:
        self._link, self._here = link, here

    @contextmanager
    def open(self) -> Iterator[None]:
        """For as long as the service runs."""
        with self._here.open():
            yield

    def check(self) -> None:
        """Raises Refusal (507) where no file can be kept, before there is one."""
        if not self._link.is_up:
            self._here.check()

    def put(self, data: bytes, suffix: str) -> str:
        """The name under which `data` can be fetched. Raises Refusal (507) where nothing can be written."""
        name = _new_name(suffix)
        try:
            self._link.command("SET", FILE + name, data, "EX", int(KEPT), with_file=True)
            self._link.script("keep", [FILES, SIZES], FILE, name, len(data), int(KEPT), ROOM)
        except LostError:
            return self._here.put(data, suffix)
        return name

    def get(self, name: str) -> bytes:
        """Raises Refusal (404) for a name that is none of ours, or of a file that is gone."""
        if not _NAME.fullmatch(name):
            raise _gone()
        with suppress(LostError):
            data: bytes | None = self._link.command("GET", FILE + name, with_file=True)
            if data is not None:
                return data
        return self._here.get(name)


def _new_name(suffix: str) -> str:
    return secrets.token_urlsafe(16) + suffix.lower()


def _gone() -> Refusal:
    return Refusal(404, "there is no such file, or not any more: translate it again")
