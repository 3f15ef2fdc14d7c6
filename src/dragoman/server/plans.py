"""A text as the sentences that go to the queue, and their translations as a text again. Searches for none.

It does what Translator.translate does, in two halves with the queue between them, so that the sentences of a long text
do not travel together and hold up everybody else's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from dragoman.decoding.options import DecodingOptions
from dragoman.server.queue import Found, Work
from dragoman.translate.translation import Piece, Scribe, Translation
from dragoman.translate.translator import Translator


@dataclass(frozen=True)
class Plan:
    """One text, cut."""

    text: str
    pieces: Sequence[Piece]
    works: Sequence[Work]  # of the pieces that have words
    scribe: Scribe

    def assembled(self, found: Iterator[Found]) -> Translation:
        """The translation, from what was found for the works of this plan, in their order."""
        return self.scribe.assemble(self.text, self.pieces, [next(found) for _ in self.works])


def plan(
    translator: Translator,
    text: str,
    options: DecodingOptions,
    prefix: str = "",
    *,
    alignments: bool = False,
    token_scores: bool = False,
) -> Plan:
    """What is to be searched for. The arguments are those of Translator.translate."""
    # No more tokens than the model has positions, one of which is <s>.
    chosen = replace(options, max_length=min(options.max_length, translator._positions - 1))
    engine = translator._engine(translator._engine_for(chosen))
    scribe = replace(translator._scribe, token_scores=token_scores)
    pieces = translator._reader.pieces(text, bool(prefix))
    forced = tuple(scribe.target.encode(translator._reader.prepare(prefix, "target"))) if prefix else ()
    works: list[Work] = []
    for piece in pieces:
        if piece.ids:
            beginning = () if works else forced
            works.append(Work(engine, tuple(piece.ids), chosen, beginning, alignments, token_scores))
    return Plan(text, pieces, works, scribe)
