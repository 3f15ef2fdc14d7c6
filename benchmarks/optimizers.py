"""Muon against AdamW in time to a validation loss: steps that are fewer and dearer only count if minutes are saved.

Every arm trains the same model on the same batches with the same schedule; the loss that is timed is one that all of
them reach, so no number is chosen by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from benchmarks import inputs, machine
from benchmarks.alternate import Arm
from benchmarks.comparison import Column, How, Question, compare
from benchmarks.sizes import SIZES

ADAMW, MUON = "AdamW", "Muon"
COLUMNS = (
    Column("seconds_to_target", "time to that loss, s", higher_is_better=False),
    Column("steps_to_target", "steps to it", higher_is_better=False),
    Column("target_loss", "the loss", ".3f", higher_is_better=False),
    Column("best_loss", "best loss", ".3f", higher_is_better=False),
    Column("step_seconds", "median step, s", ".3f", higher_is_better=False),
)


@dataclass(frozen=True)
class Work:
    """What is trained, and for how long."""

    size: Annotated[
        Literal["toy", "small", "base"], Parameter(help="9.4 M (small) or 48 M (base) parameters")
    ] = "small"
    corpus: Annotated[
        tuple[Path, ...], Parameter(help="sentence pairs; default Multi30k under DRAGOMAN_DATA, or captions")
    ] = ()
    source_lang: Annotated[str, Parameter(help="language code of the source")] = ""
    target_lang: Annotated[str, Parameter(help="language code of the target")] = ""
    batch_tokens: Annotated[int, Parameter(help="sentences of a batch x longest side")] = 2048
    steps: Annotated[int, Parameter(help="of each arm")] = 1000
    every: Annotated[int, Parameter(help="steps between looks at the validation loss")] = 50
    adamw: Annotated[
        tuple[float, ...], Parameter(help="peak learning rates of AdamW", consume_multiple=True)
    ] = (1e-3, 3e-3)
    muon: Annotated[
        tuple[float, ...], Parameter(help="peak learning rates of Muon", consume_multiple=True)
    ] = (3e-3,)


def main(
    work: Annotated[Work, Parameter(name="*")] = Work(),  # noqa: B008 - frozen
    how: Annotated[How, Parameter(name="*")] = How(),  # noqa: B008 - frozen
) -> Path:
    """Train with each optimiser, in turn, and time them to a loss that all reach."""
    size = SIZES[work.size]
    data = inputs.training_data(
        inputs.corpus(work.corpus, work.source_lang, work.target_lang), size.vocab, work.batch_tokens
    )
    task = {
        "directory": str(data.directory), "languages": [data.corpus.source, data.corpus.target],
        "size": size.as_dict(), "dropout": 0.1, "batch_tokens": work.batch_tokens,
        "precision": machine.fast_precision(), "workers": how.all_threads, "steps": work.steps, "every": work.every,
    }  # fmt: skip
    names = {
        kind: [(f"{kind}, peak {rate:g}", rate) for rate in rates]
        for kind, rates in ((MUON, work.muon), (ADAMW, work.adamw))
    }
    arms = [
        Arm(name, "benchmarks.ours.training:learn", {**task, "optimizer": kind.lower(), "peak_lr": rate})
        for kind, found in names.items()
        for name, rate in found
    ]
    question = Question(
        name="optimizers",
        title=f"Time to a validation loss, {size.parameters / 1e6:.1f} M parameters, {work.steps:,} steps",
        columns=COLUMNS,
        ratios=tuple((muon, adamw) for muon, _ in names[MUON] for adamw, _ in names[ADAMW]),
        settings={"corpus": data.corpus.title, "batch tokens": work.batch_tokens},
    )
    return compare(question, arms, how, finish=to_one_loss)


def to_one_loss(turns: dict[str, list[dict[str, Any]]]) -> None:
    """In each round, the lowest loss that every arm reached, and when each first did."""
    for found in zip(*turns.values(), strict=True):
        target = max(turn["best_loss"] for turn in found)
        for turn in found:
            step, seconds = first_at(turn["curve"], target)
            turn |= {"target_loss": target, "steps_to_target": step, "seconds_to_target": seconds}


def first_at(curve: Sequence[Sequence[float]], target: float) -> tuple[float, float]:
    """Step and seconds of the first look [step, seconds, loss] that is as low."""
    return next((step, seconds) for step, seconds, loss in curve if loss <= target)
