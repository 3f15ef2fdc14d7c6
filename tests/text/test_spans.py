"""A short look at a text says the same as the long one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.text import spans
from dragoman.text.kinds import Kind
from dragoman.text.spans import find

WORDS = st.sampled_from("I A a the Tom going don't I'm O'Neil NASA iPhone localhost V x4 你好 Q a.b".split())
BETWEEN = st.sampled_from([" ", ", ", "  ", "; ", ": ", ",", "/", "\n"])


@given(st.lists(st.tuples(WORDS, BETWEEN), min_size=1, max_size=6), st.sampled_from(["", ".", "?", "!", ")"]))
def test_what_looks_plain_has_nothing_that_a_pattern_finds(words: list[tuple[str, str]], end: str) -> None:
    text = "".join(word + between for word, between in words).rstrip() + end
    assert spans._is_suspect(text) == (spans._SUSPECT.search(text) is not None)


@given(st.from_regex(spans._PLAIN, fullmatch=True, alphabet=st.characters(codec="ascii")))
def test_no_plain_text_is_suspect(text: str) -> None:
    assert spans._is_suspect(text) == (spans._SUSPECT.search(text) is not None)
    assert find(text) == [] or "localhost" in text


@pytest.mark.parametrize(
    "text, kept",
    [
        ("你好@小明 吃饭了吗？", ["@小明"]),
        ("回复@小红:说得对", ["@小红"]),
        ("//@小红:说得对", ["@小红"]),
        ("今天去吃饭#美食 很好吃", ["#美食"]),
        ("我们聊#三体，好吗？", ["#三体"]),
        ("#你好本书#真好看", ["#你好本书#"]),
        ("[微笑]你好", ["[微笑]"]),
        ("好累[捂脸]不想上班", ["[捂脸]"]),
        ("[重要]请查收", []),
        ("a@b.com是我的邮箱", ["a@b.com"]),
        ("请看https://a.b/c你好吗", ["https://a.b/c"]),
        ("v1.2.3发布了", ["v1.2.3"]),
        ("iPhone15Pro多少钱", ["iPhone15Pro"]),
    ],
)
def test_names_and_topics_right_after_chinese_signs(text: str, kept: list[str]) -> None:
    """A name after a Chinese sign was read as words, and so was the face that a service writes by its name."""
    assert [text[one.start : one.end] for one in find(text) if one.kind is Kind.WORD] == kept
