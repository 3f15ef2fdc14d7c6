"""Lines of UTF-8 files, plain or packed (gzip, zstd, xz, bzip2), and back. Knows nothing of what a line means.

A line ends at LF and nowhere else: Python's text mode and str.splitlines also end one at U+2028, VT or a lone CR,
and one such character shifts every later pair of a corpus in two files.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import re
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from dragoman.errors import CorpusError, MissingExtraError
from dragoman.files import behind_links, naming, refuse_directory, stream_of, sync_directory

# The longest lines of real corpora are some 100 kB. The limit makes a file without line ends, such as an unpacked
# bomb of zeros, an error instead of a full memory.
LONGEST_LINE_BYTES = 16 * 2**20

COMPRESSED = (".gz", ".zst", ".xz", ".bz2")
_GZIP_MAGIC, _ZSTD_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_XZ_MAGIC, _BZIP2_MAGIC = b"\xfd7zX", b"BZh"
_XZ_MEMORY = 2**28  # bytes that a hostile archive may ask for; `xz -9` needs 65 MiB
_CRS = 2  # carriage returns within the first line, from which on they are its line ends
BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # of UTF-8


class DamagedArchiveError(Exception):
    """An archive that ends early or is damaged; never told to the user as such."""


# What reading a damaged or cut-off archive raises.
DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile, DamagedArchiveError)


def read_lines(path: Path) -> Generator[str, None, None]:
    """The lines of a UTF-8 file, without their LF or CRLF and without a byte order mark; what is packed is unpacked.

    Raises CorpusError with file, line and byte for what is not UTF-8, and for a damaged or cut-off archive.
    """
    with open_file(path) as file, unpacked(path, file) as stream:
        yield from lines_of(stream, path)


def read_whole(path: Path) -> bytes:
    """A file as it is; what is packed is unpacked. Raises CorpusError."""
    with open_file(path) as file, unpacked(path, file) as stream:
        try:
            return stream.read()
        except DAMAGED as error:
            raise CorpusError(f"{path}: damaged or cut off: {error}; fetch it again") from error
        except OSError as error:
            raise CorpusError(f"{path} cannot be read: {error.strerror or error}") from error


def is_marked(path: Path) -> bool:
    """Whether a file begins with the mark that some programs know UTF-8 by. Raises CorpusError."""
    with open_file(path) as file, unpacked(path, file) as stream:
        return stream.read(len(BYTE_ORDER_MARK)) == BYTE_ORDER_MARK


def lines_of(stream: BinaryIO, path: Path | str) -> Generator[str, None, None]:
    """The lines of a stream; `path` is what errors call it."""
    number = 0
    while line := _next_line(path, stream, number + 1):
        number += 1
        line = line.removesuffix(b"\n").removesuffix(b"\r")
        if number == 1:
            line = line.removeprefix(BYTE_ORDER_MARK)
            if (ends := line.count(b"\r")) >= _CRS:
                raise CorpusError(
                    f"{path}: {ends:,} carriage returns in its first line are the line ends of an old Mac: "
                    "convert the file, such as with  tr '\\r' '\\n'"
                )
        yield _decoded(line, path, number)


def _next_line(path: Path | str, stream: BinaryIO, number: int) -> bytes:
    try:
        line = stream.readline(LONGEST_LINE_BYTES + 1)
    except DAMAGED as error:
        raise CorpusError(
            f"{path}: damaged or cut off after line {number - 1:,}: {error}; fetch it again"
        ) from error
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(line) > LONGEST_LINE_BYTES:
        raise CorpusError(f"{path}:{number}: a line of more than {LONGEST_LINE_BYTES:,} bytes is no sentence")
    return line


def _decoded(line: bytes, path: Path | str, number: int) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        encoding = _likely(line, number)
        advice = (
            f"it looks like {encoding}: convert the file with  iconv -f {encoding} -t UTF-8"
            if encoding
            else "it must be UTF-8: convert the file with iconv"
        )
        raise CorpusError(
            f"{path}:{number}: byte {error.start + 1} of the line (0x{line[error.start]:02x}) is not UTF-8; {advice}"
        ) from error


def _likely(line: bytes, number: int) -> str:
    """The encoding that a line which is not UTF-8 is probably in; nothing where it could be any."""
    if number == 1 and line[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "UTF-16"
    # A letter of UTF-16 that ASCII has, too, is a zero beside it: before it in the one order, behind it in the other.
    zeros = [line[side::2].count(0) for side in (0, 1)]
    if max(zeros) > len(line) / 8:  # at least a quarter of the letters
        # Only the first line tells which: later ones begin with the zero of the line end before them.
        return "UTF-16BE" if number == 1 and zeros[0] > zeros[1] else "UTF-16LE"
    # Pairs of high bytes are Chinese, a lone one is an accent: GB18030 reads most of either.
    runs = re.findall(rb"[\x80-\xff]+", line)
    if any(len(run) > 3 for run in runs):
        for name in ("GB18030", "Big5", "Shift_JIS", "EUC-KR"):
            try:
                text = line.decode(name)
            except UnicodeDecodeError:
                continue
            if all(
                "\u3000" <= sign <= "\u9fff" or "\uac00" <= sign <= "\uffee" or sign.isascii()
                for sign in text
            ):
                return name
    return "Windows-1252" if runs and all(len(run) <= 2 for run in runs) else ""


def open_file(path: Path) -> io.BufferedReader:
    try:
        return open(path, "rb")
    except OSError as error:
        raise CorpusError(f"{path} cannot be opened: {error.strerror}") from error


def unpacked(path: Path, file: io.BufferedReader) -> BinaryIO:
    """The content of a file: what is in the archive if it is one. Reading it may raise any of DAMAGED.

    Told by the first bytes, since names lie: downloads come unpacked under a .gz name, or packed without one.
    """
    try:
        magic = file.peek(4)[:4]
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}") from error
    if magic.startswith(_GZIP_MAGIC):
        return cast(BinaryIO, gzip.GzipFile(fileobj=file))
    if magic == _ZSTD_MAGIC:
        return _frames(file, _zstd_frame, _zstandard().ZstdError)
    if magic == _XZ_MAGIC:
        return _frames(file, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _XZ_MEMORY), lzma.LZMAError)
    if magic.startswith(_BZIP2_MAGIC):
        return _frames(file, bz2.BZ2Decompressor, OSError)
    return file


def _frames(file: BinaryIO, new: Callable[[], Any], damaged: type[Exception]) -> BinaryIO:
    return io.BufferedReader(_FramesReader(file, new, damaged), 2**17)


def _zstd_frame() -> Any:
    return _zstandard().ZstdDecompressor(max_window_size=_WIDEST_WINDOW).decompressobj()


_WIDEST_WINDOW = 2**27  # bytes; `zstd --long` writes no wider one without being asked


class _FramesReader(io.RawIOBase):
    """One frame after another. zstandard's own reader takes a cut-off file for a finished one; this one does not."""

    # A hostile block of 4 bytes of zstd unpacks to 128 kB, so that this many bytes yield at most 32 MB at once.
    _PIECE = 1024

    def __init__(self, file: BinaryIO, new: Callable[[], Any], damaged: type[Exception]) -> None:
        self._file, self._new, self._damaged = file, new, damaged
        self._frame: Any = None  # what unpacks the current frame; None between two
        self._packed = b""  # read, and not yet unpacked
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            self._packed = self._packed or self._file.read(self._PIECE)
            if not self._packed:
                if self._frame is not None:
                    raise DamagedArchiveError("the archive ends early")
                return 0
            self._ready = memoryview(self._unpack())
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def _unpack(self) -> bytes:
        if self._frame is None:
            self._frame = self._new()
        try:
            data: bytes = self._frame.decompress(self._packed)
        except (self._damaged, EOFError) as error:
            raise DamagedArchiveError(str(error)) from error
        self._packed = self._frame.unused_data  # the beginning of a next frame, once this one has ended
        if self._frame.eof:
            self._frame = None
        return data


