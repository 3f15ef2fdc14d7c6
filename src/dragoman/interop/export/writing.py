"""An export from beginning to end: refused, written under a name that nobody knows, compared, and only then named."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal, get_args

from dragoman.errors import ConfigError, UsageError
from dragoman.files import naming, new_directories, sync_directory
from dragoman.interop.export.gate import Gate, Runtime
from dragoman.model.directory import ModelDirectory
from dragoman.text.mapped import MappedTokenizer

TargetName = Literal["huggingface", "ctranslate2", "argos", "onnx"]
TARGETS: tuple[TargetName, ...] = get_args(TargetName)


@dataclass(frozen=True)
class Target:
    """A format: what it cannot express, how it is written, and the program that reads it."""

    refusal: Callable[[ModelDirectory], str | None]
    write: Callable[[ModelDirectory, Path], None]
    runtime: Callable[[ModelDirectory, Path], Runtime]


def target(name: TargetName) -> Target:
    """Loads what the format needs."""
    module = import_module(f"dragoman.interop.export.{name}")
    return Target(module.refusal, module.write, module.runtime)


def others(model: ModelDirectory, refused: TargetName) -> str:
    """The formats that can express a model which one refuses, for a message."""
    able = [name for name in TARGETS if name != refused and target(name).refusal(model) is None]
    return f"use --to {' or '.join(able)}" if able else "no other format can express it either"


def export(model: ModelDirectory, name: TargetName, output: Path, texts: Sequence[str]) -> list[str]:
    """Write a model to a new directory `output`; returns the names of its files.

    `texts` are sentences that the export has to translate as the model does, in its own program. Raises ConfigError
    for what the format cannot express, UsageError where something is at `output` already, ModelError where the two
    differ; nothing is there then.
    """
    if name not in TARGETS:
        raise UsageError(f"--to {name}: there is {', '.join(TARGETS)}")
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UsageError(f"{output} is there already: name a directory that is new or empty")
    if model.config["model"]["kind"] != "transformer":
        raise ConfigError(
            f"only a Transformer can be exported, not a model of kind {model.config['model']['kind']!r}"
        )
    chosen = target(name)
    if any(isinstance(one, MappedTokenizer) and one.table.front for one in model.tokenizers.values()):
        raise ConfigError(
            "this model puts a token in front of every text that tells no language, and what reads an export would "
            "not: it cannot be exported"
        )
    if why := chosen.refusal(model):
        raise ConfigError(f"this model cannot be exported to {name}: {why}; {others(model, name)}")
    place = output.resolve()  # of a link, what it leads to
    made = place.with_name(f".{place.name}.tmp-{os.getpid()}")
    with new_directories(place.parent), naming(output, made):
        try:
            made.mkdir()
            chosen.write(model, made)
            Gate(model, texts).admit(chosen.runtime(model, made), name)
            sync_directory(made)
            os.replace(made, place)  # an empty directory may be there
            sync_directory(place.parent)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise
    return sorted(path.name for path in output.iterdir())
