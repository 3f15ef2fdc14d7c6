"""A training run, of any model on any data: the order in which loop, validation and disk are called, and what happens
when a run is interrupted, resumed, or diverges. Knows no kind of model and reads no text.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from torch import nn

from dragoman.errors import TrainingError
from dragoman.processor import keep_few_kernels, keep_freed_memory
from dragoman.protocols import Loss
from dragoman.training import checkpoint as checkpoints
from dragoman.training.checkpoint import Checkpoint
from dragoman.training.journal import Journal
from dragoman.training.lock import exclusive
from dragoman.training.loop import Diverged, train
from dragoman.training.loss import LabelSmoothing
from dragoman.training.outlook import Result, forecast, say_how_it_ended
from dragoman.training.preparation import device_of, precision_of, prepared
from dragoman.training.random_state import random_state, set_random_state
from dragoman.training.ranks.agreement import account, check_agreement
from dragoman.training.ranks.follow import Follower
from dragoman.training.ranks.group import Ranks, joined, restarted
from dragoman.training.ranks.optimizers import ReplicatedOptimizer
from dragoman.training.ranks.together import Led
from dragoman.training.recovery import Recoverable
from dragoman.training.resume import check_same_run, earlier_run
from dragoman.training.session import Session
from dragoman.training.signals import PASSED_ON, stop_on_signals
from dragoman.training.state import Progress, State
from dragoman.training.task import RunBatch, Settings, Task

TRIED = 4096  # target tokens, padding included, of the gradient by which workers are chosen: a fraction of a second


class Run(Recoverable):
    """One training run in one output directory."""

    def __init__(self, output: Path, config: Settings, task: Task, journal: Journal) -> None:
        super().__init__(output, config, task, journal, _loss)
        self.stop_reason = ""
        self.led: Led | None = None
        if isinstance(self.optimizer, ReplicatedOptimizer):
            self.led = Led(self.workers, self.optimizer, self._stop)

    def _stop(self, reason: str) -> None:
        self.stop_reason = self.stop_reason or reason

    def start(self) -> None:
        """At step 0, of which there is a checkpoint then: a kill from now on is resumed."""
        if self.ranks is not None:  # other processors may draw the last digits of other weights
            self.optimizer.restore({"master": self.begin()}, 0)
        self.save()

    def resume(self, found: Checkpoint) -> None:
        """Go on from a checkpoint, with a whole model in the output directory if one was kept before.

        A peak rate that is new is used as it is: what divergences made of the old one is over.
        """
        state = State.of(found)
        check_same_run(state, self.task, self.parameters)
        self.restore(found)
        self.journal.forget_after(found.step)
        self.seal_anew(found)
        if self.config.validation.keep == "last" and self.progress.best_step != self.progress.validated:
            self.progress.validated = 0  # of a run that kept its best: measured once more, and kept
        asked, before = self.config.optimizer.peak_lr, state.config.get("optimizer", {}).get("peak_lr")
        if asked != before and self.optimizer.scale < 1:
            self.optimizer.scale = 1.0
            self.progress = replace(self.progress, fallbacks=0, failed=0, returned=0)
            self.journal.note(
                f"the learning rate is no longer that of a run that diverged: its peak is {asked:g}"
            )

    # -- one pass ---------------------------------------------------------------------------------------------

    def batches(self) -> Iterator[RunBatch]:
        """From the present position on, epoch after epoch."""
        while True:
            used = 0
            for batch in self.data.epoch(
                self.progress.epoch, self.progress.position, self.config.training.batch_tokens
            ):
                used += 1
                if self.led is not None:
                    self.led.places.append((self.progress.epoch, self.progress.position))
                self.progress.position += 1
                yield batch.to(self.device)
            if used == 0 and self.progress.position == 0:
                raise TrainingError("there is nothing to train on: this epoch of the corpus has no batch")
            self.progress.epoch, self.progress.position = self.progress.epoch + 1, 0

    def look(self) -> float:
        """One gradient of the largest batch, thrown away: seconds it took. What does not fit memory fails now.

        A run that begins also sees with how many workers it is quicker; one that goes on computes as it began.
        """
        batch = self.data.largest_batch(self.config.training.batch_tokens).to(self.device)
        randomness = random_state(self.device)
        workers = self.led or self.workers
        workers.gradient([batch], 1)  # the first call also warms caches
        if self._may_choose():
            least = max(len(batch) * TRIED // max(batch.target_mask.numel(), 1), len(self.workers.workers))
            before = len(self.workers.workers)
            if self.workers.choose([batch.rows(0, min(least, len(batch)))]):
                self.journal.note(
                    f"one worker with one thread computes: {max(before, 2)} take more time here now"
                )
        started = time.perf_counter()
        found = workers.gradient([batch], 1)
        set_random_state(randomness, self.device)
        self.progress.parts = max(self.progress.parts, found.parts)
        return time.perf_counter() - started

    def _may_choose(self) -> bool:
        """Whether nobody has said how many workers there are, neither a person nor an earlier step."""
        several = len(self.workers.workers) > 1 or self.workers.threads > 1
        asked = self.config.training.workers or self.progress.step or self.static is not None
        return several and not asked and self.device.type == "cpu"

    def go(self, deadline: float | None) -> Result:
        """Train until something says stop; fall back when the loss runs away."""
        self.model.train()
        while True:
            try:
                result = self._steps(deadline)
            except Diverged as reason:
                self.fall_back(str(reason))
                continue
            kept = (
                not result.finished
                and not self.stop_reason
                and not self.progress.best
                and self._keep_for_now()
            )
            peak, scale = self.config.optimizer.peak_lr, self.optimizer.scale
            return replace(result, kept_for_now=kept, peak_rate=peak, rate=scale)

    def _steps(self, deadline: float | None) -> Result:
        training, progress = self.config.training, self.progress
        if self._owes_validation():
            self._validate()
        reason, finished = self._reason_to_stop(progress.step >= training.max_steps, None)
        if finished:
            return Result(progress, reason, finished)
        started, before = time.monotonic(), progress.seconds
        saved = started
        if self.led is not None:
            self.led.places, self.led.step_done = [], progress.step
        steps = train(
            self.led or self.workers, self.batches(), self.led or self.optimizer,
            number=progress.step, accumulate=training.accumulate, parts=progress.parts, health=self.health,
            whole=self.static if self.led is None else None,
        )  # fmt: skip
        for step in steps:
            progress.step, progress.parts = step.number, step.parts
            progress.seconds = before + time.monotonic() - started
            self.journal.step(step, progress.epoch, progress.seconds)
            if validated := self._owes_validation():
                self._validate()
                saved = time.monotonic()
            reason, finished = self._reason_to_stop(step.number >= training.max_steps, deadline)
            if not validated and (reason or time.monotonic() - saved > 60 * training.checkpoint_minutes):
                self.check_weights()
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

    # -- validation -------------------------------------------------------------------------------------------

    def _owes_validation(self) -> bool:
        """Whether the present step is one to validate at, and it was not done, or was interrupted."""
        step = self.progress.step
        if step == 0:
            return self.task.further and not self.progress.best
        due = step % self.config.validation.every == 0 or step >= self.config.training.max_steps
        return due and self.progress.validated != step

    def _validate(self) -> None:
        progress = self.progress
        self.check_weights()
        try:
            scores = self.measured()
        except Diverged:
            raise
        except Exception:
            # The steps since the last checkpoint are not to blame; --resume begins with this validation. Shares of the
            # state that went with another rank cannot be saved, and what ended that one is the better reason.
            with nullcontext() if self.ranks is None else suppress(TrainingError):
                self.save()
            raise
        progress.validated = progress.step
        validation, better = self.config.validation, list(scores.rank) > progress.best
        progress.stalled = 0 if better else progress.stalled + 1
        if better or validation.keep == "last":
            progress.best, progress.best_step = list(scores.rank), progress.step
            self.keep(scores)
        patience, keep = validation.patience, validation.keep
        self.journal.validation(progress.step, scores, better, progress.stalled, patience, keep)
        self.save()

    def _keep_for_now(self) -> bool:
        """A model of the present weights where no validation has come to keep one, which the next one does.

        Nothing of it is remembered, so that the run goes on as if it had not been interrupted.
        """
        try:
            self.check_weights()
            scores = self.measured()
        except Diverged:
            return False
        self.keep(scores)
        found = ", ".join(f"{name} {value:.3f}" for name, value in scores.numbers().items())
        self.journal.note(
            f"no validation has come yet: the model of step {self.progress.step:,} is kept for now ({found})"
        )
        return True


def _loss(criterion: LabelSmoothing, model: nn.Module, batch: Any) -> Loss:
    """Consistency asks for each sentence under two dropout masks: the batch then stands twice in one."""
    return model.loss(batch.twice() if criterion.consistency else batch, criterion)  # type: ignore[operator]


def carry_out(output: Path, config: Settings, prepare: Callable[[], Task], session: Session) -> Result:
    """Train into `output`: prepare, look, train, seal the best model.

    `prepare` is called when the directory is known to be ours. Raises ConfigError, TrainingError and what it raises;
    whatever is raised, the last checkpoint stays good.
    """
    console, minutes = session.console, session.max_minutes
    deadline = None if minutes is None else time.monotonic() + 60 * minutes
    keep_few_kernels()
    keep_freed_memory()
    device_of(config.training)  # what is not there is said before the corpus is read
    ranks = joined()
    resume = session.resume or (restarted() and checkpoints.exists(output / "checkpoints"))
    if ranks is not None and not ranks.leads:
        console.quiet = True  # rank 0 speaks for all
        with ranks.telling():
            return _follow(ranks, config, prepare, output)
    with exclusive(output), _leading(ranks) as ended:
        found = earlier_run(output, config, console, resume)
        task = prepare()
        if ranks is not None:
            ranks.say("prepare", precision=precision_of(config.training))
        console.print(task.data.report, markup=False, highlight=False)
        with Journal(output, console, config.training.max_steps, session.tensorboard) as journal:
            if found is None:
                journal.forget_after(-1)  # a start that failed, or a run whose checkpoints were removed
            run = Run(output, config, task, journal)
            journal.deadline = deadline
            if ranks is not None:
                check_agreement(account(task, config, run.parameters), ranks.answers())
                console.print(f"{ranks.size} ranks train together: each computes its share of every batch")
            if found is None:
                run.start()
            else:
                run.resume(found)
                found = None  # as large as the state of the run
            forecast(run, run.look(), console, minutes)
            with stop_on_signals(run, 0.0 if ranks is None else PASSED_ON):
                result = run.go(deadline)
        ended.update(asdict(result))
        validation = config.validation
        say_how_it_ended(result, task.usage, validation.every, validation.keep, console)
        return result


@contextmanager
def _leading(ranks: Ranks | None) -> Iterator[dict[str, Any]]:
    """Whatever ends training, the other ranks are told; with the result, where it was put in."""
    ended: dict[str, Any] = {}
    try:
        yield ended
    except BaseException as error:
        if ranks is not None:
            with suppress(TrainingError):  # they are gone
                ranks.say("stop", failed=str(error).partition("\n")[0] or type(error).__name__)
        raise
    if ranks is not None:
        ranks.say("stop", failed="", **{name: ended[name] for name in ("reason", "finished")})


def _follow(ranks: Ranks, config: Settings, prepare: Callable[[], Task], output: Path) -> Result:
    """What a rank does that does not lead. Raises TrainingError for what ended rank 0."""
    message = ranks.heard()
    if message["do"] == "prepare":
        # What one process of a host has prepared, or found prepared, the next one finds.
        if ranks.local > 0 and ranks.rank > 1:
            ranks.follows(ranks.rank - 1, "preparing")
        if ranks.local == 0:  # the first of another host
            there = any((output / "data").glob("*.json"))
            which = "finds what is prepared in" if there else "prepares the corpus for its host, into"
            said = Console(stderr=True, soft_wrap=True)  # the one of a rank that follows is quiet
            said.print(f"rank {ranks.rank} {which} {output / 'data'}", markup=False, highlight=False)
        task = prepare()
        ranks.done("preparing")
        # Asked for "auto", each host measures, and may find otherwise than rank 0.
        training = replace(config.training, precision=message["precision"])
        made = prepared(task, replace(config, training=training), _loss, lambda note: None)  # type: ignore[type-var]
        ranks.report(account(task, config, made.parameters))
        follower = Follower(ranks, config, made, task.validator)
        with stop_on_signals(follower, PASSED_ON):
            message = follower.go()
    if message["failed"]:
        raise TrainingError(f"rank {ranks.rank} ends because rank 0 did: {message['failed']}")
    return Result(Progress(), message["reason"], message["finished"])
