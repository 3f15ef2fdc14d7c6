"""Which attacks are run, for how long, from which seed. Knows no attack and draws no table."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from attacks.attack import Attack, Budget, Counts, Example

S = TypeVar("S")


@dataclass(frozen=True)
class Outcome:
    """What came of one attack, and how long it took, in seconds."""

    name: str
    promise: str
    counts: Counts
    seconds: float


def attempted(
    attack: Attack[S], subject: S, budget: Budget, rng: random.Random, only: int | None = None
) -> Counts:
    """An attack that breaks down itself, or tries nothing, has failed: nothing was shown to hold."""
    try:
        counts = attack.run(subject, budget, rng, only)
        if not counts.tried and not counts.left_out:
            raise AssertionError("it tried nothing")
    except Exception as error:
        what = f"the attack itself failed: {type(error).__name__}: {error}"
        counts = Counts(1, 1, [Example("the attack", what, None)])
    return counts


def run(
    attacks: Sequence[Attack[S]],
    subject: S,
    seed: int,
    seconds: float,
    only: int | None = None,
    tell: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Each attack in turn, within its share of `seconds`; what one leaves over is for those after it.

    What one takes too long is taken from none: a case that hangs ends at a limit of its own.

    An attack draws from the seed and from its own name: the others do not change what it tries. only: the seed of a
    single case.
    """
    end, shares = time.monotonic() + seconds, sum(attack.share for attack in attacks)
    outcomes = []
    for at, attack in enumerate(attacks):
        still = (end - time.monotonic()) / sum(other.share for other in attacks[at:])
        budget = Budget(attack.share * max(seconds / shares, still))
        began = time.monotonic()
        counts = attempted(attack, subject, budget, random.Random(f"{seed} {attack.name}"), only)
        outcomes.append(Outcome(attack.name, attack.promise, counts, time.monotonic() - began))
        tell(outcomes[-1])
    return outcomes
