"""Interpolated modified Kneser-Ney: by hand, against a second implementation on dictionaries, and as a distribution."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from dragoman.errors import ConfigError, CorpusError
from dragoman.ids import BOS, EOS, PAD, UNK
from dragoman.lineage.ngram import NgramConfig, NgramModel, _sorted, count, stream, train

A, B, C = 4, 5, 6


def logs(model: NgramModel, sentence: Sequence[int]) -> list[float]:
    """Probabilities, not logarithms: they can be checked by hand."""
    return [10**value for value in model.score([sentence])[0].tolist()]


def test_a_bigram_model_worked_by_hand() -> None:
    """Of "a b" and "a c". Counts are too few to estimate discounts, so 0.5 for one and 1 for two."""
    model = train([[A, B], [A, C]], 7, NgramConfig(order=2, discount_fallback=True))
    # Unigrams count what stands before them: a 1, b 1, c 1, </s> 2, together 5. Discounts leave (3 * 0.5 + 1) / 5 = 1/2
    # for the uniform distribution over <unk> </s> a b c, 1/10 each.
    unigrams = 10 ** model.logprobs[0].astype(float)
    assert unigrams[[UNK, EOS, A, B, C]] == pytest.approx([0.1, 0.3, 0.2, 0.2, 0.2])
    # p(a|<s>) = (2 - 1) / 2 + 1/2 * 0.2; p(b|a) = (1 - 0.5) / 2 + 1/2 * 0.2; p(</s>|b) = 0.5 + 0.5 * 0.3
    assert logs(model, [A, B]) == pytest.approx([0.6, 0.35, 0.65])
    # What was never seen backs off: p(a|a) = 1/2 * 0.2; p(b|<unk>) = p(b), since nothing is known of the context.
    assert logs(model, [A, A]) == pytest.approx([0.6, 0.1, 0.5 * 0.3])
    assert logs(model, [UNK, B]) == pytest.approx([0.5 * 0.1, 0.2, 0.65])


# -- a second implementation ------------------------------------------------------------------------------------


class Slow:
    """The same estimate from dictionaries of tuples, one probability at a time, straight from the formulas."""

    def __init__(self, sentences: Sequence[Sequence[int]], vocab_size: int, order: int) -> None:
        self.words = vocab_size - 2
        lines = [(BOS, *sentence, EOS) for sentence in sentences]
        raw = [
            Counter(line[i : i + n] for line in lines for i in range(len(line) - n + 1))
            for n in range(1, order + 1)
        ]
        del raw[0][(BOS,)]
        self.counts: list[Counter[tuple[int, ...]]] = []
        for n in range(1, order):
            before = Counter(gram[1:] for gram in raw[n])
            self.counts.append(Counter({g: raw[n - 1][g] if g[0] == BOS else before[g] for g in raw[n - 1]}))
        self.counts.append(raw[-1])
        self.discounts = [self._discounts(counts) for counts in self.counts]

    @staticmethod
    def _discounts(counts: Counter[tuple[int, ...]]) -> list[float]:
        n1, n2, n3, n4 = (sum(c == k for c in counts.values()) for k in (1, 2, 3, 4))
        y = n1 / (n1 + 2 * n2)
        return [0.0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3]

    def chance(self, word: int, context: tuple[int, ...]) -> float:
        level = len(context)
        lower = self.chance(word, context[1:]) if context else 1 / self.words
        followers = {g: c for g, c in self.counts[level].items() if g[:-1] == context}
        if not followers:
            return lower
        total, discount = sum(followers.values()), self.discounts[level]
        gamma = sum(discount[min(c, 3)] for c in followers.values()) / total
        here = followers.get((*context, word), 0)
        return max(here - discount[min(here, 3)], 0.0) / total + gamma * lower


def zipf(tokens: int, vocab_size: int, seed: int = 1) -> list[list[int]]:
    """Sentences over a vocabulary of which some tokens are much more frequent, and some phrases come again."""
    draw = np.random.default_rng(seed)
    drawn = (4 + (vocab_size - 4) * draw.random(tokens) ** 4).astype(int)
    phrases = np.split(drawn, np.sort(draw.integers(0, tokens, tokens // 5)))
    often = (len(phrases) * draw.random(len(phrases)) ** 2).astype(int)
    return [np.concatenate([phrases[i] for i in some]).tolist() for some in often[:-1].reshape(-1, 2)]


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_every_probability_is_that_of_the_formulas(order: int) -> None:
    sentences = zipf(900, 300)
    slow = Slow(sentences, 301, order)  # id 300 is never seen
    model = train(sentences, 301, NgramConfig(order=order))
    for sentence in [*zipf(60, 301, seed=2), [], [300, 300]]:
        line = (BOS, *sentence, EOS)
        wanted = [slow.chance(line[i], line[max(0, i - order + 1) : i]) for i in range(1, len(line))]
        assert logs(model, sentence) == pytest.approx(wanted, rel=1e-5)


# -- properties -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prune", [(0,), (0, 0, 1), (0, 1, 2)])
@pytest.mark.parametrize("context", [[], [BOS], [BOS, 4], [5, 4], [7, 290, 4], [UNK], [BOS, 300, 38]])
def test_probabilities_sum_to_one_after_any_context(prune: tuple[int, ...], context: list[int]) -> None:
    model = train(zipf(2000, 300), 301, NgramConfig(order=3, prune=prune))
    found = model.distribution(context)
    assert found.sum() == pytest.approx(1, abs=1e-5)
    assert found[[PAD, BOS]].tolist() == [0, 0]


def test_a_distribution_is_what_scoring_says() -> None:
    model = train(zipf(2000, 300), 301, NgramConfig(order=5, discount_fallback=True))
    for context in ([], [9], [9, 4], [9, 4, 5], [4, 9, 4, 5]):  # shorter and longer than the order
        found = model.distribution([BOS, *context])
        for word in range(4, 301, 7):
            scored = model.score([[*context, word]])[0][len(context)]
            assert math.log10(found[word]) == pytest.approx(scored, abs=1e-5)


def test_sentences_are_scored_alike_alone_and_together() -> None:
    model = train(zipf(2000, 300), 301, NgramConfig(order=4))
    sentences = [[4, 5, 6], [], [7], [4, 5]]
    for alone, together in zip(sentences, model.score(sentences), strict=True):
        assert model.score([alone])[0].tolist() == together.tolist()
        assert len(together) == len(alone) + 1


def test_pruning_leaves_out_rare_ngrams_alone() -> None:
    sentences = zipf(2000, 300)
    whole, pruned = (train(sentences, 301, NgramConfig(3, prune)) for prune in ((0,), (0, 0, 1)))
    ids, _ = stream(sentences)
    assert len(pruned.keys[1]) == (count(ids, 3, 301)[2].raw > 1).sum() < len(whole.keys[1])
    assert len(pruned.keys[0]) == len(whole.keys[0])


def test_ngrams_come_back_as_tokens() -> None:
    model = train([[A, B, C, A, B]], 7, NgramConfig(3, discount_fallback=True))
    found = model.tokens(3, np.arange(len(model.keys[1])))
    assert {tuple(row) for row in found.tolist()} == {
        (BOS, A, B), (A, B, C), (B, C, A), (C, A, B), (A, B, EOS)
    }  # fmt: skip


def test_keys_that_do_not_fit_beside_their_places_are_sorted_too() -> None:
    """A vocabulary so large that a key and its place need more than 64 bits."""
    large = 2**50
    ids = np.array([BOS, 4, 5, EOS, BOS, 4, 5, EOS], np.int64)
    keys = ids * large
    found, places = _sorted(keys)
    assert found.tolist() == sorted(keys.tolist()) == keys[places].tolist()


def test_samples_are_drawn_again_by_the_same_seed() -> None:
    model = train(zipf(2000, 300), 301, NgramConfig(order=3))
    first, again, other = (model.sample([4], 30, 1.0, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert not {PAD, UNK, BOS, EOS} & {*first, *other}
    assert all(len(model.sample([], 3, 1.0, np.random.default_rng(seed))) <= 3 for seed in range(20))


def test_a_cold_sample_is_the_likeliest_way() -> None:
    model = train([[A, B], [A, B], [A, C], [A]], 7, NgramConfig(2, discount_fallback=True))
    assert model.sample([], 10, 0.01, np.random.default_rng(1)) == [A, B]


# -- refused ----------------------------------------------------------------------------------------------------


def test_a_corpus_too_small_is_refused_with_what_to_do() -> None:
    with pytest.raises(CorpusError, match=r"too small for order 3: of its 1-grams .* --discount-fallback"):
        train([[A, B, C]], 7, NgramConfig(3))
    with pytest.raises(CorpusError, match="no sentence"):
        train([], 7, NgramConfig(3))


@pytest.mark.parametrize(
    "order, prune, wrong",
    [(0, (0,), "order 0"), (7, (0,), "order 7"), (2, (0, 0, 1), "more thresholds"), (3, (0, 2, 1), "fall"),
     (3, (1,), "first must be 0")],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(order: int, prune: tuple[int, ...], wrong: str) -> None:
    with pytest.raises(ConfigError, match=wrong):
        NgramConfig(order, prune)
