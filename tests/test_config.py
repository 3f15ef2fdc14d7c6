"""Configurations: layers, types, names that are nearly right, and TOML that reads back as what was written."""

from __future__ import annotations

import dataclasses
import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.config import (
    difference,
    dump_toml,
    explain,
    load_toml,
    parse_set,
    resolve,
    section_options,
    sections_of,
)
from dragoman.errors import ConfigError


@dataclass(frozen=True)
class Shape:
    """How large.

    More than the first line is not for --print-config.
    """

    width: Annotated[int, "of a row"] = 4
    scale: Annotated[float, "of everything"] = 0.5
    norm: Annotated[Literal["pre", "post"], "where it stands"] = "pre"


@dataclass(frozen=True)
class Journey:
    """How far."""

    fast: Annotated[bool, "or slow"] = False
    name: Annotated[str, "what it is called"] = ""
    tags: Annotated[tuple[str, ...], "words about it"] = ()
    limit: Annotated[int | None, "where it ends"] = None
    peak: Annotated[float, "the highest point"] = 1.0

    def __post_init__(self) -> None:
        if self.peak < 0:
            raise ConfigError(f"journey.peak = {self.peak}: must not be below 0")


@dataclass(frozen=True)
class Whole:
    """All of it."""

    shape: Shape = field(default_factory=Shape)
    journey: Journey = field(default_factory=Journey)


def one(setting: str) -> Whole:
    return resolve(Whole, [("--set", parse_set(setting))]).value


# -- layers -----------------------------------------------------------------------------------------------------


def test_without_layers_everything_is_a_default() -> None:
    resolved = resolve(Whole, [])
    assert resolved.value == Whole()
    assert set(resolved.origin.values()) == {"default"}


def test_a_later_layer_wins_and_is_remembered_as_the_origin() -> None:
    layers: list[Any] = [
        ("preset big", {"shape": {"width": 8, "scale": 2.0}}),
        ("my.toml", {"shape": {"width": 16}, "journey": {"name": "away"}}),
        ("--set", parse_set("journey.name=home")),
    ]
    resolved = resolve(Whole, layers)
    assert resolved.value == Whole(Shape(16, 2.0), Journey(name="home"))
    assert resolved.origin == {
        "shape.width": "my.toml", "shape.scale": "preset big", "shape.norm": "default",
        "journey.fast": "default", "journey.name": "--set", "journey.tags": "default",
        "journey.limit": "default", "journey.peak": "default",
    }  # fmt: skip


def test_what_a_section_refuses_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"journey\.peak = -1\.0: must not be below 0"):
        one("journey.peak=-1")


# -- names ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layer, hint",
    [
        ({"shape": {"widht": 1}}, "did you mean shape.width?"),
        ({"shape": {"peak": 1}}, "did you mean journey.peak?"),  # the right key in the wrong section
        ({"shap": {"width": 1}}, "did you mean shape.width?"),
        ({"journy": {}}, r"did you mean \[journey\]?"),
        ({"shape": {"zzz": 1}}, r"\[shape\] has width, scale, norm"),
        ({"zzz": {"zzz": 1}}, "the sections are shape, journey"),
    ],
)
def test_an_unknown_name_is_an_error_with_the_nearest_one(layer: dict[str, Any], hint: str) -> None:
    with pytest.raises(ConfigError, match=rf"is no (option|section) \(my\.toml\): {hint}"):
        resolve(Whole, [("my.toml", layer)])


def test_meanings_come_from_the_fields() -> None:
    names = [(option.name, option.kind, option.meaning) for option in section_options(Shape, "shape")]
    assert names[:2] == [("shape.width", int, "of a row"), ("shape.scale", float, "of everything")]


# -- values -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "setting, section, key, value",
    [
        ("shape.width=7", "shape", "width", 7),
        ("shape.width=1e3", "shape", "width", 1000),
        ("shape.width=9007199254740993", "shape", "width", 2**53 + 1),
        ("shape.scale=1", "shape", "scale", 1.0),
        ("shape.scale=5e-4", "shape", "scale", 5e-4),
        ("shape.norm=post", "shape", "norm", "post"),
        ("journey.fast=true", "journey", "fast", True),
        ("journey.name=12", "journey", "name", "12"),
        ("journey.name= a = b ", "journey", "name", "a = b"),
        ("journey.name=", "journey", "name", ""),
        ("journey.tags=a, b", "journey", "tags", ("a", "b")),
        ("journey.limit=3", "journey", "limit", 3),
        ("journey.limit=none", "journey", "limit", None),
    ],
)
def test_a_typed_value_takes_the_type_of_its_field(
    setting: str, section: str, key: str, value: object
) -> None:
    found = getattr(getattr(one(setting), section), key)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    "setting, expected",
    [
        ("shape.width=1.5", "a whole number"),
        ("shape.width=", "a whole number"),
        ("shape.width=inf", "a whole number"),
        ("shape.scale=fast", "a number"),
        ("shape.scale=nan", "a number"),
        ("shape.norm=middle", 'one of "pre", "post"'),
        ("journey.fast=yes", "true or false"),
        ("journey.limit=soon", "a whole number, or none"),
    ],
)
def test_a_value_of_another_type_is_refused_with_what_is_expected(setting: str, expected: str) -> None:
    name, _, value = setting.partition("=")
    with pytest.raises(ConfigError) as caught:
        one(setting)
    assert str(caught.value) == f"{name} = {value} (--set): must be {expected}"


