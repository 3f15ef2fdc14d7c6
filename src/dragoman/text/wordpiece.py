"""WordPiece, the tokens of BERTs that were trained elsewhere: text to tokens and back. Learns no vocabulary.

Words are split at spaces and punctuation, every CJK sign is a word, and a word is cut into the longest pieces that the
vocabulary has, from left to right; pieces inside a word begin with ## (Devlin et al., 2018; Wu et al., 2016).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dragoman.text.joining import tidy

INSIDE = "##"
LONGEST_WORD = 100  # characters; a longer one is unknown, as it is to BERT
_SIGNS = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip


@dataclass(frozen=True)
class WordPiece:
    """See text.splitter.Splitter, whose part it takes."""

    vocabulary: frozenset[str]
    lower: bool = True  # small letters, without accents
    unit: Literal["wordpiece"] = "wordpiece"
    tokenizer: None = None
    segmenter: None = None

    def split(self, lines: Sequence[str]) -> list[list[str]]:
        """The tokens of each line; a word that has no pieces is a token that the vocabulary does not have."""
        return [[piece for word in self._words(line) for piece in self._pieces(word)] for line in lines]

    def join(self, tokens: Sequence[str]) -> str:
        """The text of tokens, as near as can be told: spaces and capital letters are lost."""
        return tidy(" ".join(tokens).replace(f" {INSIDE}", ""), "zh")

    def _words(self, line: str) -> list[str]:
        spaced = "".join(f" {sign} " if _stands_alone(sign) else sign for sign in line if _is_text(sign))
        if self.lower:
            spaced = unicodedata.normalize("NFD", spaced.lower())
            spaced = "".join(sign for sign in spaced if unicodedata.category(sign) != "Mn")
        return spaced.split()

    def _pieces(self, word: str) -> list[str]:
        if len(word) > LONGEST_WORD:
            return [word]
        pieces, start = [], 0
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = (INSIDE if start else "") + word[start:end]
                if piece in self.vocabulary:
                    break
            else:
                return [word]
            pieces.append(piece)
            start = end
        return pieces


def _is_text(sign: str) -> bool:
    """Not NUL, the sign for what could not be decoded, or a control character; tabs and line ends are spaces."""
    if sign in "\t\n\r":
        return True
    # Co, private use, is kept: it has no pieces, and is unknown.
    return sign not in "\x00\ufffd" and unicodedata.category(sign) not in ("Cc", "Cf", "Cn", "Cs")


def _stands_alone(sign: str) -> bool:
    """Punctuation, also what ASCII has of it, private use, and CJK signs."""
    code = ord(sign)
    ascii_punctuation = 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126
    category = unicodedata.category(sign)
    return (
        ascii_punctuation
        or category.startswith("P")
        or category == "Co"
        or any(first <= code <= last for first, last in _SIGNS)
    )
