"""The measure behind the guide's numbers: word statistics that find a known code, scores that are known by hand."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from dragoman import Translator
from dragoman.corpus.batches import collate
from dragoman.transformer.model import Transformer
from scripts import script


@pytest.fixture(scope="module")
def alignment() -> ModuleType:
    return script("examples/alignment.py")


def test_model_1_breaks_a_code(alignment: ModuleType) -> None:
    """Each word w is always written as w + 20, in another order: co-occurrence alone tells which is which."""
    draw = np.random.default_rng(0)
    pairs = []
    for _ in range(300):
        source = draw.choice(np.arange(4, 20), 5, replace=False)
        pairs.append((source.tolist(), (draw.permutation(source) + 20).tolist()))
    lexicon = alignment.Lexicon(pairs, 50)
    for source, target in pairs[:50]:
        assert [source[place] for place in lexicon.choices(source, target)] == [w - 20 for w in target]


def test_a_word_never_seen_is_aligned_to_nothing(alignment: ModuleType) -> None:
    lexicon = alignment.Lexicon([([4], [24]), ([5], [25])], 50)
    assert lexicon.choices([4, 5], [25, 24, 49]) == [1, 0, -1]


def test_probabilities_of_a_word_sum_to_one(alignment: ModuleType) -> None:
    lexicon = alignment.Lexicon([([4, 5], [24, 25]), ([4], [24]), ([5, 6], [25, 26])], 50)
    totals = np.bincount(lexicon._keys // 50, lexicon._p)
    assert totals[[0, 4, 5, 6]] == pytest.approx(1.0)


def test_error_rate_by_hand(alignment: ModuleType) -> None:
    """Sure {(0,0)}, possible {(0,0),(1,1)}; found {(0,0),(1,1),(2,2)}: AER = 1 - (1 + 2) / (3 + 1) (Och and Ney)."""
    tally = alignment.Tally()
    tally.add({(0, 0), (1, 1), (2, 2)}, {(0, 0)}, {(0, 0), (1, 1)})
    assert tally.error == pytest.approx(0.25)
    assert (tally.right, tally.asked) == (1, 1)
    perfect = alignment.Tally()
    perfect.add({(0, 0)}, {(0, 0)}, {(0, 0)})
    assert perfect.error == 0.0


def test_links_are_the_strongest_words_without_the_end(alignment: ModuleType) -> None:
    """Two target tokens and </s>, two source tokens and </s>, which is never an answer."""
    weights = np.array([[0.1, 0.2, 0.7], [0.6, 0.4, 0.0], [0.0, 0.1, 0.9]])
    assert alignment.links_of(weights, 0) == {(1, 0), (0, 1)}
    assert alignment.links_of(weights, 1) == {(0, 0), (1, 1)}
    assert alignment.diagonal([1, 1, 1, 1], [1, 1]) == {(1, 0), (3, 1)}


def test_the_mean_of_the_last_layer_is_what_the_model_calls_alignment(
    alignment: ModuleType, tiny_model: Path
) -> None:
    with Translator.load(tiny_model, engine="torch") as translator:
        model = translator.module
        assert isinstance(model, Transformer)
        batch = collate([[5, 6, 7], [8]], [[9, 10], [11, 12, 13]])
        found = model.cross_attentions(batch.source, batch.source_mask, batch.target[:, :-1])
        expected = model.align(batch.source, batch.source_mask, batch.target[:, :-1])
    torch.testing.assert_close(found[-1].mean(1), expected)


def test_a_report_ranks_and_leaves_out_the_heads_between(alignment: ModuleType) -> None:
    tallies = {f"head {n}": alignment.Tally(4, 4, n, n, 4, n) for n in range(1, 4)}
    tallies["diagonal"] = alignment.Tally(4, 4, 2, 2, 4, 2)
    lines = list(alignment.report(tallies))
    assert [line.split("  ")[0] for line in lines[1:]] == ["head 3", "diagonal", "head 1"]
    assert lines[1].split()[-2:] == ["75.0%", "0.25"]
