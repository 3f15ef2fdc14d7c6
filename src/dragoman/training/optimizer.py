"""Optimiser, learning-rate schedules, average of weights. Knows no model class and no data.

The update rules themselves stand in optimizers/, one a file.

Dimensions: P all parameters of the model, end to end in one vector.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor

from dragoman.bounds import LARGEST_WHOLE, SHARE, Within, refuse_out_of_bounds
from dragoman.errors import ConfigError
from dragoman.training.optimizers.adam import Adam, AdamW
from dragoman.training.optimizers.muon import Muon
from dragoman.training.optimizers.rule import Part, Rule, Scalar
from dragoman.training.parameters import FlatParameters

# By OptimizerConfig.kind: the rule of the matrices inside the layers, and that of all other parameters.
RULES: dict[str, tuple[type[Rule], type[Rule]]] = {
    "adam": (Adam, Adam),
    "adamw": (AdamW, AdamW),
    "muon": (Muon, AdamW),
}

# The peak learning rate that each is usually trained with here, where that is known: what to try when another one
# diverges.
USUAL_RATES = {"adam": 7e-4, "adamw": 1e-3, "muon": 3e-3}


@dataclass(frozen=True)
class OptimizerConfig:
    """How gradients become weights."""

    kind: Annotated[
        Literal["adam", "adamw", "muon"],
        "adam adds weight_decay to the gradient, adamw to the weight; muon is adamw but for the layers' matrices, "
        "whose updates are made orthogonal (Jordan et al., 2024)",
    ] = "adamw"
    peak_lr: Annotated[float, "learning rate at the end of the warm-up", Within(0, open_least=True)] = 1e-3
    schedule: Annotated[
        Literal["inverse_sqrt", "cosine", "linear", "constant"],
        "after the warm-up: as 1/sqrt(step) (the paper), to zero along a cosine, to zero in a line, level",
    ] = "inverse_sqrt"
    warmup_steps: Annotated[
        int, "steps over which the learning rate rises from zero", Within(0, LARGEST_WHOLE)
    ] = 4000
    level_steps: Annotated[
        int,
        "steps at the peak between the warm-up and the fall of cosine or linear",
        Within(0, LARGEST_WHOLE),
    ] = 0
    beta1: Annotated[float, "decay of the mean gradient", SHARE] = 0.9
    beta2: Annotated[float, "decay of the mean squared gradient", SHARE] = 0.98
    epsilon: Annotated[float, "added to the root of the mean squared gradient", Within(0, 1)] = 1e-9
    weight_decay: Annotated[float, "on matrices only, not on biases and norms", Within(0)] = 0.0
    clip_norm: Annotated[float, "gradients longer than this are shortened to it; 0 = never", Within(0)] = 1.0
    ema_decay: Annotated[
        float, "moving average of the weights, used for validation and the model; 0 = off", SHARE
    ] = 0.999

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self, "optimizer")
        if self.level_steps and self.schedule not in ("cosine", "linear"):
            raise ConfigError(
                f"optimizer.level_steps = {self.level_steps} goes with cosine and linear, which come to an end: "
                f"optimizer.schedule = {self.schedule} does not"
            )


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
    falls = warmup + config.level_steps
    done = min(max(step - falls, 0) / max(max_steps - falls, 1), 1.0)
    return config.peak_lr * (1 - done if config.schedule == "linear" else (1 + math.cos(math.pi * done)) / 2)


@dataclass(frozen=True)
class _Scalars:
    """The numbers of one step: the host's own, or tensors [] on the device."""

    rate: Scalar
    trust: Scalar  # share of the way that the average goes to the new weights
    shorten: Scalar | None  # what the gradient is multiplied by to clip it; None: it is short enough
    finite: (
        Tensor | None
    )  # where False, the step must change nothing; None: the host has seen that it is True


