"""The dev set under the present weights: loss, BLEU, and the sealed model of the best. Changes no training state.

BLEU is measured through a sealed model directory and the Translator, the door that every user comes through.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from dragoman.bounds import beginning
from dragoman.corpus.batches import Batch
from dragoman.corpus.pairs import Pair
from dragoman.errors import ModelError, TrainingError
from dragoman.evaluate import scored
from dragoman.model.directory import ModelDirectory, open_model, write_model
from dragoman.model.kinds import TRANSLATORS
from dragoman.text.directions import Direction, all_told, sealed_languages, simplified_sides, written
from dragoman.training.optimizer import Optimizer
from dragoman.training.settings import RunConfig, kind_of_model
from dragoman.training.tasks.prepare import TrainingData
from dragoman.translate.translator import Translator

SAMPLES = 2
SAMPLE = (
    120  # characters of each side that are shown: a model that has learnt little repeats itself to the end
)
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
        return self.whole([self.part(model, optimizer, step, (0, 1))])

    def part(
        self, model: nn.Module, optimizer: Optimizer, step: int, share: tuple[int, int]
    ) -> dict[str, Any]:
        """Every so-many-th batch and sentence: the nll of the references, and the translations."""
        number, count = share
        with trained(model, optimizer):
            losses = {way: self._loss(model, batches[number::count]) for way, batches in self.batches.items()}
            if self.look is not None and number == 0:
                self.look(model, step)
        found: dict[str, dict[str, Any]] = {
            written(way): {"nll": nll, "tokens": tokens} for way, (nll, tokens) in losses.items()
        }
        if self.config.validation.metric == "loss":
            return found
        with self._candidate(number) as candidate:
            self._seal(candidate, optimizer, card="")
            with Translator.load(candidate) as translator:
                for way in losses:
                    texts = translator.toward(*way).translate(
                        [pair.source for pair in self._measured(way)[number::count]],
                        beam_size=self.config.validation.beam_size,
                        protect=False,
                    )
                    found[written(way)]["texts"] = [one.text for one in texts]
        return found

    @contextmanager
    def _candidate(self, number: int) -> Iterator[Path]:
        """Where a model is sealed to be measured. The output directory may be that of another machine."""
        if number:
            with tempfile.TemporaryDirectory(prefix="dragoman-") as place:
                yield Path(place) / "candidate"
            return
        yield self.output / "candidate"
        shutil.rmtree(self.output / "candidate")

    def whole(self, parts: Sequence[Mapping[str, Any]]) -> Scores:
        """BLEU and chrF of all translations, which the parts have in turn; of each direction, and their means."""
        each = {way: self._of_direction(way, [part[written(way)] for part in parts]) for way in self.batches}
        counted = [one for part in parts for one in part.values()]
        loss = sum(one["nll"] for one in counted) / sum(one["tokens"] for one in counted)
        return Scores.mean(loss, each)

    def _of_direction(self, way: Direction, parts: Sequence[Mapping[str, Any]]) -> Scores:
        loss = sum(part["nll"] for part in parts) / sum(part["tokens"] for part in parts)
        if self.config.validation.metric == "loss":
            return Scores(loss)
        pairs = self._measured(way)
        texts = [parts[i % len(parts)]["texts"][i // len(parts)] for i in range(len(pairs))]
        simplify = simplified_sides(self.config.cleaning.simplify, self.config.data.ways[0], way)
        bleu, chrf = scored(texts, [pair.target for pair in pairs], way[1], simplify in ("target", "both"))
        samples = tuple(
            f"{beginning(pair.source, SAMPLE)} -> {beginning(text, SAMPLE)}"
            for pair, text in zip(pairs[:SAMPLES], texts, strict=False)
        )
        return Scores(loss, bleu, chrf, samples)

    def _measured(self, way: Direction) -> list[Pair]:
        return self.data.dev[way][: self.config.validation.sentences]

    def _loss(self, model: nn.Module, batches: Sequence[Batch]) -> tuple[float, int]:
        """Summed negative log-likelihood of the references in nats, without smoothing, and their tokens."""
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
            "languages": sealed_languages(asdict(self.config.data)),
        }
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
    for name, weight in optimizer.model.named(optimizer.averaged()).items():
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
    shadow = optimizer.model.shadow
    kept = shadow.clone()
    model.eval()
    try:
        shadow.copy_(optimizer.averaged())
        with torch.no_grad():
            yield
    finally:
        shadow.copy_(kept)
        model.train()
