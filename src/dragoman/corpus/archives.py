"""What of a .zip archive is a corpus: two texts, as OPUS packs them, or one table, JSON or TMX file. Unpacks nothing.

Members are read as streams; their names decide nothing but which is which, and no file is ever written.
"""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from dragoman.bounds import beginning
from dragoman.errors import CorpusError
from dragoman.text.languages import base_language

READABLE = (".tsv", ".csv", ".jsonl", ".json", ".tmx")
# What reading a damaged archive raises: encrypted members are a RuntimeError, unknown methods a NotImplementedError.
BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    ValueError,
)


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive. Raises CorpusError where it is damaged, while it is opened and while it is read."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror or error}") from error
    except BROKEN as error:
        raise CorpusError(f"{path}: damaged, encrypted or no archive: {error}") from error


def members(path: Path, archive: zipfile.ZipFile, source: str, target: str) -> tuple[str, ...]:
    """Names of the two sides, or of the one file that has both. Raises CorpusError for anything else."""
    names = [name for name in archive.namelist() if not name.endswith("/")]
    sides = [
        [
            name
            for name in names
            if base_language(PurePosixPath(name).suffix.removeprefix(".")) == base_language(code)
        ]
        for code in (source, target)
        if code
    ]
    if len(sides) == 2 and [len(side) for side in sides] == [1, 1]:
        return sides[0][0], sides[1][0]
    whole = [name for name in names if PurePosixPath(name).suffix.lower() in READABLE]
    if len(whole) == 1 and not any(sides):
        return (whole[0],)
    raise CorpusError(
        f"{path}: one file that ends in .{source or 'en'} and one in .{target or 'zh'} are looked for in it, or one "
        f"table; it holds {', '.join(map(beginning, names[:8])) or 'nothing'}: unpack it and name the files"
    )


def stream(archive: zipfile.ZipFile, name: str) -> BinaryIO:
    """A member, unpacked as it is read."""
    return cast(BinaryIO, archive.open(name))
