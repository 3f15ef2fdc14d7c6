"""The state of a run, and what it goes back to: after a divergence, and when the model that it kept is broken.

Takes no step and knows no kind of model.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path

import torch

from dragoman.errors import TrainingError
from dragoman.training import checkpoint as checkpoints
from dragoman.training.checkpoint import Checkpoint
from dragoman.training.journal import Journal
from dragoman.training.loop import Diverged, Health
from dragoman.training.optimizer import USUAL_RATES, OptimizerConfig
from dragoman.training.places import is_the_same_trouble, to_keep, to_return_to
from dragoman.training.preparation import Objective, prepared
from dragoman.training.ranks.group import joined
from dragoman.training.state import Progress, State
from dragoman.training.task import Scores, Settings, SharedValidator, Task

MOST_FALLBACKS = 6
# What the learning rate is multiplied by: at a first divergence, and where that did not help.
LOWER, MUCH_LOWER = 0.5, 0.1


class Recoverable:
    """What is trained, how far it is, and the ways back. `Run` takes the steps."""

    def __init__(
        self, output: Path, config: Settings, task: Task, journal: Journal, objective: Objective
    ) -> None:
        self.output, self.config, self.task, self.journal = output, config, task, journal
        made = prepared(task, config, objective, journal.note)
        self.device, self.model, self.parameters = made.device, made.model, made.parameters
        self.optimizer, self.workers, self.static = made.optimizer, made.workers, made.static
        self.data, self.validator, self.begin = made.data, task.validator, made.begin
        self.ranks = joined()
        self.progress, self.health = Progress(), Health()

    # -- state ------------------------------------------------------------------------------------------------

    @property
    def directory(self) -> Path:
        """Of the checkpoints."""
        return self.output / "checkpoints"

    def snapshot(self) -> Checkpoint:
        """The present state; its tensors are those of the run, not copies."""
        tensors = dict(self.optimizer.tensors(), random=torch.get_rng_state())
        if self.device.type == "cuda":
            tensors["random_cuda"] = torch.cuda.get_rng_state()
        state = State(
            step=self.progress.step,
            progress=self.progress,
            health=self.health,
            learning_rate_scale=self.optimizer.scale,
            config=asdict(self.config),  # type: ignore[call-overload]
            fingerprint=self.data.fingerprint,
            contents=self.task.contents,
            layout=self.parameters.layout,
            threads=torch.get_num_threads(),
            worker_threads=self.workers.threads,
            ranks=1 if self.ranks is None else self.ranks.size,
            workers=len(self.workers.workers),
        )
        return Checkpoint(self.progress.step, tensors, asdict(state), self.optimizer.fetch)

    def save(self) -> None:
        """Write the present state as the latest checkpoint. Raises TrainingError when the disk refuses."""
        step = self.progress.step
        steps = [step, *map(checkpoints.step_of, checkpoints.saved(self.directory))]
        spared = to_keep(steps, step, self.progress.best_step if self.progress.best else None)
        checkpoints.save(self.directory, self.snapshot(), self.config.training.keep_checkpoints, spared)

    def restore(self, found: Checkpoint) -> None:
        """Go back, or on, to the state of a checkpoint of this run."""
        state = State.of(found)
        self.progress, self.health = state.progress, state.health
        self.optimizer.scale = state.learning_rate_scale
        self.optimizer.restore(found.tensors, found.step)
        if found.step:  # before the first step it was not yet chosen how to compute
            self._arrange_as(state)
        torch.set_rng_state(found.tensors["random"])
        if self.device.type == "cuda" and "random_cuda" in found.tensors:
            torch.cuda.set_rng_state(found.tensors["random_cuda"])

    def _arrange_as(self, state: State) -> None:
        """As the run began, whatever is thought best by now: with others, sums and kernels round otherwise."""
        count = len(self.workers.workers)
        equal = max(state.threads // count, 1)
        threads = equal if state.worker_threads is None else state.worker_threads
        self.workers.arrange(min(state.workers or count, count), threads)

    # -- the model that is kept -----------------------------------------------------------------------------

    def check_weights(self) -> None:
        """Raises Diverged for weights, averages or moments that are no numbers: they are neither saved nor measured."""
        if not self.optimizer.is_finite():
            raise Diverged("the weights became infinite")

    def measured(self) -> Scores:
        """The scores of the present weights. Raises Diverged for such that no model has that can be used."""
        scores = self._scores()
        if not all(map(math.isfinite, scores.rank)):
            raise Diverged("the loss of the dev set became no number")
        return scores

    def _scores(self) -> Scores:
        """Each rank measures its share of the dev set, where that can be shared."""
        step, ranks, validator = self.progress.step, self.ranks, self.validator
        self.optimizer.gather()
        if ranks is None or not isinstance(validator, SharedValidator):
            return validator.validate(self.model, self.optimizer, step)
        ranks.say("measure", step=step)
        own = validator.part(self.model, self.optimizer, step, (0, ranks.size))
        return validator.whole([own, *ranks.answers()])

    def keep(self, scores: Scores) -> None:
        size = self.parameters.size
        self.validator.keep(scores, self.progress.step, self.progress.seconds, size, self.optimizer)

    def seal_anew(self, found: Checkpoint) -> None:
        """Where the kept model is gone or broken: from the checkpoint of its step, or the present one, `found`."""
        fault = (self.validator.fault() or "").partition(";")[0] if self.progress.best else ""
        if not fault:
            return
        best = self._checkpoint_of_best()
        if best is not None:
            self.restore(best)
        step = self.progress.step
        try:
            scores = self.measured()
        except Diverged as reason:
            self.journal.note(f"{fault}, and it cannot be sealed anew from step {step:,}: {reason}")
            self.restore(found)
            self.progress.best = []  # the next validation keeps one
            return
        self.keep(scores)
        text = f"{fault}: the model is sealed anew from the checkpoint of step {step:,}"
        if best is not None:
            self.restore(found)
        else:
            text += f", since that of step {self.progress.best_step:,}, the best, is not there any more"
            self.progress.best, self.progress.best_step = list(scores.rank), step
            self.save()
        self.journal.note(text)

    def _checkpoint_of_best(self) -> Checkpoint | None:
        for path in reversed(checkpoints.saved(self.directory)):
            if checkpoints.step_of(path) == self.progress.best_step:
                found = self._sound(path)
                progress = None if found is None else State.of(found).progress
                # After a divergence another run of steps may come by the same number, and be no better.
                stalled = progress is not None and progress.stalled and self.config.validation.keep == "best"
                if progress is not None and progress.best_step == progress.validated and not stalled:
                    return found
        return None

    def _sound(self, path: Path) -> Checkpoint | None:
        try:
            return checkpoints.load(path, State.of)
        except ValueError as error:
            self.journal.note(f"passed over: {error}")
            return None

    # -- divergence -------------------------------------------------------------------------------------------

    def fall_back(self, reason: str) -> None:
        """To a place that has been looked at, or to step 0, with a lower learning rate."""
        lost, failed = self.progress, self.progress.step + 1
        again = lost.fallbacks > 0 and is_the_same_trouble(
            failed, lost.failed, self.config.optimizer.warmup_steps
        )
        scale = self.optimizer.scale * (MUCH_LOWER if again else LOWER)
        if lost.fallbacks >= MOST_FALLBACKS:
            raise TrainingError(
                f"{reason} at step {failed:,}, {_advice(self.config.optimizer, self.optimizer.scale)}"
            )
        place = self._place(failed, lost.returned if again else None)
        if place is None:
            self._begin_anew()
        else:
            self.restore(place)
        self.optimizer.scale = scale
        progress = self.progress
        progress.fallbacks, progress.failed, progress.returned = lost.fallbacks + 1, failed, progress.step
        progress.parts = max(progress.parts, lost.parts)
        progress.best, progress.best_step = (
            lost.best,
            lost.best_step,
        )  # the model that stands there is that one
        # The scale is part of the state: without this save, a kill now would resume at the full rate.
        self.save()
        checkpoints.discard_after(self.directory, progress.step)
        self.journal.note(
            f"{reason} at step {failed:,}: back to step {progress.step:,} with the learning rate x {scale:g} "
            f"(its peak is {scale * self.config.optimizer.peak_lr:g} now)"
        )

    def _place(self, failed: int, before: int | None) -> Checkpoint | None:
        saved = checkpoints.saved(self.directory)
        for step in to_return_to(map(checkpoints.step_of, saved), failed, before):
            for path in reversed([path for path in saved if checkpoints.step_of(path) == step]):
                if (found := self._sound(path)) is not None:
                    return found
        return None

    def _begin_anew(self) -> None:
        self.optimizer.restore({"master": self.begin()}, 0)
        self.progress, self.health = Progress(), Health()


def _advice(config: OptimizerConfig, scale: float) -> str:
    """What to try when lower and lower rates did not help."""
    usual = USUAL_RATES.get(config.kind, config.peak_lr)
    rate = usual if config.peak_lr > usual else config.peak_lr / 10
    clip = " --set optimizer.clip_norm=1" if config.clip_norm == 0 else ""
    return (
        f"after {MOST_FALLBACKS} returns with ever lower learning rates (the last x {scale:g}): try "
        f"--set optimizer.peak_lr={rate:g}{clip}, with --resume or in another directory, or lower optimizer.peak_lr "
        "further and look for broken lines in the corpus"
    )
