"""Text of one language: lines out of any kind of file."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from dragoman.corpus.monolingual import read_texts
from dragoman.errors import CorpusError


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
