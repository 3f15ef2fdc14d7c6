"""Text of one language as batches: lines into windows of ids, once; batches of any epoch from them. Knows no model.

Kept in the run's `data` directory, so that a resumed run reads what the first one read:
  windows/             ids of the windows, each with one token more than is read at once, so that all are predicted
  texts.json           written last: what the windows were made from

Dimensions: B batch, T tokens.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Annotated
from zlib import crc32

import numpy as np
import torch

from dragoman.bounds import LARGEST_SIZE, LARGEST_WHOLE, Within, refuse_out_of_bounds
from dragoman.corpus.batches import Batch, IdStore, epoch_order, pad, plan_batches
from dragoman.errors import ConfigError, CorpusError
from dragoman.files import publish
from dragoman.ids import BOS, EOS

Encode = Callable[[Sequence[str]], list[list[int]]]
_LINES_AT_ONCE = 10_000


@dataclass(frozen=True)
class TextConfig:
    """What the text is."""

    held_out: Annotated[
        int, "lines taken from the text for validation when no dev text is given", Within(1, LARGEST_WHOLE)
    ] = 1000
    joined: Annotated[
        bool,
        "the lines follow each other, as in a book: windows run across them; else each is a text by itself",
    ] = False
    longest: Annotated[
        int,
        "tokens of a window: longer lines, or the joined text, are cut into such",
        Within(8, LARGEST_SIZE),
    ] = 128
    next_sentence: Annotated[
        bool, "BERT: also learn whether one line follows another (of use where lines do follow each other)"
    ] = False
    cut_lines: Annotated[
        bool,
        "BERT, with next_sentence: the next sentence is the rest of the same line, after a comma or a stop (of use "
        "where lines do not follow each other)",
    ] = False
    whole_words: Annotated[bool, "BERT: hide words, not the subwords they are made of"] = False

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self, "data")
        if self.cut_lines and not self.next_sentence:
            raise ConfigError(
                "data.cut_lines says where data.next_sentence finds its pairs: set data.next_sentence=true too"
            )


@dataclass(frozen=True)
class Split:
    """Lines to train on, and lines to measure on."""

    train: list[str]
    dev: list[str]

    def fingerprint(self, vocab: int) -> str:
        """Of the lines, and of how many tokens their vocabulary has."""
        total = sha256(f"{vocab}\n".encode())
        for line in chain(self.train, ("",), self.dev):
            total.update(f"{line}\n".encode())
        return total.hexdigest()


def share_to_hold_out(asked: int, there: int) -> int:
    """How many of the lines or pairs that are there: what is asked for, but a tenth at most, and at least one."""
    return min(asked, max(1, there // 10))


def split(lines: Sequence[str], dev: Sequence[str], config: TextConfig, seed: int) -> Split:
    """Hold lines out where no dev text is given: the last ones of a joined text, else some chosen by their hash.

    A tenth of them at most: of a small text more is needed to learn from. A line that is held out is not trained on
    where it occurs again. Raises CorpusError when none is left.
    """
    if not dev:
        wanted = share_to_hold_out(config.held_out, len(lines))
        order = range(len(lines))
        if not config.joined:
            order = sorted(order, key=lambda i: crc32(f"{seed} {lines[i]}".encode()))  # type: ignore[assignment]
        held = set(order[len(order) - wanted :] if config.joined else order[:wanted])
        dev = [line for i, line in enumerate(lines) if i in held]
        known = set() if config.joined else set(dev)
        lines = [line for i, line in enumerate(lines) if i not in held and line not in known]
    if not lines:
        raise CorpusError(
            "the text has too few different lines to hold some of them out for validation: give a dev text with --dev"
        )
    return Split(list(lines), list(dev))


def windows(encoded: Iterable[list[int]], config: TextConfig) -> Iterator[list[int]]:
    """Pieces of `longest` + 1 tokens at most, which overlap by one: each token but the first <s> is predicted once."""
    texts = ([BOS, *ids, EOS] for ids in encoded)
    if config.joined:
        yield from _cut(chain.from_iterable(texts), config.longest)
    else:
        for text in texts:
            yield from _cut(text, config.longest)


def _cut(tokens: Iterable[int], longest: int) -> Iterator[list[int]]:
    piece: list[int] = []
    for token in tokens:
        piece.append(token)
        if len(piece) > longest:
            yield piece
            piece = [token]
    if len(piece) > 1:
        yield piece


def _noted(path: Path) -> object:
    """What stands in a file of JSON; None where it is none."""
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None


class TextData:
    """Batches of windows for a model that predicts the next token. A batch's source is nothing: one </s>."""

    def __init__(
        self,
        directory: Path,
        given: Split,
        encode: Encode,
        vocab: int,
        config: TextConfig,
        seed: int,
        contents: str = "",
        say: Callable[[str], object] = print,
    ) -> None:
        """`contents` is the fingerprint of the vocabulary; `say` is told when windows that are there cannot be used."""
        self.seed, self.vocab, self.lines, self.dev = seed, vocab, len(given.train), given.dev
        self.fingerprint = given.fingerprint(vocab)
        self._encode, self._config = encode, config
        self.store = self._prepared(directory, given, contents, say)
        lengths = self.store.lengths()[1]
        self.tokens, self.longest = int((lengths - 1).sum()), int(lengths.max()) - 2
        if config.joined and self.tokens < config.longest:
            raise CorpusError(
                f"the text is too small for data.longest = {config.longest}: it has {self.tokens:,} tokens; use more "
                "text or smaller windows"
            )
        self.report = f"{self.lines:,} lines, {self.tokens:,} tokens in {len(self.store):,} windows"

    def _prepared(
        self, directory: Path, given: Split, contents: str, say: Callable[[str], object]
    ) -> IdStore:
        about, config = directory / "texts.json", self._config
        made_from = {
            "fingerprint": self.fingerprint, "lines": self.lines, "vocabulary": contents,
            "joined": config.joined, "longest": config.longest,
        }  # fmt: skip
        if about.exists():
            store = IdStore.opened(directory / "windows")
            if store is not None and _noted(about) == made_from:
                return store
            say(f"{directory / 'windows'} is damaged, or was made otherwise: the text is encoded anew")
            about.unlink()
        directory.mkdir(parents=True, exist_ok=True)
        store = self._store(directory / "windows", given.train)
        publish(about, json.dumps(made_from).encode())
        return store

    def _store(self, directory: Path, lines: Sequence[str]) -> IdStore:
        encoded = (
            ids
            for start in range(0, len(lines), _LINES_AT_ONCE)
            for ids in self._encode(lines[start : start + _LINES_AT_ONCE])
        )
        return IdStore.write(directory, (((), piece) for piece in windows(encoded, self._config)), self.vocab)

    def _plan(self, budget: int, order: np.random.Generator | None) -> list[np.ndarray]:
        nothing, lengths = self.store.lengths()
        return plan_batches(nothing, lengths - 2, budget, order)

    def _batch(self, indices: np.ndarray) -> Batch:
        rows = [self.store[int(i)][1].tolist() for i in indices]
        return Batch(torch.full((len(rows), 1), EOS), pad(rows))

    def epoch(self, epoch: int, start: int, budget: int) -> Iterator[Batch]:
        """The batches of an epoch from position `start` on."""
        for indices in self._plan(budget, epoch_order(self.seed, epoch))[start:]:
            yield self._batch(indices)

    def batches_per_epoch(self, budget: int) -> int:
        return len(self._plan(budget, None))

    def largest_batch(self, budget: int) -> Batch:
        lengths = self.store.lengths()[1]
        return self._batch(
            max(self._plan(budget, None), key=lambda rows: len(rows) * int(lengths[rows].max()))
        )

    def dev_batches(self, budget: int) -> list[Batch]:
        """Windows of the dev text, of at most `budget` tokens a batch."""
        pieces = list(windows(self._encode(self.dev), self._config))
        lengths = np.array([len(piece) for piece in pieces])
        plan = plan_batches(np.zeros_like(lengths), lengths - 2, budget)
        return [Batch(torch.full((len(rows), 1), EOS), pad([pieces[i] for i in rows])) for rows in plan]
