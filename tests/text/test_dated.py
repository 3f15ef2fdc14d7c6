"""Days and years that Chinese writes in signs: digits for those, and every other number as it stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.text.dated import in_digits

ONES = "零一二三四五六七八九"


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("二〇二四年三月十五日是星期五。", "2024年3月15日是星期五。"),
        ("一九九〇年十月", "1990年10月"),
        ("十二月三十一号见", "12月31号见"),
        ("十月二十日", "10月20日"),
        ("二十世纪九十年代", "20世纪90年代"),
        ("十九世纪", "19世纪"),
        ("八十年代初", "80年代初"),
    ],
)
def test_dates_come_in_digits(text: str, digits: str) -> None:
    assert in_digits(text) == digits


@pytest.mark.parametrize(
    "text",
    [
        "五四运动",
        "二十年",
        "三十多年",
        "两千年",
        "十月革命",
        "第二十世纪",
        "一一一年",
        "三月",
        "十五日",
        "几十年代",
        "三天",
    ],
)
def test_other_numbers_stay(text: str) -> None:
    assert in_digits(text) == text


@given(st.integers(1000, 2999), st.integers(1, 12), st.integers(1, 31))
def test_every_day_has_the_digits_that_its_signs_say(year: int, month: int, day: int) -> None:
    def said(number: int) -> str:
        tens, ones = divmod(number, 10)
        return ("" if tens < 2 else ONES[tens]) + ("十" if tens else "") + (ONES[ones] if ones else "")

    written = "".join(ONES[int(digit)] for digit in str(year))
    assert in_digits(f"在{written}年{said(month)}月{said(day)}日") == f"在{year}年{month}月{day}日"


@given(st.text("零〇一二三四五六七八九十百年月日号世纪代第a ，", max_size=20))
def test_nothing_breaks_it_and_twice_is_once(text: str) -> None:
    assert in_digits(in_digits(text)) == in_digits(text)
