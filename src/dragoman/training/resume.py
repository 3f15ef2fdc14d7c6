"""Whether a directory holds a run that may go on, and with which changes. Reads checkpoints, restores none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from dragoman.config import difference
from dragoman.errors import TrainingError
from dragoman.training import checkpoint as checkpoints
from dragoman.training.checkpoint import Checkpoint
from dragoman.training.parameters import FlatParameters
from dragoman.training.ranks.group import joined
from dragoman.training.settings import FIXED_SECTIONS
from dragoman.training.state import State
from dragoman.training.task import Settings, Task


def earlier_run(output: Path, config: Settings, console: Console, resume: bool) -> Checkpoint | None:
    """The checkpoint to resume from. What may not change is refused, what may is shown, old -> new.

    A damaged one is passed over for the one before it, and that is said.
    """
    directory = output / "checkpoints"
    if not resume:
        if checkpoints.exists(directory):
            raise TrainingError(
                f"{output} already holds a training run: add --resume to go on with it, or choose another directory"
            )
        return None

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False)

    found = checkpoints.load_latest(directory, State.of, say)
    state = State.of(found)
    changes = difference(completed(state.config, config), asdict(config))  # type: ignore[call-overload]
    refused = [change for change in changes if change.split(".")[0] in FIXED_SECTIONS]
    if refused:
        raise TrainingError(
            f"these settings cannot change once training has begun: {'; '.join(refused)}. "
            "Resume with the old values, or start again in another directory"
        )
    say(f"resuming {output} from step {found.step:,}")
    for change in changes:
        say(f"  changed: {change}")
    ranks = joined()
    if state.ranks != (now := 1 if ranks is None else ranks.size):
        say(
            f"  trained by {_processes(state.ranks)} so far, now by {_processes(now)}: the batches are the same, the "
            "result will be as good, but not bit for bit the same"
        )
    if state.threads != torch.get_num_threads():
        say(
            f"  trained with {state.threads} threads so far, now {torch.get_num_threads()}: the result will be as "
            "good, but not bit for bit the same"
        )
    return found


def check_same_run(state: State, task: Task, parameters: FlatParameters) -> None:
    """Raises TrainingError for a checkpoint of another corpus or vocabulary, or of weights in another order."""
    if state.fingerprint != task.data.fingerprint:
        raise TrainingError("the corpus is not the one this run began with: its fingerprint differs")
    if state.contents and state.contents != task.contents:
        raise TrainingError(
            "the vocabulary, the cleaned corpus or the dev set is not what this run began with: its fingerprint "
            "differs. Resume with the files and the model of the first command, or start again in another directory"
        )
    if state.layout != parameters.layout:
        raise TrainingError(
            f"the checkpoint of step {state.step:,} orders its weights as another version of Dragoman does: resume "
            "it with that version, or start again in another directory"
        )


def _processes(count: int) -> str:
    return "one process" if count == 1 else f"{count} ranks"


def completed(before: Mapping[str, Mapping[str, Any]], config: object) -> dict[str, dict[str, Any]]:
    """Sections as they were written, with the options that are younger: these were at their defaults."""
    whole = {name: dict(values) for name, values in before.items()}
    for section in fields(config):  # type: ignore[arg-type]
        options = getattr(config, section.name)
        if section.name in whole and is_dataclass(options):
            young = {field.name: field.default for field in fields(options) if field.default is not MISSING}
            whole[section.name] = young | whole[section.name]
    return whole
