"""Word vectors: neighbours and analogies by hand, files that gensim reads and files that gensim wrote."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from dragoman.errors import ModelError, UsageError
from dragoman.lineage.wordmap import word_map
from dragoman.lineage.wordvectors import WordVectors, read_vectors, write_vectors

WORDS = ("man", "woman", "king", "queen", "▁apple", "苹果")
# Along the first axis royal, along the second female, along the third fruit.
TABLE = np.array([[0.1, 0, 0.2], [0.1, 1, 0.2], [1, 0, 0.2], [1, 1, 0.2], [0, 0.1, 3], [0, 0, 5]], np.float32)
NAMES = ["v.txt", "v.bin", "v.txt.gz", "v.bin.gz", "v.vec"]


@pytest.fixture
def vectors() -> WordVectors:
    return WordVectors(WORDS, TABLE)


def test_neighbours_have_the_highest_cosine(vectors: WordVectors) -> None:
    (first, cosine), (second, _) = vectors.nearest("苹果", 2)
    assert (first, second) == ("▁apple", "man")
    assert cosine == pytest.approx(3 / np.hypot(0.1, 3))
    assert vectors.similarity("man", "king") == pytest.approx(0.14 / (0.05 * 1.04) ** 0.5)


def test_a_king_is_to_a_man_as_a_queen_is_to_a_woman(vectors: WordVectors) -> None:
    assert vectors.analogy("man", "king", "woman")[0][0] == "queen"
    assert not {"man", "king", "woman"} & {word for word, _ in vectors.analogy("man", "king", "woman")}


def test_there_are_never_more_neighbours_than_words(vectors: WordVectors) -> None:
    assert len(vectors.nearest("man", 100)) == 5
    strange = WordVectors(WORDS, TABLE, frozenset({4}))
    assert "▁apple" not in [word for word, _ in strange.nearest("苹果", 100)]


def test_a_word_may_be_a_piece_that_begins_one(vectors: WordVectors) -> None:
    assert vectors.id_of("apple") == 4


@pytest.mark.parametrize(
    "word, near", [("kings", "near it are king"), ("果", "near it are 苹果"), ("xyz", "$")]
)
def test_an_unknown_word_gets_the_nearest_spelled(vectors: WordVectors, word: str, near: str) -> None:
    with pytest.raises(UsageError, match=f"{word!r} is none of the 6 words of this vocabulary.*{near}"):
        vectors.nearest(word)


# -- files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_vectors_come_back_bit_for_bit(name: str, tmp_path: Path) -> None:
    table = np.random.default_rng(1).standard_normal((6, 50)).astype(np.float32)
    write_vectors(tmp_path / name, WordVectors(WORDS, table))
    found = read_vectors(tmp_path / name)
    assert found.words == WORDS
    assert np.array_equal(found.vectors, table)


@pytest.mark.parametrize("name", NAMES)
def test_gensim_reads_ours_and_we_read_gensims(name: str, tmp_path: Path) -> None:
    models = pytest.importorskip(
        "gensim.models", reason="gensim is not here: it has no wheel for Python 3.14"
    )
    table = np.random.default_rng(1).standard_normal((6, 50)).astype(np.float32)
    binary = ".bin" in name
    write_vectors(tmp_path / name, WordVectors(WORDS, table))
    theirs = models.KeyedVectors.load_word2vec_format(str(tmp_path / name), binary=binary)
    assert theirs.index_to_key == list(WORDS)
    assert np.array_equal(theirs.vectors, table)
    theirs.save_word2vec_format(str(tmp_path / f"gensim.{name}"), binary=binary)
    ours = read_vectors(tmp_path / f"gensim.{name}")
    assert ours.words == WORDS
    assert ours.vectors == pytest.approx(table, abs=1e-6)


def test_the_first_of_two_of_a_word_counts(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("3 2\na 1 2\nb 3 4\na 5 6\n")
    found = read_vectors(tmp_path / "v.txt")
    assert found.words == ("a", "b")
    assert found.vectors.tolist() == [[1, 2], [3, 4]]


# Without the time of day, which would be in the test's name.
PACKED = gzip.compress(b"9 2\n" + b"".join(b"w%d 1 2\n" % i for i in range(9)), mtime=0)


@pytest.mark.parametrize(
    "content, wrong",
    [
        (b"", "is no file of word vectors"),
        (b"the 0.1 0.2\na 0.3 0.4\n", "is no file of word vectors"),
        (b"0 5\n", "is no file of word vectors"),
        (b"2 3\na 1 2 3\n", "word 2 of 2 is cut off"),
        (b"2 3\na 1 2 3\nb 1 2\n", "word 2 of 2 is cut off"),
        (b"1 3\na 1 2 x\n", "word 1 of 1"),
        (b"2 2\na 1 1\nb nan 1\n", "not all of its numbers are finite"),
        (b"1 2\na \x00\x00\x00\x00\x00\x00", "word 1 of 1 is cut off"),
        (b"1 2\n\xff \x00\x00\x00\x00\x00\x00\x00\x00", "word 1 of 1"),
        (b"999999999 999999999\na 1\n", "word 1 of 999,999,999 is cut off"),
        (PACKED[:40], "damaged or cut off"),
    ],
)
def test_foreign_and_damaged_files_are_refused_by_name(content: bytes, wrong: str, tmp_path: Path) -> None:
    (tmp_path / "v.bin").write_bytes(content)
    with pytest.raises(ModelError, match=f"{tmp_path}/v.bin.*{wrong}"):
        read_vectors(tmp_path / "v.bin")


def test_a_word_with_a_space_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="'new york' cannot stand"):
        write_vectors(tmp_path / "v.txt", WordVectors(("new york",), TABLE[:1]))
    assert not list(tmp_path.iterdir())


# -- pictures ---------------------------------------------------------------------------------------------------


def test_a_plane_keeps_the_distances_of_what_is_flat() -> None:
    corners = WordVectors(("a", "b", "c"), np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32))
    points = corners.plane([0, 1, 2])
    for one, other in ((0, 1), (1, 2), (0, 2)):
        assert np.linalg.norm(points[one] - points[other]) == pytest.approx(2**0.5, rel=1e-5)


def test_a_picture_shows_each_word_once_and_escapes_it() -> None:
    import xml.etree.ElementTree as ET

    vectors = WordVectors(("<b>", "a&b", "红", "same"), np.eye(4, dtype=np.float32))
    root = ET.fromstring(word_map(vectors, [[0, 1], [2, 1]]))
    texts = root.findall("{http://www.w3.org/2000/svg}text")
    assert [text.text for text in texts] == ["<b>", "a&b", "红"]
    assert [text.get("font-weight") for text in texts] == ["bold", None, "bold"]
    for text in texts:
        assert 0 < float(text.get("x", "")) < 1000 and 0 < float(text.get("y", "")) < 700


def test_words_at_one_point_are_drawn_too() -> None:
    vectors = WordVectors(("a", "b"), np.ones((2, 3), np.float32))
    assert "nan" not in word_map(vectors, [[0, 1]])
