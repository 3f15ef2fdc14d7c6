"""A training run, of any model on any data: the order in which loop, validation and disk are called, and what happens
when a run is interrupted, resumed, or diverges. Knows no kind of model and reads no text.
"""

from __future__ import annotations

import math
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import nn

from dragoman.errors import TrainingError
from dragoman.processor import keep_few_kernels, keep_freed_memory
from dragoman.protocols import Loss
from dragoman.training import checkpoint as checkpoints
from dragoman.training.checkpoint import Checkpoint
from dragoman.training.journal import Journal, duration
from dragoman.training.lock import exclusive
from dragoman.training.loop import Diverged, Health, Step, train
from dragoman.training.loss import LabelSmoothing
from dragoman.training.preparation import prepared
from dragoman.training.random_state import random_state, set_random_state
from dragoman.training.resume import check_same_run, earlier_run
from dragoman.training.signals import stop_on_signals
from dragoman.training.task import RunBatch, Settings, Task

MOST_FALLBACKS = 8


@dataclass
class Progress:
    """What a checkpoint remembers beside tensors: where the data stands, how well it went so far."""

    step: int = 0
    epoch: int = 0
    position: int = 0  # batches of this epoch already used
    parts: int = 1
    fallbacks: int = 0
    seconds: float = 0.0
    best: float = -math.inf
    best_step: int = 0
    stalled: int = 0
    validated: int = 0  # step of the last validation


@dataclass(frozen=True)
class Result:
    """How a run ended."""

    progress: Progress
    reason: str
    finished: bool  # False: --resume goes on from here


