"""One word in two sentences: one vector in the table, two after the encoder; what cannot be compared is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dragoman.errors import DragomanError, UsageError
from dragoman.explain import Trace, explain
from dragoman.explain.trace.beside import Beside
from dragoman.explain.trace.trials import Wanted, wanted
from dragoman.lineage.wordvectors import WordVectors, write_vectors
from dragoman.translate.translator import Translator

MONEY, RIVER = "He went to the bank to get money.", "They sat on the bank of the river."


@pytest.fixture(scope="module")
def bundled() -> Iterator[Translator]:
    with Translator.load("en-zh-tiny", engine="torch") as translator:
        yield translator


def compared(translator: Translator, one: str, other: str, word: str | None = None, **more: Path) -> Beside:
    found = explain(translator, one, wanted=Wanted(beside=other, word=word, **more)).beside
    assert found is not None
    return found


def test_one_vector_becomes_two(bundled: Translator) -> None:
    found = compared(bundled, MONEY, RIVER, "bank")
    assert [place.name for place in found.places][:3] == ["table", "embedding", "encoder.1"]
    assert found.places[0].distance < 1e-6 < found.places[2].distance < found.places[-1].distance
    assert all(place.others is not None and place.others > place.distance for place in found.places)


def test_a_sentence_beside_itself_is_not_apart(bundled: Translator) -> None:
    assert all(place.distance < 1e-6 for place in compared(bundled, MONEY, MONEY, "bank").places)


def test_where_it_looks_is_what_the_trace_says(bundled: Translator) -> None:
    trace = explain(bundled, MONEY, wanted=Wanted(beside=RIVER, word="bank"))
    assert trace.beside is not None
    (at,) = trace.beside.one.places
    assert trace.beside.one.tokens[at].text == "bank"
    for layer, looks in zip(trace.encoder, trace.beside.one.looks, strict=True):
        assert layer.self is not None
        np.testing.assert_allclose(layer.self.weights[:, at], looks, atol=1e-4)


@pytest.mark.parametrize(
    "one, other, word, spelled",
    [
        ("It is with him.", "Give it to me.", "it", "it"),  # not the "it" in "with", and in either case
        ("I can't swim.", "You can't do that.", "can't", "can't"),
        ("Extraordinarily good.", "An extraordinarily bad day.", "extraordinarily", "extraordinarily"),
    ],
)
def test_the_word_is_found_whole(bundled: Translator, one: str, other: str, word: str, spelled: str) -> None:
    found = compared(bundled, one, other, word)
    for side in (found.one, found.other):
        pieces = "".join(side.tokens[i].text for i in side.places)
        assert pieces.casefold() == spelled


def test_the_only_shared_word_needs_no_name(bundled: Translator) -> None:
    assert compared(bundled, "A bank failed.", "They sat on the bank.").word == "bank"


@pytest.mark.parametrize(
    "other, word, said",
    [
        (RIVER, None, "they share the, bank"),
        ("Cats sleep.", None, "no word of"),
        (RIVER, "money", "does not stand in"),
        (RIVER, "ban", "does not stand in"),
        ("   ", "bank", "the text is empty"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    bundled: Translator, other: str, word: str | None, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        compared(bundled, MONEY, other, word)


def test_word2vec_has_one_vector(bundled: Translator, tmp_path: Path) -> None:
    path = tmp_path / "words.bin"
    vectors = np.array([[1, 0], [0.9, 0.1], [0, 1]], np.float32)
    write_vectors(path, WordVectors(("bank", "river", "money"), vectors))
    found = compared(bundled, MONEY, RIVER, "bank", vectors=path)
    assert found.vectors == "words.bin" and [one.piece for one in found.near] == ["river", "money"]
    with pytest.raises(UsageError, match="is none of the 3 words"):
        compared(bundled, MONEY, RIVER, "the", vectors=path)
    with pytest.raises(DragomanError, match="cannot be opened"):
        compared(bundled, MONEY, RIVER, "bank", vectors=tmp_path / "none.bin")


def test_it_is_read_back_from_json(bundled: Translator) -> None:
    trace = explain(bundled, MONEY, wanted=Wanted(beside=RIVER, word="bank", boxes=True))
    again = Trace.from_json(trace.to_json())
    assert again.beside is not None and again.beside.one.tokens == trace.beside.one.tokens  # type: ignore[union-attr]
    assert again.worth == trace.worth and again.boxes is not None


def test_an_empty_word_is_refused() -> None:
    with pytest.raises(UsageError, match="word is empty"):
        wanted(None, None, RIVER, " ")
