"""The tokens that a language model knows, and their ids: text to ids and back. Learns no subwords, reads no file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from dragoman.ids import EOS, SPECIALS, UNK
from dragoman.text.splitter import Splitter
from dragoman.text.wordpiece import WordPiece

MASK = "[MASK]"  # the last token of a model that fills gaps


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of text, and their ids."""

    words: tuple[str, ...]  # by id; the first four are SPECIALS
    splitter: Splitter | WordPiece

    @classmethod
    def of(
        cls, lines: Sequence[str], splitter: Splitter | WordPiece, extra: tuple[str, ...] = ()
    ) -> Vocabulary:
        """All pieces of a tokenizer; of characters and words, those in the lines. `extra` come last."""
        return cls.among(splitter.split(lines) if splitter.tokenizer is None else (), splitter, extra)

    @classmethod
    def among(
        cls, split: Iterable[Sequence[str]], splitter: Splitter | WordPiece, extra: tuple[str, ...] = ()
    ) -> Vocabulary:
        """The same of lines that are tokens already."""
        if splitter.tokenizer is not None:
            return cls((*splitter.tokenizer.vocabulary(), *extra), splitter)
        found = {token for tokens in split for token in tokens} - {*SPECIALS, *extra}
        return cls((*SPECIALS, *sorted(found), *extra), splitter)

    @cached_property
    def ids(self) -> dict[str, int]:
        # Not of the special tokens: a text that has "</s>" in it does not end there.
        return {word: i for i, word in enumerate(self.words) if i > EOS}

    def encode(self, lines: Sequence[str]) -> list[list[int]]:
        """Ids of each line, without <s> and </s>; <unk> for what is not in the vocabulary."""
        return self.numbered(self.splitter.split(lines))

    def numbered(self, split: Iterable[Sequence[str]]) -> list[list[int]]:
        """The same of lines that are tokens already."""
        ids = self.ids
        return [[ids.get(token, UNK) for token in tokens] for tokens in split]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids; special tokens have none."""
        return self.splitter.join([self.words[i] for i in ids if i > EOS])
