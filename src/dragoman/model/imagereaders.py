"""The directory of what reads images: write it, open it. Trains nothing.

config.toml          [model] the shape of an image and of its reader; [measured] what one that came with the package
                     scored; other sections are a record
model.safetensors    the weights
vocabulary.txt       the words that it writes, by id, one a line
card.md              for people; may be absent
manifest.json        the seal of all these
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dragoman.errors import ModelError, UsageError
from dragoman.lineage.kinds import reader_kind, reader_names
from dragoman.model.contents import (
    VOCABULARY,
    config_of,
    naming,
    read_files,
    vocabulary_of,
)
from dragoman.model.directory import BUNDLED
from dragoman.model.fields import Field, check, configured, fields_of
from dragoman.model.modules import require_torch
from dragoman.model.networks import built, found
from dragoman.model.seal import MANIFEST
from dragoman.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from dragoman.lineage.imagereader import ImageReader

DIGITS = "images/digits"  # the bundled one, which stands for a directory of one's own as other models do
_TOKENS = {"unit": "words"}


@dataclass(frozen=True)
class ReaderDirectory:
    """A verified image reader in memory."""

    path: Path
    config: dict[str, Any]
    module: ImageReader  # in fp32, in evaluation mode
    vocabulary: Vocabulary


def told_otherwise(opened: ReaderDirectory, positions: str) -> ReaderDirectory:
    """The same weights in a model that is told the places of patches in another way than it was trained with.

    Raises ConfigError for a way that there is not, UsageError for one that has weights of its own.
    """
    config = replace(opened.module.config, positions=positions)  # type: ignore[arg-type]  # it checks that itself
    module = reader_kind(config.kind).build(config, len(opened.vocabulary.words))
    own = module.state_dict().keys() ^ opened.module.state_dict().keys()
    if own:
        raise UsageError(
            f"--positions {positions} has weights ({min(own)}), or takes some away: train such a model"
        )
    module.load_state_dict(opened.module.state_dict())
    return replace(opened, module=module.eval().requires_grad_(False))


def fields(kind: str) -> tuple[Field, ...]:
    """What config.toml says of an image reader."""
    return fields_of(reader_kind(kind).config, "model")


def open_reader(directory: str | Path) -> ReaderDirectory:
    """Read and check a model: in a directory, or the bundled images/digits.

    Raises ModelError, naming the part that is missing or wrong.
    """
    directory = found(directory, list_readers())
    files = read_files(directory)
    with naming(directory):
        config = config_of(files)
        name = config["model"].get("kind") if isinstance(config.get("model"), dict) else None
        if VOCABULARY not in files or not isinstance(name, str) or name not in reader_names():
            raise ModelError("this is no image reader: dragoman digits train makes one")
        check(config, fields(name), closed=("model",), known=f"model of kind {name!r}")
        vocabulary = vocabulary_of(files, "tokens", _TOKENS)
        require_torch("reading an image needs torch")
        kind = reader_kind(name)
        shape = configured(kind.config, config["model"])
        layers = shape.encoder_layers + shape.decoder_layers
        module = built(files, kind.build, shape, layers, vocabulary)
    return ReaderDirectory(directory, config, module, vocabulary)  # type: ignore[arg-type]  # its kind says so


def list_readers() -> list[str]:
    """The names of the image readers that came with the package."""
    return sorted(
        path.parent.relative_to(BUNDLED).as_posix() for path in BUNDLED.glob(f"images/*/{MANIFEST}")
    )
