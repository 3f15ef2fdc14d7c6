"""A training whose directory is not its own: another begins in it, or somebody deletes it, while it runs."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from attacks.attack import Fault, Trials, Try
from attacks.commands import Ended, fault_of
from attacks.kills import followed
from attacks.product import Product, weights_of

LATEST = 0.8  # of a run: what is deleted when all is written, nobody can bring back


@dataclass(frozen=True)
class Rival:
    """deleted: the directory, at a part of all changes to files; else a second run begins at that part of the time."""

    at: float
    deleted: bool
    resume: bool = False  # whether the second run is told to go on with what is there

    def __str__(self) -> str:
        what = "the directory deleted" if self.deleted else f"a second run{' with --resume' * self.resume}"
        return f"{what} at {self.at:.1%} of the first"


def drawn(rng: random.Random) -> Rival:
    return Rival(rng.uniform(0, LATEST), rng.random() < 0.5, rng.random() < 0.5)


@contextmanager
def two_at_once(product: Product) -> Iterator[Try[Rival]]:
    # A spawner dies with the thread that it was made in (PR_SET_PDEATHSIG): not in that of a timer.
    assert product.result and product.servers

    def try_(rival: Rival) -> Fault | None:
        with product.passing_folder() as folder:
            output = folder / "run"
            if rival.deleted:
                at = max(1, round(rival.at * len(product.took.calls)))
                inject = {"calls": {"root": str(output), "remove_at": at}}
                ended = [product.commands.run(*product.training(output), inject=inject)]
            else:
                ended = _both(product, output, rival)
            for one in ended:
                if fault := fault_of(one):
                    return fault
            if all(one.code for one in ended) and not rival.deleted:
                return Fault(f"each stopped the other: {ended[0].last} / {ended[1].last}")
            if fault := followed(product, output, resume=output.exists()):
                return fault
            if weights_of(output) != product.result:
                return Fault("other weights than those of the undisturbed run")
            return None

    yield try_


def _both(product: Product, output: Path, rival: Rival) -> list[Ended]:
    """The first run and the second, both ended."""
    second: list[Ended] = []
    words = product.training(output, *(["--resume"] if rival.resume else []))
    timer = threading.Timer(
        rival.at * product.took.seconds, lambda: second.append(product.servers.run(*words))
    )
    product.commands.begin(product.training(output))
    timer.start()
    first = product.commands.end()
    timer.join()
    return [first, *second]


RIVALS: Trials[Product, Rival] = Trials(
    "rivals",
    "of two runs in one directory one is refused in one sentence and the other is not disturbed; a directory that is "
    "deleted under a run ends it in one sentence, or comes back",
    two_at_once, drawn, (), show=str,
)  # fmt: skip
