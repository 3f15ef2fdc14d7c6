"""Ids as tokens that a person can find in the text: their pieces, their spans, and which of them spell bytes."""

from __future__ import annotations

from collections.abc import Sequence

from dragoman.explain.trace.layers import Token
from dragoman.ids import EOS
from dragoman.text.tokenizer import Tokenizer
from dragoman.text.words import BYTE, token_spans
from dragoman.text.words import SPACE as SPACE  # the terminal knows the trace, and no text


def tokens_of(tokenizer: Tokenizer, ids: Sequence[int], text: str = "") -> tuple[Token, ...]:
    """Each id as a Token, its span found in `text`, which the ids spell but for spaces."""
    pieces = tokenizer.pieces(ids)
    spans = token_spans(ids, pieces, text)
    return tuple(
        Token(
            int(i),
            piece,
            piece if BYTE.fullmatch(piece) or i <= EOS else piece.replace(SPACE, " ").strip(),
            span,
            BYTE.fullmatch(piece) is not None,
        )
        for i, piece, span in zip(ids, pieces, spans, strict=True)
    )
