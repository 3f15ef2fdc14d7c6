"""The directory of a language model of any kind: write it, open it. Trains nothing.

config.toml          [model] what the kind says of itself; [tokens] what a token is, which n-grams say in [model];
                     [labels] the names of a classifier's classes; [measured] what one that came with the package
                     scored; other sections are a record
model.safetensors    the weights of a network, or
ngram.safetensors    keys, log10 probabilities and log10 backoffs of each order (lineage/ngram.py)
vocabulary.txt       the tokens by id, one a line
tokenizer.model      if the tokens are subwords
card.md              for people; may be absent
manifest.json        the seal of all these

Its files are read by contents.py, as those of a translator are (directory.py). n-grams need no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from dragoman.config import dump_toml
from dragoman.errors import ModelError, UsageError
from dragoman.lineage.kinds import CountedKind, LmKind, NeuralKind, Verb, kind_of, names, reader_names
from dragoman.lineage.ngram import NgramModel
from dragoman.lineage.ngramlm import NgramLM
from dragoman.lineage.perplexity import LanguageModel
from dragoman.model.contents import (
    CARD,
    NGRAMS,
    VOCABULARY,
    Files,
    arrays_of,
    config_of,
    naming,
    read_files,
    require,
    serialized,
    text,
    token_fields,
    vocabulary_files,
    vocabulary_of,
    write_files,
)
from dragoman.model.directory import BUNDLED
from dragoman.model.fields import CONFIG, Field, check, configured, fields_of
from dragoman.model.modules import require_torch
from dragoman.model.networks import built, found, write_network
from dragoman.model.seal import MANIFEST
from dragoman.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import nn

    from dragoman.lineage.masked import MaskedLM


@dataclass(frozen=True)
class LmDirectory:
    """A verified language model in memory."""

    path: Path
    config: dict[str, Any]
    kind: LmKind
    model: NgramModel | nn.Module  # a network is in fp32, in evaluation mode
    vocabulary: Vocabulary

    @property
    def module(self) -> nn.Module:
        """The network of a neural kind."""
        assert not isinstance(self.model, NgramModel)
        return self.model

    def answering(self, verb: Verb) -> LmDirectory:
        """This model, if it answers the verb. Raises UsageError with those that it does answer."""
        if verb not in self.kind.verbs:
            *others, last = self.kind.verbs
            verbs = f"{', '.join(others)} and {last}" if others else last
            raise UsageError(
                f"{self.path} holds a model of kind {self.kind.name!r}, which does not answer dragoman lm {verb}: "
                f"it answers {verbs}"
            )
        return self

    def language_model(self, verb: Verb = "perplexity") -> LanguageModel:
        """What gives a text its probability, and writes texts. Raises UsageError for a model that does not."""
        self.answering(verb)
        if isinstance(self.model, NgramModel):
            return NgramLM(self.model, self.vocabulary)
        from dragoman.lineage.scoring import NeuralLM

        return NeuralLM(self.model, self.vocabulary)  # type: ignore[arg-type]  # its kind says that it is causal

    def masked(self, verb: Verb = "fill") -> MaskedLM:
        """What fills gaps and names classes. Raises UsageError for a model that does not."""
        self.answering(verb)
        from dragoman.lineage.masked import MaskedLM

        labels = tuple(self.config.get("labels", {}).get("names", ()))
        return MaskedLM(self.module, self.vocabulary, labels)  # type: ignore[arg-type]  # as above


# -- open -------------------------------------------------------------------------------------------------------


def fields(kind: LmKind) -> tuple[Field, ...]:
    """What config.toml says of a language model."""
    if isinstance(kind, CountedKind):
        named = Field("model", "kind", Literal[kind.name])
        return (named, *fields_of(kind.sealed, "model"), *token_fields("model", foreign=False))
    own = fields_of(kind.config, "model")
    labels = Field("labels", "names", tuple[str, ...], required=False)
    return (*own, *token_fields("tokens", foreign=True), labels)


def open_lm(directory: str | Path) -> LmDirectory:
    """Read and check a model: in a directory, or one that came with the package, such as lineage/bert.

    Raises ModelError, naming the part that is missing or wrong.
    """
    directory = found(directory, list_lms())
    files = read_files(directory)
    with naming(directory):
        if VOCABULARY not in files:
            raise ModelError(
                f"this is a translator, not a language model: dragoman translate -m {directory} asks it, "
                f"dragoman train --from {directory} trains it further"
            )
        config = config_of(files)
        if isinstance(config.get("model"), dict) and config["model"].get("kind") in reader_names():
            raise ModelError("this reads images and is no language model: dragoman digits read -m asks it")
        check(config, (Field("model", "kind", Literal[names()]),))
        kind = kind_of(config["model"]["kind"])
        check(config, fields(kind), closed=("model",), known=f"model of kind {kind.name!r}")
        section = "model" if isinstance(kind, CountedKind) else "tokens"
        vocabulary = vocabulary_of(files, section, config[section])
        model = (
            _ngrams(files, kind, config["model"], vocabulary)
            if isinstance(kind, CountedKind)
            else _network(files, kind, config, vocabulary)
        )
    return LmDirectory(directory, config, kind, model, vocabulary)


def list_lms() -> list[str]:
    """The names of the language models that came with the package, in the order in which they were invented."""
    return [name for kind in names() if (BUNDLED / (name := f"lineage/{kind}") / MANIFEST).exists()]


def card_of(name: str) -> tuple[Path, str]:
    """Where a bundled language model lies, and what its card says."""
    path = BUNDLED / name
    return path, text(read_files(path).get(CARD, b""), CARD)


def _network(files: Files, kind: NeuralKind, config: Mapping[str, Any], vocabulary: Vocabulary) -> nn.Module:
    require_torch(f"a language model of kind {kind.name!r} needs torch")
    shape = configured(kind.config, config["model"])
    names, classes = config.get("labels", {}).get("names", []), getattr(shape, "classes", 0)
    if names and len(names) != classes:
        raise ModelError(f"{CONFIG}: labels.names has {len(names)} names, and model.classes = {classes}")
    return built(files, kind.build, shape, getattr(shape, "layers", 0), vocabulary)


def _ngrams(files: Files, kind: CountedKind, model: Mapping[str, Any], vocabulary: Vocabulary) -> NgramModel:
    order: int = configured(kind.sealed, model).order
    require(files, NGRAMS)
    arrays = arrays_of(files, NGRAMS)
    asked = [
        [f"keys.{n}" for n in range(2, order + 1)],
        [f"logprobs.{n}" for n in range(1, order + 1)],
        [f"backoffs.{n}" for n in range(1, order)],
    ]
    for name in (name for some in asked for name in some):
        if name not in arrays or arrays[name].ndim != 1:
            raise ModelError(f"{NGRAMS} lacks {name}, which {CONFIG} asks for")
    keys, logprobs, backoffs = (tuple(arrays[name] for name in some) for some in asked)
    found = NgramModel(len(vocabulary.words), keys, logprobs, backoffs)
    if not _sound(found):
        raise ModelError(f"{NGRAMS} and {VOCABULARY} do not belong together; copy the model again")
    return found


def _sound(model: NgramModel) -> bool:
    """Whether counting can have made these arrays: looking something up in others would end anywhere."""
    sizes = [len(values) for values in model.logprobs]
    sound = sizes[0] == model.vocab_size and [len(keys) for keys in model.keys] == sizes[1:]
    sound = sound and [len(values) for values in model.backoffs] == sizes[:-1]
    for values in (*model.logprobs, *model.backoffs):
        sound = sound and values.dtype == np.float32 and bool(np.isfinite(values).all())
    for keys, contexts in zip(model.keys, sizes, strict=False):
        if sound and len(keys):
            sound = keys.dtype == np.int64 and bool((np.diff(keys) > 0).all())
            sound = sound and bool(keys[0] >= 0 and keys[-1] < contexts * model.vocab_size)
    return sound


# -- write ------------------------------------------------------------------------------------------------------


def write_lm(
    directory: Path,
    model: Any,
    weights: Mapping[str, np.ndarray],
    vocabulary: Vocabulary,
    record: Mapping[str, Mapping[str, Any]],
    card: str = "",
) -> None:
    """Seal a network in `directory`, in one step.

    `model` is its configuration, a `config` of its kind; `record` are further sections of config.toml.
    """
    splitter = vocabulary.splitter
    # Only WordPiece has `lower`; a setting that is None is not written.
    tokens = {name: getattr(splitter, name, None) for name in ("unit", "segmenter", "lower")}
    write_network(directory, model, weights, vocabulary, {"tokens": tokens, **record}, card)


def write_ngram(directory: Path, lm: NgramLM, record: Mapping[str, Any]) -> None:
    """Seal n-grams in `directory`, in one step; `record` says how they were made."""
    model, splitter = lm.model, lm.vocabulary.splitter
    arrays: dict[str, NDArray[Any]] = {f"keys.{n}": keys for n, keys in enumerate(model.keys, 2)}
    arrays |= {f"logprobs.{n}": values for n, values in enumerate(model.logprobs, 1)}
    arrays |= {f"backoffs.{n}": values for n, values in enumerate(model.backoffs, 1)}
    about = {"kind": "ngram", "order": model.order, "unit": splitter.unit, "segmenter": splitter.segmenter}
    files = {
        CONFIG: dump_toml({"model": about, "counts": record}).encode(),
        NGRAMS: serialized(arrays),
        **vocabulary_files(lm.vocabulary),
    }
    write_files(directory, files)
