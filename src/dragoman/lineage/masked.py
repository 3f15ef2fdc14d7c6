"""BERT with text: fill a gap, say whether one sentence follows another, name the class of a text. Trains nothing.

Dimensions: B batch, S tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dragoman.corpus.batches import pad
from dragoman.errors import UsageError
from dragoman.ids import BOS, EOS, PAD, UNK
from dragoman.lineage.bert import Bert
from dragoman.text.normalize import normalize
from dragoman.text.splitter import SPACE
from dragoman.text.vocabulary import MASK, Vocabulary
from dragoman.text.wordpiece import INSIDE

# A character of no language stands for the gap while text is cut into tokens: no token is made across it.
_GAP = "\ue000"
_GAP_BYTES = [f"<0x{byte:02X}>" for byte in _GAP.encode()]
_SPECIALS = (PAD, UNK, BOS, EOS)
_ROWS_AT_ONCE = 32


@dataclass(frozen=True)
class Guess:
    """What may stand in a gap."""

    token: str
    probability: float
    text: str  # the whole text with this token in this gap, and the likeliest in others


@dataclass(frozen=True)
class Label:
    """The class of a text."""

    name: str
    probability: float


@dataclass(frozen=True)
class MaskedLM:
    """A BERT of text."""

    model: Bert
    vocabulary: Vocabulary
    labels: tuple[str, ...] = ()

    # -- three questions ----------------------------------------------------------------------------------------

    @torch.no_grad()
    def fill(self, text: str, best: int = 5) -> list[list[Guess]]:
        """For each [MASK] of the text the likeliest tokens, the first first. Raises UsageError if there is none."""
        text = normalize(text)
        ids = self._with_gaps(text)
        gaps = [i for i, token in enumerate(ids) if token == self._mask]
        if not gaps:
            raise UsageError(f"there is no gap in {text!r}: write {MASK} where a token is to be guessed")
        tokens = self._fit([[BOS, *ids, EOS]])
        logits = self.model.words(self._encode(tokens, torch.zeros_like(tokens)))[0, 1:-1].float()
        logits[:, [*_SPECIALS, self._mask]] = -torch.inf  # what no text is written with
        found = logits[gaps].softmax(-1).topk(min(best, len(self.vocabulary.words) - len(_SPECIALS) - 1))
        words = [[self.vocabulary.words[token] for token in chosen] for chosen in found.indices.tolist()]
        likeliest = [chosen[0] for chosen in words]
        guesses = []
        for i, chances in enumerate(found.values.tolist()):
            texts = [_filled(text, [*likeliest[:i], word, *likeliest[i + 1 :]]) for word in words[i]]
            shown = [word.strip(SPACE).removeprefix(INSIDE) or SPACE for word in words[i]]
            guesses.append([Guess(*guess) for guess in zip(shown, chances, texts, strict=True)])
        return guesses

    def follows(self, first: str, second: str) -> float:
        """The probability that the second sentence comes after the first."""
        tokens, segments = self._pairs([(first, second)])
        with torch.no_grad():
            return float(self.model.follows(self._encode(tokens, segments)).float().softmax(-1)[0, 1])

    @torch.no_grad()
    def classify(self, texts: Sequence[tuple[str, ...]]) -> list[Label]:
        """The likeliest label of each text, or pair of texts. Raises UsageError for a model that knows no labels."""
        if not self.labels:
            raise UsageError(
                "this model knows no labels: train it on some with  dragoman lm classify --train"
            )
        found = []
        for start in range(0, len(texts), _ROWS_AT_ONCE):
            tokens, segments = self._pairs(texts[start : start + _ROWS_AT_ONCE])
            chance = self.model.classify(self._encode(tokens, segments)).float().softmax(-1)
            best = chance.max(-1)
            found += [
                Label(self.labels[i], p)
                for p, i in zip(best.values.tolist(), best.indices.tolist(), strict=True)
            ]
        return found

    # -- text to ids --------------------------------------------------------------------------------------------

    @property
    def _mask(self) -> int:
        return len(self.vocabulary.words) - 1

    def _encode(self, tokens: Tensor, segments: Tensor) -> Tensor:
        return self.model.encode(tokens, tokens != PAD, segments)

    def _pairs(self, texts: Sequence[tuple[str, ...]]) -> tuple[Tensor, Tensor]:
        """<s> first </s> second </s> of each, and which sentence each token is of."""
        rows, segments = [], []
        if (most := max(map(len, texts), default=0)) > self.model.config.segments:
            raise UsageError(
                f"{most} sentences are asked about together, and the model tells {self.model.config.segments} apart "
                "(model.segments)"
            )
        for parts in texts:
            row, segment = [BOS], [0]
            for number, ids in enumerate(self.vocabulary.encode([normalize(part) for part in parts])):
                row += [*ids, EOS]
                segment += [number] * (len(ids) + 1)
            rows.append(row)
            segments.append(segment)
        return self._fit(rows), pad(segments)

    def _fit(self, rows: list[list[int]]) -> Tensor:
        longest = max(map(len, rows))
        if longest > self.model.longest:
            raise UsageError(
                f"a text of {longest:,} tokens is too long: the model has {self.model.longest:,} positions; shorten it"
            )
        return pad(rows)

    def _with_gaps(self, text: str) -> list[int]:
        spaced = self.vocabulary.splitter.unit == "words" and self.vocabulary.splitter.segmenter is None
        mark = f" {_GAP} " if spaced else _GAP
        (tokens,) = self.vocabulary.splitter.split([text.replace(MASK, mark)])
        ids: list[int] = []
        while tokens:
            for spelled in (_GAP_BYTES, [_GAP]):
                if tokens[: len(spelled)] == spelled:
                    # Of a subword the space before it is a part; a character has it for a neighbour.
                    inside = self.vocabulary.splitter.unit == "subwords"
                    if inside and ids and tokens and self.vocabulary.words[ids[-1]] == SPACE:
                        ids.pop()
                    ids.append(self._mask)
                    tokens = tokens[len(spelled) :]
                    break
            else:
                ids.append(self.vocabulary.ids.get(tokens[0], 1))
                tokens = tokens[1:]
        return ids


def _filled(text: str, words: Sequence[str]) -> str:
    """The text as it was written, with a token in each gap."""
    for word in words:
        text = text.replace(MASK, word.replace(SPACE, " ").removeprefix(INSIDE), 1)
    return normalize(text)  # of two spaces one
