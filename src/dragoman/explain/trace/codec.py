"""Records to plain JSON values and back: dataclasses, tuples, and arrays as base64 float16. Knows no trace.

The types that a dataclass declares say how to read it, so nothing is looked up by a name that stands in a file.
"""

from __future__ import annotations

import base64
import binascii
import types
from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from dragoman.errors import UsageError

LARGEST = float(np.finfo(np.float16).max)  # a larger number is stored as this one
DIGITS = 6  # significant ones of a number outside the arrays
MOST_NUMBERS = 2**26  # in one array; a file that asks for more is refused before memory is taken

# Most of a record, told at once: asking for classes in turn took a third of the time of writing it.
_PLAIN = frozenset((int, str, bool, type(None)))

Record = TypeVar("Record")


def encoded(value: Any, dims: tuple[str, ...] = ()) -> Any:
    """A record as what json.dumps takes. Fields marked private are left out."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, str | int):  # a kind of them, such as an IntEnum
        return value
    if isinstance(value, list | tuple):
        return [encoded(item) for item in value]
    if isinstance(value, np.ndarray):
        return _array_out(value, dims)
    if is_dataclass(value) and not isinstance(value, type):
        made = {}
        for attribute, name, named, rare in _written(type(value)):
            item = getattr(value, attribute)
            if item is not None or not rare:
                made[name] = encoded(item, named)
        return made
    if isinstance(value, Mapping):
        return {str(key): encoded(item) for key, item in value.items()}
    return value


def decoded(kind: type[Record], value: Any, where: str = "trace") -> Record:
    """The record of that class that `encoded` wrote. Raises UsageError that names the place of what is wrong."""
    return _read(kind, value, where)


def _read(kind: Any, value: Any, where: str) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        (kind,) = (choice for choice in get_args(kind) if choice is not type(None))
        return _read(kind, value, where)
    if kind is np.ndarray:
        return _array_in(value, where)
    if is_dataclass(kind):
        return _record(kind, value, where)
    if origin is tuple:
        return _tuple(get_args(kind), value, where)
    if origin is dict:
        return _expect(dict, value, where)
    if kind is float:
        return float(_expect((int, float), value, where))
    return value if kind is Any else _expect(kind, value, where)


def _record(kind: Any, value: Any, where: str) -> Any:
    given = _expect(dict, value, where)
    hints = _hints(kind)
    read = {}
    for field in fields(kind):
        if field.metadata.get("private"):
            continue
        name = _name(field)
        if name not in given and field.metadata.get("rare"):
            continue
        if name not in given:
            raise UsageError(f"{where} has no {name!r}: it is no trace, or one of another version")
        read[field.name] = _read(hints[field.name], given[name], f"{where}.{name}")
    return kind(**read)


def _tuple(kinds: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    items = _expect(list, value, where)
    if kinds[-1] is ...:
        return tuple(_read(kinds[0], item, f"{where}[{i}]") for i, item in enumerate(items))
    if len(items) != len(kinds):
        raise UsageError(f"{where} has {len(items)} entries: there must be {len(kinds)}")
    pairs = zip(kinds, items, strict=True)
    return tuple(_read(kind, item, f"{where}[{i}]") for i, (kind, item) in enumerate(pairs))


def _expect(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        raise UsageError(
            f"{where} is a {type(value).__name__}: it must be a {' or '.join(k.__name__ for k in kinds)}"
        )
    return value


def _array_out(value: np.ndarray, dims: tuple[str, ...]) -> dict[str, Any]:
    small = np.clip(value, -LARGEST, LARGEST).astype("<f2")
    return {
        "shape": list(value.shape),
        "dims": list(dims),
        "dtype": "float16",
        "data": base64.b64encode(small.tobytes()).decode("ascii"),
    }


def _array_in(value: Any, where: str) -> np.ndarray:
    """float32, of the shape that is declared and no other."""
    given = _expect(dict, value, where)
    shape, data = given.get("shape"), given.get("data")
    if given.get("dtype") != "float16" or not isinstance(data, str) or not isinstance(shape, list):
        raise UsageError(f"{where} is no array: it needs shape, dtype 'float16' and data")
    try:
        raw = np.frombuffer(base64.b64decode(data, validate=True), "<f2")
        if any(type(size) is not int or size < 0 for size in shape) or raw.size > MOST_NUMBERS:
            raise ValueError(f"shape {shape}")
        return raw.reshape(shape).astype(np.float32)
    except (ValueError, binascii.Error) as error:
        raise UsageError(f"{where} is damaged: {error}") from error


@cache
def _written(kind: type) -> list[tuple[str, str, tuple[str, ...], bool]]:
    """Of each field that is written: attribute, name in JSON, dimensions, whether None leaves it out."""
    return [
        (field.name, _name(field), field.metadata.get("dims", ()), bool(field.metadata.get("rare")))
        for field in fields(kind)
        if not field.metadata.get("private")
    ]


def _name(field: Field[Any]) -> str:
    return str(field.metadata.get("json", field.name))


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
