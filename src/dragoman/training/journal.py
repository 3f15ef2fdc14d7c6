"""What a run tells while it goes on: progress bar, log.jsonl, TensorBoard. Decides nothing.

log.jsonl holds one object a line, each with "step": of kind "step" (every few steps), "validation" and "note".
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from dragoman.errors import MissingExtraError
from dragoman.files import naming, publish
from dragoman.training.loop import Step

LOG_EVERY_SECONDS = 5.0


class Journal:
    """Progress bar, log.jsonl and TensorBoard of one run, while it is used as a context manager.

    Of steps, one line is written every LOG_EVERY_SECONDS, so that the log stays small at any speed.
    """

    def __init__(self, output: Path, console: Console, max_steps: int, tensorboard: bool = False) -> None:
        self.path = output / "log.jsonl"
        self.console, self.max_steps = console, max_steps
        self.bar = Progress(
            TextColumn("step {task.completed:,.0f}/{task.total:,.0f}"), BarColumn(bar_width=24),
            TextColumn("{task.fields[line]}"), console=console, transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        self.task = self.bar.add_task("train", total=max_steps, line="")
        self._writer = _tensorboard(output) if tensorboard else None
        self._last: Step | None = None
        self._since, self._tokens = time.monotonic(), 0
        self.tokens_per_second = 0.0
        self.deadline: float | None = None

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()
        if self._writer is not None:
            self._writer.close()

    def forget_after(self, step: int) -> None:
        """Remove lines of later steps from log.jsonl: an interrupted run wrote them after its last checkpoint."""
        if self.path.exists():
            lines = self.path.read_text(encoding="utf-8").splitlines()
            kept = [line for line in lines if _step_of(line) <= step]
            publish(self.path, "".join(f"{line}\n" for line in kept).encode())

    def note(self, text: str) -> None:
        """Print a sentence and write it to the log."""
        self.console.print(text, highlight=False, markup=False)
        self._write({"kind": "note", "step": self._last.number if self._last else 0, "text": text})

    def step(self, step: Step, epoch: int, seconds: float) -> None:
        """Show a step, and log it if the last line is some seconds old; `seconds` of training so far."""
        self._last = step
        self._tokens += step.tokens
        now = time.monotonic()
        if now - self._since < LOG_EVERY_SECONDS and step.number > 1:
            self._show(step)
            return
        self.tokens_per_second = self._tokens / (now - self._since)
        self._since, self._tokens = now, 0
        record = {
            "kind": "step", "step": step.number, "epoch": epoch, "loss": round(step.loss, 4), "nll": round(step.nll, 4),
            "lr": step.learning_rate, "gradient_norm": round(step.gradient_norm, 4),
            "tokens_per_second": round(self.tokens_per_second), "seconds": round(seconds, 1), "parts": step.parts,
        }  # fmt: skip
        self._write(record)
        self._show(step)

    def _show(self, step: Step) -> None:
        left = (self.max_steps - step.number) * step.seconds
        if self.deadline is not None:
            left = min(left, self.deadline - time.monotonic())
        line = (
            f"loss {step.loss:.3f}  lr {step.learning_rate:.2e}  {self.tokens_per_second:,.0f} tokens/s  "
            f"{duration(left)} left"
        )
        self.bar.update(self.task, completed=step.number, line=line)

    def validation(
        self, step: int, scores: Any, better: bool, stalled: int, patience: int, keep: str
    ) -> None:
        """Print and log task.Scores of the dev set; `stalled` of at most `patience` in a row were no better."""
        found = ", ".join(f"{name} {value:.3f}" for name, value in scores.numbers().items())
        verdict = "new best" if better else f"no better {stalled} of {patience or 'any'}"
        if keep == "last":
            verdict = "kept" if better else f"kept, {verdict}"
        self.console.print(f"step {step:,}: {found} ({verdict})", highlight=False, markup=False)
        for sample in scores.samples:
            self.console.print(f"    {sample}", highlight=False, markup=False)
        self._write({"kind": "validation", "step": step, "best": better, **scores.numbers()})
        self._since, self._tokens = time.monotonic(), 0  # validation is no training time

    def _write(self, record: dict[str, Any]) -> None:
        with naming(self.path), open(self.path, "a", encoding="utf-8", errors="backslashreplace") as log:
            log.write(json.dumps(record, ensure_ascii=False) + "\n")
        if self._writer is not None:
            for name, value in record.items():
                if isinstance(value, int | float) and name not in ("step", "best"):
                    self._writer.add_scalar(f"{record['kind']}/{name}", value, record["step"])


def _step_of(line: str) -> int:
    """A line cut short by a kill belongs to no step that was saved."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return 2**62


def duration(seconds: float) -> str:
    """For people, to the minute: "7 min", "2 h 05 min"."""
    minutes = max(round(seconds / 60), 0)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"


def _tensorboard(output: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingExtraError(
            "TensorBoard logging needs an extra: pip install 'dragoman[tensorboard]'"
        ) from error
    return SummaryWriter(str(output / "tensorboard"))
