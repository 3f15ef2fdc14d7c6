"""Text as the script beside an export cuts it: SentencePiece's pieces, numbered by a vocabulary, and a token in front.

Knows no format. Of a model that was imported with a table of pieces, SentencePiece's own numbers mean nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from dragoman.ids import UNK
from dragoman.model.directory import ModelDirectory
from dragoman.text.mapped import MappedTokenizer, Side
from dragoman.text.tokenizer import Tokenizer, opened


class Cutter:
    """A SentencePiece model that lies in an export, and the vocabulary there."""

    def __init__(self, model: bytes, vocabulary: Sequence[str], lead: Sequence[int] = ()) -> None:
        """lead: what stands in front of every text."""
        self._model, self.lead = opened(model, "the tokenizer of the export"), tuple(lead)
        self.vocabulary = list(vocabulary)
        self.ids = {piece: i for i, piece in enumerate(self.vocabulary)}

    def encode(self, text: str) -> list[int]:
        """Ids without <s> and </s>."""
        return [*self.lead, *(self.ids.get(piece, UNK) for piece in self._model.encode(text, out_type=str))]

    def pieces(self, ids: Sequence[int]) -> list[str]:
        return [self.vocabulary[i] for i in ids]


def cutter(tokenizer: Tokenizer, model: bytes) -> Cutter:
    """The one that has the place of a tokenizer of ours."""
    return Cutter(model, tokenizer.vocabulary(), tokenizer.lead)


def languages_told(model: ModelDirectory) -> dict[str, Any]:
    """For the script beside an export: the tokens in front of both sides, where they choose among languages."""
    leads = {}
    sides: tuple[Side, ...] = get_args(Side)
    for side, tokenizer in zip(sides, (model.source_tokenizer, model.target_tokenizer), strict=True):
        if isinstance(tokenizer, MappedTokenizer) and tokenizer.table.told_by and tokenizer.table.leads:
            words = {code: tokenizer.vocabulary()[i] for code, i in tokenizer.table.leads.items()}
            leads[side] = {"by": tokenizer.table.told_by, "tokens": words}
    return {"languages": dict(zip(sides, model.languages, strict=True)), "leads": leads} if leads else {}
