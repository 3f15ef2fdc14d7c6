"""What an attack is: cases drawn at random, each held or not, counted within a budget. Knows nothing of Dragoman.

Every case is drawn from a number of its own, so that one case can be tried again without those before it. Cases that
failed once are named; they come in an order of their own each time, and one that is drawn follows each.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

C = TypeVar("C")
S = TypeVar("S", contravariant=True)

SHOWN = 8  # kinds of failures that are told, one of each kind
SHRINKING = 16  # smaller cases that are tried for one failure
IN_VAIN = 50  # cases that could not be tried before an attack ends without one
MOST = 100_000  # cases, however much time is left


class Budget:
    """Seconds that an attack may take. A case that has begun is ended: each has a limit of its own."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._end = clock, clock() + seconds

    @property
    def left(self) -> float:
        return self._end - self._clock()

    @property
    def over(self) -> bool:
        return self.left <= 0


@dataclass(frozen=True)
class Example:
    """A case that did not hold: the least that shows it, what happened, and the seed it was drawn from."""

    input: str
    fault: str
    seed: int | None  # None for a named case


@dataclass
class Counts:
    """What came of an attack. `left_out` says why it, or a part of it, was not tried."""

    tried: int = 0
    failed: int = 0
    examples: list[Example] = field(default_factory=list)
    left_out: str = ""

    @property
    def held(self) -> int:
        return self.tried - self.failed


class Attack(Protocol[S]):
    """One promise, and how it is tried. `S` is what is attacked."""

    @property
    def name(self) -> str: ...

    @property
    def promise(self) -> str: ...

    @property
    def share(self) -> float:
        """Of the time of all attacks, compared with others."""

    def run(self, subject: S, budget: Budget, rng: random.Random, only: int | None = None) -> Counts:
        """Try until the budget is over; `only` tries the one case of that seed."""


class NotTried(Exception):
    """A case that cannot be tried here, which is said by whoever stages it. It counts neither way."""


@dataclass(frozen=True)
class Fault:
    """What went wrong. `input` tells the case better than it could before it was tried; `where` is part of the kind."""

    what: str
    input: str = ""
    where: str = ""

    @property
    def kind(self) -> str:
        """Faults of one kind differ in numbers, names and details only; one of each is told."""
        what = re.sub(r"((?:[eE]rror|Exception)\b).*", r"\1", self.what, flags=re.DOTALL)
        return f"{self.where} {_without_details(what)[:60]}"


def _without_details(text: str) -> str:
    return re.sub(r"[0-9.,]+|'[^']*'", "#", text)


Try = Callable[[C], Fault | None]  # None if the promise held


def nothing_smaller(case: C) -> Iterator[C]:
    """For cases that say all they say in a few words."""
    yield from ()


def all_there() -> str:
    return ""


@dataclass(frozen=True)
class Trials(Generic[S, C]):
    """An attack of independent cases.

    stage: opens what the cases need (a server, a folder), and gives the function that tries one.
    draw: a case from its random numbers. named: cases that failed once, or that chance would hardly find.
    smaller: simpler cases than one that failed, simplest first. missing: why it cannot be tried here, or "".
    """

    name: str
    promise: str
    stage: Callable[[S], AbstractContextManager[Try[C]]]
    draw: Callable[[random.Random], C]
    named: Sequence[C] = ()
    smaller: Callable[[C], Iterable[C]] = nothing_smaller
    show: Callable[[C], str] = repr
    missing: Callable[[], str] = all_there
    share: float = 1.0

    def run(self, subject: S, budget: Budget, rng: random.Random, only: int | None = None) -> Counts:
        counts, kinds = Counts(left_out=self.missing()), set[str]()
        if counts.left_out:
            return counts
        with self.stage(subject) as try_:
            for number, (seed, case) in enumerate(self._cases(rng, only)):
                if budget.over and (counts.tried or number >= IN_VAIN):
                    break
                try:
                    fault = try_(case)
                except NotTried:
                    continue
                counts.tried += 1
                if fault is not None:
                    counts.failed += 1
                    if fault.kind not in kinds and len(kinds) < SHOWN:
                        kinds.add(fault.kind)
                        counts.examples.append(self._least(case, fault, seed, try_, budget))
        return counts

    def _cases(self, rng: random.Random, only: int | None) -> Iterator[tuple[int | None, C]]:
        if only is not None:
            yield only, self.draw(random.Random(only))
            return
        named = rng.sample(self.named, len(self.named))
        for _ in range(MOST):
            if named:
                yield None, named.pop()
            seed = rng.getrandbits(32)
            yield seed, self.draw(random.Random(seed))

    def _least(self, case: C, fault: Fault, seed: int | None, try_: Try[C], budget: Budget) -> Example:
        """As small as a few attempts make it, while it still does not hold."""
        attempts = 0
        shrinking = True
        while shrinking:
            shrinking = False
            for candidate in self.smaller(case):
                if attempts >= SHRINKING or budget.over:
                    break
                attempts += 1
                found = None
                with suppress(NotTried):
                    found = try_(candidate)
                if found is not None and found.kind == fault.kind:
                    case, fault, shrinking = candidate, found, True
                    break
        return Example(fault.input or self.show(case), fault.what, seed)


def halves(text: bytes) -> Iterator[bytes]:
    """Bytes without one of its parts: first without half of it, then a quarter, then an eighth."""
    for parts in (2, 4, 8):
        step = len(text) // parts
        if step == 0:
            return
        for start in range(0, len(text) - step + 1, step):
            yield text[:start] + text[start + step :]
