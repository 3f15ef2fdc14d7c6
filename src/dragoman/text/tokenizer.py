"""SentencePiece, wrapped: train, encode, decode, sample. Knows no tensors and no corpus files.

Subwords are learnt on raw text, without a word segmenter, so Chinese needs nothing special. Normalisation is
`identity`: SentencePiece's default turns full-width `，？：；` into ASCII; ours is text/normalize.py.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import sentencepiece

from dragoman.errors import ConfigError, CorpusError, ModelError

PAD, UNK, BOS, EOS = 0, 1, 2, 3

# A crafted piece of 100 kB crashed older loaders; real pieces are at most 16 characters long by default.
LONGEST_PIECE_BYTES = 1024


@dataclass(frozen=True)
class TokenizerConfig:
    """How subwords are learnt and used."""

    kind: Annotated[Literal["unigram", "bpe"], "SentencePiece model type"] = "unigram"
    vocab_size: Annotated[int, "pieces in the joint vocabulary, or in each of two"] = 8000
    joint: Annotated[bool, "one vocabulary for both languages"] = True
    character_coverage: Annotated[float, "share of characters that get a piece; bytes spell the rest"] = 0.9995
    sampling: Annotated[
        float, "smoothness of subword sampling during training: unigram alpha or BPE dropout; 0 = off"
    ] = 0.0
    training_lines: Annotated[int, "at most so many lines are read to learn the pieces"] = 2_000_000

    def __post_init__(self) -> None:
        if self.vocab_size < 300:
            raise ConfigError(
                f"tokenizer.vocab_size = {self.vocab_size}: at least 300, since 256 pieces spell single bytes"
            )
        if not 0 < self.character_coverage < 1:
            raise ConfigError(
                f"tokenizer.character_coverage = {self.character_coverage}: must lie between 0 and 1, "
                "or no character is left for byte fallback to learn"
            )
        if not 0 <= self.sampling < 1:
            raise ConfigError(f"tokenizer.sampling = {self.sampling}: must lie in [0, 1)")


class Tokenizer:
    """Text to ids and back. Every text has ids: what has no piece is spelled in bytes."""

    def __init__(self, serialized: bytes, name: str = "tokenizer") -> None:
        """`serialized` is a SentencePiece model; `name` is what errors call it. Raises ModelError."""
        self.serialized = serialized
        try:
            self._model = sentencepiece.SentencePieceProcessor(model_proto=serialized)
        except (RuntimeError, OSError, ValueError) as error:
            raise ModelError(f"{name} is not a SentencePiece model: {error}") from error
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
    def train(cls, lines: Iterable[str], config: TokenizerConfig) -> Tokenizer:
        """Learn pieces from text. Raises CorpusError when there is too little of it for the vocabulary."""
        model = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(lines),
                model_writer=model,
                model_type=config.kind,
                vocab_size=config.vocab_size,
                character_coverage=config.character_coverage,
                byte_fallback=True,
                normalization_rule_name="identity",
                input_sentence_size=config.training_lines,
                shuffle_input_sentence=True,
                train_extremely_large_corpus=False,
                max_sentence_length=100_000,
                pad_id=PAD,
                unk_id=UNK,
                bos_id=BOS,
                eos_id=EOS,
                pad_piece="<pad>",
                num_threads=2,  # fixed: the learnt pieces must not depend on the machine
                minloglevel=2,
            )
        except (RuntimeError, ValueError) as error:
            raise CorpusError(
                f"no vocabulary of {config.vocab_size} pieces can be learnt from this corpus: {_reason(error)}; "
                "use more text or a smaller tokenizer.vocab_size"
            ) from error
        return cls(model.getvalue())

    @property
    def vocab_size(self) -> int:
        return int(self._model.get_piece_size())

    def vocabulary(self) -> list[str]:
        """All pieces, by id."""
        return [self._model.id_to_piece(i) for i in range(self.vocab_size)]

    def encode(self, text: str) -> list[int]:
        """Ids without <s> and </s>."""
        return list(self._model.encode(text, out_type=int))

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        return list(self._model.encode(list(texts), out_type=int))

    def sample_batch(self, texts: Sequence[str], alpha: float, seed: int) -> list[list[int]]:
        """One random segmentation each (subword regularisation, Kudo 2018); the same for the same seed."""
        sentencepiece.set_random_generator_seed(seed % 2**32)
        encode = self._model.encode
        return [
            encode(text, out_type=int, enable_sampling=True, alpha=alpha, nbest_size=-1) for text in texts
        ]

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids; special ids vanish, and bytes that spell no character do too."""
        kept = [i for i in map(int, ids) if i > EOS]
        return str(self._model.decode(kept)).replace("\ufffd", "")

    def pieces(self, ids: Sequence[int]) -> list[str]:
        return [self._model.id_to_piece(int(i)) for i in ids]


def _reason(error: Exception) -> str:
    """The last clause of SentencePiece's message, without its source file and line."""
    text = str(error).split("] ")[-1].strip().rstrip(".")
    return text or type(error).__name__
