"""A recipe: a training in stages, each a run that begins at the best model of the one before. Trains nothing.

A recipe is TOML: sections that all stages share, as in any configuration, and a [[stage]] with a name for each stage,
whose sections stand below it as [stage.training], [stage.model]:

    about = "what it is for"
    preset = "small"

    [data]
    weights = ["tatoeba=2"]

    [[stage]]
    name = "strong"
    [stage.training]
    max_steps = 9000

    [[stage]]
    name = "cool-down"
    [stage.training]
    max_steps = 500
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dragoman.bounds import shown
from dragoman.config import read_toml
from dragoman.errors import ConfigError

FOLDER = Path(__file__).parent / "recipes"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")  # a stage is also a directory
_TOP = ("about", "preset", "stage")

Layer = tuple[str, Mapping[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class Stage:
    """One run of a recipe, and what it sets."""

    name: str
    sections: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Recipe:
    """What is shared by all stages, and the stages in order; there is at least one."""

    name: str
    about: str
    preset: str | None
    shared: Mapping[str, Mapping[str, Any]]
    stages: tuple[Stage, ...]

    def layers(self, stage: Stage) -> Sequence[Layer]:
        """What this recipe and this stage of it set, the shared part first."""
        return (f"recipe {self.name}", self.shared), (f"stage {stage.name} of {self.name}", stage.sections)

    def only(self, names: Sequence[str]) -> Recipe:
        """The recipe with these of its stages, in its own order. Raises ConfigError for what is none of them."""
        there = [stage.name for stage in self.stages]
        if unknown := next((one for one in names if one not in there), None):
            near = "".join(f"; did you mean {one}?" for one in difflib.get_close_matches(unknown, there, 1))
            raise ConfigError(
                f"--stages {shown(unknown)}: the stages of {self.name} are {', '.join(there)}{near}"
            )
        return replace(self, stages=tuple(stage for stage in self.stages if stage.name in names))


def shipped() -> tuple[str, ...]:
    """Names of the recipes that come with Dragoman."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def find_recipe(name: str) -> Recipe:
    """A recipe by its name, or from a file. Raises ConfigError."""
    path = Path(name)
    if name in shipped():
        path = FOLDER / f"{name}.toml"
    elif not path.is_file():
        near = "".join(f"; did you mean {one}?" for one in difflib.get_close_matches(name, shipped(), 1))
        raise ConfigError(
            f"--recipe {name}: neither a file nor one of those that come with Dragoman ({', '.join(shipped())}){near}"
        )
    return read_recipe(path)


def read_recipe(path: Path) -> Recipe:
    """Raises ConfigError for what is not TOML, has no stage, or says something outside a section."""
    found = read_toml(path)
    name = path.stem
    shared = {key: value for key, value in found.items() if key not in _TOP}
    _check_sections(shared, f"{path}")
    given = found.get("stage", [{"name": name}])
    if not isinstance(given, list) or not given or not all(isinstance(one, dict) for one in given):
        raise ConfigError(f"{path}: write each stage below a line of its own, [[stage]]")
    stages = tuple(_stage(one, number, path) for number, one in enumerate(given, 1))
    names = [stage.name for stage in stages]
    if twice := next((one for one in names if names.count(one) > 1), None):
        raise ConfigError(f"{path}: two stages have one name ({twice})")
    for key in ("about", "preset"):
        if not isinstance(found.get(key, ""), str):
            raise ConfigError(f"{path}: {key} = {found[key]!r}: must be text")
    return Recipe(name, found.get("about", ""), found.get("preset"), shared, stages)


def _stage(given: Mapping[str, Any], number: int, path: Path) -> Stage:
    name = given.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigError(
            f"{path}: name = {shown(name)} in stage {number}: give it one of small letters, digits and hyphens"
        )
    sections = {key: value for key, value in given.items() if key != "name"}
    _check_sections(sections, f"{path}: stage {name}")
    return Stage(name, sections)


def _check_sections(sections: Mapping[str, Any], place: str) -> None:
    for key, value in sections.items():
        if not isinstance(value, dict):
            raise ConfigError(f"{place}: {key} = {value!r} stands outside a section")
