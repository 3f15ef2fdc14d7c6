"""An n-gram model of text: from lines to counts, and from text to numbers. Knows no file.

The arithmetic over ids is ngram.py's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dragoman.ids import UNK
from dragoman.lineage.ngram import NgramConfig, NgramModel, train
from dragoman.lineage.perplexity import Scored
from dragoman.text.splitter import Splitter
from dragoman.text.vocabulary import Vocabulary

_LINES_AT_ONCE = 20_000
_NATS = float(np.log(10.0))  # in a power of ten


@dataclass(frozen=True)
class NgramLM:
    """An n-gram model of text."""

    model: NgramModel
    vocabulary: Vocabulary

    def score(self, lines: Sequence[str]) -> list[Scored]:
        """How probable each line is. Every line counts, empty ones too."""
        scored: list[Scored] = []
        for start in range(0, len(lines), _LINES_AT_ONCE):
            some = lines[start : start + _LINES_AT_ONCE]
            encoded = self.vocabulary.encode(some)
            for line, ids, found in zip(some, encoded, self.model.score(encoded), strict=True):
                scored.append(Scored(float(found.sum()) * _NATS, len(found), len(line) + 1, ids.count(UNK)))
        return scored

    def sample(self, prompt: str = "", longest: int = 100, temperature: float = 1.0, seed: int = 1) -> str:
        """A text that begins with `prompt`, drawn token by token, of at most `longest` tokens more."""
        (ids,) = self.vocabulary.encode([prompt])
        more = self.model.sample(ids, longest, temperature, np.random.default_rng(seed))
        return self.vocabulary.decode([*ids, *more])


def train_lm(lines: Sequence[str], splitter: Splitter, config: NgramConfig) -> NgramLM:
    """An n-gram model of `lines`. All subwords are its vocabulary; of characters and words, those in the lines."""
    split = splitter.split(lines)
    vocabulary = Vocabulary.among(split, splitter)
    return NgramLM(train(vocabulary.numbered(split), len(vocabulary.words), config), vocabulary)
