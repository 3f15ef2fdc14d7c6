"""What directories of language models and of readers of images have in common: found, built, sealed. Trains nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dragoman.config import dump_toml
from dragoman.errors import ModelError
from dragoman.model.contents import (
    CARD,
    WEIGHTS,
    Files,
    header_of,
    require,
    serialized,
    vocabulary_files,
    weights_of,
    write_files,
)
from dragoman.model.directory import BUNDLED
from dragoman.model.fields import CONFIG
from dragoman.model.modules import assembled, shapes_of
from dragoman.model.seal import MANIFEST
from dragoman.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import nn


def found(directory: str | Path, bundled: Collection[str]) -> Path:
    """A sealed directory of one's own can stand in for a bundled one of its name, as with translators."""
    path = Path(directory)
    return BUNDLED / path if path.as_posix() in bundled and not (path / MANIFEST).exists() else path


def built(
    files: Files, build: Callable[..., nn.Module], shape: Any, layers: int, vocabulary: Vocabulary
) -> nn.Module:
    """A network with its weights. `shape` is its configuration, of so many `layers`. Raises ModelError."""
    require(files, WEIGHTS)
    # Building a thousand layers, to see that they are not there, takes half a minute.
    arrays = len(header_of(files[WEIGHTS])[0])
    if layers > arrays:
        raise ModelError(f"{WEIGHTS} holds {arrays:,} arrays, and {CONFIG} asks for {layers:,} layers")
    make = partial(build, shape, len(vocabulary.words))
    return assembled(make, weights_of(files, shapes_of(make)))


def write_network(
    directory: Path,
    model: Any,
    weights: Mapping[str, np.ndarray],
    vocabulary: Vocabulary,
    record: Mapping[str, Mapping[str, Any]],
    card: str = "",
) -> None:
    """Seal a network in `directory`, in one step.

    `model` is its configuration, a `config` of its kind; `record` are the other sections of config.toml.
    """
    files = {
        CONFIG: dump_toml({"model": asdict(model), **record}).encode(),
        WEIGHTS: serialized(weights),
        **vocabulary_files(vocabulary),
    }
    if card:
        files[CARD] = card.encode()
    write_files(directory, files)
