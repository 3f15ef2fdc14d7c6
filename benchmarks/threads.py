"""Threads that Dragoman chooses against those torch takes, alone and beside a process that keeps one core busy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from benchmarks import machine
from benchmarks.alternate import Arm
from benchmarks.comparison import Column, How, Question, compare
from benchmarks.sizes import SIZES

STEP_TOKENS = (1024, 4096)
KINDS = {"chosen": "chosen threads", "torch's": "torch's threads", "one": "one thread"}


@dataclass(frozen=True)
class Tried:
    """What is timed, and for how long."""

    model: Annotated[
        str,
        Parameter(name=("--model", "-m"), help="that is explained and translates: bundled, or a directory"),
    ] = "en-zh-tiny"
    size: Annotated[
        Literal["toy", "small", "base"], Parameter(help="of the model that is trained: 9.4 M (small) or 48 M")
    ] = "small"
    optimizer: Annotated[Literal["adamw", "muon"], Parameter(help="of the training steps")] = "adamw"
    seconds: Annotated[float, Parameter(help="that each piece of work is done over and over")] = 3.0


def main(
    tried: Annotated[Tried, Parameter(name="*")] = Tried(),  # noqa: B008 - frozen
    how: Annotated[How, Parameter(name="*")] = How(),  # noqa: B008 - frozen
) -> Path:
    """Time small pieces of work with both kinds of threads, on a machine at rest and on a busy one."""
    size = SIZES[tried.size]
    step = {
        "work": "step", "size": size.as_dict(), "optimizer": tried.optimizer, "precision": machine.fast_precision(),
    }  # fmt: skip
    works: dict[str, dict[str, Any]] = {
        "explain": {"work": "explain", "model": tried.model},
        "POST /api/explain": {"work": "request", "model": tried.model},
        "one sentence, torch engine": {"work": "sentence", "model": tried.model},
        **{f"step of {tokens:,} tokens": {**step, "batch_tokens": tokens} for tokens in STEP_TOKENS},
    }
    arms, ratios = [], []
    for work, task in works.items():
        for where in ("alone", "busy"):
            names = {kind: f"{work}, {where}, {named}" for kind, named in KINDS.items()}
            if task["work"] != "step":  # has one thread anyway
                del names["one"]
            ratios += [(names["chosen"], other) for kind, other in names.items() if kind != "chosen"]
            arms += [
                Arm(
                    name, "benchmarks.ours.threads:measure",
                    {**task, "threads": kind, "busy": where == "busy", "seconds": tried.seconds},
                )
                for kind, name in names.items()
            ]  # fmt: skip
    question = Question(
        name="threads",
        title=f"Threads: Dragoman's choice and torch's, {size.parameters / 1e6:.1f} M parameters in training",
        columns=(
            Column("seconds", "median, ms", higher_is_better=False, times=1000),
            Column("times", "times"),
        ),
        ratios=tuple(ratios),
        settings={"optimiser": tried.optimizer},
    )
    return compare(question, arms, how)
