"""The stages of a recipe, one run after another: each begins at the best model of the one before. Trains none itself.

DIR/stages/<name>/   the run of each stage but the last: its data, log, checkpoints and best model
DIR/stages/done      names of the stages that have ended, a line each
DIR/                 the run of the last stage, and with it the model that the recipe was for
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from dragoman.config import difference
from dragoman.errors import ConfigError, TrainingError
from dragoman.files import publish
from dragoman.model.directory import ModelDirectory, open_model
from dragoman.training import checkpoint as checkpoints
from dragoman.training.outlook import Result
from dragoman.training.ranks.group import is_follower, restarted
from dragoman.training.session import Session
from dragoman.training.settings import RunConfig

STAGES = "stages"
# What a later stage takes over from the model it begins at: these decide what its ids and weights mean.
_KEPT = ("tokenizer", "model", "data.source", "data.target", "data.directions", "data.tagged", "data.tags")


@dataclass(frozen=True)
class StagedRun:
    """A stage with its whole configuration."""

    name: str
    config: RunConfig


class Start(Protocol):
    """What trains one stage: tasks.translators.start with its corpora and what else all stages share."""

    def __call__(
        self,
        *,
        output: Path,
        config: RunConfig,
        session: Session,
        base: ModelDirectory | None,
    ) -> Result: ...


def check_stages(stages: Sequence[StagedRun]) -> None:
    """Raises ConfigError for a stage that would need another model than the stage before it leaves."""
    for before, after in zip(stages, stages[1:], strict=False):
        changes = [
            change
            for change in difference(before.config, after.config)
            if change.startswith(_KEPT) and "dropout" not in change.split(":")[0]
            and not change.startswith("tokenizer.sampling")
        ]  # fmt: skip
        if changes:
            raise ConfigError(
                f"stage {after.name} begins at the model of {before.name}, and cannot change {'; '.join(changes)}"
            )
        if missing := sorted({*after.config.data.symbols} - {*before.config.data.symbols}):
            raise ConfigError(
                f"stage {after.name} begins sources with {', '.join(missing)}, which the model of {before.name} "
                "does not know: set data.both_ways, data.tagged or data.tags there, too"
            )
        if before.config.data.both_ways and not after.config.data.symbols:
            raise ConfigError(
                f"stage {before.name} learns both ways, and {after.name} one: set data.tagged = true for all stages, "
                "or the sources would lose the symbol that they began with"
            )


def run_stages(
    stages: Sequence[StagedRun],
    output: Path,
    start: Start,
    session: Session,
    base: ModelDirectory | None,
) -> Result:
    """Run those that have not ended yet; with `resume` the one that was interrupted goes on where it was.

    Returns how the last of them ended that was begun: not finished when the time is over or somebody stopped it.
    """
    check_stages(stages)
    console, minutes = session.console, session.max_minutes
    console.quiet = console.quiet or is_follower()
    resume = session.resume or restarted()
    directory = output / STAGES
    done = _done(directory)
    # What a start has left that failed before its first checkpoint is no run: the same command may be typed again.
    places = [output, *(directory / stage.name for stage in stages)]
    if not resume and (done or any(checkpoints.exists(place / "checkpoints") for place in places)):
        raise TrainingError(
            f"{output} already holds a training run: add --resume to go on with it, or choose another directory"
        )
    unknown = [name for name in done if name not in {stage.name for stage in stages}]
    if unknown:
        raise TrainingError(
            f"{output} was begun with another recipe, which has a stage {unknown[0]}: resume it with that one"
        )
    began, result = time.monotonic(), None
    for number, stage in enumerate(stages, 1):
        last = number == len(stages)
        place = output if last else directory / stage.name
        if stage.name in done and not last:
            base = open_model(place)
            continue
        left = None if minutes is None else minutes - (time.monotonic() - began) / 60
        if result is not None and left is not None and left <= 0:
            return replace(result, reason="the time given with --max-minutes is over", finished=False)
        console.print(f"stage {number} of {len(stages)}: {stage.name}", highlight=False, markup=False)
        again = resume and checkpoints.exists(place / "checkpoints")
        one = replace(session, resume=again, max_minutes=left)
        config = stage.config if number == 1 or base is None else _going_on(stage.config, base)
        result = start(output=place, config=config, session=one, base=base)
        if last or not result.finished:
            return result
        done.append(stage.name)
        publish(directory / "done", "".join(f"{name}\n" for name in done).encode())
        base = open_model(place)
    raise AssertionError("a recipe has stages")


def _going_on(config: RunConfig, before: ModelDirectory) -> RunConfig:
    """With the vocabulary that the stage before has left: it may be smaller than asked for, and is extended already."""
    size = before.config["tokenizer"]["vocab_size"]
    return replace(
        config,
        data=replace(config.data, extend_vocab=0),
        tokenizer=replace(config.tokenizer, vocab_size=size),
    )


def _done(directory: Path) -> list[str]:
    try:
        return (directory / "done").read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(
            f"{directory / 'done'} cannot be read ({error}): delete it to run the stages again"
        ) from error
