"""Tokens out of lines, and lines out of tokens."""

from __future__ import annotations

import pytest

from dragoman.model.directory import find_model
from dragoman.text.splitter import Splitter, Unit
from dragoman.text.tokenizer import Tokenizer


@pytest.mark.parametrize(
    "splitter, line, tokens",
    [
        (Splitter("words"), "the cat  sat.", ["the", "cat", "sat."]),
        (Splitter("words"), "", []),
        (Splitter("words", segmenter="latin"), "Don't  say “3.5”, Ms. Öl!", ["don't", "say", "3.5", "ms", "öl"]),
        (Splitter("characters"), "吃 a了", ["吃", "▁", "a", "了"]),
    ],
)  # fmt: skip
def test_tokens_of_a_line(splitter: Splitter, line: str, tokens: list[str]) -> None:
    assert splitter.split([line, line]) == [tokens, tokens]


@pytest.mark.parametrize("unit", ["characters", "subwords"])
def test_tokens_become_the_line_again(unit: Unit) -> None:
    tokenizer = Tokenizer.load(find_model("en-zh-tiny") / "tokenizer.model") if unit == "subwords" else None
    splitter = Splitter(unit, tokenizer)
    for line in ("今天晚上吃什么？", "Are you OK ?", "龘"):
        assert splitter.join(splitter.split([line])[0]) == line


def test_jieba_finds_the_words_of_chinese() -> None:
    pytest.importorskip("jieba")
    splitter = Splitter("words", segmenter="jieba")
    assert splitter.split(["今天晚上吃苹果", ""]) == [["今天", "晚上", "吃", "苹果"], []]
    assert splitter.join(["今天", "晚上"]) == "今天晚上"
