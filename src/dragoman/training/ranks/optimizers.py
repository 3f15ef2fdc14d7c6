"""The optimiser of a model that several ranks train: with all of its state on each, or a share on each (ZeRO-1).

Rank 0 calls what an Optimizer has, and tells the others what to do; they call what `Follower` says beside it. How
often and when is not decided here.

Source: Rajbhandari et al., "ZeRO: memory optimizations toward training trillion parameter models" (2020), stage 1.

Dimensions: P all parameters, end to end in one vector; N those of one rank; R ranks.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from dragoman.training.optimizer import Optimizer, OptimizerConfig, fitted, moment_spans, parts
from dragoman.training.parameters import FlatParameters
from dragoman.training.ranks.group import Ranks


class ReplicatedOptimizer(Optimizer):
    """On every rank the whole state, which stays the same by taking the same steps."""

    def __init__(
        self, ranks: Ranks, parameters: FlatParameters, config: OptimizerConfig, max_steps: int
    ) -> None:
        super().__init__(parameters, config, max_steps)
        self.ranks = ranks

    def add_up(self, gradient: Tensor) -> None:
        """gradient [P] of one rank becomes, as far as `step` reads it, the sum over all ranks."""
        self.ranks.add_up(gradient)

    def restore(self, tensors: Mapping[str, Tensor], number: int) -> None:
        """On all ranks what rank 0 has read: tensors [N] by name, of step `number`."""
        super().restore(tensors, number)
        self.ranks.say("share", number=number)
        self.ranks.share(self.tensors().values())

    def take(self, number: int) -> None:
        """Another rank's part in `restore`."""
        self.ranks.share(self.tensors().values())
        self.goes_on(number)

    def give(self, name: str) -> None:
        """Another rank's part in `fetch`, which asks nobody here."""

    def finite_here(self) -> bool:
        """Another rank's part in `is_finite`."""
        return super().is_finite()

    def gather_here(self) -> None:
        """Another rank's part in `gather`, which asks nobody here."""


