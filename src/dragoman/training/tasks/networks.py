"""What trainings of language models and of readers of images have in common: scores, validator, first weights.

What is particular to a kind of directory is its Sealing; what is measured is handed in. Runs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import Field, asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from torch import nn

from dragoman.errors import ModelError
from dragoman.text.vocabulary import Vocabulary
from dragoman.training.optimizer import Optimizer
from dragoman.training.task import Settings
from dragoman.training.tasks.validate import trained, weights_to_seal
from dragoman.transformer.parts import Parts


class Configured(Settings, Protocol):
    """The settings of a run, a dataclass, that have a [model]."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def model(self) -> Any:
        """Of its kind's own class."""


@dataclass(frozen=True)
class MeasuredScores:
    """What one validation measured on what is held out; see task.Scores."""

    rank: tuple[float, ...]  # larger is better
    found: Mapping[str, float]  # by name, in the units of the name
    samples: tuple[str, ...] = ()

    def numbers(self) -> dict[str, float]:
        return {name: round(value, 4) for name, value in self.found.items()}


@dataclass(frozen=True)
class Sealing:
    """How a trained network of some kind becomes a directory."""

    title: str  # of its card
    on: str  # what it was measured on, as the card says it
    write: Callable[..., None]  # model.networks.write_network, or one that takes the same
    open: Callable[[Path], object]  # raises ModelError


@dataclass(frozen=True)
class NetworkValidator:
    """Measures, and seals the model that is worth keeping."""

    output: Path
    config: Configured
    vocabulary: Vocabulary
    size: str
    measure: Callable[[nn.Module], MeasuredScores]
    sealing: Sealing
    about: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # further sections of config.toml

    def validate(self, model: nn.Module, optimizer: Optimizer, step: int) -> MeasuredScores:
        with trained(model, optimizer):
            return self.measure(model)

    def keep(
        self, scores: MeasuredScores, step: int, seconds: float, parameters: int, optimizer: Optimizer
    ) -> None:
        weights = weights_to_seal(optimizer, self.config.training.weights)
        found = "\n".join(f"- {name}: {value:.3f}" for name, value in scores.numbers().items())
        card = (
            f"# {self.sealing.title}\n\n{parameters:,} parameters, step {step:,}, {seconds / 60:.0f} minutes of "
            f"training on {self.size}.\n\n## {self.sealing.on}\n\n{found}\n"
        )
        sections = {name: section for name, section in asdict(self.config).items() if name != "model"}
        record = {**sections, **self.about}
        self.sealing.write(self.output, self.config.model, weights, self.vocabulary, record, card)

    def fault(self) -> str | None:
        """Why the model of the output directory cannot be used."""
        try:
            self.sealing.open(self.output)
        except ModelError as error:
            return str(error)
        return None


class Opened(Protocol):
    """A directory of a trained network."""

    @property
    def module(self) -> nn.Module:
        """Its weights are where a further training begins."""


def made(build: Callable[[Parts], nn.Module], base: Opened | None, parts: Parts) -> nn.Module:
    """The model, with the weights of `base` where there is one."""
    model = build(parts)
    if base is not None:
        model.load_state_dict(base.module.state_dict())
    return model
