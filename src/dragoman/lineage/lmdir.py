"""The directory of a neural language model, text in to numbers and text out: write it, open it. Trains nothing.

config.toml          [model] kind and shape, [tokens] unit; other sections are a record
model.safetensors    the weights
vocabulary.txt       the tokens by id, one a line
tokenizer.model      if the tokens are subwords
card.md              for people; may be absent
manifest.json        the seal of all these (seal.py); nothing is parsed before it is verified

Dimensions: B batch, T tokens.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import numpy as np
import safetensors.numpy
import torch
from torch import nn

from dragoman.config import dump_toml
from dragoman.corpus.batches import pad
from dragoman.corpus.monolingual import Segmenter, Splitter, Unit
from dragoman.decoding.options import DecodingOptions
from dragoman.decoding.search import search
from dragoman.errors import ConfigError, ModelError, UsageError
from dragoman.lineage.bert import Bert, BertConfig
from dragoman.lineage.causal import CausalLM, log_probabilities
from dragoman.lineage.gpt import Gpt, GptConfig
from dragoman.lineage.ngram import SPECIALS
from dragoman.lineage.nnlm import Nnlm, NnlmConfig
from dragoman.lineage.perplexity import Scored
from dragoman.lineage.rnn import RnnLm, RnnLmConfig
from dragoman.model.directory import CARD, CONFIG, WEIGHTS, checked_weights
from dragoman.model.kinds import LARGEST_WIDTH, MOST_LAYERS, assembled
from dragoman.model.seal import read_sealed, write_sealed
from dragoman.text.tokenizer import BOS, EOS, PAD, UNK, Tokenizer
from dragoman.text.wordpiece import WordPiece

VOCABULARY, TOKENIZER = "vocabulary.txt", "tokenizer.model"
PARTS = (CONFIG, WEIGHTS, VOCABULARY, TOKENIZER, CARD)
MASK = "[MASK]"

ModelConfig = NnlmConfig | RnnLmConfig | GptConfig | BertConfig

# Every kind of neural language model: no class is ever looked up by a name that stands in a file.
KINDS: dict[str, tuple[type[ModelConfig], Callable[..., nn.Module]]] = {
    "nnlm": (NnlmConfig, Nnlm),
    "rnn": (RnnLmConfig, RnnLm),
    "gpt": (GptConfig, Gpt),
    "bert": (BertConfig, Bert),
}

_SCORED_AT_ONCE = 1024  # tokens; their logits are V times as many numbers


# -- tokens -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of text, and their ids."""

    words: tuple[str, ...]  # by id; the first four are SPECIALS
    splitter: Splitter | WordPiece

    @classmethod
    def of(
        cls, lines: Sequence[str], splitter: Splitter | WordPiece, extra: tuple[str, ...] = ()
    ) -> Vocabulary:
        """All pieces of a tokenizer; of characters and words, those in the lines. `extra` come last."""
        if splitter.tokenizer is not None:
            return cls((*splitter.tokenizer.vocabulary(), *extra), splitter)
        found = {token for tokens in splitter.split(lines) for token in tokens} - {*SPECIALS, *extra}
        return cls((*SPECIALS, *sorted(found), *extra), splitter)

    @cached_property
    def ids(self) -> dict[str, int]:
        # Not of the special tokens: a text that has "</s>" in it does not end there.
        return {word: i for i, word in enumerate(self.words) if i > EOS}

    def encode(self, lines: Sequence[str]) -> list[list[int]]:
        """Ids of each line, without <s> and </s>; <unk> for what is not in the vocabulary."""
        return [[self.ids.get(token, UNK) for token in tokens] for tokens in self.splitter.split(lines)]

    def decode(self, ids: Sequence[int]) -> str:
        return self.splitter.join([self.words[i] for i in ids if i > EOS])


# -- what a model of text can do --------------------------------------------------------------------------------


