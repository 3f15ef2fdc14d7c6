"""word2vec as cloze tests on one sentence: windows, what a word is guessed against, the Huffman tree. Learns nothing.

CBOW guesses a word from the mean of its neighbours, skip-gram each neighbour from the word (Mikolov et al., 2013a). A
softmax over V words would need V products for each guess; negative sampling asks a few yes-or-no questions about words
that were drawn, hierarchical softmax one at each fork on the way to the word (2013b, section 2). The table that words
are drawn from and the tree are those of word2vec.py, made from the sentence's own words.

Dimensions: T tokens, V different tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dragoman.errors import UsageError
from dragoman.lineage.word2vec import POWER, huffman


@dataclass(frozen=True)
class Window:
    """A word and what stands within so many places of it."""

    at: int
    left: tuple[str, ...]
    word: str
    right: tuple[str, ...]

    @property
    def neighbours(self) -> tuple[str, ...]:
        return (*self.left, *self.right)


@dataclass(frozen=True)
class Drawn:
    """A word that may be drawn as a wrong answer: how often it stands there, and the chance that a draw hits it."""

    word: str
    count: int
    chance: float


@dataclass(frozen=True)
class Path:
    """The way from the root of the tree to a word: at each inner node 0 or 1."""

    word: str
    nodes: tuple[int, ...]
    turns: tuple[int, ...]


@dataclass(frozen=True)
class Cloze:
    """One sentence as word2vec reads it, with windows of so many words on either side."""

    windows: tuple[Window, ...]
    drawn: tuple[Drawn, ...]  # the most frequent first
    paths: tuple[Path, ...]  # in the same order

    def path(self, word: str) -> Path:
        """Raises UsageError for a word that is not in the sentence."""
        for one in self.paths:
            if one.word == word:
                return one
        raise UsageError(
            f"{word!r} is no token of this text: there are {' '.join(p.word for p in self.paths)}"
        )


def cloze(tokens: Sequence[str], window: int) -> Cloze:
    """Raises UsageError for fewer than two different tokens: nothing else could be guessed."""
    if len(set(tokens)) < 2:
        raise UsageError("a window needs two different tokens: give a longer text, or other tokens (--unit)")
    windows = [
        Window(t, tuple(tokens[max(t - window, 0) : t]), token, tuple(tokens[t + 1 : t + 1 + window]))
        for t, token in enumerate(tokens)
    ]
    words = sorted(dict.fromkeys(tokens), key=lambda word: -tokens.count(word))
    counts = np.array([tokens.count(word) for word in words])
    share = counts**POWER / (counts**POWER).sum()
    begins, nodes, turns = huffman(counts)
    paths = [
        Path(word, tuple(nodes[a:b].tolist()), tuple(map(int, turns[a:b])))
        for word, a, b in zip(words, begins[:-1], begins[1:], strict=True)
    ]
    drawn = map(Drawn, words, counts.tolist(), share.tolist())
    return Cloze(tuple(windows), tuple(drawn), tuple(paths))
