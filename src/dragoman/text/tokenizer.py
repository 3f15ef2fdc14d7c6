"""SentencePiece, wrapped: train, encode, decode, sample. Knows no tensors and no corpus files.

Subwords are learnt on raw text, without a word segmenter, so Chinese needs nothing special. Normalisation is
`identity`: SentencePiece's default turns full-width `，？：；` into ASCII; ours is text/normalize.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import sentencepiece

from dragoman.bounds import LARGEST_SIZE, LARGEST_WHOLE, SHARE, Within, refuse_out_of_bounds
from dragoman.errors import ConfigError, ModelError
from dragoman.ids import BOS, EOS, PAD, SPECIALS, UNK
from dragoman.text.draws import Draws
from dragoman.text.learning import TOO_HIGH, learnt, reason, refused
from dragoman.text.rules import refuse_endless

MOST_PLACEHOLDERS = 50
MOST_SYMBOLS, LONGEST_SYMBOL = 1000, 40
_PLACEHOLDER = re.compile(r"⟦\d{1,2}⟧")
_BYTE = re.compile(r"<0x[0-9A-Fa-f]{2}>")
LEAST_PIECES = 261  # 256 bytes, four special tokens, and one to learn

# Its warnings about odd pieces go to standard error, around ours.
sentencepiece.set_min_log_level(2)


@dataclass(frozen=True)
class TokenizerConfig:
    """How subwords are learnt and used."""

    kind: Annotated[
        Literal["unigram", "bpe", "mapped"], "SentencePiece model type; mapped: as an imported model has it"
    ] = "unigram"
    vocab_size: Annotated[
        int,
        "pieces in the joint vocabulary, or in each of two; fewer where a corpus has fewer",
        Within(LEAST_PIECES, LARGEST_SIZE),
    ] = 8000
    joint: Annotated[bool, "one vocabulary for both languages"] = True
    character_coverage: Annotated[
        float,
        "share of characters that get a piece, bytes spell the rest; 0 = 0.9995, of an alphabet 0.99999",
        Within(0, 1, open_most=True),
    ] = 0.0
    sampling: Annotated[
        float,
        "chance that a piece is split in two, anew in each epoch (subword regularisation); 0 = off",
        SHARE,
    ] = 0.0
    placeholders: Annotated[
        int,
        "words of the vocabulary that stand for what no model knows: addresses, format strings; 0 = none",
        Within(0, MOST_PLACEHOLDERS),
    ] = 0
    symbols: Annotated[
        tuple[str, ...],
        "words that stay one token each and are never cut, such as tags of a corpus or a language",
    ] = ()
    training_lines: Annotated[
        int, "at most so many lines are read to learn the pieces", Within(0, LARGEST_WHOLE)
    ] = 2_000_000

    def __post_init__(self) -> None:
        if self.vocab_size < LEAST_PIECES:
            raise ConfigError(
                f"tokenizer.vocab_size = {self.vocab_size}: at least {LEAST_PIECES}, since 256 spell single bytes"
            )
        if not 0 <= self.character_coverage < 1:
            raise ConfigError(
                f"tokenizer.character_coverage = {self.character_coverage}: must be below 1, or no character is left "
                "for byte fallback to learn, and not below 0"
            )
        refuse_out_of_bounds(self, "tokenizer")
        self._refuse_symbols()

    def _refuse_symbols(self) -> None:
        if len(self.symbols) > MOST_SYMBOLS:
            raise ConfigError(
                f"tokenizer.symbols: {len(self.symbols):,} are more than the {MOST_SYMBOLS:,} there may be"
            )
        for i, symbol in enumerate(self.symbols):
            why = ""
            if not symbol or len(symbol) > LONGEST_SYMBOL:
                why = f"a symbol has 1 to {LONGEST_SYMBOL} characters"
            elif any(letter.isspace() or not letter.isprintable() for letter in symbol) or "\u2581" in symbol:
                why = "a symbol has no space in it, and no sign that cannot be seen"
            elif symbol in SPECIALS or _PLACEHOLDER.fullmatch(symbol) or _BYTE.fullmatch(symbol):
                why = "the vocabulary has a token of this name already"
            elif symbol in self.symbols[:i]:
                why = "it is named twice"
            if why:
                raise ConfigError(f"tokenizer.symbols: {symbol[:LONGEST_SYMBOL]!r}: {why}")


class Tokenizer:
    """Text to ids and back. Every text has ids: what has no piece is spelled in bytes."""

    def __init__(self, serialized: bytes, name: str = "tokenizer") -> None:
        """`serialized` is a SentencePiece model; `name` is what errors call it. Raises ModelError."""
        self.serialized = serialized
        self._model = opened(serialized, name)
        self._pieces = spelled(self._model, name)
        refuse_endless(serialized, name)
        specials = [self._model.pad_id(), self._model.unk_id(), self._model.bos_id(), self._model.eos_id()]
        if specials != [PAD, UNK, BOS, EOS]:
            raise ModelError(
                f"{name}: special ids are {specials}, expected pad, unk, <s>, </s> = {[PAD, UNK, BOS, EOS]}"
            )

    @classmethod
    def load(cls, path: str | Path) -> Tokenizer:
        return cls(Path(path).read_bytes(), str(path))

    @classmethod
    def from_bytes(cls, serialized: bytes) -> Tokenizer:
        return cls(serialized)

    @classmethod
    def train(cls, lines: Iterable[str], config: TokenizerConfig, symbols: Sequence[str] = ()) -> Tokenizer:
        """Learn pieces from text: config.vocab_size of them, or as many as there are in a text that has fewer.

        `symbols` are pieces too, each with an id that no text is encoded to: they tell a model something about it.
        `lines` that can be read twice are, where there are too few pieces. Of more than config.training_lines lines
        that have a length, so many are read, always the same. Raises CorpusError when the vocabulary is too small for
        the characters of the text, and when there are too few pieces in lines that can be read only once.
        """
        if config.kind == "mapped":
            raise ConfigError(
                "tokenizer.kind = 'mapped' is a vocabulary that came with somebody else's model, and cannot be learnt: "
                "set tokenizer.kind = 'unigram', or begin with that model (--from)"
            )
        try:
            return cls(learnt(lines, config, symbols, exact=True))
        except (RuntimeError, ValueError) as error:
            if iter(lines) is lines or not TOO_HIGH.search(str(error)):
                raise refused(error, config) from error
        try:
            return cls(learnt(lines, config, symbols, exact=False))
        except (RuntimeError, ValueError) as error:
            raise refused(error, config) from error

    # What stands before every text: the token of a language, in models of many (mapped.py).
    lead: tuple[int, ...] = ()

    @property
    def sentencepiece(self) -> bytes:
        """The SentencePiece model by itself, as other programs read it."""
        return self.serialized

    @property
    def bare(self) -> Tokenizer:
        """The same without `lead`."""
        return self

    def between(self, source: str, target: str) -> Tokenizer:
        """The same for a pair of languages. Raises ConfigError for one that it has not."""
        return self

    @property
    def vocab_size(self) -> int:
        return int(self._model.get_piece_size())

    def vocabulary(self) -> list[str]:
        """All pieces, by id."""
        return list(self._pieces)

    @cached_property
    def placeholders(self) -> dict[str, int]:
        """The words that stand for something else, with their ids: whatever is around them, each is one token."""
        return {piece: i for i, piece in enumerate(self.vocabulary()) if _PLACEHOLDER.fullmatch(piece)}

    def score_of(self, piece: int) -> float:
        """What SentencePiece weighs a piece with: of a unigram model, its log-probability."""
        return float(self._model.get_score(piece))

    @cached_property
    def controls(self) -> dict[str, int]:
        """The pieces, with their ids, that no text is encoded to and that tell a model something about one."""
        return {piece: i for i, piece in enumerate(self._pieces) if i > EOS and self._model.is_control(i)}

    @cached_property
    def symbols(self) -> dict[str, int]:
        """The fixed words of TokenizerConfig.symbols, with their ids; placeholders are not among them.

        SentencePiece places what is defined for it between the special tokens and the bytes.
        """
        first = next((i for i in range(EOS + 1, self.vocab_size) if self._model.is_byte(i)), EOS + 1)
        return {
            piece: i
            for i, piece in enumerate(self._pieces[:first])
            if i > EOS and not _PLACEHOLDER.fullmatch(piece)
        }

    def encode(self, text: str) -> list[int]:
        """Ids without <s> and </s>."""
        return list(self._model.encode(text, out_type=int))

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        return list(self._model.encode(list(texts), out_type=int))

    def sample_batch(self, texts: Sequence[str], rate: float, seed: int) -> list[list[int]]:
        """A random segmentation each: with probability `rate` a piece is split in two, and so are its parts.

        Subword regularisation in the manner of BPE-dropout (Provilkov et al., 2020), for either kind of model. The
        result is a pure function of the arguments. SentencePiece's own sampler is not: with one seed it gives
        different segmentations in different processes, and a resumed run would read another corpus.
        """
        bits = np.random.PCG64(seed)
        rows = self.encode_batch(texts)
        ends = np.cumsum([0, *map(len, rows)])
        chosen = np.flatnonzero(np.random.Generator(bits).random(int(ends[-1])) < rate)
        draws = Draws(bits)
        of_row = np.searchsorted(ends, chosen, side="right") - 1
        places: dict[int, list[int]] = {}
        for row, place in zip(of_row.tolist(), (chosen - ends[of_row]).tolist(), strict=True):
            places.setdefault(row, []).append(place)
        for number, cuts in places.items():  # rising, and so are the places in each
            ids, start, sampled = rows[number], 0, []
            for place in cuts:
                sampled += ids[start:place]
                sampled += self._split(ids[place], rate, draws)
                start = place + 1
            rows[number] = sampled + ids[start:]
        return rows

    def _split(self, piece: int, rate: float, draws: Draws) -> list[int]:
        cuts = self._cuts[piece]
        if not cuts:
            return [piece]
        one, other = cuts[draws.below(len(cuts))]
        parts = self._split(one, rate, draws) if draws.random() < rate else [one]
        return parts + (self._split(other, rate, draws) if draws.random() < rate else [other])

    @cached_property
    def _cuts(self) -> list[list[tuple[int, int]]]:
        """For each piece, the ways to write it as two."""
        by_piece = {
            self._model.id_to_piece(i): i
            for i in range(self.vocab_size)
            if not (self._model.is_control(i) or self._model.is_byte(i) or self._model.is_unknown(i))
        }
        return [
            [
                (by_piece[piece[:cut]], by_piece[piece[cut:]])
                for cut in range(1, len(piece))
                if piece not in self.symbols
                and piece in by_piece
                and piece[:cut] in by_piece
                and piece[cut:] in by_piece
            ]
            for piece in self.vocabulary()
        ]

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids; special ids vanish, and bytes that spell no character do too."""
        kept = [i for i in map(int, ids) if i > EOS]
        return str(self._model.decode(kept)).replace("\ufffd", "")

    def pieces(self, ids: Sequence[int]) -> list[str]:
        return list(map(self._pieces.__getitem__, ids))


def opened(serialized: bytes, name: str) -> sentencepiece.SentencePieceProcessor:
    """A SentencePiece model, as yet unchecked. Raises ModelError, which calls it `name`."""
    if not serialized:  # of which SentencePiece makes a model that has nothing
        raise ModelError(f"{name} is not a SentencePiece model: it is empty")
    try:
        return sentencepiece.SentencePieceProcessor(model_proto=serialized)
    except (RuntimeError, OSError, ValueError) as error:
        raise ModelError(f"{name} is not a SentencePiece model, or is damaged: {reason(error)}") from error


def spelled(model: sentencepiece.SentencePieceProcessor, name: str) -> list[str]:
    """All pieces, by id. Raises ModelError for one that is no text, before anybody asks for it."""
    size = model.get_piece_size()
    if size > LARGEST_SIZE:
        raise ModelError(f"{name} has {size:,} pieces: more than {LARGEST_SIZE:,} are not read")
    pieces = []
    for i in range(size):
        try:
            pieces.append(model.id_to_piece(i))
        except UnicodeDecodeError as error:
            raise ModelError(f"{name}: piece {i:,} is not UTF-8: {error.reason}") from error
    return pieces
