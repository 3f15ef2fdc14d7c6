"""Results come in order, and the next is worked on while one is used. Translates nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from dragoman.ahead import one_ahead


@pytest.mark.parametrize("count", [0, 1, 2, 3, 10])
def test_results_come_in_order(count: int) -> None:
    assert list(one_ahead(str, range(count))) == [(i, str(i)) for i in range(count)]


def test_the_next_is_worked_on_while_one_is_used() -> None:
    done = [threading.Event() for _ in range(3)]

    def work(number: int) -> int:
        done[number].set()
        return number

    results = one_ahead(work, range(3))
    assert next(results) == (0, 0)
    assert done[1].wait(10), "nobody asked for it yet"
    assert not done[2].is_set()
    assert [item for item, _ in results] == [1, 2]


def test_one_item_is_read_ahead_and_no_more() -> None:
    read: list[int] = []

    def items() -> Iterator[int]:
        for number in range(5):
            read.append(number)
            yield number

    results = one_ahead(abs, items())
    for number in range(5):
        next(results)
        assert read == list(range(min(number + 2, 5)))


def test_an_error_arrives_in_its_turn_and_ends_the_thread() -> None:
    results = one_ahead(lambda number: 1 // number, [1, 0, 1])
    assert next(results) == (1, 1)
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert not any("dragoman-ahead" in thread.name for thread in threading.enumerate())


def test_what_was_read_before_an_error_comes_first() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("no third")

    results = one_ahead(abs, items())
    assert [next(results), next(results)] == [(1, 1), (2, 2)]
    with pytest.raises(ValueError, match="no third"):
        next(results)


def test_giving_up_ends_the_thread() -> None:
    results = one_ahead(abs, range(10))
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert not any("dragoman-ahead" in thread.name for thread in threading.enumerate())
