"""Words of a text and where its tokens stand in it: what an alignment of words is about. Knows no model.

A sign of Chinese or Japanese is a word of its own, since nothing separates them; so is each stop and each symbol.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from dragoman.ids import EOS

Span = tuple[int, int]  # characters, the second behind the last

SPACE = "\u2581"  # how SentencePiece writes a space
BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_SIGN = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_LETTERS = rf"[^\W_{_SIGN}]+"
_WORD = re.compile(rf"[{_SIGN}]|{_LETTERS}(?:['’.-]{_LETTERS})*|[^\w\s]|_")


def word_spans(text: str, spaces: bool = False) -> list[Span]:
    """Where the words of a text stand. spaces: they are what stands between spaces, as a corpus was tokenised."""
    return [match.span() for match in (re.finditer(r"\S+", text) if spaces else _WORD.finditer(text))]


def words_of(text: str, spaces: bool = False) -> list[str]:
    """The words of a text."""
    return [text[start:end] for start, end in word_spans(text, spaces)]


def tokens_of_words(words: Sequence[Span], tokens: Sequence[Span | None]) -> list[list[int]]:
    """For each word the tokens that spell a part of it; a token may be of several words, or of none."""
    return [
        [number for number, at in enumerate(tokens) if at and at[0] < word[1] and at[1] > word[0]]
        for word in words
    ]


def token_spans(ids: Sequence[int], pieces: Sequence[str], text: str) -> list[Span | None]:
    """Where in `text` each token stands, which the ids spell but for spaces; None for one that stands nowhere."""
    spans: list[tuple[int, int] | None] = []
    at, spelled = 0, b""  # the place in the text, and the bytes of a character that is not complete yet
    for i, piece in zip(ids, pieces, strict=True):
        if i <= EOS:
            spans.append(None)
            continue
        byte = BYTE.fullmatch(piece)
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