class ShardedOptimizer(ReplicatedOptimizer):
    """On every rank the state of its share of the parameters only; all ranks have all weights to compute with.

    A step adds up of the gradient what the owner needs, and then gives the new weights to all.
    """

    def __init__(
        self, ranks: Ranks, parameters: FlatParameters, config: OptimizerConfig, max_steps: int
    ) -> None:
        """In bf16 `parameters` lose their master: of it, too, a rank keeps its share."""
        self.places = shares(parameters, config, ranks.size)
        super().__init__(ranks, parameters.part(self.places[ranks.rank]), config, max_steps)
        parameters.master = parameters.shadow
        self._spans_of_all = {"master": slice(0, parameters.size), **moment_spans(parameters, config)}
        if config.ema_decay:
            self._spans_of_all["average"] = slice(0, parameters.size)
        self._model = parameters
        self._gathered: Tensor | None = None

    @property
    def model(self) -> FlatParameters:
        """All weights, which a rank computes with."""
        return self._model

    def add_up(self, gradient: Tensor) -> None:
        """gradient [P] becomes, in this rank's share, the sum over all ranks."""
        self.ranks.add_up_places(gradient, self.places)

    def step(self, number: int, gradient: Tensor) -> float:
        self._gathered = None
        own = gradient[self.places[self.ranks.rank]]
        squares = torch.tensor([float(own.norm()) ** 2], dtype=torch.float64)
        self.ranks.add_up(squares)
        norm = math.sqrt(float(squares))
        if math.isfinite(norm):
            self.update(number, own, norm)
            self.ranks.give_places(self.model.shadow, self.places)
        return norm

    # -- the whole state ----------------------------------------------------------------------------------------

    def tensors(self) -> dict[str, Tensor]:
        """Of all ranks, [N] each, on the meta device: `fetch` has their values."""
        return {
            name: torch.empty(span.stop - span.start, device="meta")
            for name, span in self._spans_of_all.items()
        }

    def fetch(self, name: str) -> Tensor:
        """Rank 0: the values [N] of one of `tensors`, from all ranks."""
        self.ranks.say("give", name=name)
        whole = torch.empty(self.tensors()[name].shape, device=self.model.shadow.device)
        for rank in range(self.ranks.size):
            piece = whole[self._within(name, rank)]
            if rank == self.ranks.rank:
                piece.copy_(self._own(name))
            else:
                self.ranks.receive(piece, rank)
        return whole

    def give(self, name: str) -> None:
        """Another rank's part in `fetch`: its share, to rank 0."""
        self.ranks.send(self._own(name), 0)

    def restore(self, tensors: Mapping[str, Tensor], number: int) -> None:
        """tensors [N] by name, of step `number`: to each rank its share."""
        self.ranks.say("share", number=number)
        for name, whole in fitted(tensors, self.model, self.config):
            for rank in range(self.ranks.size):
                piece = whole[self._within(name, rank)]
                if rank == self.ranks.rank:
                    self._own(name).copy_(piece)
                else:
                    self.ranks.send(piece.to(self.model.shadow.device), rank)
        self._restored(number)

    def take(self, number: int) -> None:
        """Another rank's part in `restore`: its share, from rank 0."""
        for name in self._spans_of_all:
            self.ranks.receive(self._own(name), 0)
        self._restored(number)

    def _restored(self, number: int) -> None:
        self._gathered = None
        self.goes_on(number)
        self.ranks.give_places(self.model.shadow, self.places)

    def is_finite(self) -> bool:
        """Rank 0: whether the shares of all ranks are numbers."""
        self.ranks.say("finite")
        return self.finite_here() and all(found["finite"] for found in self.ranks.answers())

    def finite_here(self) -> bool:
        """Another rank's part in `is_finite`."""
        return all(bool(tensor.isfinite().all()) for tensor in super().tensors().values())

    def gather(self) -> None:
        """Rank 0: makes the averages of all ranks one, which `averaged` then gives."""
        self.ranks.say("gather")
        self.gather_here()

    def gather_here(self) -> None:
        """Another rank's part in `gather`."""
        if self._gathered is None:
            self._gathered = torch.empty(self.model.size, device=self.model.shadow.device)
            self._gathered[self.places[self.ranks.rank]] = self.average
            self.ranks.give_places(self._gathered, self.places)

    def averaged(self) -> Tensor:
        """The average [P] of all weights, as it was gathered."""
        assert self._gathered is not None, "asked for before gather()"
        return self._gathered

    def _own(self, name: str) -> Tensor:
        """What this rank has [N] of one of `tensors`; nothing where its share has no parameter with such a moment."""
        return super().tensors().get(name, self.parameters.master[:0])

    def _within(self, name: str, rank: int) -> slice:
        """Where in one of `tensors` that of a rank stands."""
        span, place = self._spans_of_all[name], self.places[rank]
        start, stop = (min(max(end, span.start), span.stop) - span.start for end in (place.start, place.stop))
        return slice(start, stop)


def shares(parameters: FlatParameters, config: OptimizerConfig, ranks: int) -> Sequence[slice]:
    """The place of each rank in the vectors [P]: one run each, of about as many bytes of state.

    It ends between two parameters, or where the rule moves each weight by itself, between two rows of one.
    """
    ends, costs, cost = [0], [0], 0
    runs = parts(parameters, config)
    start = 0
    for shape in parameters.shapes.values():
        rule = next(rule for place, rule in runs if place.start <= start < place.stop)
        rows = shape[0] if rule.ELEMENTWISE and shape else 1
        bytes_each = 4 * (1 + bool(config.ema_decay) + len(rule.MOMENTS))
        for row in range(1, rows + 1):
            ends.append(start + row * shape.numel() // rows)
            costs.append(cost + row * shape.numel() // rows * bytes_each)
        start, cost = ends[-1], costs[-1]
    cuts = [0, *(_nearest(costs, cost * rank / ranks) for rank in range(1, ranks)), len(ends) - 1]
    return [slice(ends[first], ends[last]) for first, last in pairwise(cuts)]


def _nearest(sums: Sequence[int], wanted: float) -> int:
    """Index of the rising sum that is nearest."""
    at = bisect_left(sums, wanted)
    return at if at == 0 or sums[at] - wanted < wanted - sums[at - 1] else at - 1
