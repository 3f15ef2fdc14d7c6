"""The directory of an n-gram model, text in to numbers and text out: write it, open it. Counts nothing itself.

config.toml          [model] kind = "ngram", order, unit; [counts] is a record
ngram.safetensors    keys, log10 probabilities and log10 backoffs of each order (ngram.py)
vocabulary.txt       the tokens by id, one a line
tokenizer.model      if the tokens are subwords
manifest.json        the seal of all these (seal.py); nothing is parsed before it is verified
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from dragoman.config import dump_toml
from dragoman.corpus.monolingual import Segmenter, Splitter, Unit
from dragoman.errors import ModelError
from dragoman.ids import EOS, SPECIALS, UNK
from dragoman.lineage.ngram import HIGHEST_ORDER, NgramConfig, NgramModel, train
from dragoman.lineage.perplexity import Scored
from dragoman.model.seal import read_sealed, write_sealed
from dragoman.text.tokenizer import Tokenizer

CONFIG, ARRAYS = "config.toml", "ngram.safetensors"
VOCABULARY, TOKENIZER = "vocabulary.txt", "tokenizer.model"
PARTS = (CONFIG, ARRAYS, VOCABULARY, TOKENIZER)
KIND = "ngram"
_LINES_AT_ONCE = 20_000
_NATS = float(np.log(10.0))  # in a power of ten


@dataclass(frozen=True)
class NgramLM:
    """An n-gram model of text."""

    model: NgramModel
    words: tuple[str, ...]  # by id; the first four are SPECIALS
    splitter: Splitter

    @cached_property
    def ids(self) -> dict[str, int]:
        return _ids(self.words)

    def encode(self, lines: Sequence[str]) -> list[list[int]]:
        """Token ids of each line, without <s> and </s>; <unk> for what is not in the vocabulary."""
        return _encoded(self.ids, self.splitter.split(lines))

    def score(self, lines: Sequence[str]) -> list[Scored]:
        """How probable each line is. Every line counts, empty ones too."""
        scored: list[Scored] = []
        for start in range(0, len(lines), _LINES_AT_ONCE):
            some = lines[start : start + _LINES_AT_ONCE]
            encoded = self.encode(some)
            for line, ids, found in zip(some, encoded, self.model.score(encoded), strict=True):
                scored.append(Scored(float(found.sum()) * _NATS, len(found), len(line) + 1, ids.count(UNK)))
        return scored

    def sample(self, prompt: str = "", longest: int = 100, temperature: float = 1.0, seed: int = 1) -> str:
        """A text that begins with `prompt`, drawn token by token, of at most `longest` tokens more."""
        ids = self.encode([prompt])[0]
        more = self.model.sample(ids, longest, temperature, np.random.default_rng(seed))
        return self.splitter.join([self.words[i] for i in [*ids, *more] if i > EOS])


def _ids(words: Sequence[str]) -> dict[str, int]:
    """Not of the special tokens: a text that has "</s>" in it does not end there."""
    return {word: i for i, word in enumerate(words) if i > EOS}


def _encoded(ids: Mapping[str, int], split: Sequence[Sequence[str]]) -> list[list[int]]:
    return [[ids.get(token, UNK) for token in tokens] for tokens in split]


def train_lm(lines: Sequence[str], splitter: Splitter, config: NgramConfig) -> NgramLM:
    """An n-gram model of `lines`. All subwords are its vocabulary; of characters and words, those in the lines."""
    split = splitter.split(lines)
    words = (
        tuple(splitter.tokenizer.vocabulary())
        if splitter.tokenizer is not None
        else (*SPECIALS, *sorted({token for tokens in split for token in tokens} - set(SPECIALS)))
    )
    encoded = _encoded(_ids(words), split)
    return NgramLM(train(encoded, len(words), config), words, splitter)


# -- on the disk ------------------------------------------------------------------------------------------------


def write_ngram(directory: Path, lm: NgramLM, record: Mapping[str, Any]) -> None:
    """Seal the model in `directory`; `record` says how it was made."""
    model = lm.model
    arrays: dict[str, NDArray[Any]] = {f"keys.{n}": keys for n, keys in enumerate(model.keys, 2)}
    arrays |= {f"logprobs.{n}": values for n, values in enumerate(model.logprobs, 1)}
    arrays |= {f"backoffs.{n}": values for n, values in enumerate(model.backoffs, 1)}
    about = {"kind": KIND, "order": model.order, "unit": lm.splitter.unit}
    if lm.splitter.segmenter is not None:
        about["segmenter"] = lm.splitter.segmenter
    contents = {
        CONFIG: dump_toml({"model": about, "counts": record}).encode(),
        ARRAYS: safetensors.numpy.save({name: np.ascontiguousarray(a) for name, a in arrays.items()}),
        VOCABULARY: "".join(f"{word}\n" for word in lm.words).encode(),
    }
    if lm.splitter.tokenizer is not None:
        contents[TOKENIZER] = lm.splitter.tokenizer.serialized
    write_sealed(directory, contents, PARTS)


def open_ngram(directory: Path) -> NgramLM:
    """Read and check the model in `directory`. Raises ModelError, naming the part that is missing or wrong."""
    contents = read_sealed(directory, PARTS)
    try:
        about = tomllib.loads(contents[CONFIG].decode())["model"]
        unit, order, segmenter = about["unit"], about["order"], about.get("segmenter")
        if (
            segmenter not in (None, *get_args(Segmenter))
            or unit not in get_args(Unit)
            or type(order) is not int
            or not 1 <= order <= HIGHEST_ORDER
        ):
            raise ModelError(f"{directory}: {CONFIG} asks for order {order!r} and unit {unit!r}")
        words = tuple(contents[VOCABULARY].decode().split("\n")[:-1])
        arrays = safetensors.numpy.load(contents[ARRAYS])
        model = NgramModel(
            len(words),
            tuple(arrays[f"keys.{n}"] for n in range(2, order + 1)),
            tuple(arrays[f"logprobs.{n}"] for n in range(1, order + 1)),
            tuple(arrays[f"backoffs.{n}"] for n in range(1, order)),
        )
    except (KeyError, ValueError, TypeError, safetensors.SafetensorError) as error:
        raise ModelError(f"{directory} holds no n-gram model: {error}") from error
    _check(directory, model, words)
    tokenizer = Tokenizer(contents[TOKENIZER], TOKENIZER) if unit == "subwords" else None
    return NgramLM(model, words, Splitter(unit, tokenizer, segmenter))


def _check(directory: Path, model: NgramModel, words: Sequence[str]) -> None:
    """Refuse arrays that no counting makes: looking something up in them would end anywhere."""
    sizes = [len(values) for values in model.logprobs]
    sound = words[: len(SPECIALS)] == SPECIALS and sizes[0] == len(words)
    sound = sound and [len(keys) for keys in model.keys] == sizes[1:]
    sound = sound and [len(values) for values in model.backoffs] == sizes[:-1]
    for keys, contexts in zip(model.keys, sizes, strict=False):
        if sound and len(keys):
            sound = keys.dtype == np.int64 and bool((np.diff(keys) > 0).all())
            sound = sound and keys[0] >= 0 and keys[-1] < contexts * len(words)
    if not sound:
        raise ModelError(
            f"{directory}: {ARRAYS} and {VOCABULARY} do not belong together; copy the model again"
        )
