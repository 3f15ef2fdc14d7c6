"""Clocks that are set back while something waits: it ends, or is answered, all the same.

From within (time.time is replaced) everywhere; from outside too where libfaketime is installed.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from attacks.attack import Fault, Trials, Try
from attacks.commands import Ended, fault_of
from attacks.product import Product
from attacks.service import serving

PLACES = ("/usr/lib", "/usr/lib64", "/usr/local/lib")
FAKETIME = next(
    (str(path) for place in PLACES for path in sorted(Path(place).glob("**/libfaketime.so.1"))), ""
)
SECONDS = 60.0  # for a run that was given a second


@dataclass(frozen=True)
class Clock:
    """A clock that is `jump` seconds behind, once more each time it has been read `every` times, while `verb` waits."""

    verb: str  # "train", "serve", or "faketime": a training under libfaketime
    jump: float
    every: int

    def __str__(self) -> str:
        return f"{self.verb}, {self.jump:.0f} s back at every {self.every}. look at the clock"


def drawn(rng: random.Random) -> Clock:
    verbs = ("train", "serve", *(["faketime"] if FAKETIME else []))
    return Clock(rng.choice(verbs), 10 ** rng.uniform(1, 8), rng.randint(1, 200))


@contextmanager
def set_back(product: Product) -> Iterator[Try[Clock]]:
    assert product.model

    def try_(clock: Clock) -> Fault | None:
        inject = {"clock": {"jump": clock.jump, "every": clock.every}}
        return served(product, inject) if clock.verb == "serve" else trained(product, clock, inject)

    yield try_


def trained(product: Product, clock: Clock, inject: Mapping[str, object]) -> Fault | None:
    """A run that may take a second ends, whatever the clock says."""
    with product.passing_folder() as folder:
        words = product.training(folder / "run", "--max-minutes", "0.01", training__max_steps=100_000)
        if clock.verb == "faketime":
            ended = under_faketime(product, words, folder, clock)
        else:
            ended = product.commands.run(*words, inject=inject, seconds=SECONDS)
        return fault_of(ended) or (Fault(f"exit {ended.code}: {ended.last}") if ended.code else None)


def under_faketime(product: Product, words: list[str], folder: Path, clock: Clock) -> Ended:
    """Each look at a clock that is not the monotonic one reads its offset anew from a file."""
    offset = folder / "offset"
    offset.write_text(f"-{clock.jump:.0f}", encoding="utf-8")
    changes = {
        "LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": str(offset), "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # else waits on the monotonic clock end at once
    }  # fmt: skip
    return product.alone(words, changes=changes, folder=folder, seconds=SECONDS)


def served(product: Product, inject: Mapping[str, object]) -> Fault | None:
    """Requests are answered, slow clients are hung up on, and the server ends when it is told to."""
    with serving(product, "--slowest", "1", inject=inject) as service:
        for _ in range(3):
            answer = service.post(
                "/api/translate", {"text": "The dog sees a cat.", "source": "en", "target": "zh"}
            )
            if answer.status != 200 or not answer.body:
                return Fault(f"status {answer.status}: {answer.body[:200].decode(errors='replace')}")
        began = time.monotonic()
        service.ask("POST", "/api/translate", b"x", {"content-length": "100"}, 30.0)
        if time.monotonic() - began > 15:
            return Fault("a client that sends nothing is waited for")
        return Fault("the server did not end") if service.stop(signal.SIGTERM, 30.0).hung else None


CLOCK: Trials[Product, Clock] = Trials(
    "clock",
    "a clock that is set back lets nothing wait for ever",
    set_back, drawn,
    (Clock("train", 3600, 20), Clock("serve", 3600, 20), *([Clock("faketime", 3600, 1)] if FAKETIME else [])),
    show=str,
)  # fmt: skip
