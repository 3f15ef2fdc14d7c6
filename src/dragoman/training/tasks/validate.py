"""The dev set under the present weights: loss, BLEU, and the sealed model of the best. Changes no training state.

BLEU is measured through a sealed model directory and the Translator, the door that every user comes through.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from dragoman.corpus.batches import Batch
from dragoman.errors import ModelError, TrainingError
from dragoman.evaluate import evaluate
from dragoman.model.directory import ModelDirectory, open_model, write_model
from dragoman.model.kinds import TRANSLATORS
from dragoman.text.directions import Direction, all_told, written
from dragoman.training.optimizer import Optimizer
from dragoman.training.settings import RunConfig, kind_of_model
from dragoman.training.tasks.prepare import TrainingData
from dragoman.translate.translator import Translator

SAMPLES = 2
# Of a BLEU below this, a few n-grams that were hit by chance decide: it says nothing about which model is better.
NOISE = 1.0


@dataclass(frozen=True)
class Scores:
    """What one validation measured; see task.Scores."""

    loss: float  # nats a token
    bleu: float | None = None
    chrf: float | None = None
    samples: tuple[str, ...] = ()
    each: tuple[
        tuple[str, Scores], ...
    ] = ()  # of several directions, each by its name; their means are above

    @classmethod
    def mean(cls, loss: float, each: Mapping[Direction, Scores]) -> Scores:
        """Of several directions, which count alike; `loss` is over all their tokens."""
        if len(each) == 1:
            return next(iter(each.values()))
        bleu, chrf = (
            sum(found) / len(each)
            if (found := [v for one in each.values() if (v := getattr(one, name)) is not None])
            else None
            for name in ("bleu", "chrf")
        )
        samples = tuple(sample for one in each.values() for sample in one.samples)
        return cls(loss, bleu, chrf, samples, tuple((written(way), one) for way, one in each.items()))

    @property
    def rank(self) -> tuple[float, ...]:
        """BLEU, where it ties chrF, and then the loss; the loss alone where nothing was translated."""
        if self.bleu is None or self.chrf is None:
            return (-self.loss,)
        return (self.bleu if self.bleu >= NOISE else 0.0, self.chrf, -self.loss)

    def numbers(self) -> dict[str, float]:
        named: dict[str, float | None] = {"loss": self.loss, "bleu": self.bleu, "chrf": self.chrf}
        for direction, scores in self.each:
            named |= {f"{name} {direction}": value for name, value in scores.numbers().items()}
        return {name: round(value, 4) for name, value in named.items() if value is not None}


class Validator:
    """Measures, and seals the model that is worth keeping."""

    def __init__(
        self,
        output: Path,
        config: RunConfig,
        data: TrainingData,
        look: Callable[[nn.Module, int], None] | None,
        base: ModelDirectory | None = None,
    ) -> None:
        """`look` is called at each validation, with the model (averaged weights, evaluation mode) and the step.

        base: the model that training began at, of which the card tells.
        """
        self.output, self.config, self.data, self.look, self.base = output, config, data, look, base
        most = getattr(config.model, "max_length", None)  # of either side, one of which is </s> or <s>
        self.batches = data.dev_batches(config.training.batch_tokens, most)

    def validate(self, model: nn.Module, optimizer: Optimizer, step: int) -> Scores:
        with trained(model, optimizer):
            losses = {way: self._loss(model, batches) for way, batches in self.batches.items()}
            if self.look is not None:
                self.look(model, step)
        tokens = sum(count for _, count in losses.values())
        loss = sum(total for total, _ in losses.values()) / tokens
        each = {way: Scores(total / count) for way, (total, count) in losses.items()}
        if self.config.validation.metric == "bleu":
            each = self._translated(each, optimizer)
        return Scores.mean(loss, each)

    def _translated(self, each: Mapping[Direction, Scores], optimizer: Optimizer) -> dict[Direction, Scores]:
        """With the scores of the dev set's translations."""
        candidate = self.output / "candidate"
        self._seal(candidate, optimizer, card="")
        found = {}
        with Translator.load(candidate) as translator:
            for way, scores in each.items():
                report = evaluate(
                    translator.toward(*way),
                    self.data.dev[way][: self.config.validation.sentences],
                    beam_size=self.config.validation.beam_size,
                    perplexity=False,
                    protect=False,
                )
                samples = tuple(f"{t.source} -> {t.text}" for t in report.translations[:SAMPLES])
                found[way] = replace(scores, bleu=report.bleu, chrf=report.chrf, samples=samples)
        shutil.rmtree(candidate)
        return found

    def _loss(self, model: nn.Module, batches: Sequence[Batch]) -> tuple[float, int]:
        """Negative log-likelihood of the references, in nats, as it is without smoothing; and of how many tokens."""
        total, tokens = 0.0, 0
        for batch in batches:
            batch = batch.to(next(model.parameters()).device)
            found = model.loss(batch)  # type: ignore[operator]
            total, tokens = total + float(found.nll), tokens + found.tokens
        return total, tokens

    def keep(self, scores: Scores, step: int, seconds: float, parameters: int, optimizer: Optimizer) -> None:
        """Publish the present weights as the model of the output directory."""
        self._seal(self.output, optimizer, card=self._card(scores, step, seconds, parameters))

    def fault(self) -> str | None:
        """Why the model of the output directory cannot be used."""
        try:
            open_model(self.output)
        except ModelError as error:
            return str(error)
        return None

    def _seal(self, directory: Path, optimizer: Optimizer, card: str) -> None:
        weights = weights_to_seal(optimizer, self.config.training.weights)
        settings: dict[str, Any] = {
            **asdict(self.config),
            "model": {"kind": kind_of_model(self.config.model), **asdict(self.config.model)},
            "languages": {"source": self.config.data.source, "target": self.config.data.target},
        }
        if self.config.data.several:
            settings["languages"]["directions"] = self.config.data.directions
        sizes = [tokenizer.vocab_size for tokenizer in self.data.tokenizers.values()]
        settings["tokenizer"]["vocab_size"] = max(
            sizes
        )  # the corpus may have had fewer pieces than were asked for
        serialized = {name: tokenizer.serialized for name, tokenizer in self.data.tokenizers.items()}
        write_model(directory, config=settings, weights=weights, tokenizers=serialized, card=card)

    def _card(self, scores: Scores, step: int, seconds: float, parameters: int) -> str:
        found = "\n".join(f"- {name}: {value:.3f}" for name, value in scores.numbers().items())
        kind = TRANSLATORS[kind_of_model(self.config.model)].title
        return (
            f"# {all_told(self.config.data.ways)}\n\n{kind}, {parameters:,} parameters, step {step:,}, "
            f"{seconds / 60:.0f} minutes of training on {self.data.pairs:,} pairs.\n\n"
            f"## Dev set at that step ({sum(map(len, self.data.dev.values())):,} pairs)\n\n{found}\n\n"
            f"## Cleaning of the corpus\n\n```\n{self.data.report}\n```\n\n"
            "The whole configuration of the run stands in config.toml.\n" + self._began()
        )

    def _began(self) -> str:
        """How the model that training began at came about, in the words of its own card."""
        if self.base is None:
            return ""
        said = "".join(f"> {line}".rstrip() + "\n" for line in self.base.card.splitlines())
        name = self.base.path.name
        return f"\n## Where it began\n\nAt the weights of a model called {name}, whose card says:\n\n{said}"


def weights_to_seal(optimizer: Optimizer, dtype: str) -> dict[str, np.ndarray]:
    """The averaged weights by name, as `dtype`. Raises TrainingError for such as that type cannot hold."""
    found = {}
    for name, weight in optimizer.parameters.named(optimizer.average).items():
        cast = weight.detach().to("cpu", getattr(torch, dtype))
        if not cast.isfinite().all():
            raise TrainingError(
                f"{name} has weights that {dtype} cannot hold: go on with --resume --set training.weights=float32"
            )
        found[name] = cast.numpy()
    return found


@contextmanager
def trained(model: nn.Module, optimizer: Optimizer) -> Iterator[None]:
    """The model with the weights that would be shipped (the moving average), in evaluation mode, no gradients."""
    shadow = optimizer.parameters.shadow
    kept = shadow.clone()
    model.eval()
    try:
        shadow.copy_(optimizer.average)
        with torch.no_grad():
            yield
    finally:
        shadow.copy_(kept)
        model.train()
