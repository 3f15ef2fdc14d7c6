"""Pieces added at the end of a vocabulary that exists: the ids before them mean what they meant. Knows no weights.

For a model that is trained further on text its vocabulary spells in bytes or letter by letter. Added are characters
that have no piece, then the pieces that save most tokens, found by learning a vocabulary of the new text. A vocabulary
that others made spells nothing in bytes: what it lacks is <unk>, and so is what its SentencePiece model cuts and its
table does not number.
"""

from __future__ import annotations

import math
import random
import re
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from dragoman.bounds import LARGEST_SIZE
from dragoman.errors import ConfigError
from dragoman.ids import UNK
from dragoman.text.learning import placeholder_words
from dragoman.text.mapped import SPACE, MappedTokenizer
from dragoman.text.tokenizer import LEAST_PIECES, Tokenizer, TokenizerConfig

_LINES = 200_000  # that are looked at
_AT_ONCE = 10_000
_RARE = 10  # a piece that is used less often is not learnt well enough to be worth its weights
_RARE_CHARACTER = 3
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
_MOST_LEARNT = (
    32_000  # pieces that are looked at; an imported vocabulary may hold those of a hundred languages
)
_NORMAL, _CONTROL, _USER_DEFINED = 1, 3, 4  # types of a piece, in sentencepiece_model.proto


@dataclass(frozen=True)
class Added:
    """What was added, in this order."""

    symbols: tuple[str, ...] = ()
    characters: tuple[str, ...] = ()
    pieces: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.symbols) + len(self.characters) + len(self.pieces)

    def __str__(self) -> str:
        counts = ((self.characters, "character"), (self.pieces, "piece"), (self.symbols, "symbol"))
        return (
            ", ".join(f"{len(some):,} {name}{'s' * (len(some) != 1)}" for some, name in counts if some)
            or "nothing"
        )


def extended(
    tokenizer: Tokenizer, lines: Iterable[str], config: TokenizerConfig, symbols: Sequence[str], most: int
) -> tuple[Tokenizer, Added]:
    """A tokenizer with at most `most` pieces more, beside symbols and placeholders, for text like `lines`.

    config: how the tokenizer was learnt, and how many placeholders it is to have. `lines` is read twice. The result is
    a pure function of the arguments.
    """
    new = tuple(symbol for symbol in symbols if symbol not in tokenizer.controls)
    if new and isinstance(tokenizer, MappedTokenizer):
        raise ConfigError(
            f"a vocabulary that came with somebody else's model takes no symbol {new[0]}: leave out "
            "data.directions and data.tags, or train from a model of Dragoman's own"
        )
    config = replace(config, kind=_kind(tokenizer, config))
    reserved = tuple(
        word for word in placeholder_words(config.placeholders) if word not in tokenizer.placeholders
    )
    room = min(most, LARGEST_SIZE - tokenizer.vocab_size - len(new) - len(reserved))
    some = _some(lines)
    characters, total = _characters(tokenizer, some)
    characters = characters[:room]
    spelled = _with(
        tokenizer,
        [(symbol, 0.0, _CONTROL) for symbol in new]
        + [(word, 0.0, _USER_DEFINED) for word in reserved]
        + _scored(tokenizer, characters, total),
    )
    numbered = _unnumbered(spelled, some)[: room - len(characters)]
    if numbered and isinstance(spelled, MappedTokenizer):
        spelled = spelled.longer(numbered)
    pieces = _pieces(spelled, some, config, total)[: room - len(characters) - len(numbered)]
    whole = _with(spelled, _scored(spelled, pieces, total, bpe=config.kind == "bpe"))
    return whole, Added(
        new + reserved, tuple(c for c, _ in characters), (*numbered, *(piece for piece, _ in pieces))
    )


def _kind(tokenizer: Tokenizer, config: TokenizerConfig) -> Literal["unigram", "bpe", "mapped"]:
    """How the pieces are weighed: of BPE by the number of their merge, of unigram by a logarithm."""
    if not isinstance(tokenizer, MappedTokenizer):
        return config.kind
    scores = [tokenizer.score_of(i) for i in range(tokenizer.vocab_size)]
    return "bpe" if all(map(float.is_integer, scores)) else "unigram"


def _some(lines: Iterable[str]) -> list[str]:
    """All of them, or as many as can be kept from everywhere: a corpus of several files begins with one of them."""
    share, draw = _LINES / max(sum(1 for _ in lines), 1), random.Random(0)
    return [line for line in lines if share >= 1 or draw.random() < share]


def _characters(tokenizer: Tokenizer, lines: Sequence[str]) -> tuple[list[tuple[str, int]], int]:
    """Characters that are spelled in bytes, the most frequent first; and how many tokens the lines are."""
    counts, total = Counter[str](), 0
    for line, ids in zip(lines, _encoded(tokenizer, lines), strict=True):
        total += len(ids)
        if isinstance(tokenizer, MappedTokenizer):
            counts.update("".join(part for part, whole in tokenizer.unnumbered(line) if not whole))
        elif any(map(_BYTE.fullmatch, tokenizer.pieces(ids))):
            counts.update(line)
    missing = [
        (character, count)
        for character, count in counts.items()
        if count >= _RARE_CHARACTER and not character.isspace() and _is_in_bytes(tokenizer, character)
    ]
    return sorted(missing, key=lambda one: (-one[1], one[0])), total


