"""Items come in order, each when the next has been read. Translates nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dragoman.translate.prefetch import prefetch


@pytest.mark.parametrize("count", [0, 1, 2, 3, 10])
def test_items_come_in_order(count: int) -> None:
    assert list(prefetch(range(count))) == list(range(count))


def test_one_item_is_read_ahead_and_no_more() -> None:
    read: list[int] = []

    def items() -> Iterator[int]:
        for number in range(5):
            read.append(number)
            yield number

    results = prefetch(items())
    assert not read, "nothing is read before it is asked for"
    for number in range(5):
        assert next(results) == number
        assert read == list(range(min(number + 2, 5)))


def test_what_was_read_before_an_error_comes_first() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("no third")

    results = prefetch(items())
    assert [next(results), next(results)] == [1, 2]
    with pytest.raises(ValueError, match="no third"):
        next(results)
