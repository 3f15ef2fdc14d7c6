"""Frozen dataclasses <-> JSON objects and their schemas: what is documented is what is checked. Knows no route.

A field is typed `Annotated[T, "meaning"]`, T made of str, int, float, bool, None, Literal, list, tuple, dict[str, T],
unions and other dataclasses. A value of another type is refused with the name of its field.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from dragoman.server.gate.refusals import Refusal

T = TypeVar("T")
DEEPEST = 32  # levels of a JSON body; ours have four
_NAMES = {str: "a string", int: "a whole number", float: "a number", bool: "true or false", NoneType: "null"}
_JSON_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}


# -- reading ----------------------------------------------------------------------------------------------------


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body. Raises Refusal (400) for anything else, whatever it is."""
    try:
        found = json.loads(body, parse_constant=_refuse_constant)
    except RecursionError:
        raise Refusal(400, "the body is nested too deeply") from None
    except ValueError as error:  # not JSON, not UTF-8, or a number of thousands of digits
        raise Refusal(400, f"the body is not JSON: {str(error)[:200]}") from None
    if not isinstance(found, dict):
        raise Refusal(400, "the body must be a JSON object")
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def read(cls: type[T], values: Mapping[str, Any]) -> T:
    """The dataclass that a JSON object describes. Raises Refusal (400), naming the field that is wrong."""
    hints = _hints(cls)  # type: ignore[arg-type]
    if unknown := values.keys() - hints.keys():
        raise Refusal(400, f"{shown(min(unknown))} is no field: there are {', '.join(hints)}")
    found = {}
    for name, value in values.items():
        kind = hints[name][0]
        try:
            found[name] = _as(kind, value)
        except ValueError:
            raise Refusal(400, f"{name} must be {expected(kind)}") from None
    for one in fields(cls):  # type: ignore[arg-type]
        if one.name not in found and one.default is MISSING and one.default_factory is MISSING:
            raise Refusal(400, f"{one.name} is missing: it must be {expected(hints[one.name][0])}")
    return cls(**found)


def shown(value: object) -> str:
    """A value of a client's, as it may stand in a sentence."""
    return json.dumps(str(value)[:60], ensure_ascii=True)


def clean(text: str) -> str:
    """Text that can be written as UTF-8: JSON may hold half a surrogate pair, which is no character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _as(kind: Any, value: Any) -> Any:
    """`value` if it is a `kind`. Raises ValueError."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _as(parts[0], value)
    if origin in (Union, UnionType):
        return _first_that_takes(parts, value)
    if origin is Literal:
        if isinstance(value, str) and value in parts:
            return value
        raise ValueError
    if origin in (list, tuple) and isinstance(value, list):
        return origin(_as(parts[0], one) for one in value)
    if origin is dict and isinstance(value, dict):
        return {clean(key): _as(parts[1], one) for key, one in value.items()}
    if kind is str and isinstance(value, str):
        return clean(value)
    if kind is float and type(value) in (int, float):
        if abs(value) > 1e9:
            raise ValueError
        return float(value)
    if kind in (int, bool, NoneType) and type(value) is kind:
        return value
    raise ValueError


def _first_that_takes(kinds: tuple[Any, ...], value: Any) -> Any:
    for kind in kinds:
        try:
            return _as(kind, value)
        except ValueError:
            continue
    raise ValueError


def expected(kind: Any) -> str:
    """A type in words."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return expected(parts[0])
    if origin in (Union, UnionType):
        return " or ".join(expected(part) for part in parts if part is not NoneType)
    if origin is Literal:
        return " or ".join(json.dumps(part) for part in parts)
    if origin in (list, tuple):
        return f"a list, each item {expected(parts[0])}"
    if origin is dict:
        return f"an object, each value {expected(parts[1])}"
    return _NAMES.get(kind, "an object")


# -- describing -------------------------------------------------------------------------------------------------


@cache
def _hints(cls: type) -> dict[str, tuple[Any, str]]:
    """Name -> type and meaning of each field."""
    found = {}
    for name, hint in get_type_hints(cls, include_extras=True).items():
        kind, meaning = hint, ""
        if get_origin(hint) is Annotated:
            kind, meaning = get_args(hint)[:2]
        found[name] = (kind, meaning)
    return found


def describe(cls: type) -> dict[str, Any]:
    """The JSON schema of a dataclass; dataclasses in it are referred to by name."""
    assert is_dataclass(cls), f"{cls} is no dataclass"
    properties, required = {}, []
    for one in fields(cls):
        kind, meaning = _hints(cls)[one.name]
        properties[one.name] = schema_of(kind) | ({"description": meaning} if meaning else {})
        if one.default is MISSING and one.default_factory is MISSING:
            required.append(one.name)
        elif one.default is not MISSING and one.default is not None:
            properties[one.name]["default"] = one.default
    found: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    if doc := (cls.__doc__ or "").strip():
        found["description"] = doc.splitlines()[0]
    return found | ({"required": required} if required else {})


def schema_of(kind: Any) -> dict[str, Any]:
    """The JSON schema of one type."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return schema_of(parts[0])
    if origin in (Union, UnionType):
        return {"anyOf": [schema_of(part) for part in parts]}
    if origin is Literal:
        return {"type": "string", "enum": list(parts)}
    if origin is tuple and len(parts) == 2 and parts[1] is not Ellipsis:  # a pair
        return {"type": "array", "items": schema_of(parts[0]), "minItems": 2, "maxItems": 2}
    if origin in (list, tuple):
        return {"type": "array", "items": schema_of(parts[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema_of(parts[1])}
    if is_dataclass(kind):
        return {"$ref": f"#/components/schemas/{kind.__name__}"}  # type: ignore[union-attr]
    return {"type": _JSON_TYPES[kind]}


def parts_of(cls: type) -> list[type]:
    """The dataclasses that a dataclass refers to, itself first."""
    found: list[type] = []

    def visit(kind: Any) -> None:
        if is_dataclass(kind) and kind not in found:
            found.append(kind)  # type: ignore[arg-type]
            for inner, _ in _hints(kind).values():  # type: ignore[arg-type]
                visit(inner)
        for part in get_args(kind):
            visit(part)

    visit(cls)
    return found
