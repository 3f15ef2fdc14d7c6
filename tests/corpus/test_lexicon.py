"""Links between tokens on a made language: each token has a partner, and neighbours change places."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dragoman.corpus.batches import IdStore
from dragoman.corpus.lexicon import Lexicon

FIRST, WORDS, APART = 4, 16, 20


def partner(tokens: np.ndarray) -> np.ndarray:
    """The other side: two by two, the second first."""
    order = [at ^ 1 if at ^ 1 < len(tokens) else at for at in range(len(tokens))]
    return (tokens + APART)[order]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> IdStore:
    draw = np.random.default_rng(1)
    sources = [draw.integers(FIRST, FIRST + WORDS, draw.integers(1, 9)) for _ in range(400)]
    pairs = [*((one.tolist(), partner(one).tolist()) for one in sources), ([], [7]), ([7], [])]
    return IdStore.write(tmp_path_factory.mktemp("lexicon") / "ids", pairs, 64)


@pytest.fixture(scope="module")
def lexicon(store: IdStore) -> Lexicon:
    return Lexicon.counted(store, 64)


def test_each_token_is_linked_with_its_partner_wherever_it_stands(lexicon: Lexicon) -> None:
    source = np.array([5, 12, 7, 19, 4])
    links = lexicon.links(source, partner(source))
    assert links.argmax(1).tolist() == [1, 0, 3, 2, 4]
    assert links.max(1).min() > 0.9


def test_rows_sum_to_one_where_it_is_certain_and_to_nothing_where_it_knows_nothing(lexicon: Lexicon) -> None:
    """Two tokens that never met once had a link of weight 1, since nothing else was there to be linked with."""
    source = np.array([5, 12, 7])
    links = lexicon.links(source, np.array([32, 60, 27]))
    assert np.allclose(links.sum(1), [1, 0, 1], atol=0.05)
    assert lexicon.links(np.array([5]), np.array([60])).tolist() == [[0.0]]


def test_the_narrow_ids_of_a_store_do_not_overflow(store: IdStore, lexicon: Lexicon) -> None:
    source, target = store[0]
    assert source.dtype == np.uint16
    assert np.array_equal(lexicon.links(source, target), lexicon.links(*map(np.int64, (source, target))))


def test_it_is_a_function_of_the_pairs_and_counts_on_some_throughout_many(
    store: IdStore, lexicon: Lexicon
) -> None:
    again = Lexicon.counted(store, 64)
    assert all(
        np.array_equal(getattr(again, name), getattr(lexicon, name)) for name in ("keys", "forth", "back")
    )
    few = Lexicon.counted(store, 64, most=2000)
    assert set(few.keys) < set(lexicon.keys)
    source = np.array([5, 12, 7, 19])
    assert few.links(source, partner(source)).argmax(1).tolist() == [1, 0, 3, 2]


def test_pairs_without_a_side_teach_nothing(tmp_path: Path) -> None:
    empty = Lexicon.counted(IdStore.write(tmp_path / "ids", [([], [5])], 64), 64)
    assert empty.links(np.array([5]), np.array([6])).tolist() == [[0.0]]
