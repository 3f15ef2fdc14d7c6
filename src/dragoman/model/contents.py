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
import logging
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import safetensors.numpy

from dragoman.bounds import beginning, shown
from dragoman.config import parse_toml
from dragoman.errors import ModelError
from dragoman.ids import SPECIALS
from dragoman.model.fields import CONFIG, Field
from dragoman.model.recognise import is_sealed, unsealed
from dragoman.model.seal import MANIFEST, read_sealed, write_sealed
from dragoman.model.soundness import NOT_FINITE, examined
from dragoman.text.splitter import Segmenter, Splitter, Unit
from dragoman.text.tokenizer import Tokenizer
from dragoman.text.vocabulary import Vocabulary
from dragoman.text.wordpiece import WordPiece

log = logging.getLogger("dragoman")

Shapes = dict[str, tuple[int, ...]]
Files = Mapping[str, bytes]
# The numbers of a safetensors file, by their names there. All are little-endian.
_DTYPES = {"BOOL": "?", "U8": "u1", "I8": "i1", "F16": "<f2", "F32": "<f4", "F64": "<f8"} | {
    f"{letter}{8 * size}": f"<{letter.lower()}{size}" for letter in "IU" for size in (2, 4, 8)
}

_KINDS = {"u1": "U8", "i1": "I8", "f2": "F16", "i4": "I32", "f4": "F32", "f8": "F64", "i8": "I64"}
_RANKS = list(_KINDS.values())  # as the library has them

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
    if not is_sealed(directory):
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
        return parse_toml(text(files[CONFIG], CONFIG))
    except ValueError as error:
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
    """Arrays as a safetensors file, byte by byte as the library writes it.

    The library would copy each array twice. Its order: wide numbers first, those of one width by name.
    """
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}  # no copy where they are
    kinds = {name: _KINDS.get(array.dtype.str.lstrip("<|"), "") for name, array in whole.items()}
    if "" in kinds.values():  # what no model here holds: its place in the order is the library's to know
        return safetensors.numpy.save(whole, metadata=metadata)
    names = sorted(whole, key=lambda name: (-_RANKS.index(kinds[name]), name.encode()))
    head: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    place = 0
    for name in names:
        end = place + whole[name].nbytes
        head[name] = {"dtype": kinds[name], "shape": list(whole[name].shape), "data_offsets": [place, end]}
        place = end
    header = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    views = (whole[name].reshape(-1).view(np.uint8) for name in names)
    return b"".join((len(header).to_bytes(8, "little"), header, *(view.data for view in views)))


def header_of(data: bytes) -> tuple[Shapes, dict[str, str]]:
    """Shape of each weight, and the sha256 of each tokenizer: known before anything is allocated."""
    entries, metadata = _header(data, WEIGHTS)
    try:
        trained_with = dict(json.loads(metadata.get(TRAINED_WITH, "{}")))
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"{WEIGHTS} is not a safetensors file: {error}") from error
    if others := {entry.kind for entry in entries.values()} - {"F32", "F16"}:
        raise ModelError(
            f"{WEIGHTS} holds numbers of type {', '.join(sorted(others))}: only F32 and F16 are read"
        )
    return {name: entry.shape for name, entry in entries.items()}, trained_with


@dataclass(frozen=True)
class _Entry:
    """What the header of a safetensors file says of one array; places count from the end of the header."""

    kind: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> _Entry:
        """Raises ValueError, KeyError or TypeError for what does not fit together."""
        entry = cls(said["dtype"], tuple(said["shape"]), *said["data_offsets"])
        if not all(type(number) is int and number >= 0 for number in (*entry.shape, entry.begin, entry.end)):
            raise ValueError("a shape or a place is no whole number")
        if entry.kind in _DTYPES:  # others are refused by name
            size = math.prod(entry.shape) * np.dtype(_DTYPES[entry.kind]).itemsize
            if entry.end - entry.begin != size:
                raise ValueError(
                    f"{shown(entry.shape)} of {entry.kind} are not {entry.end - entry.begin:,} bytes"
                )
        return entry


def _header(data: bytes, name: str) -> tuple[dict[str, _Entry], dict[str, str]]:
    """What a safetensors file says of its arrays, and its metadata. Raises ModelError."""
    length = int.from_bytes(data[:8], "little")
    return _entries(data[8 : 8 + length], length, len(data), name)


def _entries(head: bytes, length: int, size: int, name: str) -> tuple[dict[str, _Entry], dict[str, str]]:
    """The same from the header alone, of `length` bytes, and the size of the file."""
    try:
        if not 8 + length <= size:
            raise ValueError("it ends within its header")
        header = json.loads(head)
        metadata = header.pop("__metadata__", {})
        entries = {key: _Entry.of(said) for key, said in header.items()}
        place = 0
        for entry in sorted(entries.values(), key=lambda entry: (entry.begin, entry.end)):
            if entry.begin != place:
                raise ValueError("its arrays overlap, or leave gaps")
            place = entry.end
        if 8 + length + place != size:
            raise ValueError(f"it has {size:,} bytes, and its header tells of {8 + length + place:,}")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"{name} is not a safetensors file: {beginning(str(error))}") from error
    return entries, metadata


def weights_of(files: Files, asked: Shapes) -> dict[str, np.ndarray]:
    """The weights of a network, once they are known to be those that config.toml asks for."""
    _check_shapes(asked, header_of(files[WEIGHTS])[0])
    weights = arrays_of(files, WEIGHTS)
    odd = examined(weights)
    for name, reason in odd.items():
        if reason == NOT_FINITE:
            raise ModelError(f"{WEIGHTS}: {name} {reason}")
    if odd:
        name, reason = next(iter(odd.items()))
        others = f", and {len(odd) - 1:,} more arrays are as odd" if len(odd) > 1 else ""
        log.warning("%s: %s %s%s: what this model answers may mean nothing", WEIGHTS, name, reason, others)
    return weights


def arrays_of(files: Files, name: str) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file, whatever they are: read-only, and in the memory of the file."""
    # The library would copy each once more, and where there is no room for that it hangs.
    data = files[name]
    entries, _ = _header(data, name)
    if others := {entry.kind for entry in entries.values()} - _DTYPES.keys():
        raise ModelError(
            f"{name} holds numbers of type {', '.join(sorted(map(str, others)))}, which are not read"
        )
    start = 8 + int.from_bytes(data[:8], "little")
    return {
        key: np.frombuffer(data, _DTYPES[entry.kind], math.prod(entry.shape), start + entry.begin).reshape(
            entry.shape
        )
        for key, entry in entries.items()
    }


def stored_arrays(path: Path) -> dict[str, Callable[[], np.ndarray]]:
    """The arrays of a safetensors file on the disk, each to be read when it is asked for; bfloat16 comes as float32.

    Raises ModelError for a file that is damaged.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            length = int.from_bytes(file.read(8), "little")
            head = file.read(min(length, size))
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    entries, _ = _entries(head, length, size, str(path))

    def read(entry: _Entry) -> np.ndarray:
        kind = "<u2" if entry.kind == "BF16" else _DTYPES.get(entry.kind)
        if kind is None:
            raise ModelError(f"{path} holds numbers of type {beginning(str(entry.kind))}, which are not read")
        count = math.prod(entry.shape)
        array = np.fromfile(path, kind, count, offset=8 + length + entry.begin)
        if array.size != count:
            raise ModelError(f"{path} was cut short")
        if entry.kind == "BF16":  # the upper half of a float32
            array = (array.astype("<u4") << 16).view("<f4")
        return array.reshape(entry.shape)

    return {name: partial(read, entry) for name, entry in entries.items()}


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
