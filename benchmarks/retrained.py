"""What a part of a Transformer is worth where the model never had it: small ones, each trained without one part.

    python -m benchmarks worth --retrain             all of them, printed as a table
    python -m benchmarks worth --retrain --only whole positions

A part that is taken from a trained model is missed by all that learnt to lean on it. A model that is trained without it
finds another way where there is one; what is lost then is what the part itself is worth. Short pairs of Tatoeba with
the bundled vocabulary; the same steps, batches and seed for all.

Dimensions: B batch, S source, T target, D model.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn

from benchmarks.comparison import say
from dragoman.corpus.batches import Batch, collate, epoch_order, plan_batches
from dragoman.corpus.pairs import read_corpus
from dragoman.decoding.options import DecodingOptions
from dragoman.decoding.search import search
from dragoman.errors import UsageError
from dragoman.evaluate import scored
from dragoman.ids import PAD
from dragoman.model.directory import BUNDLED, open_model
from dragoman.text.tokenizer import Tokenizer
from dragoman.training.optimizer import Optimizer, OptimizerConfig
from dragoman.training.run import carry_out
from dragoman.training.session import Session
from dragoman.training.settings import RunConfig, TrainingConfig, ValidationConfig
from dragoman.training.task import Task
from dragoman.training.tasks.networks import MeasuredScores
from dragoman.training.tasks.validate import trained
from dragoman.transformer.decoder import Decoder
from dragoman.transformer.embedding import InputEmbedding
from dragoman.transformer.model import Transformer, TransformerConfig
from dragoman.transformer.parts import Parts
from dragoman.transformer.sublayers import Residual

TRAIN, DEV = "corpus/tatoeba/train.tsv.gz", "corpus/tatoeba/dev.tsv.gz"
RUNS = Path("runs/retrained")
LONGEST = 12  # tokens of a side
SHAPE = TransformerConfig(128, 256, 4, 2, 2, norm="pre", dropout=0.1)
CONFIG = RunConfig(
    optimizer=OptimizerConfig("muon", peak_lr=3e-3, schedule="cosine", warmup_steps=100, ema_decay=0.99),
    training=TrainingConfig(batch_tokens=2048, max_steps=2000, workers=1),
    validation=ValidationConfig(metric="loss", every=1000),
)


class Unmasked(Decoder):
    """Teacher forcing in which every position sees all of them, its own label among them."""

    def forward(self, x: Tensor, memory: Tensor, memory_mask: Tensor | None) -> Tensor:
        for layer in self.layers:
            x = layer(x, memory, None, memory_mask)
        return x if self.norm is None else self.norm(x)


class Alone(Residual):
    """A sublayer's answer without what it was asked about: nothing goes past it."""

    def after(self, x: Tensor, y: Tensor) -> Tensor:
        y = self.dropout(y)
        return y if self.pre_norm else self.norm(y)


class Unplaced(InputEmbedding):
    """Words by themselves: nothing tells where they stand, since sinusoids act nowhere else."""

    def forward(self, tokens: Tensor, table: nn.Embedding, offset: int = 0) -> Tensor:
        return self.dropout(table(tokens) * self.scale)


@dataclass(frozen=True)
class Without:
    """A model that differs from the whole one in one thing."""

    about: str
    settings: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, Any] = field(default_factory=dict)

    def build(self, vocabulary: int, parts: Parts) -> Transformer:
        """Of the page's blocks, or faster ones of the same; those that differ are the ones that are read here."""
        own = replace(parts, transformer=None, **self.parts)
        return Transformer(replace(SHAPE, **self.settings), vocabulary, vocabulary, own)


VARIANTS = {
    "whole": Without("the whole model (pre-norm, four heads)"),
    "post_norm": Without("post-norm, as in the paper", {"norm": "post"}),
    "one_head": Without("one head of 128 instead of four of 32", {"n_heads": 1}),
    "positions": Without("without positions", parts={"embedding": Unplaced}),
    "causal_mask": Without("without the causal mask", parts={"decoder": Unmasked}),
    "residual": Without("without residual connections", parts={"residual": Alone}),
}


# -- short pairs ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pairs:
    """Sentence pairs as ids, and the text of their targets."""

    source: list[list[int]]
    target: list[list[int]]
    texts: list[str]

    @classmethod
    def of(cls, path: str, tokenizer: Tokenizer, most: int | None = None) -> Pairs:
        """The first `most` whose sides have LONGEST tokens at most."""
        pairs = list(read_corpus([Path(path)], "en", "zh"))
        sides = (
            tokenizer.encode_batch([getattr(pair, name) for pair in pairs]) for name in ("source", "target")
        )
        rows = [
            (source, target, pair.target)
            for source, target, pair in zip(*sides, pairs, strict=True)
            if 0 < len(source) <= LONGEST and 0 < len(target) <= LONGEST
        ][:most]
        source, target, texts = (list(column) for column in zip(*rows, strict=True))
        return cls(source, target, texts)

    def batches(self, budget: int, order: np.random.Generator | None = None) -> Iterator[Batch]:
        lengths = (np.array([len(row) for row in side]) for side in (self.source, self.target))
        for rows in plan_batches(*lengths, budget, order):
            yield collate([self.source[i] for i in rows], [self.target[i] for i in rows])


