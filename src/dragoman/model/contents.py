"""The files of a model directory, each checked by itself: the one reader, of translators and of language models.

config.toml          what the model is; fields.py says how it is described
*.safetensors        numbers: model.safetensors of a network, ngram.safetensors of n-grams
tokenizer.model      or tokenizer.source.model and tokenizer.target.model
vocabulary.txt       of a language model: the tokens by id, one a line
card.md              for people; may be absent
manifest.json        the seal of all these (seal.py); nothing is parsed before it is verified

Knows no kind of model. Errors name the file; `naming` puts the directory before them.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import safetensors
import safetensors.numpy

from dragoman.errors import ModelError
from dragoman.ids import SPECIALS
from dragoman.model.fields import CONFIG, Field
from dragoman.model.recognise import unsealed
from dragoman.model.seal import MANIFEST, read_sealed, write_sealed
from dragoman.text.splitter import Segmenter, Splitter, Unit
from dragoman.text.tokenizer import Tokenizer
from dragoman.text.vocabulary import Vocabulary
from dragoman.text.wordpiece import WordPiece

Shapes = dict[str, tuple[int, ...]]
Files = Mapping[str, bytes]

WEIGHTS, NGRAMS, VOCABULARY, CARD = "model.safetensors", "ngram.safetensors", "vocabulary.txt", "card.md"
TOKENIZERS = {
    "joint": "tokenizer.model",
    "source": "tokenizer.source.model",
    "target": "tokenizer.target.model",
}
TRAINED_WITH = "tokenizers"  # key of the metadata of a translator's weights
# All that any model directory may hold: what a directory is, is told after it was read.
PARTS = (CONFIG, WEIGHTS, NGRAMS, VOCABULARY, *TOKENIZERS.values(), CARD)


def read_files(directory: Path, verify: bool = True) -> dict[str, bytes]:
    """Name -> content of what the manifest lists. Raises ModelError, with the directory in it."""
    if not (directory / MANIFEST).exists():
        raise ModelError(unsealed(directory))
    return read_sealed(directory, PARTS, verify)


def write_files(directory: Path, files: Files) -> None:
    """Seal a model in `directory`, in one step. Raises ModelError when the disk refuses."""
    write_sealed(directory, files, PARTS)


@contextmanager
def naming(directory: Path) -> Iterator[None]:
    """Say of an error in a file which directory the file is in."""
    try:
        yield
    except ModelError as error:
        raise ModelError(f"{directory}: {error}") from error


def require(files: Collection[str], *names: str) -> None:
    """Raises ModelError for a file that the manifest does not list."""
    for name in names:
        if name not in files:
            raise ModelError(f"{MANIFEST} does not list {name}, which this model cannot do without")


# -- config.toml and card.md ------------------------------------------------------------------------------------


def text(data: bytes, name: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ModelError(f"{name} is not UTF-8: {error.reason} at byte {error.start:,}") from error


def config_of(files: Files) -> dict[str, Any]:
    """config.toml, as yet unchecked."""
    require(files, CONFIG)
    try:
        return tomllib.loads(text(files[CONFIG], CONFIG))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ModelError(f"{CONFIG} is not TOML: {error}") from error


# -- tokens -----------------------------------------------------------------------------------------------------


def token_fields(section: str, foreign: bool) -> tuple[Field, ...]:
    """What config.toml says of the tokens of a language model; `foreign` ones may be WordPiece."""
    units = (*get_args(Unit), "wordpiece") if foreign else get_args(Unit)
    lower = (Field(section, "lower", bool, required=False),) if foreign else ()
    return (Field(section, "unit", Literal[units]), Field(section, "segmenter", Segmenter, False), *lower)


def vocabulary_of(files: Files, section: str, tokens: Mapping[str, Any]) -> Vocabulary:
    """The tokens of a language model; `tokens` are checked against `token_fields`."""
    require(files, VOCABULARY)
    words = tuple(text(files[VOCABULARY], VOCABULARY).split("\n")[:-1])
    if words[: len(SPECIALS)] != SPECIALS:
        raise ModelError(f"{VOCABULARY} begins with {words[:4]}, not with {SPECIALS}")
    if tokens["unit"] == "wordpiece":
        Field(section, "lower", bool).check(tokens)
        return Vocabulary(words, WordPiece(frozenset(words[len(SPECIALS) :]), tokens["lower"]))
    tokenizer = None
    if tokens["unit"] == "subwords":
        require(files, TOKENIZERS["joint"])
        tokenizer = Tokenizer(files[TOKENIZERS["joint"]], TOKENIZERS["joint"])
    return Vocabulary(words, Splitter(tokens["unit"], tokenizer, tokens.get("segmenter")))


def vocabulary_files(vocabulary: Vocabulary) -> dict[str, bytes]:
    """vocabulary.txt, and tokenizer.model where tokens are subwords."""
    files = {VOCABULARY: "".join(f"{word}\n" for word in vocabulary.words).encode()}
    if vocabulary.splitter.tokenizer is not None:
        files[TOKENIZERS["joint"]] = vocabulary.splitter.tokenizer.serialized
    return files


# -- numbers ----------------------------------------------------------------------------------------------------


def serialized(arrays: Mapping[str, np.ndarray], metadata: dict[str, str] | None = None) -> bytes:
    """Arrays as a safetensors file."""
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return safetensors.numpy.save(whole, metadata=metadata)


def header_of(data: bytes) -> tuple[Shapes, dict[str, str]]:
    """Shape of each weight, and the sha256 of each tokenizer: known before anything is allocated."""
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


def weights_of(files: Files, asked: Shapes) -> dict[str, np.ndarray]:
    """The weights of a network, once they are known to be those that config.toml asks for."""
    _check_shapes(asked, header_of(files[WEIGHTS])[0])
    weights = arrays_of(files, WEIGHTS)
    for name, weight in weights.items():
        if not np.isfinite(weight).all():
            raise ModelError(
                f"{WEIGHTS}: {name} holds NaN or infinity, the mark of a training run that diverged"
            )
    return weights


def arrays_of(files: Files, name: str) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file, whatever they are."""
    try:
        return safetensors.numpy.load(files[name])
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{name} is not a safetensors file: {error}") from error


def _check_shapes(asked: Shapes, found: Shapes) -> None:
    for name in sorted(asked.keys() | found.keys()):
        if name not in found:
            raise ModelError(f"{WEIGHTS} lacks {name}, which {CONFIG} asks for")
        if name not in asked:
            raise ModelError(f"{WEIGHTS} holds {name}, which {CONFIG} does not ask for")
        if asked[name] != found[name]:
            raise ModelError(
                f"{WEIGHTS}: {name} has shape {list(found[name])}, but {CONFIG} and the tokens ask for "
                f"{list(asked[name])}"
            )
