"""Ids as tokens that a person can find in the text: their pieces, their spans, and which of them spell bytes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dragoman.explain.trace.layers import Token
from dragoman.ids import EOS
from dragoman.text.tokenizer import Tokenizer

SPACE = "\u2581"  # how SentencePiece writes a space
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


def tokens_of(tokenizer: Tokenizer, ids: Sequence[int], text: str = "") -> tuple[Token, ...]:
    """Each id as a Token, its span found in `text`, which the ids spell but for spaces."""
    pieces = tokenizer.pieces(ids)
    spans = _spans(ids, pieces, text)
    return tuple(
        Token(
            int(i),
            piece,
            piece if _BYTE.fullmatch(piece) or i <= EOS else piece.replace(SPACE, " ").strip(),
            span,
            _BYTE.fullmatch(piece) is not None,
        )
        for i, piece, span in zip(ids, pieces, spans, strict=True)
    )


def _spans(ids: Sequence[int], pieces: Sequence[str], text: str) -> list[tuple[int, int] | None]:
    spans: list[tuple[int, int] | None] = []
    at, spelled = 0, b""  # the place in the text, and the bytes of a character that is not complete yet
    for i, piece in zip(ids, pieces, strict=True):
        if i <= EOS:
            spans.append(None)
            continue
        byte = _BYTE.fullmatch(piece)
        if byte is None:
            at, span = _found(piece.replace(SPACE, " "), text, at)
            spans.append(span)
            continue
        spelled += bytes([int(byte[1], 16)])
        at = _past_spaces(text, at) if not spelled.isspace() else at
        letter = text[at : at + 1].encode()
        spans.append((at, at + 1) if spelled and letter.startswith(spelled) else None)
        if spelled == letter or not letter.startswith(spelled):
            at, spelled = at + (spelled == letter), b""
    return spans


def _found(surface: str, text: str, at: int) -> tuple[int, tuple[int, int] | None]:
    """Where a piece stands, at or right after `at`; spaces may differ on both sides."""
    start = _past_spaces(text, at) if surface.strip() else at
    end = start
    for letter in surface.strip():
        end = _past_spaces(text, end) if letter != " " else end
        if text[end : end + 1] != letter:
            if letter == " ":
                continue
            return at, None
        end += 1
    return end, (start, end)


def _past_spaces(text: str, at: int) -> int:
    while text[at : at + 1].isspace():
        at += 1
    return at
