"""The weights of a model, end to end in one vector. Knows no model class, no optimiser and no data.

Dimensions: P all parameters of the model.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn


def inner_matrices(model: nn.Module) -> set[str]:
    """Names of the weight matrices of linear layers inside a stack, as "encoder.layers.0.q.weight": those that Muon
    updates. Embedding tables and the output projection are not among them."""
    return {
        f"{name}.weight"
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and any(map(str.isdigit, name.split(".")))
    }


class FlatParameters:
    """All weights of a model end to end in one fp32 vector [P], the master weights, which the optimiser updates.

    The model computes with `shadow` [P]: in fp32 the master itself, in bf16 a copy that is rounded once a step
    (autocast would round every weight again at every use). Its parameters become views of that vector, and their
    gradients views of another, `gradient` [P]: so clipping, optimiser and average are a few calls over long vectors,
    whatever the number of layers.
    """

    def __init__(self, model: nn.Module, dtype: torch.dtype) -> None:
        """Move the parameters of `model` into the vectors; it computes in `dtype`, fp32 or bf16, from then on."""
        inner = inner_matrices(model)
        named = list(model.named_parameters())
        # The layers' matrices first, those of one shape side by side (Muon takes each such block at once); then
        # tables, and last what is no matrix: weight decay applies to matrices only.
        named.sort(key=lambda item: (item[0] not in inner, item[1].dim() < 2, tuple(item[1].shape)))
        self.shapes = {name: parameter.shape for name, parameter in named}
        # Where the inner matrices end in the vectors, and where all matrices do.
        self.inner = sum(parameter.numel() for name, parameter in named if name in inner)
        self.decayed = sum(parameter.numel() for _, parameter in named if parameter.dim() >= 2)
        self.master = torch.cat([parameter.detach().float().flatten() for _, parameter in named])
        self.shadow = self.master if dtype == torch.float32 else self.master.to(dtype)
        self.gradient = self.attach(model)

    @property
    def size(self) -> int:
        """P: how many weights there are."""
        return self.shadow.numel()

    def part(self, place: slice) -> FlatParameters:
        """Those at `place` of the vectors as parameters of their own, for an optimiser that updates no others.

        A parameter that `place` cuts is cut between rows. The shadow is that of all; of a master that is no shadow,
        the part is a copy.
        """
        found = copy.copy(self)
        found.shapes = dict(_cut(self.shapes, place))
        size = place.stop - place.start
        found.inner, found.decayed = (
            min(max(end - place.start, 0), size) for end in (self.inner, self.decayed)
        )
        found.shadow, found.gradient = self.shadow[place], self.gradient[place]
        found.master = found.shadow if self.shadow is self.master else self.master[place].clone()
        return found

    @property
    def layout(self) -> list[list[Any]]:
        """Name and shape of each parameter in the order of the vectors: a checkpoint tells by it what they mean."""
        return [[name, list(shape)] for name, shape in self.shapes.items()]

    def attach(self, model: nn.Module) -> Tensor:
        """Make the parameters of `model`, the one given before or a copy of it, views of `shadow`.

        Returns a new vector of zeros [P] in the type of `shadow`, of which their gradients are views.
        """
        arriving = torch.zeros_like(self.shadow)
        weights, gradients = self.named(self.shadow), self.named(arriving)
        for name, parameter in model.named_parameters():
            parameter.data, parameter.grad = weights[name], gradients[name]
        return arriving

    def named(self, flat: Tensor) -> dict[str, Tensor]:
        """A vector [P] as views, by parameter name, each of its parameter's shape [...]."""
        sizes = [shape.numel() for shape in self.shapes.values()]
        parts = flat.split(sizes)  # type: ignore[no-untyped-call]
        return {
            name: part.view(shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

    def shapes_in(self, place: slice) -> tuple[torch.Size, ...]:
        """Shapes of the parameters that stand at `place` of the vectors, in order."""
        found, start = [], 0
        for shape in self.shapes.values():
            if place.start <= start < place.stop:
                found.append(shape)
            start += shape.numel()
        return tuple(found)

    def publish(self) -> None:
        """Round the master [P] into the copy that the model computes with; in fp32 they are one."""
        if self.shadow is not self.master:
            self.shadow.copy_(self.master)


def _cut(shapes: Mapping[str, torch.Size], place: slice) -> Iterator[tuple[str, torch.Size]]:
    """What `place` has of each parameter, whole rows of it."""
    start = 0
    for name, shape in shapes.items():
        end = start + shape.numel()
        first, last = max(start, place.start), min(end, place.stop)
        if first < last:
            rows = (last - first) * shape[0] // shape.numel() if shape else 0
            yield name, torch.Size((rows, *shape[1:])) if shape else shape
        start = end
