"""Which corpus is measured on when none is named, and what is written for the arms to read."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import inputs
from dragoman.corpus.pairs import Pair, write_pairs
from dragoman.errors import UsageError


@pytest.fixture
def multi30k(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "multi30k"
    directory.mkdir()
    for language in ("de", "en", "fr"):
        (directory / f"train.{language}.gz").write_bytes(b"")
    monkeypatch.setenv(inputs.DATA, str(tmp_path))
    return directory


def test_multi30k_comes_first(multi30k: Path) -> None:
    found = inputs.corpus()
    assert (found.source, found.target) == ("de", "en")
    assert found.files == (multi30k / "train.de.gz", multi30k / "train.en.gz")
    assert inputs.corpus((), "fr", "en").files[0].name == "train.fr.gz"


def test_without_it_the_captions_of_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(inputs.DATA, raising=False)
    found = inputs.corpus()
    assert (found.source, found.target) == ("en", "zh")
    assert next(found.pairs()).source.isascii()


def test_a_given_corpus_is_taken_and_its_languages_must_be_told(tmp_path: Path) -> None:
    assert inputs.corpus([tmp_path / "x.tsv"], "a", "b").files == (tmp_path / "x.tsv",)
    with pytest.raises(UsageError, match="--source-lang"):
        inputs.corpus([tmp_path / "x.tsv"])


def test_text_files_hold_the_first_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "WORK", tmp_path / "work")
    write_pairs(tmp_path / "x.tsv", [Pair(f"s{n}", f"t{n}") for n in range(9)])
    corpus = inputs.Corpus((tmp_path / "x.tsv",), "en", "zh")
    source, reference = inputs.text_files(corpus, 2)
    assert (source.read_text(), reference.read_text()) == ("s0\ns1\n", "t0\nt1\n")
    source, _ = inputs.text_files(corpus, None)
    assert len(source.read_text().splitlines()) == 9


def test_another_corpus_has_another_name(tmp_path: Path) -> None:
    names = set()
    for text in ("a", "b"):
        write_pairs(tmp_path / "x.tsv", [Pair(text, text)])
        names.add(inputs.Corpus((tmp_path / "x.tsv",), "en", "zh").name)
    assert len(names) == 2
