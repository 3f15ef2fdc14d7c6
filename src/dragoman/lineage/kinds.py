"""The kinds of language model, and of what reads images: one record a kind, one line for each here. Loads none before
it is asked for.

What training, the command line and the reader of directories know of a kind is read off its record, which stands in
the file of the model. So a new kind is one file, with a record in it, and one line of LANGUAGE_MODELS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

# What a network is trained for, and so what text it is given and how it is measured (training/tasks).
Objective = Literal["next token", "masked tokens"]
# Verbs of `dragoman lm` that a model answers.
Verb = Literal["perplexity", "sample", "export", "fill", "next", "classify"]
# What of a text a model can see from the place that it guesses. "window": so many tokens before it; "carried along":
# all before it, in one state that each token in its turn hands to the next; "all before": each of them directly;
# "both sides": each token before it and after it directly.
Reads = Literal["window", "carried along", "all before", "both sides"]


@dataclass(frozen=True)
class NeuralKind:
    """A language model that learns step by step.

    Its directory holds config.toml with the fields of `config` in [model], the weights of the module that `build`
    makes in model.safetensors, vocabulary.txt, and tokenizer.model where tokens are subwords.
    """

    name: str  # --kind, and model.kind in config.toml: the `kind` of `config`
    config: type[Any]  # a frozen dataclass, whose fields are the options of [model]
    # (config, tokens of the vocabulary, parts) -> torch module, weights at random; without parts, the page one reads
    build: Callable[..., Any]
    # Over what every run begins with.
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    objective: Objective = "next token"
    verbs: tuple[Verb, ...] = ("perplexity", "sample")
    # No default: whoever forgets it would have `dragoman lineage` tell what is not so.
    reads: Reads = field(kw_only=True)  # "window": as many tokens as `window` of the configuration says


@dataclass(frozen=True)
class CountedKind:
    """A language model that is counted in one go, from flags of its own.

    Its directory holds config.toml with the fields of `sealed` and the tokens in [model], its arrays in a
    .safetensors file of its name, vocabulary.txt, and tokenizer.model where tokens are subwords.
    """

    name: str
    config: type[Any]  # a frozen dataclass, whose fields are flags
    sealed: type[Any]  # a frozen dataclass: what is kept of it
    verbs: tuple[Verb, ...] = ("perplexity", "sample")
    reads: Reads = "window"


LmKind = NeuralKind | CountedKind


@dataclass(frozen=True)
class ReaderKind:
    """What reads an image and writes a text. Its directory holds what that of a NeuralKind does."""

    name: str
    config: type[Any]  # a frozen dataclass, whose fields are the options of [model]
    build: Callable[..., Any]  # as of a NeuralKind
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """Where the record of a kind stands."""

    name: str
    record: str  # module:name, imported when the kind is asked for: --help loads no torch
    counted: bool = False


# Every kind of language model. No class is ever looked up by a name that stands in a file.
LANGUAGE_MODELS: tuple[Line, ...] = (
    Line("ngram", "dragoman.lineage.ngram:NGRAM", counted=True),
    Line("nnlm", "dragoman.lineage.nnlm:NNLM"),
    # Not the recurrent translator, which has the same name in another table (model/kinds.py).
    Line("rnn", "dragoman.lineage.rnnlm:RNN_LM"),
    Line("gpt", "dragoman.lineage.gpt:GPT"),
    Line("bert", "dragoman.lineage.bert:BERT"),
)

# Every kind of image reader; no language model has the name of one.
IMAGE_READERS: tuple[Line, ...] = (Line("image-reader", "dragoman.lineage.imagereader:IMAGE_READER"),)


def names(counted: bool | None = None) -> tuple[str, ...]:
    """The kinds there are; of those that are counted, or of those that learn, if `counted` says which."""
    return tuple(line.name for line in LANGUAGE_MODELS if counted in (None, line.counted))


def reader_names() -> tuple[str, ...]:
    """The kinds of image reader there are."""
    return tuple(line.name for line in IMAGE_READERS)


def kind_of(name: str) -> LmKind:
    """The record of a kind that there is."""
    record = _record(LANGUAGE_MODELS, name)
    assert isinstance(record, NeuralKind | CountedKind) and record.name == name
    return record


def neural_kind(name: str) -> NeuralKind:
    """The record of a kind that learns step by step."""
    record = kind_of(name)
    assert isinstance(record, NeuralKind), f"{name} is counted"
    return record


def reader_kind(name: str) -> ReaderKind:
    """The record of a kind of image reader that there is."""
    record = _record(IMAGE_READERS, name)
    assert isinstance(record, ReaderKind) and record.name == name
    return record


def _record(lines: tuple[Line, ...], name: str) -> Any:
    (line,) = (line for line in lines if line.name == name)
    module, _, attribute = line.record.partition(":")
    return getattr(import_module(module), attribute)
