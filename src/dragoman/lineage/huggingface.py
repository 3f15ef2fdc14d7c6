"""A directory in the format of Hugging Face's transformers: its settings and its weights. Knows no model of ours.

Only safetensors are read: the older pytorch_model.bin is a pickle, which runs whatever is in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from dragoman.errors import ModelError

CONFIG, WEIGHTS = "config.json", "model.safetensors"


def read(directory: Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The settings of config.json, and the weights in fp32, of a model whose model_type is `kind`.

    Raises ModelError for a directory that is none, holds another kind, or holds pickles only.
    """
    if not (directory / CONFIG).exists():
        raise ModelError(f"{directory} has no {CONFIG}: it is no model in Hugging Face format")
    if not (directory / WEIGHTS).exists():
        raise ModelError(
            f"{directory} has no {WEIGHTS}: other formats are not read (save_pretrained of a recent transformers "
            "writes it)"
        )
    try:
        settings = json.loads((directory / CONFIG).read_text(encoding="utf-8"))
        found = settings.get("model_type")
        if found != kind:
            raise ModelError(f"{directory} holds a model of type {found!r}, not {kind!r}")
        weights = safetensors.torch.load_file(directory / WEIGHTS)
    except (OSError, ValueError, AttributeError, safetensors.SafetensorError) as error:
        raise ModelError(f"{directory} cannot be read: {error}") from error
    return settings, {name: weight.float() for name, weight in weights.items()}


def _modern(name: str) -> str:
    """The first BERTs were converted from TensorFlow, whose norms have a gamma and a beta."""
    return name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")


class Sorter:
    """Weights taken one by one under their foreign names; what is left over was not understood."""

    def __init__(
        self, directory: Path, weights: Mapping[str, Tensor], prefix: str, ignored: tuple[str, ...]
    ) -> None:
        self.directory = directory
        named = {_modern(name.removeprefix(prefix)): weight for name, weight in weights.items()}
        self.left = {name: weight for name, weight in named.items() if not name.endswith(ignored)}

    def take(self, name: str) -> Tensor:
        """Raises ModelError if it is not there."""
        if name not in self.left:
            raise ModelError(f"{self.directory}: {WEIGHTS} lacks {name}")
        return self.left.pop(name).contiguous()

    def pair(self, theirs: str, ours: str) -> dict[str, Tensor]:
        """Weight and bias of a layer that is the same here and there."""
        return {f"{ours}.{part}": self.take(f"{theirs}.{part}") for part in ("weight", "bias")}

    def finish(self) -> None:
        """Raises ModelError if anything is left: a weight without a place would change what the model computes."""
        if self.left:
            names = ", ".join(sorted(self.left)[:3])
            raise ModelError(f"{self.directory}: {WEIGHTS} holds {names}, for which there is no place here")


def choose(directory: Path, settings: Mapping[str, Any], key: str, choices: Mapping[str, str]) -> str:
    """What a setting is called here. Raises ModelError for one that has no name here."""
    if settings.get(key) not in choices:
        raise ModelError(f"{directory}: {key} = {settings.get(key)!r}: must be one of {', '.join(choices)}")
    return choices[settings[key]]
