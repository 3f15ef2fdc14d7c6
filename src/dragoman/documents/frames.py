"""What a process that reads a document and the one that translates say to each other: frames in a pipe, and no pickle.

A frame is a byte that tells what it is, four bytes for its length, the highest first, and so many bytes: of a file, or
of JSON. Who asks sends TASK and FILE; then each TEXTS is answered by one TRANSLATED, until DONE, REFUSED or FAILED.
"""

from __future__ import annotations

import json
import os
import traceback
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import BinaryIO

HEAD = Struct(">BI")
LARGEST = 500_000_000  # bytes of a frame: five times what a packed file may grow to


class Frame(IntEnum):
    """What a frame holds."""

    TASK = 1  # JSON of Task
    FILE = 2  # bytes, as they were sent
    TEXTS = 3  # JSON, a list of strings
    TRANSLATED = 4  # JSON, as many strings
    DONE = 5  # bytes of the finished file
    REFUSED = 6  # JSON, the sentence that is told to whoever sent the file
    FAILED = 7  # JSON, where it broke, without any of the file's words
    MISSING = 8  # JSON, the name of a package that it takes and that is not installed


@dataclass(frozen=True)
class Task:
    """A file's name, of which the ending counts; how much of it is translated at once; what reading may take."""

    name: str
    items: int  # texts
    characters: int  # of all texts together
    memory: int  # bytes of address space
    seconds: int  # of a processor
    source: str = ""  # code of the language that the file is in, where it is known
    target: str = ""  # of the one that it comes out in


def head_of(kind: Frame, length: int) -> bytes:
    """Raises ValueError for more than a frame holds."""
    if length > LARGEST:
        raise ValueError(f"{length:,} bytes are more than a frame holds: {LARGEST:,}")
    return HEAD.pack(kind, length)


def read_head(head: bytes) -> tuple[Frame, int]:
    """What comes, and how many bytes of it. Raises ValueError for what is no head of a frame."""
    kind, length = HEAD.unpack(head)
    if length > LARGEST:
        raise ValueError(f"a frame of {length:,} bytes, and {LARGEST:,} at most are read")
    return Frame(kind), length


def write(pipe: BinaryIO, kind: Frame, content: bytes) -> None:
    """Raises ValueError for more than a frame holds, BrokenPipeError where nobody reads any more."""
    pipe.write(head_of(kind, len(content)))
    pipe.write(content)
    pipe.flush()


def read(pipe: BinaryIO, wanted: Frame) -> bytes:
    """The content of the next frame. Raises EOFError where there is none, ValueError for one of another kind."""
    kind, length = read_head(_exactly(pipe, HEAD.size))
    if kind is not wanted:
        raise ValueError(f"{kind.name} where {wanted.name} was to come")
    return _exactly(pipe, length)


def _exactly(pipe: BinaryIO, length: int) -> bytes:
    found = pipe.read(length)
    if len(found) < length:
        raise EOFError("the pipe ended within a frame")
    return found


def as_json(value: str | list[str] | dict[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def texts_of(content: bytes, count: int | None = None) -> list[str]:
    """The strings of a TEXTS or TRANSLATED. Raises ValueError for what is none, or not so many."""
    found = json.loads(content)
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise ValueError("no list of strings")
    if count is not None and len(found) != count:
        raise ValueError(f"{len(found):,} texts where {count:,} were to come")
    return found


def place_of(error: Exception) -> str:
    """The kind of an error and the places it passed: its message may hold words of the file."""
    passed = [
        f"{os.path.basename(one.filename)}:{one.lineno}" for one in traceback.extract_tb(error.__traceback__)
    ]
    return f"{type(error).__name__} at {' < '.join(reversed(passed[-8:]))}"