@dataclass(frozen=True)
class NeuralLM:
    """A causal language model of text."""

    model: CausalLM
    vocabulary: Vocabulary

    def score(self, lines: Sequence[str]) -> list[Scored]:
        """How probable each line is. Every line counts, empty ones too.

        A line longer than the positions of a GPT is read in windows that overlap by half.
        """
        encoded = self.vocabulary.encode(lines)
        totals = np.zeros(len(lines))
        windows = [
            (i, tokens, first)
            for i, ids in enumerate(encoded)
            for tokens, first in _windows([BOS, *ids, EOS], self.model.longest)
        ]
        windows.sort(key=lambda window: len(window[1]))
        for chosen in _within(windows, _SCORED_AT_ONCE):
            tokens = pad([tokens for _, tokens, _ in chosen])
            found = log_probabilities(self.model, tokens, tokens != PAD)
            for (i, _, first), row in zip(chosen, found, strict=True):
                totals[i] += float(row[first:].sum())
        return [
            Scored(float(total), len(ids) + 1, len(line) + 1, ids.count(UNK))
            for total, ids, line in zip(totals, encoded, lines, strict=True)
        ]

    def sample(self, prompt: str = "", longest: int = 100, temperature: float = 1.0, seed: int = 1) -> str:
        """A text that begins with `prompt`, drawn token by token, of at most `longest` tokens more.

        Raises UsageError for a prompt that fills all positions.
        """
        (ids,) = self.vocabulary.encode([prompt])
        room = longest if self.model.longest is None else min(longest, self.model.longest - len(ids))
        if room < 1:
            raise UsageError(
                f"the prompt has {len(ids):,} tokens, and the model has {self.model.longest:,} positions: shorten it"
            )
        options = DecodingOptions(
            beam_size=1, sample=True, temperature=temperature, seed=seed, max_length=len(ids) + room,
            max_length_ratio=0,
        )  # fmt: skip
        nothing = torch.tensor([[EOS]])
        (best,) = search(
            self.model,
            nothing,
            nothing != PAD,
            options,
            bos=BOS,
            eos=EOS,
            never=(PAD, UNK, BOS),
            prefixes=[ids],
        )[0]
        return self.vocabulary.decode(best.tokens)


