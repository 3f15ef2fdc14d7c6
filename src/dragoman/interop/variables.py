"""CTranslate2's model.bin: variables by name, read one by one and back from integers. Knows no layer.

Little-endian: version, name, revision; for each variable its name, shape, type, size and bytes; then the aliases. As
in https://github.com/OpenNMT/CTranslate2/blob/master/python/ctranslate2/specs/model_spec.py
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from dragoman.errors import ModelError

OLDEST, NEWEST = 2, 6  # binary versions that are read: of CTranslate2 1.0 (2019) and later
ALIASES, TYPED = 3, 4  # the first versions with aliases, and with a type for each variable
# Kinds of translators, and their heads where no variable says them: the last two are of before 2.0.
SPECS = {"TransformerSpec": 8, "TransformerBase": 8, "TransformerBig": 16}
# By their number in the file; bfloat16 is the upper half of a float32.
TYPES = (np.float32, np.int8, np.int16, np.int32, np.float16, np.uint16)
BFLOAT16 = 5
OF_SIZE = {4: 0, 2: 2, 1: 1}  # the types of before, by the bytes of a number
MOST_VARIABLES, MOST_DIMENSIONS = 100_000, 8


@dataclass(frozen=True)
class Entry:
    """Where a variable stands in the file."""

    shape: tuple[int, ...]
    type: int
    offset: int

    @property
    def count(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True)
class Variables:
    """What a model.bin holds; an alias is there under both names."""

    path: Path
    heads: int  # where no variable says them
    entries: Mapping[str, Entry]

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    @property
    def size(self) -> int:
        """Bytes of all of it in float32; what is there twice is counted once."""
        return sum(4 * count for _, count in {(one.offset, one.count) for one in self.entries.values()})

    def scalar(self, name: str, default: float) -> float:
        """A setting among the variables. Raises ModelError for one that is no number."""
        if name not in self:
            return default
        value = self._read(name)
        if value.size != 1 or not np.isfinite(value).all():
            raise ModelError(f"{self.path}: {name} is no number")
        return float(value.reshape(-1)[0])

    def text(self, name: str, default: str) -> str:
        """A setting that is a word: its characters are stored as int8."""
        if name not in self:
            return default
        return bytes(self._read(name).astype(np.uint8).reshape(-1)).decode(errors="replace")

    def array(self, name: str) -> np.ndarray:
        """A variable as float32 or float16. Raises ModelError for one that is missing."""
        if name not in self:
            raise ModelError(f"{self.path} has no {name}: it is of another model, or cut short")
        value = self._read(name)
        if value.dtype not in (np.int8, np.int16):
            return value
        scale = self._read(f"{name}_scale") if f"{name}_scale" in self else None
        if scale is None or scale.size not in (1, len(value)) or not np.all(scale):
            raise ModelError(
                f"{self.path}: {name} holds integers, and its scale is not there or does not fit"
            )
        # A scale of all, or one of each row.
        return value / scale.astype(np.float32).reshape(-1, *[1] * (value.ndim - 1))

    def _read(self, name: str) -> np.ndarray:
        entry = self.entries[name]
        value = np.fromfile(self.path, TYPES[entry.type], entry.count, offset=entry.offset)
        if entry.type == BFLOAT16:
            value = (value.astype(np.uint32) << 16).view(np.float32)
        return value.reshape(entry.shape)


def variables_of(path: Path) -> Variables:
    """Raises ModelError for what is no model of CTranslate2's, or is none of a translator, or was cut short."""
    with path.open("rb") as file:
        size = path.stat().st_size
        try:
            (version,) = struct.unpack("<I", file.read(4))
            if not 1 <= version <= 100:
                raise ModelError(f"{path} is no model of CTranslate2's")
            if not OLDEST <= version <= NEWEST:
                raise ModelError(
                    f"{path} is in version {version} of CTranslate2's format, and {OLDEST} to {NEWEST} are read: "
                    "convert the model again"
                )
            spec = _string(file)
            if spec not in SPECS:
                raise ModelError(
                    f"{path} holds a model of kind {spec[:40]!r}, whose layers are not those of the Transformer here"
                )
            _, count = struct.unpack("<II", file.read(8))
            entries = dict(_entry(file, size, version) for _ in range(min(count, MOST_VARIABLES)))
            (count,) = struct.unpack("<I", file.read(4)) if version >= ALIASES else (0,)
            for _ in range(min(count, MOST_VARIABLES)):
                alias, name = _string(file), _string(file)
                entries[alias] = entries[name]
                if (scale := f"{name}_scale") in entries:
                    entries[f"{alias}_scale"] = entries[scale]
        except (struct.error, ValueError, KeyError) as error:
            raise ModelError(f"{path} is no model of CTranslate2's, or was cut short") from error
    return Variables(path, SPECS[spec], entries)


def _string(file: BinaryIO) -> str:
    (length,) = struct.unpack("<H", file.read(2))
    found = file.read(length)
    if len(found) < max(length, 1) or found[-1]:
        raise ValueError("a name has no end")
    return found[:-1].decode()


def _entry(file: BinaryIO, size: int, version: int) -> tuple[str, Entry]:
    name = _string(file)
    (rank,) = struct.unpack("<B", file.read(1))
    if rank > MOST_DIMENSIONS:
        raise ValueError("too many dimensions")
    shape = struct.unpack(f"<{rank}I", file.read(4 * rank))
    kind, length = struct.unpack("<BI", file.read(5))
    if version < TYPED:  # the size of a number, and how many there are
        kind, length = OF_SIZE[kind], kind * length
    if kind >= len(TYPES):
        raise ValueError("an unknown type")
    entry = Entry(shape, kind, file.tell())
    # 32 bits of a length wrap around where a variable has 4 GiB.
    whole = entry.count * np.dtype(TYPES[kind]).itemsize
    if whole % 2**32 != length or entry.offset + whole > size:
        raise ValueError("a variable is longer than the file")
    file.seek(whole, 1)
    return name, entry
