"""What an update rule must say of itself to serve in ordinary steps, in captured ones and in checkpoints.

Clipping, learning rate, average of the weights and saving are the Optimizer's: a rule is only what differs between,
say, AdamW and Muon.

Dimensions: P the parameters of one part of the model, end to end in one vector.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor

# A number of the host; or a tensor [] in fp32 on the device of the weights, which the host must not wait for.
Scalar = float | Tensor


class Hyperparameters(Protocol):
    """The settings that rules read. OptimizerConfig has them; a rule with a setting of its own adds it to both."""

    @property
    def beta1(self) -> float:
        """Decay of the mean gradient a step, in [0, 1)."""

    @property
    def beta2(self) -> float:
        """Decay of the mean squared gradient a step, in [0, 1)."""

    @property
    def epsilon(self) -> float:
        """Added to the root of the mean squared gradient."""


@dataclass(frozen=True)
class Part:
    """Parameters that one rule updates, as one run of the model's flat weights."""

    weights: Tensor  # [P] fp32, a view: what is written here is written to the model's master weights
    shapes: tuple[torch.Size, ...]  # of the parameters, in the order in which they stand in `weights`
    weight_decay: float  # times the learning rate, the share of a weight that a step takes away
    # What products of matrices are computed in, as the model's are: bf16 takes a processor that cannot do it a hundred
    # times as long as fp32.
    precision: torch.dtype = torch.float32


class Rule(ABC):
    """One way to turn gradients into weights, for one part of the model, with the moments that it remembers.

    Every tensor that a rule writes is in `part.weights`, `moments` or `counters`: these are what a captured step
    writes again and what a checkpoint puts back.
    """

    # Whether a weight moves by its own gradient alone: then a matrix may be cut between rows.
    ELEMENTWISE: ClassVar[bool] = False
    MOMENTS: ClassVar[tuple[str, ...]] = ()  # names; rules that share a name share a vector in the checkpoint

    def __init__(self, part: Part, moments: dict[str, Tensor], config: Hyperparameters) -> None:
        """`moments` holds a vector of zeros [P] in fp32 for each name in MOMENTS."""
        self.part, self.moments, self.config = part, moments, config

    @abstractmethod
    def update(self, gradient: Tensor, rate: Scalar) -> None:
        """Take one step down the gradient [P] in fp32, which may be overwritten, at learning rate `rate` [].

        A step may be captured as a CUDA graph: so change tensors in place and read no number of theirs.
        """

    def update_if(self, finite: Tensor, gradient: Tensor, rate: Tensor) -> None:
        """`update` where `finite` [] is True; where it is False, leave everything as it was, without asking the host.

        gradient [P], and rate [], which is 0 where `finite` is False. This default is right for every rule, and costs
        a copy of all it writes; a rule that knows a cheaper way says it.
        """
        written = [self.part.weights, *self.moments.values(), *self.counters()]
        before = [tensor.clone() for tensor in written]
        self.update(gradient, rate)
        for tensor, old in zip(written, before, strict=True):
            tensor.copy_(torch.where(finite, tensor, old))

    def counters(self) -> list[Tensor]:
        """Tensors [] in which `update` counts its steps. Not saved: they are set from the number of the step."""
        return []


def subtract_scaled(weights: Tensor, update: Tensor, size: Scalar) -> None:
    """weights -= size * update, of one shape [...], in one pass for a number and for a tensor [] alike."""
    if isinstance(size, Tensor):
        weights.addcmul_(update, size, value=-1)
    else:
        weights.add_(update, alpha=-size)
