"""Random numbers written down: the same as numpy's Generator draws one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dragoman.text.draws import Draws

ENDS = st.one_of(
    st.integers(1, 40), st.integers(1, 2**32 - 1), st.sampled_from([3 * 2**30, 2**31 + 1, 2**32 - 1])
)


@given(st.integers(0, 2**32), st.lists(st.one_of(st.none(), ENDS), max_size=60))
def test_draws_are_those_of_numpy(seed: int, asked: list[int | None]) -> None:
    """None asks for a number in [0, 1), an end for a whole number below it: halves of words are kept between."""
    numpy, draws = np.random.Generator(np.random.PCG64(seed)), Draws(np.random.PCG64(seed))
    expected = [numpy.random() if end is None else int(numpy.integers(end)) for end in asked]
    assert [draws.random() if end is None else draws.below(end) for end in asked] == expected


def test_many_draws_are_those_of_numpy() -> None:
    numpy, draws = np.random.Generator(np.random.PCG64(5)), Draws(np.random.PCG64(5))
    assert [draws.below(7) for _ in range(5000)] == [int(numpy.integers(7)) for _ in range(5000)]
