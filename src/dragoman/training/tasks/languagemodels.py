"""Training a language model, from lines of text to sealed model: its data, its model, its validation. Runs nothing.

The run is run.py's. What is particular to a kind stands in its record (lineage/kinds.py), and what is particular to an
objective in OBJECTIVES.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, make_dataclass
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from torch import nn

from dragoman.errors import ConfigError, CorpusError
from dragoman.lineage.kinds import Objective, neural_kind
from dragoman.model.languagemodels import LmDirectory, open_lm, write_lm
from dragoman.text.splitter import Splitter
from dragoman.text.vocabulary import MASK, Vocabulary
from dragoman.text.wordpiece import WordPiece
from dragoman.training.optimizer import OptimizerConfig
from dragoman.training.outlook import Result
from dragoman.training.run import carry_out
from dragoman.training.session import Session
from dragoman.training.settings import TrainingConfig, ValidationConfig
from dragoman.training.task import Data, Task
from dragoman.training.tasks.masking import MaskedData, Words
from dragoman.training.tasks.networks import MeasuredScores, NetworkValidator, Sealing, made
from dragoman.training.tasks.texts import Split, TextConfig, TextData, split
from dragoman.transformer.parts import Parts


@dataclass(frozen=True)
class LmRunConfig:
    """A whole run; the sections of its TOML file are these fields."""

    data: TextConfig = field(default_factory=TextConfig)
    model: Any = None  # of its kind's own class: see run_config
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)

    def __post_init__(self) -> None:
        if self.validation.metric != "loss":
            raise ConfigError("validation.metric must be 'loss': a language model writes no translations")
        self.training.refuse_guiding("a language model has no cross-attention that could be guided")
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


@cache
def run_config(kind: str) -> type[LmRunConfig]:
    """What a run of this kind can be told: the sections of all, and its own [model]."""
    section = neural_kind(kind).config
    model = ("model", section, field(default_factory=section))
    made = make_dataclass(
        section.__name__.replace("Config", "Run"), [model], bases=(LmRunConfig,), frozen=True
    )
    made.__module__ = __name__
    return made


_COMMON: dict[str, dict[str, Any]] = {
    "optimizer": {"schedule": "cosine", "warmup_steps": 200, "weight_decay": 0.05, "ema_decay": 0.99},
    "training": {"batch_tokens": 2048, "max_steps": 3000, "label_smoothing": 0.0},
    "validation": {"metric": "loss", "every": 500},
}


def defaults(kind: str) -> dict[str, dict[str, Any]]:
    """What a run of a kind begins with, before anybody asks for anything else."""
    own = neural_kind(kind).defaults
    return {name: {**_COMMON.get(name, {}), **own.get(name, {})} for name in dict.fromkeys((*_COMMON, *own))}


# -- validation -------------------------------------------------------------------------------------------------


def sealing(kind: str) -> Sealing:
    """How a language model of this kind becomes a directory."""
    return Sealing(f"Language model ({kind})", "Dev text at that step", write_lm, open_lm)


def _nats(model: nn.Module, batches: Sequence[Any]) -> tuple[float, int]:
    """Negative log-likelihood of the labels, in nats, and how many there are."""
    device, total, tokens = next(model.parameters()).device, 0.0, 0
    for batch in batches:
        found = model.loss(batch.to(device))  # type: ignore[operator]
        total, tokens = total + float(found.nll), tokens + found.tokens
    return total, tokens


def _measured(batches: Sequence[Any], characters: int, model: nn.Module) -> MeasuredScores:
    nats, tokens = _nats(model, batches)
    found = {"loss": nats / tokens, "perplexity_per_character": perplexity(nats / characters)}
    return MeasuredScores((-nats,), found)


def perplexity(nats: float) -> float:
    """exp of so many nats; of more than a float can hold, the largest power that it can."""
    return math.exp(min(nats, 700.0))


def _measured_masked(data: MaskedData, batches: Sequence[Any], model: nn.Module) -> MeasuredScores:
    nats, tokens = _nats(model, batches)
    found = {"loss": nats / tokens, "perplexity_of_masked": perplexity(nats / tokens)}
    if data.config.next_sentence:
        device, right, asked = next(model.parameters()).device, 0, 0
        for batch in batches:
            batch = batch.to(device)
            hidden = model.encode(batch.source, batch.source_mask, batch.segments)  # type: ignore[operator]
            said = model.follows(hidden).argmax(-1)  # type: ignore[operator]
            right += int((said == batch.follows).sum())  # it says 0 or 1, and -1 stands where nobody asks
            asked += int((batch.follows >= 0).sum())
        found["next_sentence_accuracy"] = right / max(asked, 1)
    return MeasuredScores((-nats / tokens,), found)


# -- a run ------------------------------------------------------------------------------------------------------


def start(
    lines: Sequence[str],
    dev: Sequence[str],
    output: Path,
    config: LmRunConfig,
    splitter: Splitter | WordPiece,
    session: Session,
    base: LmDirectory | None = None,
) -> Result:
    """Train a language model on lines of text into `output`.

    With `base`, training begins at its weights and keeps its tokens; config.model must be that of `base`.

    Raises CorpusError, ConfigError, TrainingError; whatever is raised, the last checkpoint stays good.
    """
    kind = neural_kind(config.model.kind)
    objective = OBJECTIVES[kind.objective]
    if base is not None and base.config["model"] != asdict(config.model):
        raise ConfigError(f"a model that is trained further keeps its shape: that of {base.path}")

    say = partial(session.console.print, markup=False, highlight=False)

    def task() -> Task:
        given = split(lines, dev, config.data, config.training.seed)
        if dev:
            say(f"{len(given.train):,} lines to train on, and {len(given.dev):,} of the dev text")
        else:
            say(
                f"no dev text given: {len(given.dev):,} of {len(lines):,} lines are held out for validation, and "
                f"{len(given.train):,} are trained on"
            )
        vocabulary = base.vocabulary if base else Vocabulary.of(given.train, splitter, objective.extra)
        data, measure = objective.data(config, given, vocabulary, output / "data", say)
        validator = NetworkValidator(output, config, vocabulary, data.report, measure, sealing(kind.name))

        def build(parts: Parts) -> nn.Module:
            return kind.build(config.model, len(vocabulary.words), parts)

        return Task(
            partial(made, build, base), data, validator, data.report, objective.usage.format(output),
            contents=contents_of(vocabulary), further=base is not None,
        )  # fmt: skip

    return carry_out(output, config, task, session)


def contents_of(vocabulary: Vocabulary) -> str:
    """A fingerprint of the tokens and of what cuts text into them."""
    splitter = vocabulary.splitter
    how = splitter.unit, splitter.segmenter, getattr(splitter, "lower", None), vocabulary.words
    total = sha256(repr(how).encode("utf-8", "surrogatepass"))
    if splitter.tokenizer is not None:
        total.update(splitter.tokenizer.serialized)
    return total.hexdigest()


# -- objectives ------------------------------------------------------------------------------------------------

Say = Callable[[str], object]  # tells a person
# The text in batches, and how a model of it is measured.
Prepared = tuple[Data, Callable[[nn.Module], MeasuredScores]]


def _next_tokens(
    config: LmRunConfig, given: Split, vocabulary: Vocabulary, directory: Path, say: Say
) -> Prepared:
    seed, window = config.training.seed, getattr(config.model, "window", 0)
    words = len(vocabulary.words)
    contents = contents_of(vocabulary)
    data = TextData(directory, given, vocabulary.encode, words, config.data, seed, contents, say)
    if data.longest < window:
        raise CorpusError(
            f"the corpus is too small for model.window = {window}: its longest line has {data.longest:,} tokens; "
            "use more text or a smaller window"
        )
    characters = sum(len(line) + 1 for line in data.dev)
    return data, partial(_measured, data.dev_batches(config.training.batch_tokens), characters)


def _masked_tokens(
    config: LmRunConfig, given: Split, vocabulary: Vocabulary, directory: Path, say: Say
) -> Prepared:
    words = Words.of(vocabulary.words, vocabulary.splitter.unit)
    data = MaskedData(given, vocabulary.encode, words, config.data, config.training.seed)
    return data, partial(_measured_masked, data, data.dev_batches(config.training.batch_tokens))


@dataclass(frozen=True)
class TrainedOn:
    """The text that an objective is trained on, and how a model of it is measured."""

    data: Callable[[LmRunConfig, Split, Vocabulary, Path, Say], Prepared]
    usage: str  # a command that uses the trained model
    extra: tuple[str, ...] = ()  # tokens that no text has


OBJECTIVES: dict[Objective, TrainedOn] = {
    "next token": TrainedOn(_next_tokens, "dragoman lm sample -m {}"),
    "masked tokens": TrainedOn(_masked_tokens, 'dragoman lm fill -m {} "...[MASK]..."', (MASK,)),
}