def _zstandard() -> Any:
    try:
        import zstandard
    except ImportError as error:
        raise MissingExtraError(
            ".zst files need zstandard: install it with  pip install 'dragoman[zst]'"
        ) from error
    return zstandard


@contextmanager
def new_file(path: Path, durable: bool = True) -> Iterator[BinaryIO]:
    """A stream that becomes the file `path`, packed as its suffix says, when all of it is written.

    A reader sees the old file or the whole new one; after an error, the old one. The same content gives the same
    bytes: a gzip archive carries no date and no name. durable: on the disk by then; if not, the caller sees to that.
    A pipe or a device gets the same bytes as they come.
    """
    refuse_directory(path)
    if flowing := stream_of(path):
        with naming(path), flowing, _packed(flowing, path.suffix) as stream:
            yield stream
        return
    suffix, path = path.suffix, behind_links(path)
    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    try:
        with naming(path, temporary), open(temporary, "wb") as file:
            with _packed(file, suffix) as stream:
                yield stream
            file.flush()
            if durable:
                os.fsync(file.fileno())
        with naming(path, temporary):
            os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    if durable:
        sync_directory(path.parent)


@contextmanager
def _packed(file: BinaryIO, suffix: str) -> Iterator[BinaryIO]:
    """What packs into `file` all that is written to it, and leaves it open."""
    if suffix == ".gz":
        with (
            gzip.GzipFile("", "wb", 6, file, mtime=0) as packed,
            io.BufferedWriter(cast(Any, packed)) as stream,
        ):
            yield cast(BinaryIO, stream)
    elif suffix == ".zst":
        with (
            _zstandard().ZstdCompressor(10, write_checksum=True).stream_writer(file, closefd=False) as stream
        ):
            yield stream
    elif suffix in (".xz", ".bz2"):
        packer = lzma.LZMAFile if suffix == ".xz" else bz2.BZ2File
        with packer(file, "wb") as stream:
            yield cast(BinaryIO, stream)
    else:
        yield file