class ShortPairs:
    """What all are trained on (training.task.Data)."""

    def __init__(self, pairs: Pairs, seed: int) -> None:
        self.pairs, self.seed = pairs, seed
        self.fingerprint = sha256(repr(pairs.source).encode()).hexdigest()
        self.report = f"{len(pairs.source):,} pairs of at most {LONGEST} tokens a side"

    def epoch(self, epoch: int, start: int, budget: int) -> Iterator[Batch]:
        for number, batch in enumerate(self.pairs.batches(budget, epoch_order(self.seed, epoch))):
            if number >= start:
                yield batch

    def batches_per_epoch(self, budget: int) -> int:
        return sum(1 for _ in self.pairs.batches(budget))

    def largest_batch(self, budget: int) -> Batch:
        return max(self.pairs.batches(budget), key=lambda batch: batch.source.numel() + batch.target.numel())


# -- measuring --------------------------------------------------------------------------------------------------


@dataclass
class Measured:
    """Loss in nats a token and BLEU on the dev pairs, of the averaged weights (training.task.Validator)."""

    dev: Pairs
    tokenizer: Tokenizer
    found: dict[str, float] = field(default_factory=dict)

    def validate(self, model: nn.Module, optimizer: Optimizer, step: int) -> MeasuredScores:
        assert isinstance(model, Transformer)
        with trained(model, optimizer):
            total, tokens = 0.0, 0
            for batch in self.dev.batches(2048):
                loss = model.loss(batch)
                total, tokens = total + float(loss.nll), tokens + loss.tokens
            bleu, _ = scored(self.translations(model), self.dev.texts, "zh", True)
        self.found = {"loss": total / tokens, "bleu": bleu}
        return MeasuredScores((float(step),), self.found)  # the last is the one that counts

    def translations(self, model: Transformer) -> list[str]:
        options = DecodingOptions(beam_size=1, max_length=2 * LONGEST, max_length_ratio=0.0)
        texts = []
        for start in range(0, len(self.dev.source), 50):
            source = collate(self.dev.source[start : start + 50], self.dev.target[start : start + 50]).source
            found = search(model, source, source != PAD, options)
            texts += [self.tokenizer.decode(best.tokens) for best, *_ in found]
        return texts

    def keep(self, *_: Any) -> None:
        """Nothing is kept of it but its scores."""

    def fault(self) -> str | None:
        return None


def measure(
    names: Sequence[str], config: RunConfig, pairs: int, runs: Path = RUNS
) -> dict[str, dict[str, float]]:
    """Train each and measure it: name -> loss and bleu."""
    tokenizer = open_model(BUNDLED / "en-zh-tiny").source_tokenizer
    train, dev = Pairs.of(TRAIN, tokenizer), Pairs.of(DEV, tokenizer, pairs)
    data, found = ShortPairs(train, config.training.seed), {}
    for name in names:
        measured = Measured(dev, tokenizer)
        build: Callable[[Parts], nn.Module] = partial(VARIANTS[name].build, tokenizer.vocab_size)
        task = Task(
            build, data, measured, data.report, "python -m benchmarks worth --retrain", data.fingerprint
        )
        torch.manual_seed(config.training.seed)
        say(f"training {VARIANTS[name].about}")
        carry_out(
            runs / name, config, lambda task=task: task, Session(Console(file=sys.stderr, soft_wrap=True))
        )
        found[name] = measured.found
    return found


def table(found: dict[str, dict[str, float]]) -> str:
    """In Markdown, a row for each."""
    rows = (
        f"| {VARIANTS[name].about} | {one['bleu']:.1f} | {one['loss']:.2f} |" for name, one in found.items()
    )
    return "\n".join(("| trained | BLEU | loss |", "|---|--:|--:|", *rows))


def main(only: Sequence[str], pairs: int, steps: int) -> None:
    if unknown := set(only) - VARIANTS.keys():
        raise UsageError(f"--only {', '.join(sorted(unknown))}: there are {', '.join(VARIANTS)}")
    every = CONFIG.validation.every if steps > CONFIG.validation.every else steps
    config = replace(
        CONFIG,
        training=replace(CONFIG.training, max_steps=steps),
        validation=replace(CONFIG.validation, every=every),
    )
    print(table(measure(only or list(VARIANTS), config, pairs)))
