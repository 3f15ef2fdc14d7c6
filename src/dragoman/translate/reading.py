"""A text as the pieces that a model translates: cut into sentences, prepared, encoded. Calls no model.

Each piece is short enough to go through the model in one run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from dragoman.corpus.cleaning import prepare_text
from dragoman.text.sentences import split_paragraph
from dragoman.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class Piece:
    """A stretch of the source with what separates it from the next; without ids it is passed on untouched."""

    text: str
    separator: str
    ids: list[int]


@dataclass(frozen=True)
class Reader:
    """Turns the words of a text into ids, as the model was trained."""

    tokenizer: Tokenizer  # of the source
    language: str  # of the source
    cleaning: Mapping[str, Any]  # of the corpus that the model was trained on
    longest: int  # sentence, in tokens, that goes through the model in one run

    def pieces(self, text: str, always: bool = False) -> list[Piece]:
        """Cut a text into sentences, and any that is too long for the model into shorter ones.

        What has no letter and no digit (a line of emoji, a rule of dashes) is left as it is, unless `always`: a
        model would make up words for it.
        """
        pieces = []
        for segment in split_paragraph(text, self.language):
            words = segment.text.rstrip()
            separator = segment.text[len(words) :] + segment.separator
            prepared = self.prepare(words, "source")
            if any(map(str.isalnum, prepared)) or (always and prepared):
                pieces += self._fitting(prepared, separator)
            else:
                pieces.append(Piece(prepared, separator, []))
        return pieces

    def _fitting(self, text: str, separator: str) -> list[Piece]:
        """A sentence as it is or, while it has more tokens than the model can take, in halves."""
        ids = self.tokenizer.encode(text)
        if len(ids) <= self.longest or len(text) == 1:
            return [Piece(text, separator, ids[: self.longest])]
        cut = _middle(text)
        return self._fitting(text[:cut].rstrip(), "") + self._fitting(text[cut:].lstrip(), separator)

    def prepare(self, text: str, side: Literal["source", "target"]) -> str:
        """Text as the model's training corpus was cleaned."""
        # Undecodable bytes of a command line come as lone surrogates, which no tokenizer takes.
        text = text.encode(errors="ignore").decode()
        simplified = self.cleaning.get("simplify", "") in (side, "both")
        return prepare_text(text, self.cleaning.get("normalize", True), simplified)


def _middle(text: str) -> int:
    """Where to cut a text in two: at the last space before the middle, unless that is far from it."""
    space = text.rfind(" ", len(text) // 4, len(text) // 2)
    return len(text) // 2 if space < 0 else space