def _windows(tokens: list[int], longest: int | None) -> Iterator[tuple[list[int], int]]:
    """Pieces that a model can read, and how many of the predictions of each were made in the piece before."""
    if longest is None or len(tokens) - 1 <= longest:
        yield tokens, 0
        return
    stride = max(longest // 2, 1)
    yield tokens[: longest + 1], 0
    done = longest + 1  # tokens predicted, <s> counted
    while done < len(tokens):
        end = min(done + stride, len(tokens))
        begin = end - longest - 1
        yield tokens[begin:end], done - begin - 1
        done = end


def _within(windows: Sequence[Any], budget: int) -> Iterator[list[Any]]:
    """Windows of rising length in batches of at most so many tokens."""
    batch: list[Any] = []
    for window in windows:
        if batch and len(window[1]) * (len(batch) + 1) > budget:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


# -- on the disk ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LmDirectory:
    """A verified language model of any neural kind."""

    path: Path
    config: dict[str, Any]
    module: nn.Module  # fp32, in evaluation mode
    vocabulary: Vocabulary

    @property
    def kind(self) -> str:
        return str(self.config["model"]["kind"])

    def language_model(self) -> NeuralLM:
        """Raises UsageError for a model that gives no probability to a text."""
        if not isinstance(self.module, CausalLM):
            raise UsageError(
                f"{self.path} holds a model of kind {self.kind!r}, which fills gaps and gives no probability to a "
                "whole text: use dragoman lm fill, or a model of another kind"
            )
        return NeuralLM(self.module, self.vocabulary)


def write_lm(
    directory: Path,
    model: ModelConfig,
    weights: Mapping[str, np.ndarray],
    vocabulary: Vocabulary,
    record: Mapping[str, Mapping[str, Any]],
    card: str = "",
) -> None:
    """Seal a language model in `directory`, in one step; `record` are further sections of config.toml."""
    splitter = vocabulary.splitter
    tokens: dict[str, Any] = {"unit": splitter.unit, "segmenter": splitter.segmenter}
    if isinstance(splitter, WordPiece):
        tokens["lower"] = splitter.lower
    contents = {
        CONFIG: dump_toml({"model": asdict(model), "tokens": tokens, **record}).encode(),
        WEIGHTS: safetensors.numpy.save(
            {name: np.ascontiguousarray(weight) for name, weight in weights.items()}
        ),
        VOCABULARY: "".join(f"{word}\n" for word in vocabulary.words).encode(),
    }
    if splitter.tokenizer is not None:
        contents[TOKENIZER] = splitter.tokenizer.serialized
    if card:
        contents[CARD] = card.encode()
    write_sealed(directory, contents, PARTS)


def open_lm(directory: Path) -> LmDirectory:
    """Read and check the model in `directory`. Raises ModelError, naming the part that is missing or wrong."""
    contents = read_sealed(directory, PARTS)
    try:
        config = tomllib.loads(contents[CONFIG].decode())
        if "tokens" not in config:
            raise ModelError(f"{CONFIG} has no section [tokens]: this is no language model of a neural kind")
        vocabulary = _vocabulary(config["tokens"], contents)
        make, shapes = _make(config["model"], len(vocabulary.words))
        weights = checked_weights(contents[WEIGHTS], shapes)
    except ModelError as error:
        raise ModelError(f"{directory}: {error}") from error
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise ModelError(f"{directory} holds no language model: {error!r}") from error
    return LmDirectory(directory, config, assembled(make, weights), vocabulary)


def _vocabulary(tokens: Mapping[str, Any], contents: Mapping[str, bytes]) -> Vocabulary:
    unit, units = tokens["unit"], (*get_args(Unit), "wordpiece")
    if unit not in units:
        raise ModelError(f"{CONFIG}: tokens.unit = {unit!r}: must be one of {', '.join(units)}")
    words = tuple(contents[VOCABULARY].decode().split("\n")[:-1])
    if words[: len(SPECIALS)] != SPECIALS:
        raise ModelError(f"{VOCABULARY} begins with {words[:4]}, not with {SPECIALS}")
    if unit == "wordpiece":
        return Vocabulary(words, WordPiece(frozenset(words[len(SPECIALS) :]), bool(tokens["lower"])))
    tokenizer = Tokenizer(contents[TOKENIZER], TOKENIZER) if unit == "subwords" else None
    segmenter = tokens.get("segmenter")
    if segmenter not in (None, *get_args(Segmenter)):
        raise ModelError(
            f"{CONFIG}: tokens.segmenter = {segmenter!r}: must be {' or '.join(get_args(Segmenter))}"
        )
    return Vocabulary(words, Splitter(unit, tokenizer, segmenter))


def _make(model: Mapping[str, Any], vocab: int) -> tuple[Callable[[], nn.Module], dict[str, tuple[int, ...]]]:
    """How the module is made, and the shapes of its weights, found without making any."""
    kind = model.get("kind")
    if kind not in KINDS:
        raise ModelError(f"{CONFIG}: model.kind = {kind!r}: must be one of {', '.join(KINDS)}")
    for key, value in model.items():
        if type(value) is int and value > (MOST_LAYERS if key == "layers" else LARGEST_WIDTH):
            raise ModelError(f"{CONFIG}: model.{key} = {value:,} is too large for any model")
    configure, build = KINDS[str(kind)]
    try:
        config = configure(**model)
    except (TypeError, ConfigError) as error:
        raise ModelError(f"{CONFIG}: [model] describes no model of kind {kind!r}: {error}") from error
    with torch.device("meta"):
        shapes = {name: tuple(weight.shape) for name, weight in build(config, vocab).state_dict().items()}
    return lambda: build(config, vocab), shapes
