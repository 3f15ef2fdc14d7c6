"""What a run asks of the thing it trains: batches, a look at the dev set, a configuration. Holds no code that runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, Self

import torch
from torch import nn

from dragoman.training.gpu.static import Feed
from dragoman.training.gradients import SplittableBatch
from dragoman.training.optimizer import Optimizer, OptimizerConfig
from dragoman.training.settings import TrainingConfig, ValidationConfig
from dragoman.transformer.parts import Parts


class RunBatch(SplittableBatch, Protocol):
    def to(self, device: torch.device) -> Self: ...

    def twice(self) -> SplittableBatch: ...


class Data(Protocol):
    """What is trained on: batches of any epoch from any position, each within a budget of tokens."""

    fingerprint: str
    report: str

    def epoch(self, epoch: int, start: int, budget: int) -> Iterator[RunBatch]: ...

    def largest_batch(self, budget: int) -> RunBatch: ...

    def batches_per_epoch(self, budget: int) -> int: ...


class GridData(Data, Protocol):
    """The same, in batches that have a place on a grid."""

    def feed(self, device: torch.device) -> Feed: ...


class Scores(Protocol):
    """One look at the dev set; of `value`, larger is better."""

    @property
    def value(self) -> float: ...

    @property
    def samples(self) -> tuple[str, ...]: ...

    def numbers(self) -> dict[str, float]: ...


class Validator(Protocol):
    """Looks at the dev set; changes no training state."""

    def validate(self, model: nn.Module, optimizer: Optimizer, step: int) -> Scores: ...

    def keep(self, scores: Any, step: int, seconds: float, parameters: int, optimizer: Optimizer) -> None:
        """Seal the present weights as the model of the output directory."""


class Settings(Protocol):
    """The sections that every run has; a configuration has more."""

    @property
    def optimizer(self) -> OptimizerConfig: ...

    @property
    def training(self) -> TrainingConfig: ...

    @property
    def validation(self) -> ValidationConfig: ...


@dataclass(frozen=True)
class Task:
    """What a run trains, on what."""

    build: Callable[
        [Parts], nn.Module
    ]  # the model from these parts, its weights drawn from torch's random numbers
    data: Data
    validator: Validator
    size: str  # of the data, for people
    usage: str  # a command that uses the trained model
    on_grid: GridData | None = None  # for a model whose loss has only shapes known beforehand
