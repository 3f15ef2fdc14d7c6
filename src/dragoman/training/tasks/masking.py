"""What BERT is taught with: texts with hidden tokens, and pairs of lines that follow each other or do not.

Devlin et al. (2018), section 3.1. Knows no model. Every draw depends on seed, epoch and place alone, so a resumed run
hides what the first one hid.

Dimensions: B batch, S tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dragoman.corpus.batches import Rows, epoch_order, pad, plan_batches
from dragoman.errors import CorpusError
from dragoman.ids import BOS, EOS, PAD
from dragoman.text.splitter import SPACE
from dragoman.text.wordpiece import INSIDE
from dragoman.training.tasks.texts import Encode, Split, TextConfig

HIDDEN, AS_MASK, AS_ANOTHER = 0.15, 0.8, 0.1  # of the tokens; of the hidden ones; the rest stays what it was
FIRST_WORD = 4  # below are special tokens
DEV_EPOCH = 2**31  # no training run gets there
ALONE = 0.25  # of the lines that could be cut stay whole: one sentence, of which nobody asks what follows
_WIDE_PAUSES, _PAUSES = "，。！？；…", ",.!?;"  # the second only before a space: 3.5 and e.g. go on
_CJK = "\u2e80"  # from here on signs are written without spaces, each a word or a part of one

Row = tuple[
    list[int], list[int], int
]  # tokens, segments, whether the second line follows (-1: there is none)


@dataclass(frozen=True)
class Words:
    """Which tokens belong to one word."""

    letters: np.ndarray  # [V] a token of letters, which a token of letters without a space before it goes on
    goes_on: np.ndarray  # [V] a token of letters without a space before it
    byte: np.ndarray  # [V] a byte: several spell one character
    wide_pause: np.ndarray  # [V] a comma or a stop, as Chinese writes them
    pause: np.ndarray  # [V] one as Latin script writes them: it is one only before what `opens`
    opens: np.ndarray  # [V] a token that stands apart from the one before it

    @classmethod
    def of(cls, vocabulary: Sequence[str], unit: str) -> Words:
        """`unit` is what the tokens are: subwords, characters, words or wordpiece."""
        letters = [bool(word.strip(SPACE)) and word[-1].isalpha() and word[-1] < _CJK for word in vocabulary]
        starts: Callable[[str], bool] = {
            "words": lambda word: True,
            "wordpiece": lambda word: not word.startswith(INSIDE),
        }.get(unit, lambda word: word.startswith(SPACE) or not word[0].isalpha())
        goes_on = [ends and not starts(word) for ends, word in zip(letters, vocabulary, strict=True)]
        byte = [word.startswith("<0x") and word.endswith(">") for word in vocabulary]
        wide, narrow = (
            [word.endswith(tuple(marks)) for word in vocabulary] for marks in (_WIDE_PAUSES, _PAUSES)
        )
        spaced = unit in ("words", "wordpiece")
        opens = [word.startswith(SPACE) or (spaced and not word[:1].isdigit()) for word in vocabulary]
        flags = (letters, goes_on, byte, wide, narrow, opens)
        return cls(*(np.array(flag, dtype=bool) for flag in flags))

    @property
    def size(self) -> int:
        """V, the special tokens included."""
        return len(self.letters)

    def cuts(self, ids: Sequence[int]) -> list[int]:
        """The places in a line after a comma or a stop, with two tokens at least on either side."""
        tokens = np.asarray(ids, np.int64)
        before, after = tokens[1:-2], tokens[2:-1]  # a cut at i stands between tokens i - 1 and i
        ends = self.wide_pause[before] | (self.pause[before] & self.opens[after])
        return [*(np.flatnonzero(ends & ~self.stops(after)) + 2).tolist()]

    def stops(self, tokens: np.ndarray) -> np.ndarray:
        """Which tokens [...] are a comma or a stop."""
        return self.wide_pause[tokens] | self.pause[tokens]

    def numbers(self, tokens: np.ndarray, whole: bool) -> np.ndarray:
        """tokens [B, S] -> the number of the word that each belongs to [B, S], from 0 in each row.

        Without `whole` each token is a word, but for the bytes of a character.
        """
        joined = np.zeros(tokens.shape, dtype=bool)
        joined[:, 1:] = self.byte[tokens[:, 1:]] & self.byte[tokens[:, :-1]]
        if whole:
            joined[:, 1:] |= self.goes_on[tokens[:, 1:]] & self.letters[tokens[:, :-1]]
        return (~joined).cumsum(1) - 1


@dataclass(frozen=True)
class MaskedBatch(Rows):
    """Lines, or pairs of lines, with hidden tokens; what lineage.bert.MaskedBatch asks for."""

    source: Tensor  # [B, S] token ids, with [MASK] or another where a token is hidden
    segments: Tensor  # [B, S] 0 in the first line, 1 in the second
    target: Tensor  # [B, S + 1] a column of <pad>, then the hidden tokens, <pad> at all others
    follows: Tensor  # [B] 1 where the second line follows the first, 0 where not, -1 where there is none

    @property
    def source_mask(self) -> Tensor:
        """Boolean [B, S], True at real tokens."""
        return self.source != PAD

    @property
    def target_mask(self) -> Tensor:
        """Boolean [B, S + 1], True at tokens to be predicted."""
        return self.target != PAD


def hide(
    tokens: np.ndarray, words: Words, whole: bool, draw: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """tokens [B, S] -> what is read instead, and the hidden tokens, PAD elsewhere.

    15 % of the words are hidden, and at least one in each row. Of the hidden tokens 80 % become [MASK], the last of
    the vocabulary, 10 % any other token, and 10 % stay.
    """
    number = words.numbers(tokens, whole)
    usable = tokens >= FIRST_WORD
    chance = np.take_along_axis(draw.random(tokens.shape), number, 1)  # one for each word
    chance[~usable] = 1.0
    hidden = usable & (chance < np.maximum(HIDDEN, chance.min(1, keepdims=True) + 1e-12))
    what = draw.random(tokens.shape)
    mask = words.size - 1
    read = np.where(hidden & (what < AS_MASK), mask, tokens)
    other = hidden & (what >= AS_MASK) & (what < AS_MASK + AS_ANOTHER)
    read = np.where(other, draw.integers(FIRST_WORD, mask, tokens.shape), read)
    return read, np.where(hidden, tokens, PAD)


class MaskedData:
    """Batches of hidden words for any epoch."""

    def __init__(self, given: Split, encode: Encode, words: Words, config: TextConfig, seed: int) -> None:
        self.config, self.words, self.seed = config, words, seed
        self.fingerprint = given.fingerprint(words.size)
        self._train, self._dev = ([ids for ids in encode(lines) if ids] for lines in (given.train, given.dev))
        if config.next_sentence:
            self._check_pairs()
        tokens = sum(map(len, self._train))
        self.report = f"{len(self._train):,} lines, {tokens:,} tokens"

    def _check_pairs(self) -> None:
        usable, what = (self._train, self._dev), "lines"
        if self.config.cut_lines:
            usable = tuple([ids for ids in lines if self.words.cuts(ids)] for lines in usable)  # type: ignore[assignment]
            what = "lines with a comma or a stop inside"
        if min(map(len, usable)) < 2:
            raise CorpusError(
                f"data.next_sentence needs two {what} at least to train on, and two to measure on"
            )

    def _rows(self, lines: Sequence[list[int]], draw: np.random.Generator) -> list[Row]:
        """Every line once as the first of a pair, or by itself. Half of the second lines follow, half are any other."""
        longest = self.config.longest
        if not self.config.next_sentence:
            return [
                _alone(ids[start : start + longest - 2])
                for ids in lines
                for start in range(0, len(ids), longest - 2)
            ]
        if self.config.cut_lines:
            return self._cut_rows(lines, draw)
        follow = draw.random(len(lines) - 1) < 0.5
        others = draw.integers(0, len(lines) - 1, len(lines) - 1)
        rows = []
        for i, (follows, other) in enumerate(zip(follow, others, strict=True)):
            second = lines[i + 1] if follows else lines[other + (other >= i + 1)]  # any but the next
            rows.append(pair_of(lines[i], second, longest, int(follows)))
        return rows

    def _cut_rows(self, lines: Sequence[list[int]], draw: np.random.Generator) -> list[Row]:
        """Every line once: cut in two, with its own second half or that of another; or whole, if nothing cuts it.

        Half of the parts lose the mark at their end, so that nothing is learnt from its being there.
        """
        places = [self.words.cuts(ids) for ids in lines]
        places = [
            some if some and alone >= ALONE else []
            for some, alone in zip(places, draw.random(len(lines)), strict=True)
        ]
        cut = [(ids, int(draw.choice(some))) for ids, some in zip(lines, places, strict=True) if some]
        rows = [
            _alone(self._bare(ids, draw)[: self.config.longest - 2])
            for ids, some in zip(lines, places, strict=True)
            if not some
        ]
        for i, (ids, place) in enumerate(cut):
            follows = len(cut) == 1 or bool(draw.random() < 0.5)
            other = i if follows else int((i + draw.integers(1, len(cut))) % len(cut))
            line, start = cut[other]
            first, second = (self._bare(part, draw) for part in (ids[:place], line[start:]))
            rows.append(pair_of(first, second, self.config.longest, int(follows)))
        return rows

    def _bare(self, ids: list[int], draw: np.random.Generator) -> list[int]:
        ends = len(ids) > 1 and self.words.stops(np.array(ids[-1])) and draw.random() < 0.5
        return ids[:-1] if ends else ids

    def _batch(self, rows: Sequence[Row], draw: np.random.Generator) -> MaskedBatch:
        tokens = pad([tokens for tokens, _, _ in rows])
        read, labels = hide(tokens.numpy(), self.words, self.config.whole_words, draw)
        target = np.pad(labels, ((0, 0), (1, 0)), constant_values=PAD)
        return MaskedBatch(
            torch.from_numpy(read), pad([segments for _, segments, _ in rows]), torch.from_numpy(target),
            torch.tensor([follows for _, _, follows in rows]),
        )  # fmt: skip

    def _plan(
        self, lines: Sequence[list[int]], epoch: int, budget: int
    ) -> tuple[list[Row], list[np.ndarray]]:
        order = epoch_order(self.seed, epoch)
        rows = self._rows(lines, order)
        lengths = np.array([len(tokens) for tokens, _, _ in rows])
        return rows, plan_batches(lengths - 1, lengths - 1, budget, order)

    def _batches(
        self, lines: Sequence[list[int]], epoch: int, start: int, budget: int
    ) -> Iterator[MaskedBatch]:
        rows, plan = self._plan(lines, epoch, budget)
        for number, indices in enumerate(plan[start:], start):
            yield self._batch([rows[i] for i in indices], np.random.default_rng([self.seed, epoch, number]))

    def epoch(self, epoch: int, start: int, budget: int) -> Iterator[MaskedBatch]:
        """The batches of an epoch from position `start` on."""
        return self._batches(self._train, epoch, start, budget)

    def batches_per_epoch(self, budget: int) -> int:
        return len(self._plan(self._train, 0, budget)[1])

    def largest_batch(self, budget: int) -> MaskedBatch:
        rows, plan = self._plan(self._train, 0, budget)
        largest = max(plan, key=lambda chosen: len(chosen) * max(len(rows[i][0]) for i in chosen))
        return self._batch([rows[i] for i in largest], np.random.default_rng(self.seed))

    def dev_batches(self, budget: int) -> list[MaskedBatch]:
        """The dev lines, of at most `budget` tokens a batch. The same tokens are hidden each time."""
        return list(self._batches(self._dev, DEV_EPOCH, 0, budget))


def _alone(ids: list[int]) -> Row:
    """<s> ids </s>"""
    return [BOS, *ids, EOS], [0] * (len(ids) + 2), -1


def pair_of(first: list[int], second: list[int], longest: int, follows: int) -> Row:
    """<s> first </s> second </s>, the longer of the two cut at its end until both fit."""
    room = longest - 3
    keep = [len(first), len(second)]
    if sum(keep) > room:
        shorter = min(min(keep), room // 2)
        keep = [shorter if length == min(keep) else room - shorter for length in keep]
        if len(first) == len(second):
            keep = [room - room // 2, room // 2]
    tokens = [BOS, *first[: keep[0]], EOS, *second[: keep[1]], EOS]
    return tokens, [0] * (keep[0] + 2) + [1] * (keep[1] + 1), follows