class Run:
    """One training run in one output directory."""

    def __init__(self, output: Path, config: Settings, task: Task, journal: Journal) -> None:
        self.output, self.config, self.task, self.journal = output, config, task, journal
        made = prepared(task, config, _loss, journal.note)
        self.device, self.model, self.parameters = made.device, made.model, made.parameters
        self.optimizer, self.workers, self.static = made.optimizer, made.workers, made.static
        self.data, self.validator = made.data, task.validator
        self.progress, self.health = Progress(), Health()
        self.stop_reason = ""

    # -- state ------------------------------------------------------------------------------------------------

    def snapshot(self) -> Checkpoint:
        """The present state; its tensors are those of the run, not copies."""
        tensors = dict(self.optimizer.tensors(), random=torch.get_rng_state())
        if self.device.type == "cuda":
            tensors["random_cuda"] = torch.cuda.get_rng_state()
        state = {
            "progress": asdict(self.progress),
            "health": asdict(self.health),
            "learning_rate_scale": self.optimizer.scale,
            "config": asdict(self.config),  # type: ignore[call-overload]
            "fingerprint": self.data.fingerprint,
            "layout": self.parameters.layout,
            "threads": torch.get_num_threads(),
            "worker_threads": self.workers.threads,
        }
        return Checkpoint(self.progress.step, tensors, state)

    def save(self) -> None:
        """Write the present state as the latest checkpoint. Raises TrainingError when the disk refuses."""
        checkpoints.save(self.output / "checkpoints", self.snapshot(), self.config.training.keep_checkpoints)

    def restore(self, found: Checkpoint) -> None:
        """Go back, or on, to the state of a checkpoint of this run."""
        self.progress = Progress(**found.state["progress"])
        self.health = Health(**found.state["health"])
        self.optimizer.scale = found.state["learning_rate_scale"]
        self.optimizer.restore(found.tensors, found.step)
        # As the run began, whatever is thought best by now: with others, sums and kernels round otherwise. Before this
        # was noted, workers shared all threads equally.
        equal = max(found.state["threads"] // len(self.workers.workers), 1)
        self.workers.threads = found.state.get("worker_threads", equal)
        torch.set_rng_state(found.tensors["random"])
        if self.device.type == "cuda" and "random_cuda" in found.tensors:
            torch.cuda.set_rng_state(found.tensors["random_cuda"])

    # -- one pass ---------------------------------------------------------------------------------------------

    def batches(self) -> Iterator[RunBatch]:
        """From the present position on, epoch after epoch."""
        while True:
            used = 0
            for batch in self.data.epoch(
                self.progress.epoch, self.progress.position, self.config.training.batch_tokens
            ):
                used += 1
                self.progress.position += 1
                yield batch.to(self.device)
            if used == 0 and self.progress.position == 0:
                raise TrainingError(
                    "every pair of the corpus is longer than data.longest: nothing to train on"
                )
            self.progress.epoch, self.progress.position = self.progress.epoch + 1, 0

    def look(self) -> float:
        """One gradient of the largest batch, thrown away: seconds it took. What does not fit memory fails now."""
        batch = self.data.largest_batch(self.config.training.batch_tokens).to(self.device)
        randomness = random_state(self.device)
        self.workers.gradient([batch], 1)  # the first call also warms caches
        started = time.perf_counter()
        found = self.workers.gradient([batch], 1)
        set_random_state(randomness, self.device)
        self.progress.parts = max(self.progress.parts, found.parts)
        return time.perf_counter() - started

    def go(self, deadline: float | None) -> Result:
        """Train until something says stop; fall back when the loss runs away."""
        self.model.train()
        while True:
            try:
                return self._steps(deadline)
            except Diverged as reason:
                self._fall_back(str(reason))

    def _steps(self, deadline: float | None) -> Result:
        training, progress = self.config.training, self.progress
        if progress.step >= training.max_steps:
            return Result(progress, *self._reason_to_stop(True, deadline))
        started, before = time.monotonic(), progress.seconds
        saved = started
        steps = train(
            self.workers, self.batches(), self.optimizer,
            number=progress.step, accumulate=training.accumulate, parts=progress.parts, health=self.health,
            whole=self.static,
        )  # fmt: skip
        for step in steps:
            progress.step, progress.parts = step.number, step.parts
            progress.seconds = before + time.monotonic() - started
            self.journal.step(step, progress.epoch, progress.seconds)
            last = step.number >= training.max_steps
            if step.number % self.config.validation.every == 0 or last:
                self._validate(step)
                saved = time.monotonic()
            reason, finished = self._reason_to_stop(last, deadline)
            if reason or time.monotonic() - saved > 60 * training.checkpoint_minutes:
                self.save()
                saved = time.monotonic()
            if reason:
                return Result(progress, reason, finished)
        raise AssertionError("the stream of batches never ends")

    def _reason_to_stop(self, last: bool, deadline: float | None) -> tuple[str, bool]:
        patience = self.config.validation.patience
        if last:
            return f"training.max_steps = {self.config.training.max_steps:,} steps are done", True
        if patience and self.progress.stalled >= patience:
            return f"no better validation {patience} times in a row", True
        if deadline is not None and time.monotonic() > deadline:
            return "the time given with --max-minutes is over", False
        return self.stop_reason, False

    def _validate(self, step: Step) -> None:
        progress = self.progress
        scores = self.validator.validate(self.model, self.optimizer, step.number)
        progress.validated = step.number
        better = scores.value > progress.best
        if better:
            progress.best, progress.best_step, progress.stalled = scores.value, step.number, 0
            self.validator.keep(
                scores, step.number, progress.seconds, self.parameters.master.numel(), self.optimizer
            )
        else:
            progress.stalled += 1
        self.journal.validation(
            step.number, scores, better, progress.stalled, self.config.validation.patience
        )
        self.save()

    def _fall_back(self, reason: str) -> None:
        """Last good state, half the learning rate."""
        failed = self.progress.step + 1
        found = checkpoints.load_latest(self.output / "checkpoints")
        fallbacks = self.progress.fallbacks + 1
        scale = self.optimizer.scale / 2
        if fallbacks > MOST_FALLBACKS:
            raise TrainingError(
                f"{reason} at step {failed:,}, after {MOST_FALLBACKS} halvings of the learning rate: "
                "lower optimizer.peak_lr or look for broken lines in the corpus"
            )
        self.restore(found)
        self.progress.fallbacks, self.optimizer.scale = fallbacks, scale
        # The scale is part of the state: without this save, a kill now would resume at the full rate.
        self.save()
        self.journal.note(
            f"{reason} at step {failed:,}: back to step {found.step:,} with the learning rate x {scale:g}"
        )


def _loss(criterion: LabelSmoothing, model: nn.Module, batch: Any) -> Loss:
    """Consistency asks for each sentence under two dropout masks: the batch then stands twice in one."""
    return model.loss(batch.twice() if criterion.consistency else batch, criterion)  # type: ignore[operator]


def carry_out(
    output: Path,
    config: Settings,
    prepare: Callable[[], Task],
    console: Console,
    *,
    resume: bool = False,
    max_minutes: float | None = None,
    tensorboard: bool = False,
) -> Result:
    """Train into `output`: prepare, look, train, seal the best model.

    `prepare` is called when the directory is known to be ours. Raises ConfigError, TrainingError and what it raises;
    whatever is raised, the last checkpoint stays good.
    """
    deadline = None if max_minutes is None else time.monotonic() + 60 * max_minutes
    keep_few_kernels()
    keep_freed_memory()
    with exclusive(output):
        found = earlier_run(output, config, console, resume)
        task = prepare()
        console.print(task.data.report, markup=False, highlight=False)
        with Journal(output, console, config.training.max_steps, tensorboard) as journal:
            run = Run(output, config, task, journal)
            journal.deadline = deadline
            if found is None:
                run.save()  # also what a run that diverges early falls back to
            else:
                check_same_run(found, task.data, run.parameters)
                run.restore(found)
                journal.forget_after(found.step)
            _forecast(run, console, max_minutes)
            with stop_on_signals(run):
                result = run.go(deadline)
        _say_how_it_ended(result, task.usage, console)
        return result


def _forecast(run: Run, console: Console, max_minutes: float | None) -> None:
    """What the run will take, told before it takes it."""
    training, progress = run.config.training, run.progress
    seconds = run.look() * training.accumulate
    batches = run.data.batches_per_epoch(training.batch_tokens)
    left = (training.max_steps - progress.step) * seconds
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    if run.device.type == "cuda":
        memory = torch.cuda.max_memory_allocated() / 2**30
    console.print(
        f"{run.parameters.master.numel():,} parameters in {str(run.parameters.shadow.dtype)[6:]} on {run.device}, "
        f"{run.task.size}, {batches:,} batches an epoch. The largest batch takes {seconds:.2f} s and "
        f"{memory:.1f} GB: at most {duration(batches * seconds / training.accumulate)} an epoch, "
        f"{duration(left)} for the {training.max_steps - progress.step:,} steps to come.",
        highlight=False,
    )
    if (
        max_minutes is not None
        and left > 60 * max_minutes
        and run.config.optimizer.schedule in ("cosine", "linear")
    ):
        console.print(
            f"--max-minutes {max_minutes:g} will probably end this run before its {run.config.optimizer.schedule} "
            f"schedule does: for that time, set training.max_steps to about {60 * max_minutes / seconds:,.0f}",
            highlight=False,
        )


def _say_how_it_ended(result: Result, usage: str, console: Console) -> None:
    progress = result.progress
    best = f"; the best model is that of step {progress.best_step:,}" if progress.best_step else ""
    console.print(f"{result.reason}{best}", highlight=False, markup=False)
    if progress.best_step:
        console.print(f"try it: {usage}", highlight=False, markup=False)
    if not result.finished:
        console.print(
            f"saved at step {progress.step:,}: go on with the same command and --resume", highlight=False
        )