def _unnumbered(tokenizer: Tokenizer, lines: Sequence[str]) -> list[str]:
    """Pieces that are cut and have no number, the most frequent first: each is <unk>, whatever it is."""
    if not isinstance(tokenizer, MappedTokenizer):
        return []
    counts = Counter(part for line in lines for part, whole in tokenizer.unnumbered(line) if whole)
    return [piece for piece, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))
            if count >= _RARE_CHARACTER]  # fmt: skip


def _is_in_bytes(tokenizer: Tokenizer, text: str) -> bool:
    if isinstance(tokenizer, MappedTokenizer):
        return text != SPACE and any(not whole for _, whole in tokenizer.unnumbered(text))
    return any(map(_BYTE.fullmatch, tokenizer.pieces(tokenizer.encode(text))))


def _pieces(
    tokenizer: Tokenizer, lines: Sequence[str], config: TokenizerConfig, total: int
) -> list[tuple[str, int]]:
    """Pieces of a vocabulary that is learnt from the lines, those first that save most tokens, with their counts."""
    size = max(LEAST_PIECES, config.vocab_size)
    if isinstance(tokenizer, MappedTokenizer):
        size, lines = min(size, _MOST_LEARNT), [*map(tokenizer.normalized, lines)]
    learnt = Tokenizer.train(list(lines), replace(config, vocab_size=size, placeholders=0))
    own, counts = {*tokenizer.vocabulary()}, Counter[str]()
    for ids in _encoded(learnt, lines):
        counts.update(learnt.pieces(ids))
    found = []
    for piece, count in counts.items():
        if count < _RARE or piece in own or _BYTE.fullmatch(piece) or piece in learnt.controls:
            continue
        parts = spelling(tokenizer, piece)
        if UNK in parts:  # of a character that is too rare
            continue
        # A merge of BPE joins two symbols: of three, the first two would have to be one.
        if len(parts) > 1 and (config.kind == "unigram" or len(parts) == 2):
            found.append((count * (len(parts) - 1), piece, count))
    least = total / 20_000  # what saves less than this is not worth a row of weights
    return [
        (piece, count)
        for saved, piece, count in sorted(found, key=lambda one: (-one[0], one[1]))
        if saved > least
    ]


def _encoded(tokenizer: Tokenizer, lines: Sequence[str]) -> Iterator[list[int]]:
    for start in range(0, len(lines), _AT_ONCE):
        yield from tokenizer.encode_batch(lines[start : start + _AT_ONCE])


def spelling(tokenizer: Tokenizer, piece: str) -> list[int]:
    """The ids that a tokenizer writes for the text of a piece, wherever in a word it stands."""
    if isinstance(tokenizer, MappedTokenizer):
        return tokenizer.spelling(piece)
    # No word begins after this sign, which only bytes spell.
    anchor = "\x01"
    ids = tokenizer.encode(anchor + piece.replace("\u2581", " "))
    return ids[tokenizer.pieces(ids).index("<0x01>") + 1 :]


def _scored(
    tokenizer: Tokenizer, counted: Sequence[tuple[str, int]], total: int, bpe: bool = False
) -> list[tuple[str, float, int]]:
    """With what SentencePiece weighs: of a unigram model the log-probability, of BPE the order of the merges."""
    if bpe:
        last = min((tokenizer.score_of(i) for i in range(tokenizer.vocab_size)), default=0.0)
        return [(piece, last - 1 - number, _NORMAL) for number, (piece, _) in enumerate(counted)]
    found = []
    for piece, count in counted:
        parts = spelling(tokenizer, piece)
        # Never less than what its parts are worth together, or it would not be used.
        worth = sum(map(tokenizer.score_of, parts)) + 0.1 if parts else -math.inf
        found.append((piece, max(math.log(count / max(total, 1)), worth), _NORMAL))
    return found


def _with(tokenizer: Tokenizer, pieces: Sequence[tuple[str, float, int]]) -> Tokenizer:
    """Entries of a repeated field may stand anywhere in a message: added at its end, they are the last."""
    entries = b"".join(_entry(*one) for one in pieces)
    if isinstance(tokenizer, MappedTokenizer):
        return tokenizer.longer([piece for piece, *_ in pieces], entries)
    return Tokenizer(tokenizer.serialized + entries)


def _entry(piece: str, score: float, kind: int) -> bytes:
    """Field 1 of ModelProto, a SentencePiece: its text (1), score (2) and type (3)."""
    text = piece.encode()
    inner = b"\x0a" + _varint(len(text)) + text + b"\x15" + struct.pack("<f", score) + b"\x18" + _varint(kind)
    return b"\x0a" + _varint(len(inner)) + inner


def _varint(number: int) -> bytes:
    found = b""
    while number > 127:
        found += bytes([number & 127 | 128])
        number >>= 7
    return found + bytes([number])