class Optimizer:
    """From summed gradients to new weights: clipping, the rule of config.kind, moving average, rounded copy.

    There is one update, `_update`. `step` gives it numbers of the host; `step_on_device`, which can be captured as a
    CUDA graph, gives it tensors, so that nobody waits for the device.
    """

    def __init__(self, parameters: FlatParameters, config: OptimizerConfig, max_steps: int) -> None:
        """`max_steps` is where the cosine and linear schedules end."""
        self.parameters, self.config, self.max_steps = parameters, config, max_steps
        self.scale = 1.0  # of the learning rate; halved each time training falls back from a divergence
        master = parameters.master
        self._places, self._spans = parts(parameters, config), moment_spans(parameters, config)
        self.moments = {name: torch.zeros_like(master[span]) for name, span in self._spans.items()}
        self.rules = [self._rule(place, rule) for place, rule in self._places]
        self.average = master.clone() if config.ema_decay else master  # [P]
        self._rate, self._trust = (torch.zeros((), device=master.device) for _ in range(2))

    def _rule(self, place: slice, rule: type[Rule]) -> Rule:
        decay = self.config.weight_decay if place.stop <= self.parameters.decayed else 0.0
        parameters = self.parameters
        shapes, precision = parameters.shapes_in(place), parameters.shadow.dtype
        part = Part(parameters.master[place], shapes, decay, precision)
        moments = {}
        for name in rule.MOMENTS:
            first = self._spans[name].start
            moments[name] = self.moments[name][place.start - first : place.stop - first]
        return rule(part, moments, self.config)

    @property
    def model(self) -> FlatParameters:
        """All parameters of the model, of which `parameters` may be a part."""
        return self.parameters

    def gather(self) -> None:
        """Bring the average together where it lies in several places: `averaged` gives it until the next step."""

    def averaged(self) -> Tensor:
        """The average of the weights, of the whole model [P]: what is measured and shipped."""
        return self.average

    def learning_rate(self, step: int) -> float:
        """Of step 1, 2, ..., with what falling back has halved."""
        return self.scale * learning_rate(step, self.config, self.max_steps)

    def _average_decay(self, number: int) -> float:
        """The average of the first steps would be that of random weights: trust it slowly."""
        return min(self.config.ema_decay, (1 + number) / (10 + number))

    def step(self, number: int, gradient: Tensor) -> float:
        """Apply the gradient [P] in fp32 as step `number` (from 1); returns its norm before clipping.

        The gradient is overwritten. A norm that is not finite changes nothing: the caller sees it and falls back.
        """
        norm = float(gradient.norm())
        if math.isfinite(norm):
            self.update(number, gradient, norm)
        return norm

    def update(self, number: int, gradient: Tensor, norm: float) -> None:
        """Step `number` with the gradient [P], which is overwritten; `norm` may be that of more than it."""
        clip = self.config.clip_norm
        shorten = clip / norm if 0 < clip < norm else None
        trust = 1 - self._average_decay(number)
        self._update(gradient, _Scalars(self.learning_rate(number), trust, shorten, None))

    def rehearse(self, gradient: Tensor) -> None:
        """All that a step computes with the gradient [P], and nothing that it changes: for who wants to time one."""
        before = [tensor.clone() for tensor in self.buffers()]
        self.update(1, gradient.clone(), 1.0)
        for tensor, old in zip(self.buffers(), before, strict=True):
            tensor.copy_(old)

    def set_step(self, number: int) -> None:
        """Write to the device what `step_on_device` must know of step `number`: learning rate, weight in the average.

        Not part of a captured step, which would repeat the numbers of the step it was captured in.
        """
        self._rate.fill_(self.learning_rate(number))
        self._trust.fill_(1 - self._average_decay(number))

    def step_on_device(self, gradient: Tensor, loss: Tensor) -> Tensor:
        """`step` with the numbers of the last `set_step`; returns the norm [], without waiting for the device.

        gradient [P] in fp32, loss []. A norm or a loss that is not finite changes nothing but the gradient. Only
        `buffers` are written, at addresses that never change, and the gradient.
        """
        norm = gradient.norm()
        finite = norm.isfinite() & loss.isfinite()
        shorten = (self.config.clip_norm / norm).clamp(max=1) if self.config.clip_norm else None
        self._update(gradient, _Scalars(self._rate * finite, self._trust * finite, shorten, finite))
        return norm

    def _update(self, gradient: Tensor, scalars: _Scalars) -> None:
        """New weights, moments, average and rounded copy from the gradient [P], which is overwritten."""
        if scalars.shorten is not None:
            gradient.mul_(scalars.shorten)
        for rule, (place, _) in zip(self.rules, self._places, strict=True):
            if scalars.finite is None:
                rule.update(gradient[place], scalars.rate)
            else:
                assert isinstance(scalars.rate, Tensor)
                rule.update_if(scalars.finite, gradient[place], scalars.rate)
        if self.config.ema_decay:
            self.average.lerp_(self.parameters.master, scalars.trust)
        self.parameters.publish()

    def buffers(self) -> list[Tensor]:
        """All tensors that a step writes, beside the gradient: vectors [P], moments [N], counters []."""
        return [*self.tensors().values(), *self._counters(), self.parameters.shadow]

    def _counters(self) -> list[Tensor]:
        """Of the rules: tensors []."""
        return [counter for rule in self.rules for counter in rule.counters()]

    def tensors(self) -> dict[str, Tensor]:
        """What the next step depends on: vectors [P], and of a moment [N], the parameters whose rule has it."""
        found = {"master": self.parameters.master, **self.moments}
        return found | ({"average": self.average} if self.config.ema_decay else {})

    def fetch(self, name: str) -> Tensor:
        """The values [N] of one of `tensors`, which may be asked for where these are on the meta device."""
        return self.tensors()[name]

    def is_finite(self) -> bool:
        """Whether all of `tensors` are numbers."""
        return all(bool(tensor.isfinite().all()) for tensor in self.tensors().values())

    def restore(self, tensors: Mapping[str, Tensor], number: int) -> None:
        """Set the weights [P], moments [N] and average [P] to those that `tensors` gave after step `number`.

        They may come from a run with other settings: what this kind has no use for is passed over, and what is
        missing begins as in a new run, a moment at zero, the average at the weights.
        """
        own = self.tensors()
        for name, values in fitted(tensors, self.parameters, self.config):
            own[name].copy_(values)
        self.goes_on(number)

    def goes_on(self, number: int) -> None:
        """What follows from weights and moments, which are those after step `number` by now."""
        for counter in self._counters():
            counter.fill_(number)
        self.parameters.publish()


