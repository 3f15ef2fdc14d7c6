"""How often a pair is read: by hand for a few weights, over the epochs for any, and what a corpus may be called."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.corpus.named import fits
from dragoman.corpus.pairs import Pair, label, labels_of
from dragoman.corpus.weights import Weights, drawn
from dragoman.errors import ConfigError

PAIRS = [label(Pair(f"a{n}", f"b{n}"), "corpus/tatoeba/train.tsv.gz") for n in range(40)]


def read(weight: str, epochs: int, seed: int = 1) -> Counter[str]:
    weights = Weights([f"tatoeba={weight}"])
    return Counter(pair.source for epoch in range(epochs) for pair in drawn(PAIRS, weights, seed, epoch))


def test_a_whole_weight_repeats_a_pair() -> None:
    assert [pair.source for pair in drawn(PAIRS[:2], Weights(["tatoeba=3"]), 1, 0)] == ["a0"] * 3 + ["a1"] * 3
    assert list(drawn(PAIRS, Weights(["tatoeba=0"]), 1, 0)) == []
    assert list(drawn(PAIRS, Weights(["other=5"]), 1, 0)) == PAIRS


@given(st.floats(0, 5), st.integers(1, 30), st.integers(0, 9))
def test_over_the_epochs_every_pair_is_read_as_often_as_its_weight_says(
    weight: float, epochs: int, seed: int
) -> None:
    times = read(f"{weight:.6f}", epochs, seed)
    assert all(abs(times[pair.source] - weight * epochs) < 1.001 for pair in PAIRS)


def test_an_epoch_has_about_its_share_and_another_one_others() -> None:
    weights = Weights(["tatoeba=0.5"])
    first, second = ([pair.source for pair in drawn(PAIRS, weights, 1, epoch)] for epoch in (0, 1))
    assert 10 < len(first) < 30
    assert not set(first) & set(second)
    assert first == [pair.source for pair in drawn(PAIRS, weights, 1, 0)]


def test_a_source_named_in_the_third_column_has_a_weight_of_its_own() -> None:
    game, other = (
        label(Pair("a", "b", extra), "general/train.tsv") for extra in ("cataclysm-dda\tx", "wiki")
    )
    assert labels_of(game) == ("general/train.tsv", "cataclysm-dda")
    weights = Weights(["cataclysm-dda=0.2", "general=2"])
    assert (weights.of(game), weights.of(other)) == (0.2, 2)


def test_the_most_exact_name_counts() -> None:
    weights = Weights(["train=2", "tatoeba/train=5"])
    assert weights.of(PAIRS[0]) == 5
    assert weights.of(label(Pair("a", "b"), "captions/train.tsv.gz")) == 2


@pytest.mark.parametrize(
    ("name", "corpus", "answer"),
    [
        ("tatoeba", "corpus/tatoeba/train.tsv.gz", True),
        ("train", "corpus/tatoeba/train.tsv.gz", True),
        ("tatoeba/train.tsv.gz", "corpus/tatoeba/train.tsv.gz", True),
        ("corpus/train", "corpus/tatoeba/train.tsv.gz", False),
        ("tato", "corpus/tatoeba/train.tsv.gz", False),
        ("train", "train", True),
        ("train", "train.de", True),
        ("", "train", False),
    ],
)
def test_names_of_a_corpus(name: str, corpus: str, answer: bool) -> None:
    assert fits(name, corpus) is answer


@pytest.mark.parametrize(
    "given", [["tatoeba"], ["tatoeba=x"], ["=3"], ["a=-1"], ["a=nan"], ["a=1e9"], ["a=1", "a=2"]]
)
def test_what_is_no_weight_is_refused_in_a_sentence(given: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"data\.weights"):
        Weights(given)


def test_a_name_that_fits_nothing_is_told_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"did you mean tatoeba\?.*tatoeba, captions"):
        Weights(["tateoba=2"]).check(["tatoeba", "captions"], [])
    Weights(["captions=2", "wiki=3"]).check(["tatoeba", "captions"], ["wiki"])
