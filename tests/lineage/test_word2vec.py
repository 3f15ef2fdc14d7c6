"""word2vec: its tables against their definitions, its steps against numpy, its vectors against sense."""

from __future__ import annotations

import heapq
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from dragoman.errors import ConfigError, CorpusError
from dragoman.lineage.word2vec import (
    Text,
    Word2VecConfig,
    alias_table,
    huffman,
    jobs,
    keep_chances,
    read_text,
    train,
)

pytest.importorskip("numba")

PLAIN = Word2VecConfig(dimension=8, min_count=1, sample=0, epochs=1, threads=1)


# -- the text ---------------------------------------------------------------------------------------------------


def test_words_are_numbered_by_frequency_and_rare_ones_left_out() -> None:
    sentences = ["b a b".split(), "c".split(), "a b rare a".split()]
    text = read_text(sentences, replace(PLAIN, min_count=2))
    assert text.words == ("a", "b")  # as frequent as each other: by the alphabet
    assert text.counts.tolist() == [3, 3]
    assert text.ids.tolist() == [1, 0, 1, 0, 1, 0]
    assert text.starts.tolist() == [0, 3, 6]


def test_sentences_as_long_as_books_are_cut() -> None:
    text = read_text([["a", "b"] * 12_000], PLAIN)
    assert text.starts.tolist() == [0, 10_000, 20_000, 24_000]


@pytest.mark.parametrize("sentences", [[], [[]], [["a"], ["b"]], [["a", "b", "c"]] * 4])
def test_a_text_without_two_words_in_a_window_is_refused(sentences: list[list[str]]) -> None:
    with pytest.raises(CorpusError, match="too small for a window.*--min-count"):
        read_text(sentences, replace(PLAIN, min_count=5))


