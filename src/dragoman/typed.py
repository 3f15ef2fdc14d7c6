"""One value of a configuration: read as the type that its field asks for, and written as TOML. Knows no field."""

from __future__ import annotations

import json
import math
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from dragoman.bounds import beginning, shown


class Spelled(str):
    """A value as typed on the command line: no TOML, and its type is that of the field it is for."""


def as_toml(value: Any) -> str:
    """A wrong value as its file has it."""
    try:
        return beginning(
            value if isinstance(value, Spelled) else json.dumps(value, ensure_ascii=False, default=str)
        )
    except (ValueError, RecursionError):
        return shown(value)


def as_kind(kind: Any, value: Any) -> Any:
    """`value` as a `kind`, where nothing is lost by it. Raises ValueError."""
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        (inner,) = (part for part in get_args(kind) if part is not NoneType)
        return None if value in (None, Spelled("none")) else as_kind(inner, value)
    if origin is Literal:
        return _as_choice(get_args(kind), value)
    if origin is tuple:
        texts = (
            [part.strip() for part in value.split(",") if part.strip()]
            if isinstance(value, Spelled)
            else value
        )
        if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
            raise ValueError
        return tuple(map(str, texts))
    if kind is bool:
        return _as_choice(
            (True, False), {"true": True, "false": False}.get(value) if _spelled(value) else value
        )
    if kind in (int, float):
        return _as_number(kind, value)
    if kind is str and isinstance(value, str):
        return str(value)
    raise ValueError


def _spelled(value: Any) -> bool:
    return isinstance(value, Spelled)


def _as_choice(choices: tuple[Any, ...], value: Any) -> Any:
    for choice in choices:
        if type(value) in (type(choice), Spelled) and (
            value == choice or (_spelled(value) and value == str(choice))
        ):
            return choice
    raise ValueError


def _as_number(kind: type[int | float], value: Any) -> int | float:
    """An int may be written 1e5, a float 1; a bool or a quoted number in a file is neither."""
    if _spelled(value):
        number = float(value)
        if kind is int and value.lstrip("+-").replace("_", "").isdecimal():
            return int(value)  # beyond 2**53 a float is not exact
    elif type(value) in (int, float):
        number = value
    else:
        raise ValueError
    try:
        if not math.isfinite(number) or (kind is int and number != int(number)):
            raise ValueError
        return kind(number)
    except OverflowError:  # a whole number that no float holds
        if kind is int:
            return int(number)
        raise ValueError from None


def expected(kind: Any) -> str:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        (inner,) = (part for part in get_args(kind) if part is not NoneType)
        return f"{expected(inner)}, or none"
    if origin is Literal:
        return f"one of {', '.join(toml_value(choice) for choice in get_args(kind))}"
    if origin is tuple:
        return "a list of texts"
    return {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}[kind]


def toml_value(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case float():
            return repr(value) if math.isfinite(value) else str(value)  # inf and nan are TOML words
        case str():
            # JSON's escapes are TOML's, but for DEL, which only TOML wants escaped.
            # What is no Unicode, as a file's name may be, no TOML can hold: it becomes a question mark.
            written = value.encode(errors="replace").decode()
            return json.dumps(written, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list() | tuple():
            return f"[{', '.join(map(toml_value, value))}]"
    raise TypeError(f"no TOML form for {value!r}")
