"""Every update rule, and one that a stranger wrote: the same in ordinary and captured steps, saved whole, restored."""

import math
from collections.abc import Callable
from typing import get_args, get_type_hints

import pytest
import torch
from torch import Tensor, nn

from dragoman.training.gpu.graphs import Eager, GraphCache, Graphs
from dragoman.training.optimizer import RULES, Optimizer, OptimizerConfig
from dragoman.training.optimizers.rule import Rule, Scalar, subtract_scaled
from dragoman.training.parameters import FlatParameters

CPU = torch.device("cpu")
KINDS = get_args(get_args(get_type_hints(OptimizerConfig, include_extras=True)["kind"])[0])
STEPS = 6


class Lion(Rule):
    """Chen et al. (2023), as one would write it who has read Rule and nothing else."""

    MOMENTS = ("mean",)

    def update(self, gradient: Tensor, rate: Scalar) -> None:
        mean, weights = self.moments["mean"], self.part.weights
        direction = mean.lerp(gradient, 1 - self.config.beta1).sign_()
        weights.mul_(1 - rate * self.part.weight_decay)
        subtract_scaled(weights, direction, rate)
        mean.lerp_(gradient, 1 - self.config.beta2)


class Counting(Rule):
    """Remembers the largest gradients and how many steps it took: what a rule may keep beside a mean."""

    MOMENTS = ("largest",)

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        self.steps = torch.zeros(())

    def update(self, gradient: Tensor, rate: Scalar) -> None:
        self.steps.add_(1)
        largest = self.moments["largest"]
        torch.maximum(largest, gradient.abs(), out=largest)
        self.part.weights.sub_(gradient / (largest * self.steps.sqrt() + 1e-8) * rate)

    def counters(self) -> list[Tensor]:
        return [self.steps]


STRANGERS = {"stranger": (Lion, Lion), "two strangers": (Counting, Lion)}


@pytest.fixture(params=[*KINDS, *STRANGERS], autouse=True)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, rules in STRANGERS.items():
        monkeypatch.setitem(RULES, name, rules)
    return str(request.param)


def test_every_kind_has_a_rule(kind: str) -> None:
    assert set(RULES) - set(STRANGERS) == set(KINDS)
    assert all(issubclass(rule, Rule) for rule in RULES[kind])


