"""How one start of a run goes: nothing here changes what is computed. Runs nothing."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console


@dataclass(frozen=True)
class Session:
    """resume: go on with the run in the output directory. max_minutes: stop, and save, after so long."""

    console: Console
    resume: bool = False
    max_minutes: float | None = None
    tensorboard: bool = False
