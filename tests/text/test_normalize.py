"""What normalisation keeps and what it takes away, and how scripts are told apart."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.text.languages import base_language
from dragoman.text.normalize import (
    count_words,
    dominant_script,
    half_width,
    has_han,
    narrow,
    normalize,
    script_counts,
    scripts_of,
    to_simplified,
)


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_normalizing_twice_is_normalizing_once(text: str) -> None:
    once = normalize(text)
    assert normalize(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert once == once.strip()
    assert "\n" not in once and "\r" not in once and "  " not in once
    once.encode()  # no lone surrogate is left


@pytest.mark.parametrize(
    "text", ["你好，世界！“引号”（括号）：；？、。", "ＡＢＣ１２３", "①②③", "２０％", "ﬁne", "x²"]
)
def test_full_width_and_compatibility_characters_stay(text: str) -> None:
    assert normalize(text) == text


@pytest.mark.parametrize(
    "text", ["👩‍👩‍👧 family", "❤️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "می‌خواهم", "שלום עולם", "مرحبا بالعالم", "สวัสดี"]
)
def test_emoji_and_other_scripts_stay_whole(text: str) -> None:
    assert normalize(text) == text


def test_one_spelling_for_each_letter() -> None:
    assert normalize("cafe\u0301") == normalize("caf\u00e9") == "café"


@pytest.mark.parametrize(
    "space",
    ["\t", "\n", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\xa0", "\u2028", "\u2029", "\u3000", " \t "],
)
def test_any_white_space_becomes_one_space(space: str) -> None:
    assert normalize(f"{space}a{space}b{space}") == "a b"


@pytest.mark.parametrize(
    "invisible",
    [
        "\x00",
        "\x07",
        "\x1b",
        "\x7f",
        "\x80",
        "\x9f",
        "\xad",
        "\u200b",
        "\u200e",
        "\u202e",
        "\u2066",
        "\ufeff",
        "\uffff",
    ],
)
def test_invisible_characters_are_removed(invisible: str) -> None:
    assert normalize(f"a{invisible}b{invisible}") == "ab"


def test_undecodable_bytes_of_a_command_line_are_removed() -> None:
    assert normalize(b"ab\xffcd".decode("utf-8", "surrogateescape")) == "abcd"


@pytest.mark.parametrize(
    "unit",
    [
        "a\u0301\u0323",
        "\u0323\u0301",
        "\u0e49\u0e38",
        "\u0f73\u0f71",
        "\u05b0\u0591",
        "字",
        "。",
        "😀",
        " ",
        "a ",
    ],
)
def test_time_grows_with_length_and_not_faster(unit: str) -> None:
    """Canonical ordering is quadratic in a run of marks: 100,000 of them took 5 to 9 seconds."""
    start = time.perf_counter()
    normalize(unit * (100_000 // len(unit)))
    assert time.perf_counter() - start < 2


def test_a_run_of_marks_is_cut_and_thirty_are_kept() -> None:
    assert normalize("a" + "\u0323" * 100 + "b") == "\u1ea1" + "\u0323" * 29 + "b"


def test_traditional_becomes_simplified_by_phrase() -> None:
    assert to_simplified("乾隆皇帝說：「頭髮乾了。」") == "乾隆皇帝说：「头发干了。」"
    assert to_simplified("plain English, 42") == "plain English, 42"


def test_scripts_are_counted_by_letters() -> None:
    assert script_counts("我爱 Python 3，かな！") == {"Han": 2, "Latin": 6, "Kana": 2}
    assert dominant_script("Привет, мир") == "Cyrillic"
    assert dominant_script("42 + 😀 = ?") is None


def test_han_is_found_in_all_planes() -> None:
    assert has_han("a漢") and has_han("𠀀") and has_han("〇")
    assert not has_han("かな, 。！") and not has_han("")


def test_language_codes_with_a_region_or_script_mean_the_language() -> None:
    assert {base_language(code) for code in ("zh", "zh-Hans", "zh_CN", "ZH-hant", " zh ")} == {"zh"}
    assert scripts_of("zh-Hant") == {"Han"}
    assert scripts_of("de") == scripts_of("en") == {"Latin"}
    assert scripts_of("tlh") == frozenset()


def test_words_are_runs_of_letters_and_single_han_characters() -> None:
    assert count_words("我爱 Python 3.") == 4
    assert count_words("It's 2 o'clock") == 5
    assert count_words("。！ ...") == 0


@pytest.mark.parametrize(
    "text, expected",
    [
        ("Ｈｅｌｌｏ　Ｗｏｒｌｄ", "Hello World"),
        ("１２ ａｐｐｌｅｓ", "１２ apples"),
        ("Ａ１２", "A12"),
        ("１２３", "１２３"),
        ("He　said", "He　said"),
        ("He said Ｈｅｌｌｏ", "He said Ｈｅｌｌｏ"),
        ("你好", "你好"),
    ],
)
def test_words_in_full_width_letters(text: str, expected: str) -> None:
    assert narrow(text) == expected and len(narrow(text)) == len(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("会议在１２３号，ＡＰＰ。", "会议在123号，APP。"),
        ("１＋１＝２？", "1＋1＝2？"),
        ("abc", "abc"),
        ("", ""),
    ],
)
def test_full_width_words_among_others(text: str, expected: str) -> None:
    assert half_width(text) == expected
