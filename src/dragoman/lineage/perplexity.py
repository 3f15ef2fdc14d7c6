"""What every language model says of a text: how probable each line is. Knows no model.

Perplexity per token compares models of the same tokens; perplexity per character compares any two models of one text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Scored:
    """How probable one line is."""

    logprob: float  # in nats, </s> included
    tokens: int  # </s> included
    characters: int  # the end of the line counts as one, since </s> is predicted too
    unknown: int  # tokens that are not in the vocabulary


class LanguageModel(Protocol):
    """What every kind of model can do with text."""

    def score(self, lines: Sequence[str]) -> list[Scored]:
        """How probable each line is; every line counts, empty ones too."""

    def sample(self, prompt: str, longest: int, temperature: float, seed: int) -> str:
        """A text that begins with `prompt`, drawn token by token, of at most `longest` tokens more."""


@dataclass(frozen=True)
class Perplexity:
    """How surprised a model is by a whole text."""

    nats: float
    lines: int
    tokens: int
    characters: int
    unknown: int

    @property
    def per_token(self) -> float:
        return math.exp(self.nats / self.tokens)

    @property
    def per_character(self) -> float:
        return math.exp(self.nats / self.characters)


def perplexity(scored: Sequence[Scored]) -> Perplexity:
    """Sum up lines; at least one."""
    return Perplexity(
        -math.fsum(line.logprob for line in scored),
        len(scored),
        sum(line.tokens for line in scored),
        sum(line.characters for line in scored),
        sum(line.unknown for line in scored),
    )
