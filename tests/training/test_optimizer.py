"""Schedules against the paper's formula, the flat optimiser against torch's on separate tensors."""

import math
from typing import Literal

import pytest
import torch
from torch import nn

from dragoman.errors import ConfigError
from dragoman.training.optimizer import Optimizer, OptimizerConfig, learning_rate
from dragoman.training.parameters import FlatParameters


def test_inverse_sqrt_is_equation_3() -> None:
    d_model, warmup = 512, 4000
    config = OptimizerConfig(peak_lr=(d_model * warmup) ** -0.5, warmup_steps=warmup)
    for step in (1, 100, 3999, 4000, 4001, 100_000):
        paper = d_model**-0.5 * min(step**-0.5, step * warmup**-1.5)
        assert learning_rate(step, config, 0) == pytest.approx(paper)


@pytest.mark.parametrize(("schedule", "halfway"), [("linear", 0.5), ("cosine", 0.5), ("constant", 1.0)])
def test_other_schedules_rise_peak_and_end(schedule: str, halfway: float) -> None:
    config = OptimizerConfig(peak_lr=1.0, warmup_steps=10, schedule=schedule)  # type: ignore[arg-type]
    rates = [learning_rate(step, config, 110) for step in (5, 10, 60, 110, 200)]
    end = 1.0 if schedule == "constant" else 0.0
    assert rates == pytest.approx([0.5, 1.0, halfway, end, end])


@pytest.mark.parametrize(
    ("schedule", "quarter"), [("linear", 0.75), ("cosine", (1 + math.cos(math.pi / 4)) / 2)]
)
def test_a_schedule_may_stay_at_its_peak_before_it_falls(
    schedule: Literal["linear", "cosine"], quarter: float
) -> None:
    config = OptimizerConfig(peak_lr=1.0, warmup_steps=10, level_steps=50, schedule=schedule)
    rates = [learning_rate(step, config, 100) for step in (5, 10, 35, 60, 70, 100, 200)]
    assert rates == pytest.approx([0.5, 1.0, 1.0, 1.0, quarter, 0.0, 0.0])


def test_a_schedule_that_never_ends_has_nothing_to_stay_level_before() -> None:
    with pytest.raises(ConfigError, match=r"level_steps = 50 .*schedule = constant"):
        OptimizerConfig(schedule="constant", level_steps=50)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.LayerNorm(7), nn.Linear(7, 3))


@pytest.mark.parametrize("kind", ["adam", "adamw"])
def test_flat_optimiser_equals_torch_parameter_by_parameter(kind: str) -> None:
    config = OptimizerConfig(
        kind=kind,
        peak_lr=0.01,
        schedule="constant",
        warmup_steps=0,
        weight_decay=0.1,
        clip_norm=0.5,
        ema_decay=0.0,
    )  # type: ignore[arg-type]
    ours, theirs = network(), network()
    optimizer = Optimizer(FlatParameters(ours, torch.float32), config, 100)
    groups = [
        {"params": [p for p in theirs.parameters() if p.dim() >= 2], "weight_decay": 0.1},
        {"params": [p for p in theirs.parameters() if p.dim() < 2], "weight_decay": 0.0},
    ]
    reference = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[kind](
        groups, lr=0.01, betas=(0.9, 0.98), eps=1e-9
    )
    for number in range(1, 6):
        x = torch.randn(4, 5)
        optimizer.parameters.gradient.zero_()
        ours(x).square().sum().backward()
        norm = optimizer.step(number, optimizer.parameters.gradient.clone())
        reference.zero_grad()
        theirs(x).square().sum().backward()
        expected = nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
        reference.step()
        assert norm == pytest.approx(expected.item(), rel=1e-5)
    for name, weight in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], weight, atol=1e-5, rtol=1e-4)


def test_the_model_sees_the_master_rounded_and_the_master_keeps_small_steps() -> None:
    model = network()
    parameters = FlatParameters(model, torch.bfloat16)
    assert model[0].weight.dtype == torch.bfloat16
    before = parameters.master.clone()
    parameters.master += 1e-5  # less than bf16 can tell at 0.4
    parameters.publish()
    assert torch.equal(model[0].weight, parameters.named(parameters.master)["0.weight"].bfloat16())
    assert (parameters.master - before).abs().min() > 0


def test_a_gradient_that_is_no_number_changes_nothing() -> None:
    parameters = FlatParameters(network(), torch.float32)
    optimizer = Optimizer(parameters, OptimizerConfig(), 100)
    before = {name: tensor.clone() for name, tensor in optimizer.tensors().items()}
    gradient = torch.zeros_like(parameters.master)
    gradient[3] = math.nan
    assert math.isnan(optimizer.step(1, gradient))
    assert all(torch.equal(before[name], tensor) for name, tensor in optimizer.tensors().items())


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_restored_optimiser_takes_the_same_next_step(kind: Literal["adamw", "muon"]) -> None:
    config = OptimizerConfig(kind, peak_lr=0.01, warmup_steps=2)
    torch.manual_seed(1)
    gradients = torch.randn(6, sum(p.numel() for p in network().parameters()))
    first = Optimizer(FlatParameters(network(), torch.bfloat16), config, 100)
    for number in (1, 2, 3):
        first.step(number, gradients[number].clone())
    saved = {name: tensor.clone() for name, tensor in first.tensors().items()}
    second = Optimizer(FlatParameters(network(), torch.bfloat16), config, 100)
    second.restore(saved, 3)
    for optimizer in (first, second):
        optimizer.step(4, gradients[4].clone())
    for name, tensor in first.tensors().items():
        assert torch.equal(tensor, second.tensors()[name])


def test_average_follows_the_weights() -> None:
    parameters = FlatParameters(network(), torch.float32)
    optimizer = Optimizer(parameters, OptimizerConfig(ema_decay=0.5, schedule="constant", warmup_steps=0), 9)
    expected = parameters.master.clone()
    for number in range(1, 20):
        optimizer.step(number, torch.randn_like(parameters.master))
        decay = min(0.5, (1 + number) / (10 + number))
        expected = decay * expected + (1 - decay) * parameters.master
    torch.testing.assert_close(optimizer.average, expected)


@pytest.mark.parametrize(("field", "value"), [("peak_lr", 0.0), ("beta2", 1.0), ("ema_decay", -0.1)])
def test_settings_without_sense_are_refused(field: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"optimizer.{field} = "):
        OptimizerConfig(**{field: value})
