"""Which checkpoints a run that diverges may go back to, and so which are kept. Works on numbers of steps alone.

What is saved is not known to be good: the weights may be lost already, and the loss tells it a few steps later. A
place to return to is a checkpoint that was followed by LOOKED_AT steps in which nothing was wrong.
"""

from __future__ import annotations

from collections.abc import Iterable

LOOKED_AT = 20  # steps; a loss that runs away is noticed in fewer (loop.Health)
_PLACES = 2  # that are kept: from the older one it goes on when the newer was bad as well


def to_keep(saved: Iterable[int], newest: int, best: int | None) -> set[int]:
    """Of the steps that were saved, those to keep beside the newest ones, once `newest` is saved.

    These are the places to return to; the one that is being looked at; and `best`, from which the kept model can be
    sealed once more.
    """
    steps = sorted({step for step in saved if step <= newest})
    looked_at = [step for step in steps if step <= newest - LOOKED_AT][-_PLACES:]
    # The oldest one, or each would be removed for a younger one before it has been looked at for long enough.
    candidates = [step for step in steps if step > newest - LOOKED_AT][:1]
    return {*looked_at, *candidates, *([] if best is None else [best])}


def to_return_to(saved: Iterable[int], failed: int, before: int | None) -> list[int]:
    """Of the steps that were saved, those to go back to when step `failed` went wrong, newest first.

    With `before`, the last return went there, and it did not help.
    """
    latest = failed - LOOKED_AT if before is None else min(failed - LOOKED_AT, before - 1)
    return sorted({step for step in saved if step <= latest}, reverse=True)


def is_the_same_trouble(failed: int, last: int, warmup: int) -> bool:
    """Whether a divergence at step `failed` is that of step `last` once more, which going back has not mended.

    While the learning rate still rises with the step, half of it gets as far in twice the steps.
    """
    return failed <= last + LOOKED_AT or failed <= min(warmup, 2 * last + LOOKED_AT)
