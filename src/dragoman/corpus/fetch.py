"""Well-known corpora from the network, checked before they get their name. Reads no sentence.

Nothing a server sends is trusted: sizes are limited, redirects may not leave https, and a file is renamed into place
only when the SHA-256 of the text in it is the one in the table below. Of the text, not of the archive: mirrors
compress differently.
"""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import os
import re
import shutil
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO
from urllib.parse import urlsplit

from dragoman import __version__
from dragoman.corpus.lines import DAMAGED, open_file, unpacked
from dragoman.errors import DragomanError, UsageError
from dragoman.files import naming, publish, sync_directory

TIMEOUT = 30.0  # seconds without a byte
ATTEMPTS = 4  # at one mirror, each going on where the last was cut off
PAUSE = 1.0  # seconds before the second attempt, doubled for each further one
_CHUNK = 2**16
_MOST_MEMBERS = 10_000
# Of an archive's headers, per member: the limit is on what is unpacked, and headers are unpacked too.
_HEADER_ROOM = 4096


@dataclass(frozen=True)
class RemoteFile:
    """A compressed text, and the size (bytes) and SHA-256 of the text in it."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Dataset:
    files: tuple[RemoteFile, ...]
    mirrors: tuple[str, ...]  # a file's address is mirror + "/" + name


_MULTI30K = (
    ("train.en.gz", 1_801_238, "460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6"),
    ("train.de.gz", 2_110_398, "2c2b73fd2b548fbcde3a875e0a78d6ee94d498bfdee6bd3eae3945779e9ddf72"),
    ("train.fr.gz", 2_111_303, "5925a3c18f1587b6b54b87743106e6e8ab93618edb6f65d19eac0621f853a10d"),
    ("val.en.gz", 63_297, "1f2a23d992769b5b3d209b0a10dd0b77c08cceb1f20dfb97ed0aafa49d107227"),
    ("val.de.gz", 75_981, "660e09eb7e1da2f856ea13ee5ad3cf6d36b3d5b0b733c857e94c5747a3dfc660"),
    ("val.fr.gz", 73_924, "5304e444d842e962b2dda4d816b70b22a1765b15401642b7ca37a67477e708dc"),
    ("test_2016_flickr.en.gz", 62_076, "399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182"),
    ("test_2016_flickr.de.gz", 70_649, "4be6b5b3236b79c25475c6bb829800a7ce559e9ba7a1f6c2394fe4d40be46d16"),
    ("test_2016_flickr.fr.gz", 72_261, "cb3160d69b002bb638e66cc7612fcd56cb0af82eadc9c142dedc438afb885ef6"),
)
DATASETS = {
    "multi30k": Dataset(
        tuple(RemoteFile(*row) for row in _MULTI30K),
        (
            "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw",
            "https://cdn.jsdelivr.net/gh/multi30k/dataset@master/data/task1/raw",
            "https://github.com/multi30k/dataset/raw/master/data/task1/raw",
        ),
    ),
}


def fetch(name: str, directory: Path | str, mirrors: Sequence[str] | None = None) -> Iterator[Path]:
    """Download the files of a dataset into `directory` and yield the path of each when it is there and checked.

    A file that is there and right is not fetched again; one that was cut off is continued. Raises UsageError for
    an unknown name, DragomanError when no mirror has the file.
    """
    if name not in DATASETS:
        raise UsageError(f"no dataset is called {name!r}; known: {', '.join(DATASETS)}")
    dataset = DATASETS[name]
    return _fetch_all(dataset.files, Path(directory), list(mirrors or dataset.mirrors))


def _fetch_all(files: Sequence[RemoteFile], directory: Path, mirrors: list[str]) -> Iterator[Path]:
    directory.mkdir(parents=True, exist_ok=True)
    for file in files:
        path = directory / file.name
        if not path.exists() or fault(path, file):
            worked = _from_any(mirrors, file, path)
            mirrors.remove(worked)
            mirrors.insert(0, worked)
        yield path


def _from_any(mirrors: Sequence[str], file: RemoteFile, path: Path) -> str:
    """Fetch from the first mirror that has the right file, and return that mirror."""
    reasons = []
    for mirror in mirrors:
        try:
            fetch_file(f"{mirror}/{file.name}", file, path)
        except DragomanError as error:
            reasons.append(str(error))
        else:
            return mirror
    raise DragomanError(f"{file.name} could not be fetched:\n  " + "\n  ".join(reasons))


def fetch_file(url: str, file: RemoteFile, path: Path) -> None:
    """Download one file and give it its name when its text is right. Raises DragomanError; what came stays."""
    part = path.with_name(f"{path.name}.part")
    _attempts(url, part, limit=file.size + _CHUNK)
    if reason := fault(part, file):
        _discard(part)
        raise DragomanError(f"{url}: {reason}")
    with open(part, "rb") as complete:
        os.fsync(complete.fileno())
    os.replace(part, path)
    sync_directory(path.parent)
    _discard(part)


def fault(path: Path, file: RemoteFile) -> str | None:
    """What is wrong with a downloaded file; None when the text in it is the expected one, byte for byte."""
    digest, size = hashlib.sha256(), 0
    try:
        with open_file(path) as packed, unpacked(path, packed) as text:
            while (chunk := text.read(_CHUNK)) and size <= file.size:
                digest.update(chunk)
                size += len(chunk)
    except (*DAMAGED, OSError) as error:
        return f"damaged: {error}"
    if size > file.size:
        return f"the text is longer than the expected {file.size:,} bytes"
    if digest.hexdigest() != file.sha256:
        return f"not the expected text (sha256 {digest.hexdigest()[:12]}..., expected {file.sha256[:12]}...)"
    return None


def _attempts(url: str, part: Path, limit: int) -> None:
    for attempt in range(ATTEMPTS):
        try:
            return _receive(url, part, limit)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416:  # what we have is longer than what there is: it was another file
                _discard(part)
            elif error.code < 500 and error.code != 429:
                raise DragomanError(f"{url}: HTTP {error.code} {error.reason}") from error
            reason = f"HTTP {error.code} {error.reason}"
        except (OSError, http.client.HTTPException, ValueError) as error:
            if getattr(error, "filename", None) is not None:  # our disk's fault, not the server's
                raise
            reason = str(getattr(error, "reason", error)) or type(error).__name__
        if attempt + 1 < ATTEMPTS:
            time.sleep(PAUSE * 2**attempt)
    raise DragomanError(f"{url}: {reason}")


def _receive(url: str, part: Path, limit: int) -> None:
    """Append to `part` what is missing of it, or write it anew when the server's file is not the one it began with."""
    offset, validator = _begun(part, url)
    headers = {"User-Agent": f"dragoman/{__version__}"}
    if offset:
        headers |= {"Range": f"bytes={offset}-", "If-Range": validator}
    with _open_url(urllib.request.Request(url, headers=headers)) as response:
        if response.status != 206 or _first_byte(response) != offset:
            if response.status == 206:
                _discard(part)
                raise OSError("the server answered with another range than was asked for")
            offset = 0
        expected = int(response.headers.get("Content-Length") or -1)
        if offset + expected > limit:
            raise DragomanError(f"{url}: {offset + expected:,} bytes, where at most {limit:,} are expected")
        if offset == 0:
            publish(_origin(part), json.dumps([url, _validator(response)]).encode())
        received = 0
        with naming(part), open(part, "ab" if offset else "wb") as file:
            while chunk := response.read(_CHUNK):
                received += len(chunk)
                if offset + received > limit:
                    break
                file.write(chunk)
    if offset + received > limit:
        _discard(part)
        raise DragomanError(f"{url}: more than the {limit:,} bytes that are expected")
    if received < expected:
        raise OSError(f"cut off after {offset + received:,} of {offset + expected:,} bytes")


