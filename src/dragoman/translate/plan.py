"""One text on its way through a model: what is searched for, by which engine, and how the answer becomes text again.

Everything that translates stands on it: the stream, the server's queue, a draft, a trace. Searches for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dragoman.decoding.options import DecodingOptions, Hypothesis, SearchRequest
from dragoman.engines import Engine
from dragoman.translate.detokenise import Detokeniser
from dragoman.translate.reading import Piece
from dragoman.translate.translation import Translation


@dataclass(frozen=True)
class Plan:
    """A text, cut and encoded."""

    text: str
    pieces: Sequence[Piece]
    prefix: list[int]  # what the translation has to begin with, as ids
    request: SearchRequest
    engine: Engine
    detokeniser: Detokeniser

    @property
    def options(self) -> DecodingOptions:
        """How it is searched for: no longer than the model has positions."""
        return self.request.options

    @property
    def sources(self) -> list[list[int]]:
        """What goes to the engine: the ids of the pieces that have words."""
        return [piece.ids for piece in self.pieces if piece.ids]

    @property
    def prefixes(self) -> list[list[int]]:
        """A forced prefix for each of the sources: the first takes it all."""
        count = sum(bool(piece.ids) for piece in self.pieces)
        return [self.prefix, *([] for _ in range(count - 1))] if count else []

    def translation(self, found: Iterator[Sequence[Hypothesis]]) -> Translation:
        """Take from `found` the hypotheses of each source, best first, and put them together."""
        best = [next(found) for piece in self.pieces if piece.ids]
        return self.detokeniser.assemble(self.text, self.pieces, best, self.request.token_scores)
