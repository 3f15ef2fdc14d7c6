"""Read one item more than is used. Knows nothing of what is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

A = TypeVar("A")


def prefetch(items: Iterable[A]) -> Iterator[A]:
    """The items; each is given when the one after it has been read.

    What reading sets going in the background thus goes on while the item before is used. Where reading fails, what
    was read before comes first.
    """
    before: list[A] = []
    remaining = iter(items)
    while True:
        try:
            following = [next(remaining)]
        except StopIteration:
            yield from before
            return
        except Exception:
            yield from before
            raise
        yield from before
        before = following
