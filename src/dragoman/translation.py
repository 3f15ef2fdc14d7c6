"""What a translation is, and how it is put together from the sentences of a text. Calls no model.

A text is cut into pieces, each short enough to go through the model in one run; a hypothesis comes back for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dragoman.flags import FLAGS, Evidence, flags_of
from dragoman.text.joining import join, tidy

if TYPE_CHECKING:
    from dragoman.decoding.options import Hypothesis
    from dragoman.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class Translation:
    """One text and its translation. A text without words has no score and no tokens."""

    source: str
    text: str
    score: float | None  # mean over its sentences, by length, of what the search maximised
    source_tokens: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    token_scores: list[float] = field(default_factory=list)  # log-probability of each of `tokens`, in nats
    alignment: list[tuple[int, int]] = field(default_factory=list)  # (source token, token), if asked for
    flags: tuple[str, ...] = ()  # of any of its sentences: flags.py
    alternatives: list[Translation] = field(default_factory=list)  # the other n_best - 1, best first


@dataclass(frozen=True)
class Score:
    """How probable a given translation is to the model, sentence end included; natural logarithms."""

    logprob: float
    tokens: list[str]  # of the target, the last one </s>
    token_scores: list[float]


@dataclass(frozen=True)
class Piece:
    """A stretch of the source with what separates it from the next; without ids it is passed on untouched."""

    text: str
    separator: str
    ids: list[int]


@dataclass(frozen=True)
class Scribe:
    """Turns ids into the words of both languages."""

    source: Tokenizer
    target: Tokenizer
    language: str  # of the target

    def assemble(self, text: str, pieces: Sequence[Piece], found: Sequence[Sequence[Hypothesis]]) -> Translation:
        """`found` holds the hypotheses of each piece that has ids, best first."""
        depth = max(map(len, found), default=1)
        # The n-th alternative takes each sentence's n-th hypothesis, or its last one.
        first, *others = (
            self._one(text, pieces, [best[min(rank, len(best) - 1)] for best in found]) for rank in range(depth)
        )
        first.alternatives.extend(others)
        return first

    def _one(self, text: str, pieces: Sequence[Piece], chosen: Sequence[Hypothesis]) -> Translation:
        sentences: list[tuple[str, str]] = []
        source_tokens: list[str] = []
        tokens: list[str] = []
        token_scores: list[float] = []
        alignment: list[tuple[int, int]] = []
        raised: set[str] = set()
        score, weights = 0.0, 0
        hypotheses = iter(chosen)
        for piece in pieces:
            if not piece.ids:
                sentences.append((tidy(piece.text, self.language), piece.separator))
                continue
            hypothesis = next(hypotheses)
            written = self.target.pieces(hypothesis.tokens)
            translated = tidy(self.target.decode(hypothesis.tokens), self.language)
            sentences.append((translated, piece.separator))
            raised.update(flags_of(evidence(piece, translated, hypothesis)))
            score += hypothesis.score * len(hypothesis.token_scores)
            weights += len(hypothesis.token_scores)
            alignment += align(hypothesis.attention, len(piece.ids), len(written), len(source_tokens), len(tokens))
            source_tokens += self.source.pieces(piece.ids)
            tokens += written
            token_scores += hypothesis.token_scores[: len(written)]
        return Translation(
            text,
            join(sentences, self.language),
            score / weights if weights else None,
            source_tokens,
            tokens,
            token_scores,
            alignment,
            tuple(flag for flag in FLAGS if flag in raised),
        )


def evidence(piece: Piece, translated: str, hypothesis: Hypothesis) -> Evidence:
    return Evidence(
        piece.text, translated, piece.ids, hypothesis.tokens, hypothesis.token_scores, hypothesis.finished
    )


def align(
    attention: Sequence[Sequence[float]] | None, source_length: int, length: int, source_start: int, start: int
) -> list[tuple[int, int]]:
    """The source token that each target token looked at most; </s>, a resting place of attention, left out.

    attention [T, S] with or without rows and columns for </s>; the starts are where the piece's tokens begin in the
    whole text.
    """
    if attention is None:
        return []
    pairs = []
    for target, row in enumerate(attention[:length]):
        source = max(range(source_length), key=row.__getitem__)
        pairs.append((source_start + source, start + target))
    return pairs
