"""The two scripts of Chinese: which one a text is in, and what of it is turned into the other."""

from __future__ import annotations

import pytest

from dragoman.text.scripts import is_simplified, is_traditional, turned, written_in


@pytest.mark.parametrize("text", ["我們愛語言。", "公里裏面", "後來", "Hello 漢字"])
def test_what_is_traditional(text: str) -> None:
    assert is_traditional(text) and not is_simplified(text)
    assert written_in(text, traditional=True) == text


@pytest.mark.parametrize("text", ["我们爱语言。", "皇后在台湾里面", "于是发展", "Hello 汉字"])
def test_what_is_simplified(text: str) -> None:
    assert is_simplified(text) and not is_traditional(text)
    assert written_in(text, traditional=False) == text


@pytest.mark.parametrize("text", ["", "Hello.", "你好", "著名的著作", "乾坤", "😀", "Привет"])
def test_what_is_written_alike_stays(text: str) -> None:
    assert written_in(text, traditional=True) == written_in(text, traditional=False) == text


KEPT = [
    "https://zh.wikipedia.org/wiki/汉语", "#汉语", "@张三丰", "`汉语`", "<b title='汉语'>", "/home/汉语/说明.txt",
]  # fmt: skip


@pytest.mark.parametrize("kept", KEPT)
def test_what_is_no_word_stays(kept: str) -> None:
    """An address in Chinese led elsewhere where traditional signs were asked for."""
    assert turned(f"汉语 {kept} 汉语", traditional=True) == f"漢語 {kept} 漢語"


def test_numbers_and_the_branches_of_a_message_are_words() -> None:
    assert turned("今年3万人", traditional=True) == "今年3萬人"
    message = "{n, plural, one {汉语} other {# 个汉语}}"
    assert turned(message, traditional=True) == message.replace("汉语", "漢語").replace("个", "個")
