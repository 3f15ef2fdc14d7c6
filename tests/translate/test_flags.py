"""Each flag is raised by what it names, and by nothing that good translations do."""

from __future__ import annotations

import time
from typing import Any

import pytest

from dragoman.translate.flags import FLAGS, Evidence, flags_of, loops


def evidence(**changes: Any) -> Evidence:
    """A good translation, but for `changes`."""
    good: dict[str, Any] = dict(
        source="Are you OK ?", text="你好吗？", source_tokens=[1, 2, 3], tokens=[4, 5], logprobs=[-0.2, -0.4, -0.1],
        finished=True,
    )  # fmt: skip
    return Evidence(**good | changes)


def test_a_good_translation_has_no_flag() -> None:
    assert flags_of(evidence()) == ()


@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({"text": ""}, "empty"),
        ({"text": "  "}, "empty"),
        ({"text": "Are you OK ?"}, "copied"),
        ({"text": "are you ok?"}, "copied"),
        ({"text": "。"}, "empty"),
        ({"source": "He is very good for me.", "text": "他 very good for 我"}, "untranslated"),
        ({"source_tokens": range(20), "tokens": [4, 5, 6, 7, 8]}, "too_short"),
        ({"tokens": [7] * 6}, "loop"),
        ({"tokens": [1, 2, 3, 9, 8, 9, 8, 9, 8, 9, 8]}, "loop"),
        ({"finished": False}, "too_long"),
        ({"logprobs": [-2.0, -1.6]}, "low_confidence"),
        ({"logprobs": [-1.0, float("nan")]}, "meaningless"),
    ],
)
def test_what_raises_a_flag(changes: dict[str, Any], flag: str) -> None:
    assert flags_of(evidence(**changes)) == (flag,)


@pytest.mark.parametrize(
    "changes",
    [
        {"source": "...", "text": ""},  # no words were lost
        {"source": "42", "text": "42"},  # figures are the same everywhere
        {"source": "Python", "text": "Python 语言"},
        {"tokens": [1] * 5},  # "……"
        {"source": "I read the New York Times.", "text": "我看 New York Times。"},
        {"source_tokens": range(20), "tokens": [4, 5, 6, 7, 8, 9]},
        {"tokens": [1, 2, 1, 2, 1, 2]},  # "very, very, very"
        {"tokens": [7] * 20, "source_tokens": [3] * 20},  # "ha ha ha ha" is answered in kind
        {"logprobs": [-1.4, -1.2]},
        {"logprobs": []},
    ],
)
def test_what_raises_none(changes: dict[str, Any]) -> None:
    assert flags_of(evidence(**changes)) == ()


def test_several_flags_come_in_a_fixed_order() -> None:
    everything = evidence(source="ha", text="ha", tokens=[1] * 9, finished=False, logprobs=[-9.0])
    assert flags_of(everything) == tuple(
        f for f in FLAGS if f in ("copied", "loop", "too_long", "low_confidence")
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"logprobs": [-8.69, -8.69], "choices": 6000},  # weights of zero: no token is better than another
        {"logprobs": [-369.0] * 3, "choices": 6000},  # weights of thousands, in int8
        {
            "logprobs": [0.0] * 3,
            "finished": False,
        },  # ... and elsewhere: one token is certain, and it never ends
        {"logprobs": [0.0], "text": ""},
    ],
)
def test_numbers_that_say_nothing_are_told(changes: dict[str, Any]) -> None:
    """A model whose weights were zero, or a thousand times too large, gave an empty line or a loop, and no word."""
    assert "meaningless" in flags_of(evidence(**changes))


@pytest.mark.parametrize("period", range(1, 17))
def test_a_stretch_loops_from_its_fourth_time_on(period: int) -> None:
    stretch = list(range(period))
    times = max(4, -(-5 // period) + 1)
    assert loops([99, *stretch * times, 98])
    assert not loops([99, *(stretch * times)[:-1], 98])


def test_a_stretch_too_long_to_be_a_stutter_is_none() -> None:
    assert not loops(list(range(17)) * 8)


def test_looking_for_loops_takes_linear_time() -> None:
    started = time.perf_counter()
    assert not loops(range(200_000))
    assert time.perf_counter() - started < 5
