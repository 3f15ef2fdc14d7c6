"""The inner loops of word2vec, compiled by numba: one job of one thread. Know no words and no text.

They hold no lock while they run: threads write to the same weights without one, as in word2vec itself (Recht et al.,
"Hogwild!", 2011). Two that meet in one row may lose an update, which is rare where rows are many.

Dimensions: V vocabulary, D width of a vector, T tokens, P length of all paths of the Huffman tree together.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

Array = np.ndarray[Any, Any]

# sigmoid(x) by table, as in word2vec.c: between these bounds in so many steps, and 0 or 1 outside.
FARTHEST, STEPS = 6.0, 1000
SIGMOID = (1 / (1 + np.exp(-np.linspace(-FARTHEST, FARTHEST, STEPS)))).astype(np.float32)
_SCALE = np.float32((STEPS - 1) / (2 * FARTHEST))
# Knuth's 48-bit generator, that of word2vec.c and of drand48. Its low bits have short periods: the high ones are used.
_FACTOR, _ADDEND, _MASK = np.uint64(25214903917), np.uint64(11), np.uint64(2**48 - 1)
_WORD_SHIFT, _WORD_MASK = np.uint64(16), np.uint64(2**32 - 1)
_UNIT = np.float32(2.0**-32)


class Sentences(NamedTuple):
    """Words by their ids."""

    ids: Array  # int32 [T]
    starts: Array  # where sentences begin, and T


class Weights(NamedTuple):
    """What is learnt, in place."""

    vectors: Array  # [V, D]
    outputs: Array  # [V, D]; with a tree, of its V - 1 inner nodes


class Drawn(NamedTuple):
    """Words that are learnt against, by the alias method."""

    stay: Array  # chance of each column to be itself [V]
    other: Array  # and the word that it is else [V]
    negatives: int  # how many are drawn


class Paths(NamedTuple):
    """The way to each word through the Huffman tree."""

    begins: Array  # where each word's path begins [V + 1]
    nodes: Array  # inner nodes [P]
    turns: Array  # [P]


# fastmath lets sums be reordered, without which no loop below uses the vector unit. The machine code is kept beside
# the .pyc files, so that it is made once.
_compiled = njit(nogil=True, fastmath=True, cache=True, error_model="numpy", boundscheck=False)


@_compiled
def _random(state: Array) -> Any:
    """The next 32 random bits, as a uint64; `state` is one uint64."""
    state[0] = (state[0] * _FACTOR + _ADDEND) & _MASK
    return (state[0] >> _WORD_SHIFT) & _WORD_MASK


@_compiled
def _sigmoid(x: Any) -> Any:
    if x >= FARTHEST:
        return np.float32(1)
    if x <= -FARTHEST:
        return np.float32(0)
    return SIGMOID[np.intp((x + np.float32(FARTHEST)) * _SCALE + np.float32(0.5))]


@_compiled
def _learn(hidden: Array, error: Array, row: Array, label: Any, rate: Any) -> None:
    """One logistic regression: hidden [D] . row [D] should give `label`. Changes row, adds to error [D]."""
    size = hidden.shape[0]
    dot = np.float32(0)
    for i in range(size):
        dot += hidden[i] * row[i]
    step = (label - _sigmoid(dot)) * rate
    for i in range(size):
        was = row[i]
        error[i] += step * was
        row[i] = was + step * hidden[i]


@_compiled
def _predict(
    hidden: Array, error: Array, word: Any, rate: Any, outputs: Array, drawn: Drawn, paths: Paths, state: Array,
) -> None:  # fmt: skip
    """Learn that `hidden` [D] goes with `word`: against drawn words, or along its path through the tree.

    One of the two is used: the tree if nothing is drawn. Mikolov et al. (2013b), sections 2.1, 2.2.
    """
    stay, other, negatives = drawn
    if negatives == 0:
        begins, nodes, turns = paths
        for i in range(begins[word], begins[word + 1]):
            _learn(hidden, error, outputs[nodes[i]], np.float32(1) - turns[i], rate)
        return
    _learn(hidden, error, outputs[word], np.float32(1), rate)
    size = np.uint64(stay.shape[0])
    for _ in range(negatives):
        # Walker's alias method: one column at random, and in it one of two words.
        column = np.intp((_random(state) * size) >> np.uint64(32))
        chosen = column if np.float32(_random(state)) * _UNIT < stay[column] else np.intp(other[column])
        if chosen != word:
            _learn(hidden, error, outputs[chosen], np.float32(0), rate)


@_compiled
def _kept(ids: Array, keep: Array, kept: Array, state: Array) -> int:
    """Copy a sentence without what subsampling leaves out; the length of the rest."""
    length = 0
    for i in range(ids.shape[0]):
        word = ids[i]
        if keep[word] >= 1 or np.float32(_random(state)) * _UNIT < keep[word]:
            kept[length] = word
            length += 1
    return length


@_compiled
def _reach(window: int, state: Array) -> Any:
    """How many words to each side count this time: near ones do so more often than far ones."""
    return 1 + np.intp((_random(state) * np.uint64(window)) >> np.uint64(32))


@_compiled
def skip_gram(
    sentences: Sentences, weights: Weights, keep: Array, window: int, rate: float,
    drawn: Drawn, paths: Paths, state: Array,
) -> None:  # fmt: skip
    """Each word around a word predicts it."""
    ids, starts = sentences
    vectors, outputs = weights
    step = np.float32(rate)
    kept = np.empty(ids.shape[0], np.int32)
    error = np.zeros(vectors.shape[1], np.float32)
    for sentence in range(starts.shape[0] - 1):
        length = _kept(ids[starts[sentence] : starts[sentence + 1]], keep, kept, state)
        for at in range(length):
            reach = _reach(window, state)
            for near in range(max(0, at - reach), min(length, at + reach + 1)):
                if near == at:
                    continue
                hidden = vectors[kept[near]]
                error[:] = 0
                _predict(hidden, error, kept[at], step, outputs, drawn, paths, state)
                for i in range(hidden.shape[0]):
                    hidden[i] += error[i]


@_compiled
def cbow(
    sentences: Sentences, weights: Weights, keep: Array, window: int, rate: float,
    drawn: Drawn, paths: Paths, state: Array,
) -> None:  # fmt: skip
    """The mean of the words around a word predicts it."""
    ids, starts = sentences
    vectors, outputs = weights
    step = np.float32(rate)
    kept = np.empty(ids.shape[0], np.int32)
    hidden, error = np.zeros(vectors.shape[1], np.float32), np.zeros(vectors.shape[1], np.float32)
    for sentence in range(starts.shape[0] - 1):
        length = _kept(ids[starts[sentence] : starts[sentence + 1]], keep, kept, state)
        for at in range(length):
            reach = _reach(window, state)
            first, last = max(0, at - reach), min(length, at + reach + 1)
            if last - first == 1:
                continue
            hidden[:] = 0
            error[:] = 0
            share = np.float32(1) / np.float32(last - first - 1)
            for near in range(first, last):
                if near != at:
                    row = vectors[kept[near]]
                    for i in range(row.shape[0]):
                        hidden[i] += share * row[i]
            _predict(hidden, error, kept[at], step, outputs, drawn, paths, state)
            for near in range(first, last):
                if near != at:
                    row = vectors[kept[near]]
                    for i in range(row.shape[0]):
                        row[i] += error[i]
