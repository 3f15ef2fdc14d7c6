"""From ids back to text: the hypotheses of a text's pieces, put together as its translation. Calls no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dragoman.ids import UNWRITTEN
from dragoman.text.joining import join, tidy
from dragoman.translate.flags import FLAGS, Evidence, flags_of
from dragoman.translate.reading import Piece
from dragoman.translate.translation import Translation

if TYPE_CHECKING:
    from dragoman.decoding.options import Hypothesis
    from dragoman.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class Sentence:
    """A piece and what became of it."""

    text: str
    separator: str
    score: float = 0.0
    weight: int = 0  # tokens that the score is about, </s> among them
    source_tokens: Sequence[str] = ()
    tokens: Sequence[str] = ()
    token_scores: Sequence[float] = ()
    attention: Sequence[Sequence[float]] | None = None
    flags: Sequence[str] = ()


@dataclass(frozen=True)
class Detokeniser:
    """Turns ids into the words of both languages."""

    source: Tokenizer
    target: Tokenizer
    language: str  # of the target

    def assemble(
        self,
        text: str,
        pieces: Sequence[Piece],
        found: Sequence[Sequence[Hypothesis]],
        token_scores: bool = False,
    ) -> Translation:
        """The translation of a text from those of its pieces.

        found: the hypotheses of each piece that has ids, best first.
        token_scores: whether those of the hypotheses are real, and asked for.
        """
        first, *others = (
            self._of_rank(rank, text, pieces, found, token_scores)
            for rank in range(max(map(len, found), default=1))
        )
        return replace(first, alternatives=others) if others else first

    def _of_rank(
        self,
        rank: int,
        text: str,
        pieces: Sequence[Piece],
        found: Sequence[Sequence[Hypothesis]],
        token_scores: bool,
    ) -> Translation:
        """Each sentence's hypothesis of that rank, or its last one, put together."""
        chosen = (best[min(rank, len(best) - 1)] for best in found)
        sentences = [
            self._written(piece, next(chosen))
            if piece.ids
            else Sentence(tidy(piece.text, self.language), piece.separator)
            for piece in pieces
        ]
        weight = sum(s.weight for s in sentences)
        raised = {flag for s in sentences for flag in s.flags}
        return Translation(
            text,
            join([(s.text, s.separator) for s in sentences], self.language),
            sum(s.score * s.weight for s in sentences) / weight if weight else None,
            source_tokens=[token for s in sentences for token in s.source_tokens],
            tokens=[token for s in sentences for token in s.tokens],
            token_scores=[score for s in sentences for score in s.token_scores] if token_scores else [],
            alignment=align(sentences),
            flags=tuple(flag for flag in FLAGS if flag in raised) if raised else (),
        )

    def _written(self, piece: Piece, found: Hypothesis) -> Sentence:
        text = tidy(self.target.decode(found.tokens), self.language)
        choices = self.target.vocab_size - len(UNWRITTEN)
        evidence = Evidence(
            piece.text, text, piece.ids, found.tokens, found.token_scores, found.finished, choices
        )
        return Sentence(
            text,
            piece.separator,
            found.score,
            len(found.token_scores),
            self.source.pieces(piece.ids),
            self.target.pieces(found.tokens),
            found.token_scores[: len(found.tokens)],
            found.attention,
            flags_of(evidence),
        )


def align(sentences: Sequence[Sentence]) -> list[tuple[int, int]]:
    """(source token, token): where each token looked most, counted through all sentences.

    Attention rests on </s> where it has nothing to look for, so that column, the last, is left out.
    """
    pairs: list[tuple[int, int]] = []
    source_start, start = 0, 0
    for sentence in sentences:
        columns = range(len(sentence.source_tokens))
        for target, row in enumerate(sentence.attention or ()):
            pairs.append((source_start + max(columns, key=row.__getitem__), start + target))
        source_start, start = source_start + len(sentence.source_tokens), start + len(sentence.tokens)
    return pairs