def parts(parameters: FlatParameters, config: OptimizerConfig) -> list[tuple[slice, type[Rule]]]:
    """Runs of the vector [P] and the rule of each: inner matrices, the other matrices, and what is no matrix."""
    inner, other = RULES[config.kind]
    size, decayed = parameters.size, parameters.decayed
    first = parameters.inner if inner is not other else 0
    runs = [(slice(0, first), inner), (slice(first, decayed), other), (slice(decayed, size), other)]
    return [(place, rule) for place, rule in runs if place.start < place.stop]


def moment_spans(parameters: FlatParameters, config: OptimizerConfig) -> dict[str, slice]:
    """By name of a moment, from the first parameter whose rule has it to the last."""
    found: dict[str, slice] = {}
    for place, rule in parts(parameters, config):
        for name in rule.MOMENTS:
            found[name] = slice(found.get(name, place).start, place.stop)
    return found


def fitted(
    tensors: Mapping[str, Tensor], parameters: FlatParameters, config: OptimizerConfig
) -> Iterator[tuple[str, Tensor]]:
    """By name, in the order of Optimizer.tensors, what these settings make of tensors [N] that others have written."""
    yield "master", tensors["master"]
    for name, span in moment_spans(parameters, config).items():
        yield name, _moment(tensors.get(name), span, parameters)
    if config.ema_decay:
        yield "average", tensors.get("average", tensors["master"])


def _moment(saved: Tensor | None, span: slice, parameters: FlatParameters) -> Tensor:
    """A moment [N], which covers `span` of the parameters, from a saved vector of this or another span."""
    if saved is not None and saved.numel() == span.stop - span.start:
        return saved
    # Of another kind, or of a version that kept every moment for all parameters: it covers all of them, the inner
    # matrices, which come first, or what comes after these.
    whole = torch.zeros(parameters.size)
    if saved is not None:
        after_inner = saved.numel() == whole.numel() - parameters.inner
        whole[parameters.inner if after_inner else 0 :][: saved.numel()] = saved
    return whole[span]