class Network(nn.Module):
    """Inner matrices of two shapes, a table, a bias and a norm: a parameter of every part."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.table = nn.Embedding(9, 6)
        self.layers = nn.ModuleList([nn.Linear(6, 10), nn.Linear(10, 6), nn.Linear(6, 10)])
        self.norm = nn.LayerNorm(6)


def optimizer(kind: str, dtype: torch.dtype = torch.float32, **changes: float) -> Optimizer:
    settings = dict(peak_lr=0.01, warmup_steps=3, weight_decay=0.1, clip_norm=15.0, ema_decay=0.9) | changes
    return Optimizer(FlatParameters(Network(), dtype), OptimizerConfig(kind, **settings), 100)  # type: ignore[arg-type]


def gradients(size: int) -> Tensor:
    """Of norm 16 and about 8 in turn: every other one is clipped."""
    torch.manual_seed(4)
    return (
        torch.nn.functional.normalize(torch.randn(2 * STEPS, size))
        * torch.tensor([16.0, 8.0]).repeat(STEPS)[:, None]
    )


def state(of: Optimizer) -> dict[str, Tensor]:
    return {str(i): tensor.clone() for i, tensor in enumerate(of.buffers())}


def assert_same(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


class Called:
    def __init__(self, compute: Callable[[], None]) -> None:
        self.replay = compute


class Rehearsed(GraphCache):
    """All of capturing but the graph."""

    def capture(self, compute: Callable[[], None]) -> Called:
        compute()
        return Called(compute)


@pytest.mark.parametrize("graphs", [Eager(), Rehearsed(CPU)], ids=["direct", "recorded"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("changes", [{}, {"clip_norm": 0.0, "ema_decay": 0.0}])
def test_a_step_on_the_device_is_a_step(
    kind: str, graphs: Graphs, dtype: torch.dtype, changes: dict[str, float]
) -> None:
    usual, static = (optimizer(kind, dtype, **changes) for _ in range(2))
    graphs.forget()
    given = gradients(usual.parameters.master.numel())
    gradient, loss, norm = torch.zeros_like(given[0]), torch.ones(()), torch.zeros(())
    compute = lambda: norm.copy_(static.step_on_device(gradient, loss)) is None or None
    for number in range(1, STEPS + 1):
        expected = usual.step(number, given[number].clone())
        gradient.copy_(given[number])
        static.set_step(number)
        graphs.run("update", compute, [gradient, norm, *static.buffers()])
        assert norm.item() == pytest.approx(expected)
    for name, tensor in state(usual).items():
        # A number on the device is rounded to fp32; the sign of a value near zero, or bf16 inside Muon, shows that.
        torch.testing.assert_close(state(static)[name], tensor, rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("where", ["gradient", "loss"])
def test_a_bad_step_changes_nothing(kind: str, bad: float, where: str) -> None:
    found = optimizer(kind)
    given = gradients(found.parameters.master.numel())
    loss = torch.ones(())
    for number in (1, 2):
        found.step(number, given[number].clone())
    before = state(found)
    gradient = given[3].clone()
    (gradient[5:6] if where == "gradient" else loss).fill_(bad)
    if where == "gradient":
        assert not math.isfinite(found.step(3, gradient.clone()))
        assert_same(before, state(found))
    found.set_step(3)
    found.step_on_device(gradient, loss)
    assert_same(before, state(found))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_restored_it_takes_the_same_next_steps(kind: str, dtype: torch.dtype) -> None:
    whole, again = (optimizer(kind, dtype) for _ in range(2))
    given = gradients(whole.parameters.master.numel())
    for number in (1, 2, 3):
        whole.step(number, given[number].clone())
    saved = {name: tensor.clone() for name, tensor in whole.tensors().items()}
    again.restore(saved, 3)
    for each in (whole, again):
        each.step(4, given[4].clone())
        each.set_step(5)
        each.step_on_device(given[5].clone(), torch.ones(()))
    assert_same(state(whole), state(again))


def test_moments_are_those_the_rules_name_and_no_larger(kind: str) -> None:
    found = optimizer(kind)
    inner, other = RULES[kind]
    size, part = found.parameters.master.numel(), found.parameters.inner
    assert 0 < part < found.parameters.decayed < size
    expected = {"master": size, "average": size}
    for name in {*inner.MOMENTS, *other.MOMENTS}:
        expected[name] = part * (name in inner.MOMENTS) + (size - part) * (name in other.MOMENTS)
    assert {name: tensor.numel() for name, tensor in found.tensors().items()} == expected


def test_a_checkpoint_with_all_moments_of_all_parameters_still_resumes(kind: str) -> None:
    """Version 0.1 kept "mean" and "square" of every parameter whatever the kind."""
    found = optimizer(kind)
    old = {
        name: torch.rand(found.parameters.master.numel()) for name in ("master", "mean", "square", "average")
    }
    found.restore({**old, "random": torch.zeros(9)}, 7)
    assert torch.equal(found.parameters.master, old["master"]) and torch.equal(found.average, old["average"])
    for name in {"mean", "square"} & set(found.moments):
        moment = by_parameter(found, name)
        assert torch.equal(moment[moment.isfinite()], old[name][moment.isfinite()])


def by_parameter(of: Optimizer, name: str) -> Tensor:
    """A moment as a vector [P]; nan where the rule of a parameter has none of that name."""
    whole = torch.full_like(of.parameters.master, math.nan)
    for rule in of.rules:
        if name in rule.MOMENTS:
            first = (rule.part.weights.data_ptr() - of.parameters.master.data_ptr()) // whole.element_size()
            whole[first : first + rule.part.weights.numel()] = rule.moments[name]
    return whole


def test_a_run_may_go_on_with_another_kind(kind: str) -> None:
    """Settings of the optimiser may change when a run is resumed; a moment that was not kept begins at zero."""
    given = gradients(optimizer(kind).parameters.master.numel())
    for before in RULES:
        first, second = optimizer(before, ema_decay=0.0), optimizer(kind)
        for number in (1, 2):
            first.step(number, given[number].clone())
        second.restore(first.tensors(), 2)
        assert torch.equal(second.average, first.parameters.master)
        for name in second.moments:
            moment = by_parameter(second, name)
            expected = by_parameter(first, name).nan_to_num(0.0).where(moment.isfinite(), math.nan)
            torch.testing.assert_close(moment, expected, rtol=0, atol=0, equal_nan=True)
        assert math.isfinite(second.step(3, given[3].clone()))


def test_a_rehearsed_step_changes_nothing(kind: str) -> None:
    found = optimizer(kind)
    given = gradients(found.parameters.master.numel())
    for number in (1, 2):
        found.step(number, given[number].clone())
    before, gradient = state(found), given[3].clone()
    found.rehearse(gradient)
    assert_same(before, state(found))
    assert torch.equal(gradient, given[3])
