"""Dragoman's training steps, put together from the parts that `dragoman train` uses. Compares nothing, logs nothing."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, count, repeat
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import inputs
from benchmarks.timing import Stopwatch
from dragoman.corpus.batches import Batch, collate
from dragoman.corpus.pairs import Pair, write_pairs
from dragoman.ids import EOS
from dragoman.processor import keep_few_kernels, keep_freed_memory
from dragoman.protocols import Loss
from dragoman.training.cpu import kernels
from dragoman.training.cpu.dropout import BYTES
from dragoman.training.cpu.fused import FUSED
from dragoman.training.gradients import Workers, side_by_side
from dragoman.training.loop import train as steps_of
from dragoman.training.loss import LabelSmoothing
from dragoman.training.optimizer import Optimizer, OptimizerConfig
from dragoman.training.parameters import FlatParameters
from dragoman.training.tasks.prepare import TrainingData, prepare
from dragoman.training.tasks.validate import trained
from dragoman.transformer.model import Transformer, TransformerConfig, transformer

MAX_STEPS = 100_000  # more than any turn lasts
WARMUP_STEPS = 300
PRECISIONS = {"bf16": torch.bfloat16, "fp32": torch.float32}


@dataclass(frozen=True)
class Assembled:
    """A model with everything that makes its steps."""

    model: Transformer
    workers: Workers
    optimizer: Optimizer


def assembled(
    size: dict[str, Any],
    dropout: float,
    optimizer: OptimizerConfig,
    precision: str,
    workers: int,
    steps: int,
    fused: bool = True,
    kind: Callable[[FlatParameters, OptimizerConfig, int], Optimizer] = Optimizer,
) -> Assembled:
    """As a training run puts them together; `size` holds the fields of benchmarks.sizes.Size."""
    keep_few_kernels()
    keep_freed_memory()
    torch.manual_seed(1)
    config = TransformerConfig(
        d_model=size["d_model"],
        d_ff=size["d_ff"],
        n_heads=size["n_heads"],
        encoder_layers=size["layers"],
        decoder_layers=size["layers"],
        norm="pre",
        dropout=dropout,
    )
    quick = fused and precision == "bf16" and kernels.library() is not None
    model = transformer(config, size["vocab"], size["vocab"], FUSED if quick else BYTES).train()
    parameters = FlatParameters(model, PRECISIONS[precision])
    made = side_by_side(model, parameters, partial(_loss, LabelSmoothing(compiled=fused)), workers)
    return Assembled(model, made, kind(parameters, optimizer, steps))


@dataclass(frozen=True)
class Method:
    """How steps are taken, as other arms of a comparison are told in the same words."""

    size: dict[str, Any]  # the fields of benchmarks.sizes.Size
    dropout: float
    optimizer: str
    precision: str
    workers: int
    fused: bool = True

    def assembled(self, steps: int, **schedule: Any) -> Assembled:
        """The model and all that makes its steps; `schedule` are further settings of the optimiser."""
        config = OptimizerConfig(kind=self.optimizer, **schedule)  # type: ignore[arg-type]
        return assembled(self.size, self.dropout, config, self.precision, self.workers, steps, self.fused)


def train(
    directory: str,
    languages: Sequence[str],
    batch_tokens: int,
    *,
    warm_up: int,
    seconds: float,
    **method: Any,
) -> dict[str, float]:
    """Steps on a prepared corpus, from its files on disk to new weights; `method`: see Method."""
    told = Method(**method)
    return timed(_epochs(_data(directory, languages, told), batch_tokens), told, warm_up, seconds)


def timed(batches: Iterable[Batch], method: Method, warm_up: int, seconds: float) -> dict[str, float]:
    """Steps on these batches, which must not run out; the time to get a batch counts."""
    made = method.assembled(MAX_STEPS)
    watch = Stopwatch(warm_up, seconds)
    before = time.perf_counter()
    for step in steps_of(made.workers, iter(batches), made.optimizer):
        now = time.perf_counter()
        if watch.step(now - before, step.tokens):
            break
        before = now
    return watch.result() | {"parameters": made.optimizer.model.size}


def _data(directory: str, languages: Sequence[str], method: Method) -> TrainingData:
    recipe = inputs.recipe(languages[0], languages[1], method.size["vocab"])
    return TrainingData(Path(directory), recipe, lambda text: None)


def _epochs(data: TrainingData, batch_tokens: int) -> Iterator[Batch]:
    return chain.from_iterable(data.epoch(epoch, 0, batch_tokens) for epoch in count())


def _loss(criterion: LabelSmoothing, model: Any, batch: Any) -> Loss:
    found: Loss = model.loss(batch, criterion)
    return found


def random_sentences(
    length: int, batch_tokens: int, *, warm_up: int, seconds: float, **method: Any
) -> dict[str, float]:
    """Steps on batches of random ids, each side of each sentence `length` tokens long with its special ones."""
    told, draw = Method(**method), np.random.default_rng(1)
    words = draw.integers(EOS + 1, told.size["vocab"], (2, max(1, batch_tokens // length), length - 1))
    return timed(repeat(collate(*words.tolist())), told, warm_up, seconds)


def prepare_lines(
    directory: str, languages: Sequence[str], files: Sequence[str], lines: int, vocab: int
) -> dict[str, float]:
    """Clean, learn the vocabulary and encode a corpus of so many different pairs, made from a smaller one."""
    where = Path(directory)
    shutil.rmtree(where, ignore_errors=True)
    where.mkdir(parents=True)
    found = inputs.Corpus(tuple(map(Path, files)), languages[0], languages[1])
    write_pairs(where / "lines.tsv", _numbered(found, lines))
    started = time.perf_counter()
    data = prepare(
        [where / "lines.tsv"], (), where, inputs.recipe(languages[0], languages[1], vocab), lambda text: None
    )
    data.ids(0)
    return {"seconds": time.perf_counter() - started, "pairs": data.pairs + sum(map(len, data.dev.values()))}


def _numbered(corpus: inputs.Corpus, lines: int) -> Iterator[Pair]:
    """The corpus over and over; a number after both sides keeps its repetitions from being duplicates."""
    for turn in count():
        for pair in corpus.pairs():
            if lines == 0:
                return
            yield Pair(f"{pair.source} {turn}", f"{pair.target} {turn}")
            lines -= 1


def learn(
    directory: str, languages: Sequence[str], batch_tokens: int, *, peak_lr: float, steps: int, every: int,
    **method: Any,
) -> dict[str, Any]:  # fmt: skip
    """Train for so many steps; [step, seconds, validation loss] every few. Looking is not counted as time."""
    told = Method(**method)
    data = _data(directory, languages, told)
    warmup = min(WARMUP_STEPS, steps // 4)
    made = told.assembled(steps, peak_lr=peak_lr, schedule="cosine", warmup_steps=warmup)
    (dev,) = data.dev_batches(batch_tokens).values()
    curve: list[list[float]] = []
    taken: list[float] = []
    before = time.perf_counter()
    for step in steps_of(made.workers, _epochs(data, batch_tokens), made.optimizer):
        taken.append(time.perf_counter() - before)
        if step.number % every == 0 or step.number == steps:
            with trained(made.model, made.optimizer):
                losses = [made.model.loss(batch) for batch in dev]
            loss = sum(float(found.nll) for found in losses) / sum(found.tokens for found in losses)
            curve.append([step.number, sum(taken), loss])
        if step.number == steps:
            break
        before = time.perf_counter()
    return {
        "curve": curve,
        "best_loss": min(loss for _, _, loss in curve),
        "step_seconds": statistics.median(taken),
    }
