"""What a translation is, and what a score: the records that come out of the door. Computes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Translation:
    """One text and its translation. A text without words has no score and no tokens."""

    source: str
    text: str
    score: float | None  # mean over its sentences, by length, of what the search maximised
    source_tokens: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    token_scores: list[float] = field(
        default_factory=list
    )  # log-probability of each token, in nats, if asked for
    alignment: list[tuple[int, int]] = field(default_factory=list)  # (source token, token), if asked for
    flags: tuple[str, ...] = ()  # of any of its sentences: flags.py
    alternatives: list[Translation] = field(default_factory=list)  # the other n_best - 1, best first

    def mapped(self, script: Callable[[str], str]) -> Translation:
        """The same in other signs of its language: its text, and that of the alternatives."""
        others = [replace(other, text=script(other.text)) for other in self.alternatives]
        return replace(self, text=script(self.text), alternatives=others)


@dataclass(frozen=True)
class Score:
    """How probable a given translation is to the model, sentence end included; natural logarithms."""

    logprob: float
    tokens: list[str]  # of the target, the last one </s>
    token_scores: list[float]
