"""A task made ready to train: its model, and all that holds on to the model's weights. Takes no step.

Where and how precisely is computed is decided here too, since both say what the model is made from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from dragoman.errors import TrainingError
from dragoman.processor import threads_worth
from dragoman.protocols import Loss
from dragoman.training.cpu import kernels
from dragoman.training.cpu.dropout import BYTES
from dragoman.training.cpu.fused import FUSED, refusal
from dragoman.training.gpu.graphs import graphs_on
from dragoman.training.gpu.static import StaticSteps
from dragoman.training.gradients import Workers, side_by_side
from dragoman.training.loss import LabelSmoothing, MaskedLabelSmoothing
from dragoman.training.measuring import quickest_precision, remembered
from dragoman.training.optimizer import Optimizer
from dragoman.training.parameters import FlatParameters
from dragoman.training.ranks.group import joined
from dragoman.training.ranks.optimizers import ReplicatedOptimizer, ShardedOptimizer
from dragoman.training.settings import TrainingConfig
from dragoman.training.task import Data, Settings, Task
from dragoman.transformer.parts import PAGE, Parts

Objective = Callable[[LabelSmoothing, nn.Module, Any], Loss]


@dataclass(frozen=True)
class Prepared:
    """What a run drives."""

    device: torch.device
    data: Data
    model: nn.Module
    parameters: FlatParameters
    optimizer: Optimizer
    workers: Workers
    static: StaticSteps | None
    begin: Callable[
        [], Tensor
    ]  # the weights [P] of step 0 once more, and the random numbers as they were then


def prepared(task: Task, config: Settings, objective: Objective, note: Callable[[str], None]) -> Prepared:
    """The order is this one, because:

    1. The seed comes before the model, whose first weights are then a function of it.
    2. The parts are chosen before the model is made, and never exchanged: what is printed is what runs.
    3. The model moves to its device before its weights become views of one vector, which lies where they lay.
    4. The optimiser, the workers (copies of the model) and the steps of fixed shape keep views of that vector, or
       addresses in it: they come last.
    """
    training = config.training
    device = device_of(training)
    on_grid = task.on_grid if _graph(training.graph, device) else None
    dtype = torch.bfloat16 if precision_of(training) == "bf16" else torch.float32
    parts = _parts(training, device, dtype, note)
    model = _drawn(task, training.seed, parts, device)
    if why := refusal(model):
        note(f"training computes this as torch does, which takes longer: {why}")
    parameters = FlatParameters(model, dtype)
    optimizer = _optimizer(parameters, config, note)
    criterion = LabelSmoothing(training.label_smoothing, training.consistency, training.fused)
    alone = device.type == "cuda" or on_grid is not None
    count = 1 if alone else training.workers_on(torch.get_num_threads())
    share = threads_worth(training.batch_tokens // count, parameters.size)
    workers = side_by_side(model, parameters, partial(objective, criterion), count, share)
    if training.graph == "on" and on_grid is None:
        note("training.graph = on changes nothing here: this model has no steps of fixed shape")
    static = None
    if on_grid is not None and joined() is None:
        masked = MaskedLabelSmoothing(training.label_smoothing, training.consistency, training.fused)
        loader, graphs = on_grid.loader(device), graphs_on(device)
        static = StaticSteps(partial(objective, masked, model), optimizer, loader, graphs, note)

    def begin() -> Tensor:
        return FlatParameters(_drawn(task, training.seed, parts, device), torch.float32).master

    return Prepared(device, on_grid or task.data, model, parameters, optimizer, workers, static, begin)


def _optimizer(parameters: FlatParameters, config: Settings, note: Callable[[str], None]) -> Optimizer:
    ranks, sharded = joined(), config.training.shard_optimizer
    if ranks is not None:
        kind = ShardedOptimizer if sharded else ReplicatedOptimizer
        return kind(ranks, parameters, config.optimizer, config.training.max_steps)
    if sharded:
        note("training.shard_optimizer changes nothing here: one process trains, and has all of the state")
    return Optimizer(parameters, config.optimizer, config.training.max_steps)


def _drawn(task: Task, seed: int, parts: Parts, device: torch.device) -> nn.Module:
    """The model as it is before step 1, a function of the seed."""
    torch.manual_seed(seed)
    return task.build(parts).to(device)


def _parts(
    training: TrainingConfig, device: torch.device, dtype: torch.dtype, note: Callable[[str], None]
) -> Parts:
    """What the model is made from: on a CPU, what is fast there."""
    if device.type != "cpu":
        return PAGE
    if not training.fused or dtype != torch.bfloat16:
        return BYTES
    if kernels.library() is None:
        note("no C compiler (cc) that works was found: training takes about 1.6 times as long")
        return BYTES
    return FUSED


def device_of(training: TrainingConfig) -> torch.device:
    """Where to compute. Raises TrainingError for a GPU that is not there."""
    if training.device == "cuda" and not torch.cuda.is_available():
        raise TrainingError(
            "training.device = 'cuda', but torch sees no GPU: use 'cpu', or install torch for CUDA"
        )
    name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name if training.device == "auto" else training.device)


def _graph(choice: str, device: torch.device) -> bool:
    return device.type == "cuda" if choice == "auto" else choice == "on"


def precision_of(training: TrainingConfig) -> str:
    """bf16 or fp32; auto: on a CPU what it multiplies in less time, measured once, since bf16 may be emulated only."""
    if training.precision != "auto":
        return training.precision
    device = device_of(training)
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    return remembered("precision", quickest_precision)
