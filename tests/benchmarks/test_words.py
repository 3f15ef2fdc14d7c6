"""The benchmark of word vectors: its two measures of quality, on vectors whose answers are known."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from benchmarks.words import analogies, similarity

from dragoman.lineage.wordvectors import WordVectors

WORDS = ("man", "king", "woman", "queen", "apple")
TABLE = np.array([[1, 0, 0.1], [1, 1, 0.1], [-1, 0, 0.1], [-1, 1, 0.1], [0, -1, 0]], np.float32)


@pytest.fixture
def vectors() -> WordVectors:
    return WordVectors(WORDS, TABLE)


def write(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()))
    return path


def test_analogies_are_counted_where_all_words_are_known(vectors: WordVectors, tmp_path: Path) -> None:
    questions = ": family\nMan King Woman Queen\nman king woman apple\nman king woman princess\n"
    assert analogies(vectors, write(tmp_path / "q.gz", questions)) == (1, 2)
    assert analogies(vectors, write(tmp_path / "none.gz", ": family\n")) == (0, 0)


def test_similarity_is_a_correlation_of_ranks(vectors: WordVectors, tmp_path: Path) -> None:
    pytest.importorskip("scipy")
    rows = "# a comment\nking\tqueen\t3\nman\twoman\t1\nMan\tking\t8\nman\tdog\t9\n"
    found = similarity(vectors, write(tmp_path / "s.gz", rows))
    assert found == {"similarity": pytest.approx(1), "similarity_asked": 3}
