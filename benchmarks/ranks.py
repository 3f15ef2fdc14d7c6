"""Training by 1, 2 and 4 processes on this machine: steps a second, bytes sent, memory, with and without shares.

No peer here. On the cores of one machine ranks share what one process has alone, and pay for the sums between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from benchmarks import machine
from benchmarks.alternate import Arm
from benchmarks.comparison import Column, How, Question, compare
from benchmarks.sizes import SIZES

COLUMNS = (
    Column("steps_per_second", "steps/s", ".2f"),
    Column("sent_mb", "sent by each rank in a step, MB", ".1f", higher_is_better=False),
    Column("peak_mib", "memory of a rank, MiB", higher_is_better=False),
    Column("compute", "gradient alone, s", ".3f", higher_is_better=False),
    Column("exchange", "sum alone, s", ".3f", higher_is_better=False),
    Column("both", "both at once, s", ".3f", higher_is_better=False),
)


@dataclass(frozen=True)
class Work:
    """What is trained by how many."""

    ranks: Annotated[tuple[int, ...], Parameter(help="how many processes", consume_multiple=True)] = (1, 2, 4)
    size: Annotated[
        Literal["toy", "small", "base"], Parameter(help="9.4 M (small) or 48 M (base) parameters")
    ] = "small"
    batch_tokens: Annotated[int, Parameter(help="of a batch, which all ranks share")] = 4096
    optimizer: Annotated[Literal["adamw", "muon"], Parameter(help="whose state is shared")] = "adamw"
    seconds: Annotated[float, Parameter(help="each turn is timed for so long")] = 10.0


def main(
    work: Annotated[Work, Parameter(name="*")] = Work(),  # noqa: B008 - frozen
    how: Annotated[How, Parameter(name="*")] = How(),  # noqa: B008 - frozen
) -> Path:
    """Take training steps with several processes over loopback, in turn."""
    size = SIZES[work.size]
    title = f"Training steps by several processes, {size.parameters / 1e6:.1f} M parameters, {work.optimizer}"
    return compare(Question("ranks", title, COLUMNS, settings=asdict(work), subject="ranks"), arms(work), how)


def arms(work: Work) -> Sequence[Arm]:
    """Each number of ranks, and where there are several, with and without shares of the optimiser's state."""
    task = {
        "size": SIZES[work.size].as_dict(), "batch_tokens": work.batch_tokens, "optimizer": work.optimizer,
        "precision": machine.fast_precision(), "seconds": work.seconds,
    }  # fmt: skip
    return [
        Arm(
            f"{ranks}{', sharded' * sharded}",
            "benchmarks.ours.ranks:run",
            {**task, "ranks": ranks, "sharded": sharded},
        )
        for ranks in work.ranks
        for sharded in (False, True)
        if ranks > 1 or not sharded
    ]
