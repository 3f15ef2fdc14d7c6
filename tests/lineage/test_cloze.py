"""word2vec's cloze tests on one sentence: windows, chances and tree agree with what training uses."""

from __future__ import annotations

import numpy as np
import pytest

from dragoman.errors import UsageError
from dragoman.lineage.cloze import cloze


def test_a_window_is_what_stands_within_so_many_places() -> None:
    found = cloze([*"今天晚上吃"], 2)
    assert [one.word for one in found.windows] == [*"今天晚上吃"]
    assert found.windows[0].neighbours == ("天", "晚") and found.windows[0].left == ()
    assert found.windows[2].neighbours == ("今", "天", "上", "吃")


def test_words_are_drawn_by_their_count_to_the_power_of_three_quarters() -> None:
    found = cloze([*"aabbbbbbbbcc"], 1)
    assert [one.word for one in found.drawn][0] == "b" and sum(
        one.chance for one in found.drawn
    ) == pytest.approx(1)
    b, a = found.drawn[0].chance, found.drawn[1].chance
    assert b / a == pytest.approx((8 / 2) ** 0.75)


def test_every_word_has_its_own_way_and_a_frequent_one_a_shorter() -> None:
    found = cloze([*"aaaaaaaabbbbccd"], 3)
    ways = {path.word: path.turns for path in found.paths}
    assert len(set(ways.values())) == 4 and len(ways["a"]) == 1 and len(ways["d"]) == 3
    # No way is the beginning of another: Kraft's sum is full.
    assert np.isclose(sum(2.0 ** -len(turns) for turns in ways.values()), 1)


@pytest.mark.parametrize("tokens", [[], ["a"], ["a", "a"]])
def test_nothing_to_guess_is_refused(tokens: list[str]) -> None:
    with pytest.raises(UsageError, match="two different tokens"):
        cloze(tokens, 2)


def test_a_word_of_another_sentence_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="'c' is no token of this text: there are a b"):
        cloze(["a", "b"], 1).path("c")
