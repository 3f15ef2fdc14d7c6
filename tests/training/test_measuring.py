"""What is quicker is chosen by time, and remembered for the machine: with a clock that is wound by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from dragoman.training import measuring
from dragoman.training.gradients import Worker, Workers
from dragoman.training.measuring import quickest, quickest_precision, remembered
from smallruns import config, go, state_of


class Wound:
    """A clock that goes on by what each piece of work is said to take, one duration after another."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def work(self, *seconds: float) -> Callable[[], object]:
        coming = list(seconds)

        def run() -> None:
            self.now += coming.pop(0) if len(coming) > 1 else coming[0]

        return run


@pytest.mark.parametrize(
    "first, second, expected",
    [((0.2,), (0.1,), "b"), ((0.1,), (0.2,), "a"), ((0.1,), (0.098,), "a"), ((0.1,), (0.1,), "a")],
)
def test_the_first_stays_unless_another_is_clearly_quicker(first, second, expected) -> None:
    clock = Wound()
    assert quickest({"a": clock.work(*first), "b": clock.work(*second)}, clock=clock) == expected


def test_first_calls_do_not_count_and_one_hiccup_decides_nothing() -> None:
    clock = Wound()
    a, b = clock.work(9.0, 0.1), clock.work(0.2, 0.2, 0.05, 0.2)
    assert quickest({"a": a, "b": b}, clock=clock) == "a"


def test_slow_work_gets_one_turn_each() -> None:
    clock = Wound()
    quickest({"a": clock.work(5.0), "b": clock.work(7.0)}, seconds=1, clock=clock)
    assert clock.now == 24


def test_an_answer_is_kept_for_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(("bf16", "fp32", "bf16"))

    def ask(place: Path = tmp_path / "cache") -> str:
        return remembered("precision", lambda: next(answers), place)

    assert ask() == ask() == "bf16"
    monkeypatch.setattr(measuring, "processor", lambda: "another")
    assert ask() == "fp32"
    monkeypatch.undo()
    assert ask() == "bf16"
    assert len(json.loads((tmp_path / "cache" / "measured.json").read_text())) == 2


@pytest.mark.parametrize("damage", ["", "[]", "{", "null", "[" * 100_000])
def test_a_damaged_memory_is_measured_anew(tmp_path: Path, damage: str) -> None:
    (tmp_path / "measured.json").write_text(damage)
    assert remembered("precision", lambda: "bf16", tmp_path) == "bf16"
    assert remembered("precision", lambda: "fp32", tmp_path) == "bf16"


def test_where_nothing_can_be_kept_it_is_measured_each_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for answer in ("bf16", "fp32"):
        assert remembered("precision", lambda answer=answer: answer, tmp_path / "file" / "below") == answer


def test_the_products_of_this_processor_decide() -> None:
    assert quickest_precision() in ("bf16", "fp32")


# -- workers --------------------------------------------------------------------------------------------------------


class Piece:
    """A batch of so many sentences, which can be cut."""

    target_mask = torch.ones(4, 3, dtype=torch.bool)

    def __len__(self) -> int:
        return 4

    def rows(self, start: int, end: int) -> Piece:
        return self


@pytest.mark.parametrize("alone, together, left", [(0.1, 0.15, 1), (0.1, 0.06, 2)])
def test_two_workers_stay_where_they_are_quicker_than_one(
    alone: float, together: float, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two were between 0.3 and 1.1 times as fast as one, on a machine with other work."""
    clock = Wound()
    workers = Workers([Worker(lambda batch: None, torch.zeros(1))] * 2)  # type: ignore[arg-type,return-value]

    def gradient(window: object, parts: int) -> None:
        clock.now += alone if len(workers.workers) == 1 else together

    monkeypatch.setattr(workers, "gradient", gradient)
    assert workers.choose([Piece()], clock) == (left == 1)  # type: ignore[list-item]
    assert len(workers.workers) == left and workers.threads == 1


def test_a_run_goes_on_with_the_workers_that_it_chose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the bit, whatever would be quicker by then; who names a number of workers is not asked."""
    from dragoman.training import settings

    monkeypatch.setattr(settings, "WORKER_TOKENS", 100)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = {}
        for name, one in (("two", False), ("one", True)):
            (tmp_path / name).mkdir()
            monkeypatch.setattr(Workers, "choose", _chosen(one))
            shared = config(training={"max_steps": 6})
            result, said = go(tmp_path / name, shared, max_minutes=0)
            assert ("one worker with one thread" in said) == one
            monkeypatch.setattr(Workers, "choose", _chosen(not one))
            while not result.finished:
                result, said = go(tmp_path / name, shared, resume=True, max_minutes=0)
                assert "one worker" not in said
            (tmp_path / f"{name}-whole").mkdir()
            monkeypatch.setattr(Workers, "choose", _chosen(one))
            go(tmp_path / f"{name}-whole", shared)
            found[name] = state_of(tmp_path / name)
            assert found[name] == state_of(tmp_path / f"{name}-whole")
        assert found["one"] != found["two"]
        (tmp_path / "asked").mkdir()
        monkeypatch.setattr(Workers, "choose", None)
        go(tmp_path / "asked", config(training={"max_steps": 2, "workers": 2}))
    finally:
        torch.set_num_threads(before)


def _chosen(one: bool) -> Callable[..., bool]:
    def choose(self: Workers, window: object) -> bool:
        if one:
            self.arrange(1, 1)
        return one

    return choose