def _begun(part: Path, url: str) -> tuple[int, str]:
    """How much of this very file is there, and the server's word for its version; (0, "") to begin anew."""
    try:
        origin, validator = json.loads(_origin(part).read_bytes())
        size = part.stat().st_size
    except (OSError, ValueError, TypeError):
        return 0, ""
    return (size, validator) if origin == url and validator else (0, "")


def _origin(part: Path) -> Path:
    return part.with_name(f"{part.name}.origin")


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _origin(part).unlink(missing_ok=True)


def _validator(response: Any) -> str:
    """A strong ETag or a date; a weak ETag does not promise the same bytes (RFC 9110, 13.1.5)."""
    tag = response.headers.get("ETag") or ""
    return tag if tag.startswith('"') else response.headers.get("Last-Modified") or ""


def _first_byte(response: Any) -> int:
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range") or "")
    return int(match.group(1)) if match else -1


class _Redirects(urllib.request.HTTPRedirectHandler):
    """urllib follows a redirect from https to http or ftp; this does not."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if urlsplit(newurl).scheme not in {"https", urlsplit(req.full_url).scheme}:
            raise DragomanError(f"{req.full_url} redirects to {newurl}, which is less safe: refused")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _open_url(request: urllib.request.Request) -> Any:
    if urlsplit(request.full_url).scheme not in {"https", "http"}:
        raise UsageError(f"{request.full_url}: a mirror's address begins with https://")
    return urllib.request.build_opener(_Redirects).open(request, timeout=TIMEOUT)


def unpack(archive: Path, directory: Path, limit: int) -> None:
    """Unpack a .tar, .tar.gz or .tar.zst of plain files into a new directory; all of it, or nothing.

    `limit` is the most bytes it may unpack to. Links, devices, absolute names and `..` are refused by name.
    """
    if directory.exists():
        raise UsageError(f"{directory} is there already: unpack to a new directory")
    temporary = directory.with_name(f".{directory.name}.tmp-{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        with open_file(archive) as file, unpacked(archive, file) as stream:
            room = _Room(stream, limit + _HEADER_ROOM * _MOST_MEMBERS)
            with tarfile.open(fileobj=room, mode="r|") as members:
                _unpack_members(members, temporary, limit, archive)
        os.replace(temporary, directory)
    except (*DAMAGED, tarfile.TarError, OSError, ValueError) as error:
        raise DragomanError(f"{archive} cannot be unpacked: {error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _unpack_members(members: tarfile.TarFile, directory: Path, limit: int, archive: Path) -> None:
    for count, member in enumerate(members):
        name = PurePosixPath(member.name)
        if name.is_absolute() or ".." in name.parts or re.search(r"[\\:\0]", member.name):
            raise DragomanError(f"{archive}: {member.name!r} would be written outside the directory: refused")
        plain = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()
        if not (plain or member.isdir()):
            raise DragomanError(f"{archive}: {member.name!r} is neither a file nor a directory: refused")
        limit -= member.size
        if limit < 0 or count >= _MOST_MEMBERS:
            raise DragomanError(f"{archive} unpacks to more than was expected: refused")
        path = directory / name
        if member.isdir():
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        content = members.extractfile(member)
        assert content is not None, "a plain file has content"
        with (
            naming(path),
            open(path, "xb") as file,
        ):  # x: a name that comes twice is an error, never a second write
            shutil.copyfileobj(content, file)


class _Room(io.RawIOBase):
    """A stream of which only so many bytes may be read: a header can claim gigabytes too."""

    def __init__(self, stream: BinaryIO, room: int) -> None:
        self._stream, self._left = stream, room

    def read(self, size: int = -1, /) -> bytes:
        wanted = self._left + 1 if size < 0 else min(size, self._left + 1)
        data = self._stream.read(wanted)
        self._left -= len(data)
        if self._left < 0:
            raise OSError("it unpacks to more than was expected")
        return data
