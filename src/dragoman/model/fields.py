"""What the config.toml of a model directory has to say, setting by setting. Reads no file, knows no kind of model.

A setting is described once, by the field of the dataclass that it fills or by a line of its own, and every directory is
held against its description: what is missing, of another type or out of range is named by section and key.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from dragoman.bounds import LARGEST_WHOLE, Within, shown
from dragoman.config import Option, section_options
from dragoman.errors import ConfigError, ModelError

C = TypeVar("C")

CONFIG = "config.toml"
ANY_WHOLE = Within(0, LARGEST_WHOLE)
NOT_EMPTY = Within(1, 1000)  # characters


@dataclass(frozen=True)
class Field:
    """One setting of config.toml."""

    section: str
    key: str
    kind: Any  # int, float, bool, str, Literal[...] or tuple[str, ...]
    required: bool = True
    within: Within = ANY_WHOLE  # a number; of a text its length
    file: str = CONFIG

    @property
    def name(self) -> str:
        return f"{self.section}.{self.key}" if self.section else self.key

    def check(self, values: Mapping[str, Any]) -> None:
        """Raises ModelError if the section lacks what it must have, or says what cannot be meant."""
        if self.key not in values:
            if self.required:
                raise ModelError(f"{self.file}: {self.name} is missing: it must be {self.meant}")
        elif not self._fits(values[self.key]):
            raise ModelError(f"{self.file}: {self.name} = {shown(values[self.key])}: must be {self.meant}")

    def _fits(self, value: Any) -> bool:
        if get_origin(self.kind) is Literal:
            return any(type(value) is type(choice) and value == choice for choice in get_args(self.kind))
        if get_origin(self.kind) is tuple:
            return isinstance(value, list) and all(isinstance(part, str) for part in value)
        if self.kind is int:
            return type(value) is int and self.within.holds(value)
        if self.kind is float:  # 0 may stand for 0.0
            return type(value) in (int, float) and self.within.holds(value)
        if self.kind is str:
            return isinstance(value, str) and self.within.holds(len(value))
        return type(value) is self.kind

    @property
    def meant(self) -> str:
        """What the setting must be, in words."""
        if get_origin(self.kind) is Literal:
            return f"one of {', '.join(repr(choice) for choice in get_args(self.kind))}"
        if get_origin(self.kind) is tuple:
            return "a list of texts"
        if self.kind is str:
            most = f" of at most {self.within.most:,} characters" if self.within.most < LARGEST_WHOLE else ""
            return f"a text{most}{' that is not empty' if self.within.least else ''}"
        if self.kind is bool:
            return "true or false"
        return f"a {'whole ' if self.kind is int else ''}number, {self.within.said}"


def fields_of(section: type, name: str, required: bool = True) -> tuple[Field, ...]:
    """The settings that fill a dataclass; one that may be None may be missing."""
    found = []
    for option in section_options(section, name):
        kind, needed = option.kind, required
        if get_origin(kind) in (Union, UnionType):
            (kind,) = (part for part in get_args(kind) if part is not NoneType)
            needed = False
        found.append(Field(name, option.key, kind, needed, _within(kind, option)))
    return tuple(found)


def _within(kind: Any, option: Option) -> Within:
    assert option.within or kind not in (int, float), f"{option.name} does not say what it may be"
    return option.within or ANY_WHOLE


def check(
    config: Mapping[str, Any], fields: Sequence[Field], closed: Sequence[str] = (), known: str = "model"
) -> None:
    """Hold a configuration against its description. Raises ModelError.

    A `closed` section may have no other settings: they would change what `known` computes.
    """
    for section in dict.fromkeys(field.section for field in fields):
        own = [field for field in fields if field.section == section]
        values = config.get(section, {})
        if not isinstance(values, dict) or (section not in config and any(f.required for f in own)):
            raise ModelError(f"{CONFIG} has no section [{section}]")
        for field in own:
            field.check(values)
        if section in closed and (strange := values.keys() - {field.key for field in own}):
            raise ModelError(_strange(section, min(strange), [field.key for field in own], known))


def _strange(section: str, key: str, keys: Sequence[str], known: str) -> str:
    nearest = difflib.get_close_matches(key, keys, 1)
    hint = f"did you mean {section}.{nearest[0]}?" if nearest else f"there are {', '.join(keys)}"
    return f"{CONFIG}: {section}.{key} is no setting of a {known}: {hint}"


def configured(cls: type[C], values: Mapping[str, Any]) -> C:
    """A checked section as its dataclass. Raises ModelError for values that contradict each other."""
    known = {option.key for option in section_options(cls)}
    try:
        return cls(**{key: value for key, value in values.items() if key in known})
    except ConfigError as error:
        raise ModelError(f"{CONFIG}: {error}") from error
