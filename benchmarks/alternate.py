"""Arms in turn, A B A B, each turn in a process of its own; medians and ratios of what they found.

Knows no benchmark. A machine that is busy or throttled for a while then slows all arms alike, and a ratio is taken
between turns that stood side by side.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
Turn = dict[str, Any]


class ArmFailed(Exception):
    """An arm's process ended without a result; the message is the end of what it said."""


@dataclass(frozen=True)
class Arm:
    """One contender: which function of which module it calls, with what, under which interpreter."""

    name: str
    function: str  # "benchmarks.peers.plain:train"
    settings: Mapping[str, Any] = field(default_factory=dict)
    python: Path = Path(sys.executable)


@dataclass(frozen=True)
class Summary:
    """What several turns found."""

    median: float
    least: float
    most: float
    turns: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Summary:
        return cls(statistics.median(values), min(values), max(values), len(values))


def run_arm(arm: Arm, threads: int, timeout: float | None = None) -> Turn:
    """One turn of an arm with so many threads. Raises ArmFailed."""
    environment = dict(
        os.environ,
        OMP_NUM_THREADS=str(threads),
        PYTHONPATH=os.pathsep.join((str(ROOT), str(ROOT / "src"))),
        TOKENIZERS_PARALLELISM="false",
    )
    task = json.dumps({"function": arm.function, "settings": dict(arm.settings)})
    with tempfile.TemporaryDirectory() as directory:
        result = Path(directory) / "result.json"
        command = [str(arm.python), "-m", "benchmarks.arm", str(result)]
        started = time.perf_counter()
        try:
            done = subprocess.run(
                command, input=task, env=environment, cwd=ROOT, text=True, timeout=timeout,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise ArmFailed(f"no result after {error.timeout:.0f} seconds") from error
        except OSError as error:
            raise ArmFailed(f"{arm.python} does not start: {error.strerror}") from error
        if done.returncode or not result.exists():
            last = [line for line in done.stdout.splitlines() if line.strip()][-1:]
            # A result is read elsewhere: no path of this machine goes into it.
            reason = "".join(last).strip().replace(f"{ROOT}{os.sep}", "")
            raise ArmFailed(reason or f"exit code {done.returncode}")
        found: Turn = json.loads(result.read_text())
        return {"process_seconds": time.perf_counter() - started, **found}


@dataclass(frozen=True)
class Turns:
    """Of each arm that never failed, its turns in order; of each other, why."""

    found: dict[str, list[Turn]]
    failed: dict[str, str]


def alternate(
    arms: Sequence[Arm],
    rounds: int,
    run: Callable[[Arm], Turn],
    say: Callable[[str], None],
    key: str = "",
) -> Turns:
    """Each arm once a round, in this order. One that fails is left out from then on, and the others go on.

    key: the measure that is shown while waiting.
    """
    found: dict[str, list[Turn]] = {}
    failed: dict[str, str] = {}
    for number in range(1, rounds + 1):
        for arm in arms:
            if arm.name in failed:
                continue
            try:
                turn = run(arm)
            except ArmFailed as error:
                failed[arm.name] = str(error)
                found.pop(arm.name, None)
                say(f"round {number}/{rounds}  {arm.name}: failed: {error}")
                continue
            found.setdefault(arm.name, []).append(turn)
            say(f"round {number}/{rounds}  {arm.name}" + (f": {turn[key]:,.4g}" if key in turn else ""))
    return Turns(found, failed)


def values(turns: Sequence[Turn], key: str) -> list[float]:
    return [float(turn[key]) for turn in turns]


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Summary:
    """Ours over theirs, round by round: what disturbed a round disturbed both of its turns."""
    return Summary.of([a / b for a, b in zip(ours, theirs, strict=True)])
