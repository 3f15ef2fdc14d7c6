"""Text of one language: lines out of any kind of file, tokens out of lines and back."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import get_args

import pytest

from dragoman.cli import texts
from dragoman.corpus import monolingual
from dragoman.corpus.monolingual import Splitter, read_texts
from dragoman.errors import CorpusError
from dragoman.model.directory import find_model
from dragoman.text.tokenizer import Tokenizer


def test_lines_of_text_and_one_side_of_pairs(tmp_path: Path) -> None:
    (tmp_path / "text.zh").write_text("今天 好\n\n  吃了吗  \n", encoding="utf-8")
    (tmp_path / "pairs.tsv.gz").write_bytes(gzip.compress("Hello.\t你好。\nHi.\t嗨。\n".encode()))
    paths = [tmp_path / "text.zh", tmp_path / "pairs.tsv.gz"]
    assert list(read_texts(paths)) == ["今天 好", "吃了吗", "你好。", "嗨。"]
    assert list(read_texts(paths, "source"))[2:] == ["Hello.", "Hi."]


def test_json_names_its_sides(tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_text('{"en": "Hi.", "zh": "嗨。"}\n', encoding="utf-8")
    assert list(read_texts([tmp_path / "pairs.jsonl"], "target", "en", "zh")) == ["嗨。"]


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n \n")
    with pytest.raises(CorpusError, match=r"empty\.txt has no text"):
        list(read_texts([tmp_path / "empty.txt"]))
    with pytest.raises(CorpusError, match="no corpus file"):
        list(read_texts([]))


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
def test_tokens_become_the_line_again(unit: monolingual.Unit) -> None:
    tokenizer = Tokenizer.load(find_model("en-zh") / "tokenizer.model") if unit == "subwords" else None
    splitter = Splitter(unit, tokenizer)
    for line in ("今天晚上吃什么？", "Are you OK ?", "龘"):
        assert splitter.join(splitter.split([line])[0]) == line


def test_jieba_finds_the_words_of_chinese() -> None:
    pytest.importorskip("jieba")
    splitter = Splitter("words", segmenter="jieba")
    assert splitter.split(["今天晚上吃苹果", ""]) == [["今天", "晚上", "吃", "苹果"], []]
    assert splitter.join(["今天", "晚上"]) == "今天晚上"


def test_the_command_line_offers_what_there_is() -> None:
    """It repeats the names, so that --help need not load SentencePiece."""
    assert get_args(texts.Unit) == get_args(monolingual.Unit)
    assert get_args(texts.Segmenter) == get_args(monolingual.Segmenter)
