"""The wire format of protocol buffers, read into fields and written again: enough to change one. Knows no message.

https://protobuf.dev/programming-guides/encoding/ - a field is a key (number and type), and a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True)
class Field:
    """value: a whole number for VARINT, bytes for the others."""

    number: int
    kind: int
    value: int | bytes


def parse(data: bytes) -> list[Field]:
    """Raises ValueError and IndexError for what is no message."""
    fields, at = [], 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        value: int | bytes
        if kind == VARINT:
            value, at = _varint(data, at)
        elif kind == BYTES:
            size, at = _varint(data, at)
            value, at = data[at : at + size], at + size
        elif kind in (FIXED32, FIXED64):
            size = 4 if kind == FIXED32 else 8
            value, at = data[at : at + size], at + size
        else:
            raise ValueError(f"type {kind} of field {number}")
        fields.append(Field(number, kind, value))
    return fields


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            return value, at


def written(fields: Sequence[Field]) -> bytes:
    found = bytearray()
    for field in fields:
        found += varint(field.number << 3 | field.kind)
        if isinstance(field.value, int):
            found += varint(field.value)
        else:
            found += (varint(len(field.value)) if field.kind == BYTES else b"") + field.value
    return bytes(found)


def varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])
