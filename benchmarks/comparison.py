"""One comparison from arms to a JSON file of all that was found. Knows no arm, and makes no table (report.py).

A result file is self-contained: the table and the plot are made from it and from nothing else.
"""

from __future__ import annotations

import datetime as dt
import json
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from benchmarks import machine
from benchmarks.alternate import ROOT, Arm, Turn, alternate, run_arm
from dragoman.files import publish

KIND = "comparison"
WORK = ROOT / "runs" / "benchmarks"  # what a run of the benchmarks leaves behind
RESULTS = WORK / "results"
RESULTS_FLAG = "--results"


@dataclass(frozen=True)
class Column:
    """One number of each turn: its key, how it is called, and by what it is multiplied before it is shown."""

    key: str
    title: str
    format: str = ",.0f"
    higher_is_better: bool = True
    times: float = 1.0


@dataclass(frozen=True)
class How:
    """What every comparison can be told."""

    rounds: Annotated[int, Parameter(help="turns of each arm")] = 3
    threads: Annotated[int, Parameter(help="threads of each arm; 0 = as many as cores may be used")] = 0
    results: Annotated[Path, Parameter(help="directory of the result files")] = RESULTS
    tag: Annotated[str, Parameter(help="put after the name of the result file")] = ""

    @property
    def all_threads(self) -> int:
        return self.threads or machine.cores()


@dataclass(frozen=True)
class Question:
    """What is compared: a name, a title, the measure and what else is shown, and which ratios are of interest."""

    name: str
    title: str
    columns: tuple[Column, ...]  # the first is the measure
    ratios: tuple[tuple[str, str], ...] = ()  # names of arms, ours before theirs
    settings: dict[str, Any] = field(default_factory=dict)
    subject: str = ""  # what the names of the arms are: the title of the table's first column


def compare(
    question: Question,
    arms: Sequence[Arm],
    how: How,
    look: Callable[[Arm], Turn] = lambda arm: {},
    finish: Callable[[dict[str, list[Turn]]], None] = lambda turns: None,
) -> Path:
    """Run the arms in turn and write what they found; returns the file.

    look: what else is to be known of a turn, asked when the arm's process has ended. finish: what only all turns
    together tell, written into them.
    """
    about = machine.describe(how.all_threads)

    def run(arm: Arm) -> Turn:
        return run_arm(arm, how.all_threads) | look(arm)

    turns = alternate(arms, how.rounds, run, say, key=question.columns[0].key)
    finish(turns.found)
    return write(
        how,
        {
            "kind": KIND,
            **asdict(question),
            "machine": about,
            "turns": turns.found,
            "failed": turns.failed,
        },
    )


def write(how: How, result: dict[str, Any]) -> Path:
    """Add when and by which command, and publish."""
    how.results.mkdir(parents=True, exist_ok=True)
    path = how.results / f"{result['name']}{how.tag and '-'}{how.tag}.json"
    result = {**result, "date": f"{dt.datetime.now(dt.UTC):%Y-%m-%d}", "command": command_line()}
    publish(path, json.dumps(result, ensure_ascii=False, indent=1).encode() + b"\n")
    say(f"wrote {path}")
    return path


def command_line() -> str:
    """The command, with file names instead of whole paths: a result is read on other machines.

    Where the result was to be written is left out: nothing that was measured depends on it.
    """
    words = sys.argv[1:]
    if RESULTS_FLAG in words:
        at = words.index(RESULTS_FLAG)
        words = words[:at] + words[at + 2 :]
    return shlex.join(["python", "-m", "benchmarks", *(Path(w).name if "/" in w else w for w in words)])


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
