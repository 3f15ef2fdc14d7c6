"""Training a language model, from lines of text to sealed model: its data, its model, its validation, its presets.

The run is run.py's, the same as a translator's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import nn

from dragoman.corpus.monolingual import Splitter
from dragoman.errors import ConfigError, CorpusError
from dragoman.lineage.bert import BertConfig
from dragoman.lineage.gpt import GptConfig
from dragoman.lineage.lmdir import KINDS, MASK, LmDirectory, ModelConfig, Vocabulary, write_lm
from dragoman.lineage.nnlm import NnlmConfig
from dragoman.lineage.rnn import RnnLmConfig
from dragoman.text.wordpiece import WordPiece
from dragoman.training.optimizer import Optimizer, OptimizerConfig
from dragoman.training.run import Result, carry_out
from dragoman.training.settings import TrainingConfig, ValidationConfig
from dragoman.training.task import Data, Task
from dragoman.training.tasks.masking import MaskedData, Words
from dragoman.training.tasks.texts import Split, TextConfig, TextData, split
from dragoman.training.tasks.validate import trained
from dragoman.transformer.parts import Parts


@dataclass(frozen=True)
class LmRunConfig:
    """A whole run; the sections of its TOML file are these fields."""

    data: TextConfig = field(default_factory=TextConfig)
    model: Any = None  # of a kind's own class, below
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)

    def __post_init__(self) -> None:
        if self.validation.metric != "loss":
            raise ConfigError("validation.metric must be 'loss': a language model writes no translations")
        window = getattr(self.model, "window", 0)
        if window > self.data.longest:
            raise ConfigError(
                f"model.window = {window} is more than data.longest = {self.data.longest} tokens"
            )
        longest = getattr(self.model, "max_length", None)
        if longest is not None and self.data.longest > longest:
            raise ConfigError(
                f"data.longest = {self.data.longest} is more than the model.max_length = {longest} positions of the "
                "model"
            )


@dataclass(frozen=True)
class NnlmRun(LmRunConfig):
    model: NnlmConfig = field(default_factory=NnlmConfig)


@dataclass(frozen=True)
class RnnLmRun(LmRunConfig):
    model: RnnLmConfig = field(default_factory=RnnLmConfig)


@dataclass(frozen=True)
class GptRun(LmRunConfig):
    model: GptConfig = field(default_factory=GptConfig)


@dataclass(frozen=True)
class BertRun(LmRunConfig):
    model: BertConfig = field(default_factory=BertConfig)


RUNS: dict[str, type[LmRunConfig]] = {"nnlm": NnlmRun, "rnn": RnnLmRun, "gpt": GptRun, "bert": BertRun}

_COMMON: dict[str, dict[str, Any]] = {
    "optimizer": {"schedule": "cosine", "warmup_steps": 200, "weight_decay": 0.05, "ema_decay": 0.99},
    "training": {"batch_tokens": 2048, "max_steps": 3000, "label_smoothing": 0.0},
    "validation": {"metric": "loss", "every": 500},
}


def defaults(kind: str) -> dict[str, dict[str, Any]]:
    """What a run of a kind begins with, before anybody asks for anything else."""
    rate = {"nnlm": 2e-3, "rnn": 3e-3, "gpt": 2e-3, "bert": 1e-3}[kind]
    return {**_COMMON, "optimizer": {**_COMMON["optimizer"], "peak_lr": rate}}


# -- validation -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LmScores:
    """One look at the dev text."""

    value: float
    found: Mapping[str, float]
    samples: tuple[str, ...] = ()

    def numbers(self) -> dict[str, float]:
        return {name: round(value, 4) for name, value in self.found.items()}


@dataclass(frozen=True)
class LmValidator:
    """Measures, and seals the model that is worth keeping."""

    output: Path
    config: LmRunConfig
    vocabulary: Vocabulary
    size: str
    measure: Callable[[nn.Module], LmScores]

    def validate(self, model: nn.Module, optimizer: Optimizer, step: int) -> LmScores:
        with trained(model, optimizer):
            return self.measure(model)

    def keep(
        self, scores: LmScores, step: int, seconds: float, parameters: int, optimizer: Optimizer
    ) -> None:
        dtype = getattr(torch, self.config.training.weights)
        weights = {
            name: weight.detach().to("cpu", dtype).numpy()
            for name, weight in optimizer.parameters.named(optimizer.average).items()
        }
        found = "\n".join(f"- {name}: {value:.3f}" for name, value in scores.numbers().items())
        card = (
            f"# Language model ({self.config.model.kind})\n\n{parameters:,} parameters, step {step:,}, "
            f"{seconds / 60:.0f} minutes of training on {self.size}.\n\n## Dev text at that step\n\n{found}\n"
        )
        write_lm(self.output, self.config.model, weights, self.vocabulary, self.record(), card)

    def record(self) -> dict[str, dict[str, Any]]:
        """What else config.toml tells of the run."""
        names = [part.name for part in fields(self.config) if part.name != "model"]
        return {name: asdict(getattr(self.config, name)) for name in names}


def _nats(model: nn.Module, batches: Sequence[Any]) -> tuple[float, int]:
    """Negative log-likelihood of the labels, in nats, and how many there are."""
    device, total, tokens = next(model.parameters()).device, 0.0, 0
    for batch in batches:
        found = model.loss(batch.to(device))  # type: ignore[operator]
        total, tokens = total + float(found.nll), tokens + found.tokens
    return total, tokens


def _measured(batches: Sequence[Any], characters: int, model: nn.Module) -> LmScores:
    nats, tokens = _nats(model, batches)
    per_character = math.exp(nats / characters)
    return LmScores(-nats, {"loss": nats / tokens, "perplexity_per_character": per_character})


def _measured_masked(data: MaskedData, batches: Sequence[Any], model: nn.Module) -> LmScores:
    nats, tokens = _nats(model, batches)
    found = {"loss": nats / tokens, "perplexity_of_masked": math.exp(nats / tokens)}
    if data.config.next_sentence:
        device, right, asked = next(model.parameters()).device, 0, 0
        for batch in batches:
            batch = batch.to(device)
            hidden = model.encode(batch.source, batch.source_mask, batch.segments)  # type: ignore[operator]
            said = model.follows(hidden).argmax(-1)  # type: ignore[operator]
            right, asked = right + int((said == batch.follows).sum()), asked + len(said)
        found["next_sentence_accuracy"] = right / asked
    return LmScores(-nats / tokens, found)


# -- a run ------------------------------------------------------------------------------------------------------


def start(
    lines: Sequence[str],
    dev: Sequence[str],
    output: Path,
    config: LmRunConfig,
    splitter: Splitter | WordPiece,
    console: Console,
    *,
    resume: bool = False,
    max_minutes: float | None = None,
    tensorboard: bool = False,
    base: LmDirectory | None = None,
) -> Result:
    """Train a language model on lines of text into `output`.

    With `base`, training begins at its weights and keeps its tokens; config.model must be that of `base`.

    Raises CorpusError, ConfigError, TrainingError; whatever is raised, the last checkpoint stays good.
    """
    model: ModelConfig = config.model
    if base is not None and base.config["model"] != asdict(model):
        raise ConfigError(f"a model that is trained further keeps its shape: that of {base.path}")

    def task() -> Task:
        given = split(lines, dev, config.data, config.training.seed)
        extra = (MASK,) if isinstance(model, BertConfig) else ()
        vocabulary = base.vocabulary if base else Vocabulary.of(given.train, splitter, extra)
        data, measure = _data(config, given, vocabulary, output / "data")
        size = data.report
        validator = LmValidator(output, config, vocabulary, size, measure)
        verb = "fill" if isinstance(model, BertConfig) else "sample"
        usage = f"dragoman lm {verb} -m {output}" + (' "...[MASK]..."' if verb == "fill" else "")
        return Task(partial(_model, model, len(vocabulary.words), base), data, validator, size, usage)

    return carry_out(
        output, config, task, console, resume=resume, max_minutes=max_minutes, tensorboard=tensorboard
    )


def _data(
    config: LmRunConfig, given: Split, vocabulary: Vocabulary, directory: Path
) -> tuple[Data, Callable[[nn.Module], LmScores]]:
    budget, seed = config.training.batch_tokens, config.training.seed
    if isinstance(config.model, BertConfig):
        masked = MaskedData(
            given, vocabulary.encode, Words.of(vocabulary.words, vocabulary.splitter.unit), config.data, seed
        )
        return masked, partial(_measured_masked, masked, masked.dev_batches(budget))
    data = TextData(directory, given, vocabulary.encode, len(vocabulary.words), config.data, seed)
    if isinstance(config.model, NnlmConfig) and data.longest < config.model.window:
        raise CorpusError(
            f"the corpus is too small for model.window = {config.model.window}: its longest line has "
            f"{data.longest:,} tokens; use more text or a smaller window"
        )
    characters = sum(len(line) + 1 for line in data.dev)
    return data, partial(_measured, data.dev_batches(budget), characters)


def _model(config: ModelConfig, vocab: int, base: LmDirectory | None, parts: Parts) -> nn.Module:
    model = KINDS[config.kind][1](config, vocab, parts)
    if base is not None:
        model.load_state_dict(base.module.state_dict())
    return model
