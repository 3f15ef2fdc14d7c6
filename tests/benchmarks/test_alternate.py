"""Turns are taken A B A B, a failure stops nobody else, and ratios are taken round by round."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.alternate import ROOT, Arm, ArmFailed, Summary, alternate, ratio, run_arm
from benchmarks.arm import _kib, peak_mib

A, B = Arm("a", "m:f"), Arm("b", "m:f")


def test_arms_take_turns() -> None:
    order: list[str] = []

    def run(arm: Arm) -> dict[str, float]:
        order.append(arm.name)
        return {"speed": len(order)}

    turns = alternate([A, B], 3, run, lambda text: None)
    assert order == ["a", "b", "a", "b", "a", "b"]
    assert [turn["speed"] for turn in turns.found["a"]] == [1, 3, 5]
    assert turns.failed == {}


def test_an_arm_that_fails_is_left_out_and_the_others_go_on() -> None:
    calls: list[str] = []

    def run(arm: Arm) -> dict[str, float]:
        calls.append(arm.name)
        if calls.count("a") == 2 and arm is A:
            raise ArmFailed("out of memory")
        return {}

    said: list[str] = []
    turns = alternate([A, B], 3, run, said.append)
    assert calls == ["a", "b", "a", "b", "b"]
    # One good turn of three would stand beside three of another: it is not shown.
    assert turns.found.keys() == {"b"} and len(turns.found["b"]) == 3
    assert turns.failed == {"a": "out of memory"}
    assert any("out of memory" in line for line in said)


def test_the_measure_is_told_while_waiting() -> None:
    said: list[str] = []
    alternate([A], 1, lambda arm: {"speed": 1234.5}, said.append, key="speed")
    assert said == ["round 1/1  a: 1,234" if f"{1234.5:,.4g}" == "1,234" else f"round 1/1  a: {1234.5:,.4g}"]


def test_a_ratio_is_that_of_neighbouring_turns() -> None:
    """A machine half as fast in the second round changes both arms there, and no ratio."""
    assert ratio([10, 5, 10], [5, 2.5, 4]) == Summary(median=2.0, least=2.0, most=2.5, turns=3)


def test_an_arm_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    found = run_arm(Arm("versions", "benchmarks.arm:versions"), threads=1)
    assert found["python"] and found["versions"]["python"] == found["python"]
    assert found["process_seconds"] > 0 and found["peak_mib"] > 1


def test_what_went_wrong_is_told_without_paths() -> None:
    with pytest.raises(ArmFailed, match="has no attribute 'nothing'") as failure:
        run_arm(Arm("wrong", "benchmarks.arm:nothing"), threads=1)
    assert str(ROOT) not in str(failure.value)
    with pytest.raises(ArmFailed, match="does not start"):
        run_arm(Arm("missing", "benchmarks.arm:versions", python=Path("no/such/python")), threads=1)


def test_peak_memory_is_this_process_s_own() -> None:
    assert _kib("Name:\tx\nVmHWM:\t  2048 kB\nVmRSS:\t 1024 kB\n", "VmHWM") == 2048
    assert 1 < peak_mib() < 1 << 20