@pytest.mark.parametrize(
    "changed, wrong",
    [({"window": 0}, "window 0"), ({"min_count": 0}, "min-count 0"), ({"sample": 1.0}, "sample 1"),
     ({"learning_rate": 0.0}, "learning-rate 0"), ({"threads": -1}, "threads -1")],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(changed: dict[str, float], wrong: str) -> None:
    with pytest.raises(ConfigError, match=wrong):
        replace(PLAIN, **changed)  # type: ignore[arg-type]


# -- tables -----------------------------------------------------------------------------------------------------


def test_the_alias_table_holds_the_frequencies_to_the_power_of_three_quarters() -> None:
    counts = np.array([1000, 300, 300, 20, 5, 1, 1])
    stay, other = alias_table(counts)
    share = stay.astype(float).copy()
    np.add.at(
        share, other, 1 - stay.astype(float)
    )  # each column is drawn as often, and gives what it does not keep
    assert share / len(counts) == pytest.approx(counts**0.75 / (counts**0.75).sum(), rel=1e-5)


def codes(counts: list[int]) -> list[str]:
    begins, nodes, turns = huffman(np.array(counts))
    assert begins[-1] == len(nodes) == len(turns)
    return ["".join(str(int(t)) for t in turns[a:b]) for a, b in zip(begins, begins[1:], strict=False)]


def test_a_huffman_code_worked_by_hand() -> None:
    """Of 8 4 2 1 1: the two lightest are joined again and again, so the lengths are 1 2 3 4 4."""
    found = codes([8, 4, 2, 1, 1])
    assert list(map(len, found)) == [1, 2, 3, 4, 4]


def test_a_huffman_code_is_one_and_the_shortest() -> None:
    draw = np.random.default_rng(1)
    counts = sorted(draw.zipf(1.3, 300).clip(max=10**6).tolist(), reverse=True)
    found = codes(counts)
    assert sum(2.0 ** -len(code) for code in found) == 1  # complete, and no code begins another
    assert not any(one != other and other.startswith(one) for one in found for other in found)
    # Its cost is the sum of all inner nodes, whichever of equals are joined first.
    heap, cost = list(counts), 0
    heapq.heapify(heap)
    while len(heap) > 1:
        joined = heapq.heappop(heap) + heapq.heappop(heap)
        cost += joined
        heapq.heappush(heap, joined)
    assert sum(n * len(code) for n, code in zip(counts, found, strict=True)) == cost


def test_paths_begin_at_the_root() -> None:
    begins, nodes, _ = huffman(np.array([5, 4, 3, 2]))
    assert {int(nodes[i]) for i in begins[:-1]} == {2}  # the inner node made last, of V - 1


def test_frequent_words_are_left_out_as_the_reference_does() -> None:
    counts = np.array([9000, 900, 90, 10])
    kept = keep_chances(counts, 1e-2)
    # word2vec.c: (sqrt(n / (sample * T)) + 1) * (sample * T) / n
    assert kept[:2].tolist() == pytest.approx([(90**0.5 + 1) / 90, (9**0.5 + 1) / 9])
    assert kept[2:].tolist() == [1, 1]
    assert keep_chances(counts, 0).tolist() == [1, 1, 1, 1]


def test_the_learning_rate_falls_in_a_straight_line() -> None:
    text = read_text([["a", "b"] * 5_000] * 4, replace(PLAIN, epochs=2))
    rates = [job.rate for job in jobs(text, replace(PLAIN, epochs=2))]
    assert rates[0] == 0.025 and np.diff(rates) == pytest.approx((1e-4 - 0.025) / 8)
    assert [job.tokens for job in jobs(text, PLAIN)] == [10_000, 20_000, 30_000, 40_000]


# -- steps ------------------------------------------------------------------------------------------------------


class Slow:
    """The same learning in plain numpy, one pair at a time, with the same draws."""

    def __init__(self, text: Text, config: Word2VecConfig) -> None:
        self.text, self.config, self.tree = text, config, config.objective == "hierarchical-softmax"
        draw = np.random.default_rng(config.seed)
        size = len(text.words)
        self.vectors = ((2 * draw.random((size, config.dimension)) - 1) / config.dimension).astype(np.float32)
        self.outputs = np.zeros_like(self.vectors)
        self.draws = self._draws(draw.integers(2**48, size=1).tolist()[0])
        self.stay, self.other = alias_table(text.counts)
        self.begins, self.nodes, self.turns = huffman(text.counts)

    @staticmethod
    def _draws(state: int) -> Iterator[int]:
        while True:
            state = (state * 25214903917 + 11) % 2**48
            yield state >> 16

    def learn(self) -> np.ndarray:
        for a, b in zip(self.text.starts, self.text.starts[1:], strict=False):
            sentence = self.text.ids[a:b].tolist()
            for at, word in enumerate(sentence):
                reach = 1 + (next(self.draws) * self.config.window >> 32)
                near = [
                    sentence[j]
                    for j in range(max(0, at - reach), min(len(sentence), at + reach + 1))
                    if j != at
                ]
                if self.config.method == "cbow" and near:
                    error = self.predict(self.vectors[near].mean(0), word)
                    for other in near:
                        self.vectors[other] += error
                elif near:
                    for other in near:
                        self.vectors[other] += self.predict(self.vectors[other].copy(), word)
        return self.vectors

    def predict(self, hidden: np.ndarray, word: int) -> np.ndarray:
        error = np.zeros_like(hidden)
        for row, label in self.targets(word):
            step = (label - 1 / (1 + np.exp(-hidden @ self.outputs[row]))) * 0.025
            error += step * self.outputs[row]
            self.outputs[row] += step * hidden
        return error

    def targets(self, word: int) -> Iterator[tuple[int, float]]:
        if self.tree:
            for i in range(self.begins[word], self.begins[word + 1]):
                yield int(self.nodes[i]), 1 - float(self.turns[i])
            return
        yield word, 1.0
        for _ in range(self.config.negative):
            column = next(self.draws) * len(self.stay) >> 32
            drawn = column if next(self.draws) / 2**32 < self.stay[column] else int(self.other[column])
            if drawn != word:
                yield drawn, 0.0


@pytest.mark.parametrize("objective", ["negative-sampling", "hierarchical-softmax"])
@pytest.mark.parametrize("method", ["skip-gram", "cbow"])
def test_each_step_is_that_of_the_formulas(method: str, objective: str) -> None:
    draw = np.random.default_rng(2)
    sentences = [[f"w{i}" for i in draw.zipf(1.5, 20).clip(max=30)] for _ in range(60)]
    config = replace(PLAIN, method=method, objective=objective, window=3)  # type: ignore[arg-type]
    text = read_text(sentences, config)
    slow, start = Slow(text, config), Slow(text, config).vectors
    wanted = slow.learn()
    found = train(text, config).vectors
    moved = np.abs(wanted - start).max()
    assert moved > 0.1  # something was learnt
    # The compiled sigmoid is a table of 1,000 steps between -6 and 6, flat outside.
    assert np.abs(found - wanted).max() < 0.02 * moved


# -- what is learnt ---------------------------------------------------------------------------------------------


def topics(lines: int = 1500) -> list[list[str]]:
    """Sentences about one of three things, in each the words of that thing and words of all."""
    draw = np.random.default_rng(3)
    of = [[f"{topic}{i}" for i in range(8)] for topic in ("animal", "colour", "number")]
    every = [f"the{i}" for i in range(8)]
    return [draw.choice([*of[draw.integers(3)], *every], 10).tolist() for _ in range(lines)]


@pytest.mark.parametrize("objective", ["negative-sampling", "hierarchical-softmax"])
@pytest.mark.parametrize("method", ["skip-gram", "cbow"])
def test_words_of_one_topic_are_near_each_other(method: str, objective: str) -> None:
    config = Word2VecConfig(method, objective, dimension=16, epochs=10, sample=0, learning_rate=0.05)  # type: ignore[arg-type]
    vectors = train(read_text(topics(), config), config)
    for word in ("animal1", "colour2", "number3"):
        near = Counter(name[:-1] for name, _ in vectors.nearest(word, 7))
        assert near[word[:-1]] >= 6, near


def test_one_thread_learns_the_same_again() -> None:
    text = read_text(topics(200), PLAIN)
    first, again, other = (train(text, replace(PLAIN, seed=seed)).vectors for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_progress_counts_all_tokens_of_all_epochs() -> None:
    told: list[int] = []
    config = replace(PLAIN, epochs=3, threads=2)
    text = read_text(topics(2500), config)
    train(text, config, told.append)
    assert told == sorted(told) and told[-1] == 3 * 25_000 and len(told) == 9


def test_other_threads_go_on_meanwhile() -> None:
    """The loops hold no lock: an interrupt is heard, and a progress bar moves."""
    config = replace(PLAIN, epochs=5, dimension=100)
    text = read_text(topics(3000), config)
    turns, stop = [0], threading.Event()

    def turn() -> None:
        while not stop.wait(0.001):
            turns[0] += 1

    watcher = threading.Thread(target=turn)
    watcher.start()
    train(text, config)
    stop.set()
    watcher.join()
    assert turns[0] > 20
