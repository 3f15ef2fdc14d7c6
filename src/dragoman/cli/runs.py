"""How a run of training goes on and what it is told: the flags that all verbs which train share. Trains nothing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from dragoman.config import load_toml, parse_set
from dragoman.errors import UsageError

if TYPE_CHECKING:
    from dragoman.training.session import Session


@dataclass(frozen=True)
class SessionFlags:
    """How the run goes on, and how long."""

    resume: Annotated[bool, Parameter(help="go on with the run in the output directory")] = False
    max_minutes: Annotated[float | None, Parameter(help="stop, and save, after so long")] = None
    tensorboard: Annotated[bool, Parameter(help="also write TensorBoard logs")] = False

    def __post_init__(self) -> None:
        if self.max_minutes is not None and not self.max_minutes > 0:
            raise UsageError(f"--max-minutes {self.max_minutes:g}: must be above 0")

    def session(self) -> Session:
        from rich.console import Console

        from dragoman.training.session import Session

        console = Console(file=sys.stderr, soft_wrap=True)
        return Session(console, self.resume, self.max_minutes, self.tensorboard)


@dataclass(frozen=True)
class RunFlags(SessionFlags):
    """How a network is trained; of two settings that say different things the later in this list wins."""

    base: Annotated[
        Path | None,
        Parameter(name="--from", help="model to train further: its shape and vocabulary are kept"),
    ] = None
    config: Annotated[Path | None, Parameter(help="TOML file of settings; --print-config writes one")] = None
    set: Annotated[
        list[str] | None, Parameter(help="any one setting, as section.key=value; may be repeated")
    ] = None
    print_config: Annotated[
        bool, Parameter(help="print every setting, its meaning and its origin; train nothing")
    ] = False

    @property
    def asked(self) -> list[str]:
        """The flags that were given."""
        names = {"base": "from"}
        return [
            "--" + names.get(part.name, part.name).replace("_", "-")
            for part in fields(self)
            if getattr(self, part.name) != part.default
        ]

    def over(self, layers: Sequence[tuple[str, Any]]) -> list[tuple[str, Any]]:
        """(origin, sections) in turn: these, and what --config and --set say over them."""
        file = [] if self.config is None else [(str(self.config), load_toml(self.config))]
        return [*layers, *file, *(("--set", parse_set(setting)) for setting in self.set or ())]
