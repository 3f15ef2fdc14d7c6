"""Columns that stand under each other whatever the script, numbers that mean what they show."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from dragoman.explain.terminal.drawing import Screen, bar, facts, heat_map, number, prose, table, tail
from screen import printed

PLAIN, COLOUR = Screen(60), Screen(60, colour=True)


# -- heat maps ----------------------------------------------------------------------------------------------------


def test_a_heat_map_in_plain_characters() -> None:
    weights = np.array([[1.0, 0.0], [0.25, 0.75]])
    assert printed(heat_map(weights, ["你", "▁cat"], ["▁you", "狗"], PLAIN)) == [
        "      ▁you   狗",
        "你    @100    0",
        "▁cat  : 25 # 75",
    ]


@pytest.mark.parametrize("screen", [PLAIN, COLOUR])
def test_columns_stand_under_each_other_in_any_script(screen: Screen) -> None:
    names = ["▁a", "中文", "…", "a very long name", "很长很长很长的名字", "한국어"]
    lines = heat_map(np.eye(6), names, names, screen)
    assert {cell_len(line.plain) for line in lines if isinstance(line, Text)} == {cell_len(lines[0].plain)}  # type: ignore[union-attr]


def test_what_the_mask_hides_is_no_zero() -> None:
    lines = printed(heat_map(np.eye(2), ["a", "b"], ["a", "b"], PLAIN, np.tril(np.ones((2, 2), bool))))
    assert lines[1:] == ["a  @100    x", "b     0 @100"]


def test_a_wide_heat_map_comes_in_bands_that_fit() -> None:
    weights = np.random.default_rng(0).dirichlet(np.ones(40), 3)
    names = [f"▁w{n}" for n in range(40)]
    lines = printed(heat_map(weights, ["a", "b", "c"], names, PLAIN))
    assert max(map(cell_len, lines)) <= PLAIN.width
    assert [word for line in lines for word in line.split() if word.startswith("▁")] == names


def test_colours_grow_lighter_with_the_weight_and_letters_stay_legible() -> None:
    """Lightness alone tells the weight, so that it reads without telling colours apart; contrast as WCAG counts it."""
    (_, line) = heat_map(np.linspace(0, 1, 9)[None], ["a"], ["b"] * 9, COLOUR)
    assert isinstance(line, Text)
    styles = [span.style for span in line.spans if " on " in str(span.style)]
    letters, grounds = zip(*(map(_lightness, str(style).split(" on ")) for style in styles), strict=True)
    assert len(grounds) == 9 and list(grounds) == sorted(grounds)
    for letter, ground in zip(letters, grounds, strict=True):
        assert (max(letter, ground) + 0.05) / (min(letter, ground) + 0.05) > 4.5


def _lightness(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


# -- sentences ----------------------------------------------------------------------------------------------------


@given(st.text(alphabet="ab ,.中文，。、（）“”12", max_size=200), st.integers(4, 40))
@example("““ ）", 4)  # opening signs held the space after them, and the line had no place to break
@example("（ ““ ", 5)  # the space at the end counted as a letter
def test_prose_fits_and_loses_nothing(text: str, width: int) -> None:
    lines = prose(text, Screen(width)).plain.split("\n")
    assert "".join("".join(lines).split()) == "".join(text.split())
    for line in lines:
        # Only what has no place to break in it may be wider: one word, or one character and its signs.
        assert cell_len(line) <= width or (" " not in line.strip() and len(re.findall("[中文]", line)) < 2)


def test_chinese_breaks_between_characters_and_never_before_a_stop() -> None:
    text = "解码器每一步写一个词，写完就停。"
    lines = prose(text, Screen(10)).plain.split("\n")
    assert lines == ["解码器每一", "步写一个", "词，写完就", "停。"]
    assert prose("有：one、two、three", Screen(11)).plain.split("\n") == ["有：one、", "two、three"]


# -- numbers and tables -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value, shown", [(0.126, "0.13"), (-0.001, "0.00"), (-0.0, "0.00"), (-1.5, "-1.50")])
def test_no_zero_has_a_sign(value: float, shown: str) -> None:
    assert number(value) == shown


def test_a_bar_is_as_long_as_its_share() -> None:
    assert bar(0.5, PLAIN, 10) == "#####"
    assert bar(1.0, COLOUR, 4) == "████"
    assert bar(0.0, PLAIN) == ""


def test_tables_align_chinese() -> None:
    lines = printed(table(["a", "b", "c"], [("你好", "1.5", "x"), ("a", "10.25", "y")], right=(1,)))
    assert lines == ["a          b   c", "-" * 16, "你好     1.5   x", "a      10.25   y"]


def test_facts_wrap_beside_their_names() -> None:
    lines = printed(facts([("名", "one two three four"), ("longer", "五")], Screen(18)), 18)
    assert lines == ["名      one two", "        three four", "longer  五"]


def test_only_the_last_words_are_shown() -> None:
    assert tail(["a", "b", "c"], 2) == "... b c"
    assert tail(["a", "b"], 2) == "a b"
    assert tail([]) == ""
