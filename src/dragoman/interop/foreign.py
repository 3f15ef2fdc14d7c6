"""Files of other people's models: their arrays by name, their JSON, and what is wrong with them in one sentence.

Arrays are read when they are asked for, so that a model never stands in memory twice. Nothing is unpickled that could
run: a pytorch_model.bin goes through torch's reader of weights alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dragoman.errors import ModelError
from dragoman.model.contents import stored_arrays
from dragoman.model.modules import require_torch

Read = Callable[[], np.ndarray]
# What old files hold besides: copies of the table of tokens, and sinusoids.
COPIES = ("shared.weight", "embed_tokens.weight", "embed_positions.weight", "embed_positions.weights", "lm_head.weight",
          "lm_head.bias", "final_logits_bias", "_float_tensor")  # fmt: skip
LONGEST_JSON = 2**28  # bytes; the tables of 250,000 tokens have 20 MB
LARGEST = 2**24  # of a number in the settings: more is a mistake, and would be asked of the memory


@dataclass(frozen=True)
class Store:
    """The arrays of a model by their names there; each is read from the file when it is asked for."""

    path: Path  # what errors call it
    arrays: Mapping[str, Read]
    taken: set[str] = field(default_factory=set)

    def __contains__(self, name: str) -> bool:
        return name in self.arrays

    def take(self, name: str, *shape: int) -> np.ndarray:
        """Raises ModelError for an array that is not there, or has another shape than the settings say."""
        if name not in self.arrays:
            raise ModelError(
                f"{self.path} has no {name}, which its settings ask for: it is of another model, or cut short"
            )
        self.taken.add(name)
        array = self.arrays[name]()
        if array.dtype not in (np.float32, np.float16):
            raise ModelError(
                f"{self.path}: {name} is of type {array.dtype}, and weights are float32 or float16"
            )
        if shape and array.shape != shape:
            raise ModelError(
                f"{self.path}: {name} has shape {list(array.shape)}, and the settings ask for {list(shape)}: the two "
                "belong to different models"
            )
        return array

    def refuse_left(self) -> None:
        """Raises ModelError where something was not taken that is neither a table of tokens nor of positions.

        A model with a layer that its settings do not mention would else lose it, and nobody would be told.
        """
        for name in self.arrays:
            if name not in self.taken and not name.endswith(COPIES):
                raise ModelError(
                    f"{self.path} has {name}, which its settings do not ask for: the two belong to different models"
                )


def read_json(path: Path) -> Any:
    """Raises OSError, and ValueError or RecursionError for what is no JSON or longer than any file of a model."""
    with path.open("rb") as file:
        data = file.read(
            LONGEST_JSON + 1
        )  # no more than it may hold: a link may lead to a device without end
    if len(data) > LONGEST_JSON:
        raise ValueError("too long")
    return json.loads(data.decode("utf-8"))


def json_of(path: Path, needed: bool = True) -> dict[str, Any]:
    """A file that holds one JSON object; {} where it is not needed and not there. Raises ModelError."""
    if not path.exists() and not needed:
        return {}
    try:
        found = read_json(path)
    except FileNotFoundError as error:
        raise ModelError(
            f"{path.parent} has no {path.name}, which a model of this format cannot do without"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} is no JSON: it was cut short, or is something else") from error
    if not isinstance(found, dict):
        raise ModelError(f"{path} holds no JSON object")
    return found


def number(settings: Mapping[str, Any], key: str, path: Path) -> int:
    """A setting that is a whole number above 0. Raises ModelError."""
    value = settings.get(key)
    if type(value) is not int or not 1 <= value <= LARGEST:
        raise ModelError(
            f"{path}: {key} = {str(value)[:60]}: must be a whole number above 0, and no larger than {LARGEST:,}"
        )
    return value


def share(settings: Mapping[str, Any], key: str, usual: float, path: Path) -> float:
    """A setting that is a share, such as dropout; `usual` where nothing is said. Raises ModelError."""
    value = settings.get(key, usual)
    if type(value) not in (int, float) or not 0 <= value < 1:
        raise ModelError(f"{path}: {key} = {str(value)[:60]}: must be a number, at least 0 and below 1")
    return float(value)


def first_read(settings: Mapping[str, Any], rows: int, usual: int, path: Path) -> int:
    """The row of what a decoder reads first; `usual` where nothing is said. Raises ModelError."""
    value = settings.get("decoder_start_token_id")
    if value is None:
        return usual
    if type(value) is not int or not 0 <= value < rows:
        raise ModelError(
            f"{path}: decoder_start_token_id = {str(value)[:60]}: there are rows 0 to {rows - 1:,}"
        )
    return value


# -- weights of Hugging Face ----------------------------------------------------------------------------------------

SAFE, PICKLED = "model.safetensors", "pytorch_model.bin"
OTHERS = {"tf_model.h5": "TensorFlow's", "flax_model.msgpack": "Flax's", "rust_model.ot": "of rust-bert"}


def weight_files(directory: Path) -> list[Path]:
    """The files of weights, safetensors rather than pickles. Raises ModelError where there are none."""
    for name in (SAFE, PICKLED):
        index = directory / f"{name}.index.json"
        if (directory / name).exists():
            return [directory / name]
        if index.exists():
            shards = json_of(index).get("weight_map")
            named = isinstance(shards, dict) and all(isinstance(one, str) for one in shards.values())
            if not isinstance(shards, dict) or not shards or not named:
                raise ModelError(f"{index} names no files")
            paths = [directory / Path(one).name for one in sorted(set(shards.values()))]
            for path in paths:
                if not path.exists():
                    raise ModelError(f"{directory} has no {path.name}, which {index.name} names")
            return paths
    other = next(
        (f": {name} is {whose}" for name, whose in OTHERS.items() if (directory / name).exists()), ""
    )
    raise ModelError(f"{directory} has no weights that are read, {SAFE} or {PICKLED}{other}")


def hugging_face_store(directory: Path) -> Store:
    """The weights of a directory in Hugging Face format."""
    paths = weight_files(directory)
    arrays: dict[str, Read] = {}
    for path in paths:
        arrays |= stored_arrays(path) if path.suffix == ".safetensors" else _pickled(path)
    return Store(paths[0], arrays)


def _pickled(path: Path) -> dict[str, Read]:
    require_torch(f"{path.name} is in torch's format, and reading it needs torch")
    import torch

    def load(mapped: bool) -> Any:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)

    try:
        try:
            found = load(True)
        except RuntimeError:  # of torch before 1.6, which is no archive that could be mapped
            found = load(False)
    except MemoryError:
        raise
    except Exception as error:  # whatever a damaged file makes the reader stumble over
        # torch names what it will not call: a class or a function.
        if "weights_only" in str(error) and "truncated" not in str(error):
            raise ModelError(
                f"{path} is a pickle that holds more than weights, and would run what is in it: it is not opened"
            ) from error
        raise ModelError(f"{path} is no file of weights, or was cut short") from error
    if not isinstance(found, dict) or not all(isinstance(one, torch.Tensor) for one in found.values()):
        raise ModelError(f"{path} holds something else than weights by name")

    def reader(tensor: torch.Tensor) -> Read:
        kind = torch.float16 if tensor.dtype == torch.float16 else torch.float32
        return lambda: tensor.detach().to(kind).contiguous().numpy()

    return {str(name): reader(tensor) for name, tensor in found.items()}
