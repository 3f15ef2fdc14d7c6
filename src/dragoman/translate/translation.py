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
        """The same in other signs of its language: text, tokens and alternatives."""
        text = script(self.text)
        return replace(
            self,
            text=text,
            tokens=_in_signs(self.tokens, self.text, text),
            alternatives=[other.mapped(script) for other in self.alternatives],
        )


def _in_signs(tokens: list[str], before: str, after: str) -> list[str]:
    """Tokens of the text `before`, as they stand in `after`, which has another sign in each place.

    A sign by itself may be written in several ways, so they are taken from the text and not turned one by one. Where
    the two are not of one length they stay as they are.
    """
    if before == after or len(before) != len(after):
        return tokens
    found, at = [], 0
    for token in tokens:
        words = token.strip("\u2581")
        place = before.find(words, at) if words else -1
        if place >= 0:
            at = place + len(words)
            token = token.replace(words, after[place:at])
        found.append(token)
    return found


@dataclass(frozen=True)
class Score:
    """How probable a given translation is to the model, sentence end included; natural logarithms."""

    logprob: float
    tokens: list[str]  # of the target, the last one </s>
    token_scores: list[float]
