"""Translated sentences become a text that is set as its language is, with the line breaks of the source."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.text.joining import join, tidy, writes_without_spaces


@pytest.mark.parametrize(
    ("language", "sentences", "expected"),
    [
        ("zh", [("你好。", " "), ("我很好。", "")], "你好。我很好。"),
        ("zh-Hans", [("你好。", "  "), ("我很好。", " ")], "你好。我很好。"),
        ("ja", [("はい。", " "), ("そうです。", "")], "はい。そうです。"),
        ("zh", [("OK.", " "), ("Python", "")], "OK. Python"),
        ("zh", [("我用 Python", " "), ("好。", "")], "我用 Python好。"),
        ("en", [("Hello.", " "), ("I am well.", "")], "Hello. I am well."),
        ("en", [("Hello.", ""), ("I am well.", "")], "Hello. I am well."),  # the source was Chinese
        ("ko", [("안녕하세요.", ""), ("네.", "")], "안녕하세요. 네."),
        ("de", [("Ja.", "\n\n"), ("Nein.", "\n")], "Ja.\n\nNein.\n"),
        ("zh", [("是。", "\n"), ("不。", "")], "是。\n不。"),
        ("de", [("Ja.", "\r\n"), ("Nein.", "")], "Ja.\r\nNein."),
        ("de", [("", "\n"), ("Ja.", "")], "\nJa."),
        ("de", [("Ja.", " "), ("", " "), ("Nein.", "")], "Ja. Nein."),
        ("de", [("Ja.", "\n"), ("", "\n"), ("Nein.", "")], "Ja.\n\nNein."),
        ("de", [("Ja.", " \n  "), ("Nein.", "")], "Ja. \n  Nein."),
        ("de", [("Ja.", "\x0c\n\u2028"), ("Nein.", "\x1c\n")], "Ja.\nNein.\n"),
        ("de", [("", "   ")], ""),
        ("de", [("", " ")], ""),
        ("de", [], ""),
    ],
)
def test_join(language: str, sentences: list[tuple[str, str]], expected: str) -> None:
    assert join(sentences, language) == expected


@given(
    st.lists(st.tuples(st.sampled_from(["", "Ja.", "是。", "😀"]), st.sampled_from(["", " ", "\n", " \n "]))),
    st.sampled_from(["zh", "en"]),
)
def test_every_line_break_of_the_source_is_kept(sentences: list[tuple[str, str]], language: str) -> None:
    joined = join(sentences, language)
    assert joined.count("\n") == sum(separator.count("\n") for _, separator in sentences)
    assert "".join(joined.split()) == "".join(sentence for sentence, _ in sentences)


def test_joining_takes_linear_time() -> None:
    started = time.perf_counter()
    join([("word", " ")] * 200_000, "en")
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("zh", "你 好 ， 吗 ？", "你好，吗？"),
        ("zh", "他说 “ 你好 ” 。", "他说“你好”。"),
        ("zh", "我 学 Python 和 C 语言", "我学 Python 和 C 语言"),
        ("zh", "用 GitHub ， 或 Git （ 免费 ） 吧", "用 GitHub，或 Git（免费）吧"),
        ("zh", "好 😀 吗", "好 😀 吗"),
        ("ko", "네 알겠습니다", "네 알겠습니다"),
        ("en", "你 好", "你 好"),
        ("en", "  two \t words\x0b\n", "two words"),
        ("en", "one\nline", "one line"),
        ("en", "\x1b[31mred\x07", "[31mred"),
        ("en", "line\u2028sep", "line sep"),
    ],
)
def test_what_a_model_wrote_becomes_one_clean_line(language: str, text: str, expected: str) -> None:
    assert tidy(text, language) == expected


@given(st.text())
def test_tidy_text_stays_as_it_is_and_is_one_line(text: str) -> None:
    for language in ("zh", "en"):
        once = tidy(text, language)
        assert tidy(once, language) == once
        assert len(once.splitlines()) <= 1


def test_which_languages_are_set_solid() -> None:
    assert [
        code for code in ("zh", "zh_TW", "ja", "ko", "th", "en", "xx") if writes_without_spaces(code)
    ] == [
        "zh",
        "zh_TW",
        "ja",
    ]
