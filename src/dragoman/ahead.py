"""Work one step ahead of whoever uses it. Knows nothing of what is worked on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def one_ahead(work: Callable[[A], B], items: Iterable[A]) -> Iterator[tuple[A, B]]:
    """(item, work(item)) for each, in order. While the caller uses one, a thread is at work on the next.

    So the item after that one is read before a result is given; where that fails, what was read before comes first.
    A single item is worked on here.
    """
    remaining = _read(items)
    first = list(islice(remaining, 2))
    if len(first) == 1:
        yield _worked(work, first[0])
        return
    with ThreadPoolExecutor(1, "dragoman-ahead") as pool:
        running = deque(pool.submit(_worked, work, entry) for entry in first)
        while running:
            yield running.popleft().result()
            running.extend(pool.submit(_worked, work, entry) for entry in islice(remaining, 1))


def _read(items: Iterable[A]) -> Iterator[A | _Failed]:
    """The items; an error in reading them is the last."""
    try:
        yield from items
    except Exception as error:
        yield _Failed(error)


def _worked(work: Callable[[A], B], entry: A | _Failed) -> tuple[A, B]:
    if isinstance(entry, _Failed):
        raise entry.error
    return entry, work(entry)


@dataclass(frozen=True)
class _Failed:
    error: Exception
