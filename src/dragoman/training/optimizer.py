"""Flat parameters, optimiser, learning-rate schedules, average of weights. Knows no model class and no data.

Dimensions: P all parameters of the model, end to end in one vector.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn

from dragoman.errors import ConfigError
from dragoman.training.muon import Muon


@dataclass(frozen=True)
class OptimizerConfig:
    """How gradients become weights."""

    kind: Annotated[
        Literal["adam", "adamw", "muon"],
        "adam adds weight_decay to the gradient, adamw to the weight; muon is adamw but for the layers' matrices, "
        "whose updates are made orthogonal (Jordan et al., 2024)",
    ] = "adamw"
    peak_lr: Annotated[float, "learning rate at the end of the warm-up"] = 1e-3
    schedule: Annotated[
        Literal["inverse_sqrt", "cosine", "linear", "constant"],
        "after the warm-up: as 1/sqrt(step) (the paper), to zero along a cosine, to zero in a line, level",
    ] = "inverse_sqrt"
    warmup_steps: Annotated[int, "steps over which the learning rate rises from zero"] = 4000
    beta1: Annotated[float, "decay of the mean gradient"] = 0.9
    beta2: Annotated[float, "decay of the mean squared gradient"] = 0.98
    epsilon: Annotated[float, "added to the root of the mean squared gradient"] = 1e-9
    weight_decay: Annotated[float, "on matrices only, not on biases and norms"] = 0.0
    clip_norm: Annotated[float, "gradients longer than this are shortened to it; 0 = never"] = 1.0
    ema_decay: Annotated[
        float, "moving average of the weights, used for validation and the model; 0 = off"
    ] = 0.999

    def __post_init__(self) -> None:
        if self.peak_lr <= 0:
            raise ConfigError(f"optimizer.peak_lr = {self.peak_lr}: must be above 0")
        if self.warmup_steps < 0 or self.clip_norm < 0 or self.weight_decay < 0:
            raise ConfigError("optimizer.warmup_steps, clip_norm and weight_decay must not be below 0")
        for name in ("beta1", "beta2", "ema_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"optimizer.{name} = {getattr(self, name)}: must lie in [0, 1)")


def learning_rate(step: int, config: OptimizerConfig, max_steps: int) -> float:
    """The rate of step 1, 2, ... With inverse_sqrt this is the paper's equation 3, told by its peak:

    peak * min(step / warmup, sqrt(warmup / step)).  The paper's own peak is (d_model * warmup) ** -0.5.
    """
    warmup = max(config.warmup_steps, 1)
    if step < warmup:
        return config.peak_lr * step / warmup
    if config.schedule == "inverse_sqrt":
        return config.peak_lr * math.sqrt(warmup / step)
    if config.schedule == "constant":
        return config.peak_lr
    done = min((step - warmup) / max(max_steps - warmup, 1), 1.0)
    return config.peak_lr * (1 - done if config.schedule == "linear" else (1 + math.cos(math.pi * done)) / 2)


def inner_matrices(model: nn.Module) -> set[str]:
    """Names of the weights of linear layers inside a stack of layers: neither tables nor the output projection."""
    return {
        f"{name}.weight"
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and any(map(str.isdigit, name.split(".")))
    }


class FlatParameters:
    """All weights of a model as one fp32 vector [P] (the master), seen by the model through views of it.

    In bf16 the model computes with a rounded shadow of the master, refreshed once a step; autocast would round
    every weight again at every use. Gradients arrive in one vector too, so that clipping, optimiser and average
    are a handful of calls over long vectors whatever the number of layers.
    """

    def __init__(self, model: nn.Module, dtype: torch.dtype) -> None:
        hidden = inner_matrices(model)
        named = list(model.named_parameters())
        # The layers' matrices first, those of one shape side by side (Muon takes each such block at once); then
        # tables, and last what is no matrix: weight decay applies to matrices only.
        named.sort(key=lambda item: (item[0] not in hidden, item[1].dim() < 2, tuple(item[1].shape)))
        self.shapes = {name: parameter.shape for name, parameter in named}
        self.hidden = sum(parameter.numel() for name, parameter in named if name in hidden)
        self.decayed = sum(parameter.numel() for _, parameter in named if parameter.dim() >= 2)
        self.master = torch.cat([parameter.detach().float().flatten() for _, parameter in named])
        self.shadow = self.master if dtype == torch.float32 else self.master.to(dtype)
        self.gradient = self.attach(model)

    @property
    def layout(self) -> list[list[Any]]:
        """Name and shape of each part of the vectors, in order: without it a saved vector means nothing."""
        return [[name, list(shape)] for name, shape in self.shapes.items()]

    def attach(self, model: nn.Module) -> Tensor:
        """Let the model, or a copy of it, compute with these weights; returns the vector its gradients arrive in."""
        arriving = torch.zeros_like(self.shadow)
        weights, gradients = self.named(self.shadow), self.named(arriving)
        for name, parameter in model.named_parameters():
            parameter.data, parameter.grad = weights[name], gradients[name]
        return arriving

    def named(self, flat: Tensor) -> dict[str, Tensor]:
        """The vector [P] as views by parameter name."""
        sizes = [shape.numel() for shape in self.shapes.values()]
        parts = flat.split(sizes)  # type: ignore[no-untyped-call]
        return {
            name: part.view(shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

    def publish(self) -> None:
        """Show the model the present master."""
        if self.shadow is not self.master:
            self.shadow.copy_(self.master)


class Optimizer:
    """Clip, Adam or Muon, average: one `step` from summed gradients to new weights."""

    def __init__(self, parameters: FlatParameters, config: OptimizerConfig, max_steps: int) -> None:
        self.parameters, self.config, self.max_steps = parameters, config, max_steps
        self.scale = 1.0  # halved each time training falls back from a divergence
        master = parameters.master
        self.mean, self.square = torch.zeros_like(master), torch.zeros_like(master)
        first = parameters.hidden if config.kind == "muon" else 0  # where Muon's part ends and Adam's begins
        self._muon = Muon(master[:first], self.mean[:first], parameters.shapes.values(), config.weight_decay)
        self._places = (slice(first, parameters.decayed), slice(parameters.decayed, None))
        matrices, rest = (master[place] for place in self._places)
        kind = torch.optim.Adam if config.kind == "adam" else torch.optim.AdamW
        groups: list[dict[str, Any]] = [{"params": [matrices]}, {"params": [rest], "weight_decay": 0.0}]
        self._adam = kind(
            groups,
            lr=config.peak_lr,
            betas=(config.beta1, config.beta2),
            eps=config.epsilon,
            weight_decay=config.weight_decay,
            fused=True,
        )
        self._parts = (matrices, rest)
        steps = torch.zeros((), dtype=torch.float32, device=master.device)
        for part, where in zip(self._parts, self._places, strict=True):
            # Views into whole vectors: what is saved is two tensors, whatever the groups.
            self._adam.state[part] = {
                "step": steps.clone(), "exp_avg": self.mean[where], "exp_avg_sq": self.square[where]
            }  # fmt: skip
        self.average = master.clone() if config.ema_decay else master
        self._rate, self._trust = (torch.zeros((), device=master.device) for _ in range(2))

    def learning_rate(self, step: int) -> float:
        return self.scale * learning_rate(step, self.config, self.max_steps)

    def _decay(self, number: int) -> float:
        """The average of the first steps would be that of random weights: trust it slowly."""
        return min(self.config.ema_decay, (1 + number) / (10 + number))

    def step(self, number: int, gradient: Tensor) -> float:
        """Apply the fp32 gradient [P] as step `number` (from 1); returns its norm before clipping.

        A norm that is not finite changes nothing: the caller sees it and falls back.
        """
        norm = float(gradient.norm())
        if not math.isfinite(norm):
            return norm
        if 0 < self.config.clip_norm < norm:
            gradient.mul_(self.config.clip_norm / norm)
        rate = self.learning_rate(number)
        for group, part, where in zip(self._adam.param_groups, self._parts, self._places, strict=True):
            group["lr"], group["capturable"] = rate, False
            part.grad = gradient[where]
        self._adam.step()
        self._muon.step(gradient[: self._places[0].start], rate)
        if self.config.ema_decay:
            self.average.lerp_(self.parameters.master, 1 - self._decay(number))
        self.parameters.publish()
        return norm

    def dial(self, number: int) -> None:
        """What the device must know of step `number`, before `follow`: the rate, and how far the average moves."""
        self._rate.fill_(self.learning_rate(number))
        self._trust.fill_(1 - self._decay(number))

    def follow(self, gradient: Tensor, loss: Tensor) -> Tensor:
        """`step` as dialled, without waiting for the device: returns the norm, which stays there.

        A norm or a loss that is not finite changes nothing but the gradient. Only tensors that `places` gives are
        written, at addresses that never change.
        """
        norm = gradient.norm()
        good = norm.isfinite() & loss.isfinite()
        if self.config.clip_norm:
            gradient.mul_((self.config.clip_norm / norm).clamp(max=1))
        rate, first = self._rate * good, self._places[0].start
        # What is no number stays one when multiplied by 0; the mean moves towards itself by nothing at all.
        gradient[:first] = torch.where(good, gradient[:first], self.mean[:first])
        for group, part, where in zip(self._adam.param_groups, self._parts, self._places, strict=True):
            group["lr"], group["capturable"] = rate, _is_capturing(gradient)
            part.grad = gradient[where]
        # Where this is 1, torch's fused kernel leaves weights, moments and its count of steps as they are.
        self._adam.found_inf = (~good).float()  # type: ignore[attr-defined]
        self._adam.step()
        self._adam.found_inf = None  # type: ignore[attr-defined]
        self._muon.step(gradient[:first], rate)
        if self.config.ema_decay:
            self.average.lerp_(self.parameters.master, self._trust * good)
        self.parameters.publish()
        return norm

    def places(self) -> list[Tensor]:
        """All tensors that `follow` writes, beside the gradient."""
        steps = [self._adam.state[part]["step"] for part in self._parts]
        return [*self.tensors().values(), *steps, self.parameters.shadow]

    def tensors(self) -> dict[str, Tensor]:
        """Everything the next step depends on, as vectors [P]."""
        found = {"master": self.parameters.master, "mean": self.mean, "square": self.square}
        return found | ({"average": self.average} if self.config.ema_decay else {})

    def restore(self, tensors: dict[str, Tensor], number: int) -> None:
        """Put back what `tensors` gave after step `number`."""
        for name, tensor in self.tensors().items():
            tensor.copy_(tensors[name])
        for part in self._parts:
            self._adam.state[part]["step"].fill_(number)
        self.parameters.publish()


def _is_capturing(x: Tensor) -> bool:
    """torch refuses to capture an optimiser that was not told so, and warns of one that was told without need."""
    return x.is_cuda and torch.cuda.is_current_stream_capturing()
