"""What a run says before its first step and after its last one. Decides nothing."""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass

import torch
from rich.console import Console

from dragoman.training.journal import duration
from dragoman.training.recovery import Recoverable
from dragoman.training.state import Progress

_COPIED = (
    2**29
)  # bytes of the optimiser's state, at most, that are copied to time a step: of some 30 million weights


@dataclass(frozen=True)
class Result:
    """How a run ended."""

    progress: Progress
    reason: str
    finished: bool  # False: --resume goes on from here
    peak_rate: float = 0.0  # that was asked for
    rate: float = 1.0  # share of it that divergences have left
    kept_for_now: bool = False  # a model that no validation has chosen


def forecast(run: Recoverable, look: float, console: Console, max_minutes: float | None) -> None:
    """What the run will take, told before it takes it; `look` is how many seconds its largest batch took."""
    training, progress = run.config.training, run.progress
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    if run.device.type == "cuda":
        memory = torch.cuda.max_memory_allocated() / 2**30
    seconds = look * training.accumulate + _update(run)
    batches = run.data.batches_per_epoch(training.batch_tokens)
    left = (training.max_steps - progress.step) * seconds
    console.print(
        f"{run.parameters.size:,} parameters in {str(run.parameters.shadow.dtype)[6:]} on {run.device}, "
        f"{run.task.size}, {batches:,} batches an epoch. A step with the largest batch takes {seconds:.2f} s and "
        f"{memory:.1f} GB: at most {duration(batches * seconds / training.accumulate)} an epoch, "
        f"{duration(left)} for the {training.max_steps - progress.step:,} steps to come.",
        highlight=False,
    )
    warmup = run.config.optimizer.warmup_steps
    if warmup > training.max_steps > progress.step:
        console.print(
            f"optimizer.warmup_steps = {warmup:,} and training.max_steps = {training.max_steps:,}: the learning rate "
            f"still rises at the end, to {run.optimizer.learning_rate(training.max_steps):.2g} of "
            f"{run.config.optimizer.peak_lr:g}",
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


def _update(run: Recoverable) -> float:
    """Seconds that the optimiser takes for a step, on a CPU; on a GPU, and shared by ranks, it is hardly seen.

    Not of a large model: to try a step its state is copied, and what fits memory must not fail for a number.
    """
    state = sum(tensor.nbytes for tensor in run.optimizer.buffers())
    if run.device.type != "cpu" or run.ranks is not None or state > _COPIED:
        return 0.0
    gradient = torch.ones(run.parameters.size)
    started = time.perf_counter()
    run.optimizer.rehearse(gradient)
    return time.perf_counter() - started


def _what_is_kept(progress: Progress, keep: str) -> str:
    if not progress.best:
        return ""
    if keep == "last":
        return f"; the model that is kept is the last that was measured, of step {progress.best_step:,}"
    if progress.best_step:
        return f"; the best model is that of step {progress.best_step:,}"
    last = (
        "" if not progress.step else ": --resume --set validation.keep=last keeps the last one in its place"
    )
    return f"; nothing was better than the model it began with, which is kept{last}"


def say_how_it_ended(result: Result, usage: str, every: int, keep: str, console: Console) -> None:
    """`usage` is a command that uses the model, `every` the steps between validations, `keep` what these keep."""

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False)

    progress = result.progress
    say(f"{result.reason}{_what_is_kept(progress, keep)}")
    if progress.best or result.kept_for_now:
        say(f"try it: {usage}")
    else:
        first = every * (progress.step // every + 1)
        say(f"no model is kept yet: the first validation, at step {first:,}, keeps one")
    if result.rate < 1:
        times = "once" if progress.fallbacks == 1 else f"{progress.fallbacks} times"
        say(
            f"training diverged {times}, and the learning rate is x {result.rate:g} since then: begin the next run "
            f"with optimizer.peak_lr={result.rate * result.peak_rate:g}"
        )
    if not result.finished:
        say(f"saved at step {progress.step:,}: go on with the same command and --resume")
