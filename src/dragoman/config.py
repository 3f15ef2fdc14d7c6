"""Frozen dataclasses <-> TOML <-> command line. Knows no option by name: it reads those of the classes it is given.

A configuration is a frozen dataclass whose fields are sections; a section is a frozen dataclass whose fields are
typed `Annotated[T, "meaning"]`, T one of int, float, bool, str, Literal[...], tuple[str, ...] or one of them | None.
A number says after its meaning what it may be: `Annotated[int, "layers", Within(1, 1000)]`.
Its values come in layers (preset, file, --set), and it is remembered which layer each of them came from.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args, get_origin, get_type_hints

from dragoman.bounds import Within, beginning, shown, within_of
from dragoman.errors import ConfigError
from dragoman.typed import Spelled, as_kind, as_toml, expected, toml_value

C = TypeVar("C")
Sections = Mapping[str, Mapping[str, Any]]

DEFAULT = "default"
_ORIGIN_COLUMN = 40
LONGEST_TOML = 2**20  # characters; the longest real ones name the classes of a classifier
_TEXTS = re.compile(r'"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'')
_DEEP = re.compile(r"(?:\.[\w\- \t]*){100}")


@dataclass(frozen=True)
class Option:
    """One field of a section."""

    section: str
    key: str
    kind: Any  # the T of Annotated[T, "meaning"]
    meaning: str
    within: Within | None = None  # of a number, where it says so

    @property
    def name(self) -> str:
        return f"{self.section}.{self.key}"


@dataclass(frozen=True)
class Resolved(Generic[C]):
    """A configuration, and where each value came from: {"model.norm": "preset small"}."""

    value: C
    origin: dict[str, str]


# -- what a class asks for --------------------------------------------------------------------------------------


def section_options(section: type, name: str = "") -> list[Option]:
    """The options of a section, in the order of its fields."""
    return [Option(name, field.name, *_described(hint)) for field, hint in _hints(section)]


def _described(hint: Any) -> tuple[Any, str, Within | None]:
    if get_origin(hint) is not Annotated:
        return hint, "", None
    kind, *notes = get_args(hint)
    meaning = next((note for note in notes if isinstance(note, str)), "")
    return kind, meaning, within_of(hint)


def _hints(cls: type) -> list[tuple[Any, Any]]:
    assert is_dataclass(cls), f"{cls} is no dataclass"
    hints = get_type_hints(cls, include_extras=True)
    return [(field, hints[field.name]) for field in fields(cls)]


def _sections(cls: type) -> dict[str, type]:
    return {field.name: hint for field, hint in _hints(cls)}


# -- reading ----------------------------------------------------------------------------------------------------


def parse_toml(text: str) -> dict[str, Any]:
    """TOML that a person or a program may have written, in time that grows with its length.

    Raises ValueError for what is not TOML, for numbers of thousands of digits, and for what is deeper or longer than
    any configuration.
    """
    if len(text) > LONGEST_TOML:
        raise ValueError(f"{len(text):,} characters, and a configuration has at most {LONGEST_TOML:,}")
    # A key of a hundred thousand parts takes tomllib minutes.
    if _DEEP.search(_TEXTS.sub("", text)):
        raise ValueError("a key of more than a hundred parts")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("lists or tables stand in each other too deeply") from None
    except tomllib.TOMLDecodeError:
        raise
    except ValueError:
        raise ValueError("a number has thousands of digits") from None


def read_toml(path: Path) -> dict[str, Any]:
    """What a TOML file holds. Raises ConfigError for what is not there, or not TOML."""
    try:
        # No more than it may hold: a device has no end.
        with path.open("rb") as file:
            data = file.read(4 * LONGEST_TOML + 1)  # bytes, of which UTF-8 takes up to 4 for a character
        if len(data) > 4 * LONGEST_TOML:
            raise ValueError(f"a configuration has at most {LONGEST_TOML:,} characters")
        return parse_toml(data.decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8: {error.reason} at byte {error.start:,}") from error
    except ValueError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error


def load_toml(path: Path | str) -> dict[str, dict[str, Any]]:
    """The sections of a TOML file. Raises ConfigError for what is not there, not TOML, or outside a section."""
    path = Path(path)
    found = read_toml(path)
    for key, value in found.items():
        if not isinstance(value, dict):
            raise ConfigError(
                f"{path}: {key} = {shown(value)} stands outside a section: put it below a [section] line"
            )
    return found


def parse_set(text: str) -> dict[str, dict[str, Any]]:
    """`training.seed=2`, the argument of --set, as the one value of a layer."""
    name, equals, value = text.partition("=")
    section, dot, key = name.strip().partition(".")
    if not (equals and dot and section and key):
        raise ConfigError(
            f"--set {beginning(text)}: write --set section.key=value, such as --set training.seed=2"
        )
    return {section: {key: Spelled(value.strip())}}


def resolve(cls: type[C], layers: Sequence[tuple[str, Sections]]) -> Resolved[C]:
    """The defaults of `cls`, overlaid by each (origin, sections) in turn.

    Raises ConfigError for a section or key that `cls` does not have (with the nearest name) and for a value that
    is not of its type.
    """
    kinds = _sections(cls)
    options = {
        option.name: option for section, kind in kinds.items() for option in section_options(kind, section)
    }
    values: dict[str, dict[str, Any]] = {section: {} for section in kinds}
    origins = dict.fromkeys(options, DEFAULT)
    for origin, sections in layers:
        for section, entries in sections.items():
            for key, value in entries.items():
                name = f"{section}.{key}"
                if name not in options:
                    raise ConfigError(
                        f"{name} is no option ({origin}): {_hint(section, key, kinds, options)}"
                    )
                values[section][key] = _converted(options[name], value, origin)
                origins[name] = origin
            if section not in kinds:
                raise ConfigError(
                    f"[{section}] is no section ({origin}): {_hint(section, '', kinds, options)}"
                )
    return Resolved(cls(**{section: kind(**values[section]) for section, kind in kinds.items()}), origins)


def _hint(section: str, key: str, kinds: Mapping[str, type], options: Mapping[str, Option]) -> str:
    """The name that was probably meant: the same key elsewhere, else a like one here, else a like one anywhere."""
    if not key:
        nearest = difflib.get_close_matches(section, kinds, 1)
        return f"did you mean [{nearest[0]}]?" if nearest else f"there are {', '.join(kinds)}"
    name = f"{section}.{key}"
    elsewhere = [option.name for option in options.values() if option.key == key]
    here = [option.key for option in options.values() if option.section == section]
    nearest = (
        difflib.get_close_matches(name, elsewhere, 1, 0)
        or [f"{section}.{like}" for like in difflib.get_close_matches(key, here, 1)]
        or difflib.get_close_matches(name, options, 1, 0.75)
    )
    if nearest:
        return f"did you mean {nearest[0]}?"
    return f"[{section}] has {', '.join(here)}" if here else f"the sections are {', '.join(kinds)}"


def _converted(option: Option, value: Any, origin: str) -> Any:
    try:
        return as_kind(option.kind, value)
    except ValueError:
        raise ConfigError(
            f"{option.name} = {as_toml(value)} ({origin}): must be {expected(option.kind)}"
        ) from None


# -- writing ----------------------------------------------------------------------------------------------------


def sections_of(config: Any) -> dict[str, dict[str, Any]]:
    """The plain values of a configuration."""
    return {
        field.name: {inner.name: getattr(section, inner.name) for inner in fields(section)}
        for field in fields(config)
        if is_dataclass(section := getattr(config, field.name))
    }


def dump_toml(config: Any) -> str:
    """A configuration, or a mapping of sections, as TOML. None has no TOML form and is left out."""
    sections = config if isinstance(config, Mapping) else sections_of(config)
    parts = []
    for section, values in sections.items():
        lines = [f"{key} = {toml_value(value)}" for key, value in values.items() if value is not None]
        parts.append("\n".join((f"[{section}]", *lines)))
    return "\n\n".join(parts) + "\n"


def explain(resolved: Resolved[Any]) -> str:
    """TOML that load_toml reads back, with the meaning of each field above it and its origin beside it."""
    kinds, values = _sections(type(resolved.value)), sections_of(resolved.value)
    parts = []
    for section, kind in kinds.items():
        summary = (kind.__doc__ or "").strip().partition("\n")[0]
        lines = [f"[{section}]  # {summary}"]
        for option in section_options(kind, section):
            lines += _explained(option, values[section][option.key], resolved.origin[option.name])
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _explained(option: Option, value: Any, origin: str) -> Iterator[str]:
    choices = f" ({expected(option.kind)})" if get_origin(option.kind) is Literal else ""
    yield f"# {option.meaning or option.key}{choices}"
    assignment = f"# {option.key} is not set" if value is None else f"{option.key} = {toml_value(value)}"
    yield f"{assignment:<{_ORIGIN_COLUMN}}  # {origin}"


def difference(old: Any, new: Any) -> list[str]:
    """["training.seed: 1 -> 2", ...]; both are configurations, or mappings of sections."""
    before, after = (config if isinstance(config, Mapping) else sections_of(config) for config in (old, new))
    names = [(section, key) for section, values in after.items() for key in values]
    names += [(s, key) for s, values in before.items() for key in values if key not in after.get(s, {})]
    changes = []
    for section, key in names:
        pair = [_shown(config.get(section, {}), key) for config in (before, after)]
        if pair[0] != pair[1]:
            changes.append(f"{section}.{key}: {pair[0]} -> {pair[1]}")
    return changes


def _shown(values: Mapping[str, Any], key: str) -> str:
    """As TOML, in which a tuple and the list that JSON made of it are the same."""
    return "(not set)" if values.get(key) is None else toml_value(values[key])
