"""Token ids on disk, length buckets under a token budget, and the Batch that training reads. Knows no model.

Dimensions: B batch, S source, T target.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from dragoman.files import naming, publish
from dragoman.ids import BOS, EOS, PAD

Ids = np.ndarray  # one-dimensional, of whole numbers

_AT_ONCE = 4096  # pairs
_BLOCK = 2**20  # pairs whose lengths are looked at together


@dataclass(frozen=True)
class Rows:
    """A batch of any sort: a subclass has fields that are tensors with a row for each text [B, ...]."""

    def __len__(self) -> int:
        return len(next(iter(vars(self).values())))

    def rows(self, start: int, end: int) -> Self:
        """Part of the batch, for accumulation."""
        return self._each(lambda part: part[start:end])

    def twice(self) -> Self:
        """Every row two times over, so that dropout falls on it in two ways."""
        return self._each(lambda part: torch.cat((part, part)))

    def to(self, device: torch.device | str) -> Self:
        return self._each(lambda part: part.to(device))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Self:
        return replace(self, **{name: change(part) for name, part in vars(self).items()})


@dataclass(frozen=True)
class Batch(Rows):
    """Padded sentence pairs: source [B, S] ends with </s>; target [B, T] runs from <s> to </s>."""

    source: Tensor
    target: Tensor

    @property
    def source_mask(self) -> Tensor:
        return self.source != PAD

    @property
    def target_mask(self) -> Tensor:
        return self.target != PAD


def pad(rows: Sequence[Sequence[int]]) -> Tensor:
    """Ragged ids -> int64 [B, longest], padded on the right."""
    out = np.full((len(rows), max((len(row) for row in rows), default=0)), PAD, dtype=np.int64)
    for line, row in zip(out, rows, strict=True):
        line[: len(row)] = row
    return torch.from_numpy(out)


def collate(sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> Batch:
    """Ids without special tokens -> Batch."""
    return Batch(pad([[*row, EOS] for row in sources]), pad([[BOS, *row, EOS] for row in targets]))


class IdStore:
    """Sentence pairs as ids in two memory-mapped files, so that a corpus larger than memory trains.

    `ids.bin` holds all ids one after another, source before target in each pair; `offsets.bin` holds 2 N + 1
    positions in it; `store.json` the number of pairs, the width of an id and the sha256 of the two, written last.
    """

    FILES = ("ids.bin", "offsets.bin")

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        info = json.loads((directory / "store.json").read_text())
        self.pairs = int(info["pairs"])
        self.ids = np.memmap(directory / "ids.bin", dtype=info["dtype"], mode="r")
        self.offsets = np.memmap(directory / "offsets.bin", dtype=np.int64, mode="r")

    @classmethod
    def opened(cls, directory: Path) -> IdStore | None:
        """The store that was written here; None where none was, or where it is no longer what was written."""
        try:
            written = json.loads((directory / "store.json").read_bytes())["sha256"]
            return cls(directory) if written == cls._hashes(directory) else None
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return None

    @classmethod
    def _hashes(cls, directory: Path) -> dict[str, str]:
        found = {}
        for name in cls.FILES:
            with open(directory / name, "rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
        return found

    @classmethod
    def write(
        cls, directory: Path, pairs: Iterable[tuple[Sequence[int], Sequence[int]]], vocab_size: int
    ) -> IdStore:
        """Write pairs of ids as they come; nothing is held in memory but some thousands of them."""
        coming = iter(pairs)
        chunks = iter(lambda: list(chain.from_iterable(islice(coming, _AT_ONCE))), [])
        return cls.write_rows(directory, map(_joined, chunks), vocab_size)

    @classmethod
    def write_rows(cls, directory: Path, blocks: Iterable[tuple[Ids, Ids]], vocab_size: int) -> IdStore:
        """Write blocks of pairs: ids one after another, and where each side ends among them."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "store.json").unlink(missing_ok=True)
        dtype = np.uint16 if vocab_size <= 2**16 else np.uint32
        count, position = 0, 0
        with (
            naming(directory),
            open(directory / "ids.bin", "wb") as ids,
            open(directory / "offsets.bin", "wb") as offsets,
        ):
            offsets.write(np.int64(0).tobytes())
            for row, ends in blocks:
                ids.write(row.astype(dtype).tobytes())
                offsets.write((ends.astype(np.int64) + position).tobytes())
                position += len(row)
                count += len(ends) // 2
            if position == 0:
                ids.write(b"\0" * np.dtype(dtype).itemsize)  # an empty file cannot be mapped
        info = {"pairs": count, "dtype": np.dtype(dtype).name, "sha256": cls._hashes(directory)}
        publish(directory / "store.json", json.dumps(info).encode())
        return cls(directory)

    def __len__(self) -> int:
        return self.pairs

    def __getitem__(self, index: int) -> tuple[Ids, Ids]:
        a, b, c = self.offsets[2 * index : 2 * index + 3]
        return self.ids[a:b], self.ids[b:c]

    def lengths(self, indices: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Source and target lengths in ids, without special tokens, of all pairs or of some; int32 [N] each."""
        if indices is not None:
            a, b, c = (self.offsets[2 * indices.astype(np.int64) + k] for k in range(3))
            return (b - a).astype(np.int32), (c - b).astype(np.int32)
        sides = np.empty(len(self), np.int32), np.empty(len(self), np.int32)
        for some in _blocks(len(self)):
            # From the file: what is read through the map would stay in memory.
            count, start = 2 * (some.stop - some.start) + 1, 2 * some.start * np.dtype(np.int64).itemsize
            both = np.diff(np.fromfile(self.directory / "offsets.bin", np.int64, count, offset=start))
            sides[0][some], sides[1][some] = both[0::2], both[1::2]
        return sides

    def batch(self, indices: np.ndarray | Sequence[int]) -> Batch:
        sources, targets = zip(*(self[int(i)] for i in indices), strict=True)
        return collate(sources, targets)


def _joined(sides: Sequence[Sequence[int]]) -> tuple[Ids, Ids]:
    """Sides one after another, and where each ends."""
    lengths = np.fromiter(map(len, sides), np.int64)
    return np.fromiter(chain.from_iterable(sides), np.int64), np.cumsum(lengths)


def plan_batches(
    source_lengths: np.ndarray,
    target_lengths: np.ndarray,
    budget: int,
    order: np.random.Generator | None = None,
) -> list[np.ndarray]:
    """Group sentence indices of like length so that rows x longest side <= budget.

    With `order`, sentences of one length and then whole batches are shuffled; the result is a pure function of
    the lengths, the budget and the state of `order`. A sentence longer than the budget is a batch by itself.
    Memory: 8 bytes a sentence while it sorts, 4 of which the batches go on to share.
    """

    def sizes(rows: Ids) -> Ids:
        """Of the longer side, with </s>; <s> is never a label."""
        return np.maximum(source_lengths[rows], target_lengths[rows]) + 1

    count = len(source_lengths)
    rows = np.arange(count, dtype=np.int32 if count < 2**31 else np.int64)
    if order is not None:
        order.shuffle(rows)
    longest = int(max(source_lengths.max(initial=0), target_lengths.max(initial=0))) + 1
    # From the last criterion to the first: what is equal stays in the order that it has.
    for length_of in (lambda some: source_lengths[some], lambda some: target_lengths[some], sizes):
        rows = _ordered(rows, length_of, longest)
    batches, start = [], 0
    while start < count:
        # Sizes rise along `rows`, so the newest sentence is the longest of its batch.
        most = max(budget // max(int(sizes(rows[start])), 1), 1)
        near = sizes(rows[start : start + most])
        over = np.flatnonzero(near[1:] * np.arange(2, len(near) + 1) > budget)
        end = start + (int(over[0]) + 1 if len(over) else len(near))
        batches.append(rows[start:end])
        start = end
    if order is not None:
        batches = [batches[i] for i in order.permutation(len(batches))]
    return batches


def _ordered(rows: Ids, length_of: Callable[[Ids], Ids], longest: int) -> Ids:
    """Rows of shorter length before longer ones, and equal ones as they stand: a counting sort, in blocks."""
    places = np.zeros(longest + 1, np.int64)
    for some in _blocks(len(rows)):
        places += np.bincount(length_of(rows[some]), minlength=len(places))
    places = np.cumsum(places) - places  # where the first of each length goes
    found = np.empty_like(rows)
    for some in _blocks(len(rows)):
        lengths = length_of(rows[some])
        order, counts = np.argsort(lengths, kind="stable"), np.bincount(lengths, minlength=len(places))
        before = np.cumsum(counts) - counts  # of the block
        found[(places - before)[lengths[order]] + np.arange(len(lengths))] = rows[some][order]
        places += counts
    return found


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, min(start + _BLOCK, count)) for start in range(0, count, _BLOCK))


def epoch_order(seed: int, epoch: int) -> np.random.Generator:
    """The order of an epoch depends on these two numbers and nothing else, so a position is one integer."""
    return np.random.Generator(np.random.PCG64([seed, epoch]))


def batches(store: IdStore, plan: Sequence[np.ndarray], start: int = 0) -> Iterator[Batch]:
    for indices in plan[start:]:
        yield store.batch(indices)
