"""What a run asks of the thing it trains: batches, a validator, a configuration. Holds no code that runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

import torch
from torch import nn

from dragoman.training.gpu.static import DeviceLoader
from dragoman.training.gradients import SplittableBatch
from dragoman.training.optimizer import Optimizer, OptimizerConfig
from dragoman.training.settings import TrainingConfig, ValidationConfig
from dragoman.transformer.parts import Parts


class RunBatch(SplittableBatch, Protocol):
    """A batch that a run can train on."""

    def to(self, device: torch.device) -> Self:
        """The same batch on `device`."""

    def twice(self) -> SplittableBatch:
        """All sentences, and then all of them again: for two passes under different dropout masks."""


class Data(Protocol):
    """What is trained on: batches of any epoch from any position, each within a budget of tokens."""

    fingerprint: str  # of the corpus: a run is resumed on the same one only
    report: str  # on what the corpus holds, for people

    def epoch(self, epoch: int, start: int, budget: int) -> Iterator[RunBatch]:
        """The batches of an epoch (from 0) from position `start` on, a pure function of these and the seed.

        `budget` bounds the tokens of a batch: sentences x longest side, padding included.
        """

    def largest_batch(self, budget: int) -> RunBatch:
        """The batch that needs most memory: what fits for it fits for all."""

    def batches_per_epoch(self, budget: int) -> int:
        """How many batches the first epoch has."""


class GridData(Data, Protocol):
    """Data in batches of few shapes, for steps of fixed shape (gpu.static)."""

    def loader(self, device: torch.device) -> DeviceLoader:
        """What brings these batches to `device`."""


class Scores(Protocol):
    """What one validation measured."""

    @property
    def rank(self) -> tuple[float, ...]:
        """What decides which model is kept, compared in turn: larger is better, and the next decides where one ties."""

    @property
    def samples(self) -> tuple[str, ...]:
        """Lines to show to people, as translations of some sentences."""

    def numbers(self) -> dict[str, float]:
        """What was measured, by name, rounded for the log and the model card."""


class Validator(Protocol):
    """Measures a model on the dev set, and seals it; changes no training state."""

    def validate(self, model: nn.Module, optimizer: Optimizer, step: int) -> Scores:
        """Measure the averaged weights of `optimizer`, through `model`, after step `step`."""

    def keep(self, scores: Any, step: int, seconds: float, parameters: int, optimizer: Optimizer) -> None:
        """Write the averaged weights as the model of the output directory, in place of the one before.

        `seconds` of training and number of `parameters` are for the model card.
        """

    def fault(self) -> str | None:
        """Why the model of the output directory cannot be used; None where it can."""


@runtime_checkable
class SharedValidator(Validator, Protocol):
    """A validator whose work several processes can share."""

    def part(
        self, model: nn.Module, optimizer: Optimizer, step: int, share: tuple[int, int]
    ) -> dict[str, Any]:
        """What one of them finds on its part of the dev set, in JSON's types; `share`: its number, and how many."""

    def whole(self, parts: Sequence[Mapping[str, Any]]) -> Scores:
        """The scores, from the parts in order."""


class Settings(Protocol):
    """The sections that every run has; a configuration has more."""

    @property
    def optimizer(self) -> OptimizerConfig:
        """[optimizer]: how gradients become weights."""

    @property
    def training(self) -> TrainingConfig:
        """[training]: how long, how large, how precise."""

    @property
    def validation(self) -> ValidationConfig:
        """[validation]: when to measure, what to keep, when to stop."""


@dataclass(frozen=True)
class Task:
    """What a run trains, and on what."""

    build: Callable[
        [Parts], nn.Module
    ]  # the model from these parts, its weights drawn from torch's random numbers
    data: Data
    validator: Validator
    size: str  # of the data, for people
    usage: str  # a command that uses the trained model
    contents: str  # fingerprint of all that was made from the corpus: a run is resumed on the same only
    further: bool = False  # the first weights are those of a trained model, which is the first to be measured
    on_grid: GridData | None = None  # for a model whose loss has only shapes known beforehand
