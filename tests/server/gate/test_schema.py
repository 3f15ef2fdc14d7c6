"""Dataclasses against JSON: what is read is typed, and what is described is what is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.server.gate.refusals import Refusal
from dragoman.server.gate.schema import clean, describe, json_object, parts_of, read


@dataclass(frozen=True)
class Inner:
    """Inside."""

    flag: bool


@dataclass(frozen=True)
class Outer:
    """Outside.

    With more to say."""

    text: Annotated[str, "words"]
    number: Annotated[int | None, "a count"] = None
    share: float = 0.5
    kind: Literal["a", "b"] = "a"
    many: Annotated[str | list[str], "one or several"] = ""
    terms: dict[str, str] = field(default_factory=dict)
    pairs: list[tuple[int, int]] = field(default_factory=list)
    inner: Inner | None = None


def test_what_fits_is_read() -> None:
    values = {"text": "x", "number": 3, "share": 1, "kind": "b", "many": ["y"], "terms": {"a": "b"}}
    found = read(Outer, values)
    assert found == Outer("x", 3, 1.0, "b", ["y"], {"a": "b"})
    assert type(found.share) is float
    assert read(Outer, {"text": "x", "number": None}).number is None


@pytest.mark.parametrize(
    "values, said",
    [
        ({}, "text is missing: it must be a string"),
        ({"text": None}, "text must be a string"),
        ({"text": "x", "number": 1.5}, "number must be a whole number"),
        ({"text": "x", "number": True}, "number must be a whole number"),
        ({"text": "x", "share": "1"}, "share must be a number"),
        ({"text": "x", "kind": "c"}, 'kind must be "a" or "b"'),
        ({"text": "x", "kind": ["a"]}, 'kind must be "a" or "b"'),
        ({"text": "x", "many": [1]}, "many must be a string or a list, each item a string"),
        ({"text": "x", "terms": {"a": None}}, "terms must be an object, each value a string"),
        ({"text": "x", "txet": 1}, '"txet" is no field'),
        ({"text": "x", "\n" * 500: 1}, "is no field"),
    ],
)
def test_what_does_not_is_named(values: dict[str, Any], said: str) -> None:
    with pytest.raises(Refusal) as refused:
        read(Outer, values)
    assert refused.value.status == 400
    assert said in refused.value.message
    assert len(refused.value.message) < 300


def test_descriptions() -> None:
    found = describe(Outer)
    assert found["required"] == ["text"]
    assert found["description"] == "Outside."
    properties = found["properties"]
    assert properties["text"] == {"type": "string", "description": "words"}
    assert properties["number"]["anyOf"] == [{"type": "integer"}, {"type": "null"}]
    assert properties["share"] == {"type": "number", "default": 0.5}
    assert properties["kind"] == {"type": "string", "enum": ["a", "b"], "default": "a"}
    assert properties["terms"] == {"type": "object", "additionalProperties": {"type": "string"}}
    assert properties["pairs"]["items"]["maxItems"] == 2
    assert properties["inner"]["anyOf"][0] == {"$ref": "#/components/schemas/Inner"}
    assert parts_of(Outer) == [Outer, Inner]


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_refused(body: bytes) -> None:
    try:
        assert isinstance(json_object(body), dict)
    except Refusal as refusal:
        assert refusal.status == 400


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: (
    st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)), max_leaves=8)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["text", "number", "share", "kind", "many", "terms"]), JSON))
def test_any_values_are_read_or_refused(values: dict[str, Any]) -> None:
    try:
        found = read(Outer, values)
    except Refusal as refusal:
        assert refusal.status == 400
        return
    assert isinstance(found.text, str)
    assert found.number is None or type(found.number) is int


@given(st.text(st.characters()))
def test_clean_text_can_be_sent(text: str) -> None:
    clean(text).encode()
    if "\ud800" not in text:
        assert clean("x" + text)[0] == "x"


def test_half_a_pair_is_replaced() -> None:
    assert clean("a\ud800b😀") == "a\ufffdb😀"