@pytest.mark.parametrize(
    "values",
    [
        {"shape": {"width": True}},
        {"shape": {"width": "7"}},
        {"shape": {"scale": False}},
        {"shape": {"norm": 1}},
        {"journey": {"fast": 1}},
        {"journey": {"fast": "true"}},
        {"journey": {"name": 3}},
        {"journey": {"tags": "a"}},
        {"journey": {"tags": [1]}},
        {"shape": {"width": {"inner": 1}}},
    ],
)
def test_a_file_is_typed_strictly(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"\(my\.toml\): must be "):
        resolve(Whole, [("my.toml", values)])


@pytest.mark.parametrize("text", ["seed=1", "training.seed", "=1", ".a=1", "a.=1", ""])
def test_a_setting_of_another_form_is_shown_the_form(text: str) -> None:
    with pytest.raises(ConfigError, match=r"section\.key=value"):
        parse_set(text)


# -- files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content, message",
    [
        (b"[shape\n", "is not TOML"),
        (b"width = 3\n", "width = 3 stands outside a section"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"[shape]\nwidth = 1\nwidth = 2\n", "is not TOML"),
    ],
)
def test_a_file_that_is_no_configuration_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "my.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        load_toml(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml cannot be read: No such file"):
        load_toml(tmp_path / "nowhere.toml")


def test_a_file_without_an_end_is_not_read_to_its_end() -> None:
    """`--config /dev/zero` took all memory of the machine before anything was said."""
    with pytest.raises(ConfigError, match="/dev/zero is not TOML: a configuration has at most"):
        load_toml("/dev/zero")


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_bytes(b"\xef\xbb\xbf[shape]\nwidth = 3\n")
    assert load_toml(path) == {"shape": {"width": 3}}


# -- writing ----------------------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]))
configurations = st.builds(
    Whole,
    st.builds(Shape, st.integers(-(2**60), 2**60), st.floats(allow_nan=False, allow_infinity=False)),
    st.builds(Journey, st.booleans(), texts, st.lists(texts).map(tuple), st.none() | st.integers(-5, 5)),
)


@given(configurations)
def test_toml_reads_back_as_what_was_written(config: Whole) -> None:
    assert resolve(Whole, [("file", tomllib.loads(dump_toml(config)))]).value == config
    assert dump_toml(sections_of(config)) == dump_toml(config)


@given(configurations)
def test_an_explanation_is_a_file_that_gives_the_same_configuration(config: Whole) -> None:
    resolved = resolve(Whole, [("file", sections_of(config))])
    assert resolve(Whole, [("file", tomllib.loads(explain(resolved)))]).value == config


def test_an_explanation_gives_meaning_and_origin_of_each_field() -> None:
    lines = explain(resolve(Whole, [("preset big", {"shape": {"width": 8}})])).splitlines()
    assert lines[0] == "[shape]  # How large."
    assert lines[1] == "# of a row"
    assert lines[2].split() == ["width", "=", "8", "#", "preset", "big"]
    assert '# where it stands (one of "pre", "post")' in lines
    assert any(line.startswith("# limit is not set") and line.endswith("# default") for line in lines)


# -- differences ------------------------------------------------------------------------------------------------


@given(configurations)
def test_nothing_differs_from_itself(config: Whole) -> None:
    assert difference(config, config) == []
    assert difference(tomllib.loads(dump_toml(config)), config) == []  # lists for tuples, nothing for None


def test_a_name_that_is_no_unicode_is_written_all_the_same() -> None:
    """`dragoman import` of such a directory ended in a traceback."""
    name = os.fsdecode(b"a\xff.tsv")
    assert tomllib.loads(dump_toml({"origin": {"name": name}}).encode().decode()) == {
        "origin": {"name": "a?.tsv"}
    }


def test_differences_are_shown_old_to_new() -> None:
    new = Whole(Shape(8), Journey(limit=3, tags=("a",)))
    assert difference(Whole(), new) == [
        "shape.width: 4 -> 8", 'journey.tags: [] -> ["a"]', "journey.limit: (not set) -> 3"
    ]  # fmt: skip
    assert difference({"shape": {"width": 1, "gone": 2}}, {"shape": {"width": 1}}) == [
        "shape.gone: 2 -> (not set)"
    ]


def test_configurations_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        resolve(Whole, []).value.shape.width = 3  # type: ignore[misc]
