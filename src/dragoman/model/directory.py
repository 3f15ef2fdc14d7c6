"""The model directory, raw text in to raw text out: write it, open it, find it by name. Translates nothing.

config.toml          [model] [languages] [cleaning] [decoding] are used; other sections are a record
model.safetensors    the weights; its metadata hold the sha256 of the tokenizers they were trained with
tokenizer.model      or tokenizer.source.model and tokenizer.target.model
card.md              for people; may be absent
manifest.json        the seal of all these (seal.py); nothing is parsed before it is verified
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors
import safetensors.numpy

from dragoman.config import dump_toml
from dragoman.errors import ModelError
from dragoman.files import sha256
from dragoman.model.kinds import Shapes, kind_of
from dragoman.model.seal import MANIFEST, read_sealed, write_sealed
from dragoman.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from torch import nn

CONFIG, WEIGHTS, CARD = "config.toml", "model.safetensors", "card.md"
TOKENIZERS = {
    "joint": "tokenizer.model",
    "source": "tokenizer.source.model",
    "target": "tokenizer.target.model",
}
TRAINED_WITH = "tokenizers"  # key of the metadata of the weights
PARTS = (CONFIG, WEIGHTS, *TOKENIZERS.values(), CARD)
BUNDLED = Path(__file__).parents[1] / "models"


@dataclass(frozen=True)
class ModelDirectory:
    """A verified model in memory: what was checked is what is used, whatever happens to the files later."""

    path: Path
    config: dict[str, Any]
    weights: dict[str, np.ndarray]  # fp32 or fp16
    source_tokenizer: Tokenizer
    target_tokenizer: Tokenizer
    card: str

    @property
    def languages(self) -> tuple[str, str]:
        """Codes of the source and target language."""
        return self.config["languages"]["source"], self.config["languages"]["target"]

    @property
    def tokenizers(self) -> dict[str, Tokenizer]:
        """The tokenizers as `write_model` takes them: one called joint, or a source and a target."""
        if self.source_tokenizer is self.target_tokenizer:
            return {"joint": self.source_tokenizer}
        return {"source": self.source_tokenizer, "target": self.target_tokenizer}

    def build(self) -> nn.Module:
        """The model as a torch module, in evaluation mode. Imports torch."""
        model = self.config["model"]
        vocabularies = self.source_tokenizer.vocab_size, self.target_tokenizer.vocab_size
        return kind_of(model).build(model, *vocabularies, self.weights)


# -- open -------------------------------------------------------------------------------------------------------


def open_model(directory: str | Path, verify: bool = True) -> ModelDirectory:
    """Read and check the model in `directory`. Raises ModelError, naming the part that is missing or wrong.

    `verify=False` trusts the files to be those that were sealed, and saves reading them twice.
    """
    directory = Path(directory)
    contents = read_sealed(directory, PARTS, verify)
    try:
        return _assemble(directory, contents)
    except ModelError as error:
        raise ModelError(f"{directory}: {error}") from error


def _assemble(directory: Path, contents: Mapping[str, bytes]) -> ModelDirectory:
    """Check the parts against each other. Errors name the part, not the directory."""
    tokenizer_names = set(contents) & set(TOKENIZERS.values())
    if tokenizer_names not in ({TOKENIZERS["joint"]}, {TOKENIZERS["source"], TOKENIZERS["target"]}):
        raise ModelError(
            f"{MANIFEST} must list {TOKENIZERS['joint']}, or {TOKENIZERS['source']} and {TOKENIZERS['target']}; "
            f"it lists {' and '.join(sorted(tokenizer_names)) or 'no tokenizer'}"
        )
    for name in (CONFIG, WEIGHTS):
        if name not in contents:
            raise ModelError(f"{MANIFEST} does not list {name}, which no model can do without")
    config = _parse_config(contents[CONFIG])
    shapes, trained_with = _header(contents[WEIGHTS])
    for name in sorted(tokenizer_names):
        if trained_with.get(name) != sha256(contents[name]):
            raise ModelError(
                f"{name} is the tokenizer of another model: its sha256 is not the one that {WEIGHTS} was trained with"
            )
    tokenizers = {
        side: Tokenizer(contents[name], name) for side, name in TOKENIZERS.items() if name in contents
    }
    source, target = (tokenizers.get(side) or tokenizers["joint"] for side in ("source", "target"))
    asked = kind_of(config["model"]).shapes(config["model"], source.vocab_size, target.vocab_size)
    _check_shapes(asked, shapes)
    weights = _weights(contents[WEIGHTS])
    return ModelDirectory(directory, config, weights, source, target, _text(contents.get(CARD, b""), CARD))


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ModelError(f"{name} is not UTF-8: {error.reason} at byte {error.start:,}") from error


def _parse_config(data: bytes) -> dict[str, Any]:
    try:
        config = tomllib.loads(_text(data, CONFIG))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ModelError(f"{CONFIG} is not TOML: {error}") from error
    for section in ("data", "cleaning", "decoding"):
        config.setdefault(section, {})
    for section in ("model", "languages", "data", "cleaning", "decoding"):
        if not isinstance(config.get(section), dict):
            raise ModelError(f"{CONFIG} has no section [{section}]")
    for side in ("source", "target"):
        code = config["languages"].get(side)
        if not isinstance(code, str) or not code:
            raise ModelError(f"{CONFIG}: languages.{side} = {code!r}: must be a language code such as 'en'")
    longest = config["data"].get("longest", 1)
    if type(longest) is not int or longest < 1:
        raise ModelError(f"{CONFIG}: data.longest = {longest!r}: must be a number of tokens")
    return config


def checked_weights(data: bytes, asked: Shapes) -> dict[str, np.ndarray]:
    """The weights of a safetensors file, once it is known to hold those asked for. Raises ModelError."""
    _check_shapes(asked, _header(data)[0])
    return _weights(data)


def _header(data: bytes) -> tuple[Shapes, dict[str, str]]:
    """Shape of each tensor, and the sha256 of each tokenizer: known before anything is allocated."""
    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        trained_with = dict(json.loads(header.pop("__metadata__", {}).get(TRAINED_WITH, "{}")))
        shapes = {name: tuple(entry["shape"]) for name, entry in header.items()}
        types = {entry["dtype"] for entry in header.values()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"{WEIGHTS} is not a safetensors file: {error}") from error
    if others := types - {"F32", "F16"}:
        raise ModelError(
            f"{WEIGHTS} holds numbers of type {', '.join(sorted(others))}: only F32 and F16 are read"
        )
    return shapes, trained_with


def _check_shapes(asked: Shapes, found: Shapes) -> None:
    for name in sorted(asked.keys() | found.keys()):
        if name not in found:
            raise ModelError(f"{WEIGHTS} lacks {name}, which {CONFIG} asks for")
        if name not in asked:
            raise ModelError(f"{WEIGHTS} holds {name}, which {CONFIG} does not ask for")
        if asked[name] != found[name]:
            raise ModelError(
                f"{WEIGHTS}: {name} has shape {list(found[name])}, but {CONFIG} and the tokenizer ask for "
                f"{list(asked[name])}"
            )


def _weights(data: bytes) -> dict[str, np.ndarray]:
    try:
        weights = safetensors.numpy.load(data)
    except (safetensors.SafetensorError, ValueError) as error:
        raise ModelError(f"{WEIGHTS} is not a safetensors file: {error}") from error
    for name, weight in weights.items():
        if not np.isfinite(weight).all():
            raise ModelError(
                f"{WEIGHTS}: {name} holds NaN or infinity, the mark of a training run that diverged"
            )
    return weights


# -- write ------------------------------------------------------------------------------------------------------


def write_model(
    directory: str | Path,
    *,
    config: Mapping[str, Mapping[str, Any]],
    weights: Mapping[str, np.ndarray],
    tokenizers: Mapping[str, bytes],
    card: str = "",
) -> None:
    """Seal a model in `directory`, in one step: until it is done, the model that was there is what opens.

    `tokenizers` is {"joint": ...} or {"source": ..., "target": ...}, each a serialised SentencePiece model. Other
    files in the directory are left alone. Raises ModelError when the parts do not fit together, or the disk refuses.
    """
    directory = Path(directory)
    named = {TOKENIZERS[side]: serialized for side, serialized in tokenizers.items()}
    contents = {
        CONFIG: dump_toml(config).encode(),
        WEIGHTS: safetensors.numpy.save(
            {name: np.ascontiguousarray(weight) for name, weight in weights.items()},
            # One entry: safetensors writes several in a random order, and equal models shall be equal files.
            metadata={TRAINED_WITH: json.dumps({name: sha256(named[name]) for name in sorted(named)})},
        ),
        **named,
    }
    if card:
        contents[CARD] = card.encode()
    try:
        _assemble(directory, contents)  # what could not be opened again is not written
    except ModelError as error:
        raise ModelError(f"nothing was written to {directory}: {error}") from error
    write_sealed(directory, contents, PARTS)


# -- find -------------------------------------------------------------------------------------------------------


def find_model(name_or_path: str | Path) -> Path:
    """A model directory by its path, or by the name of a model that came with the package.

    A sealed directory of that name is preferred: a model of one's own can stand in for a bundled one. Raises
    ModelError with the names there are.
    """
    path = Path(name_or_path)
    bundled = {model.name: model for model in list_models()}
    if str(name_or_path) in bundled and not (path / MANIFEST).exists():
        return bundled[str(name_or_path)]
    if path.is_dir():
        return path
    names = ", ".join(bundled) or "none"
    raise ModelError(
        f"there is no model {str(name_or_path)!r}: give the path of a model directory, or the name of a bundled "
        f"model ({names})"
    )


def list_models() -> list[Path]:
    """The models that came with the package, by name; each directory is named as its model."""
    return sorted(manifest.parent for manifest in BUNDLED.glob(f"*/{MANIFEST}"))
