"""Batches in few shapes, and made where they are used: the corpus on the device, or copied to it. Knows no model.

A place of the grid is a number of rows and a width for each side; what a batch does not fill is padding. Widths are
multiples of 8, which is what a GPU's matrix units like, and there are two for each doubling: 8 16 24 32 48 64 96 ...
Counted at 4,096 tokens a batch: Tatoeba has 8 shapes an epoch, the Bible 19, the documentation of Python 26, all three
together 30; 73, 84, 83 and 83 % of what is computed is tokens, where 95 % are with a shape for each batch. A grid
of all multiples of 8 has up to three times as many shapes, and up to half less padding.

Dimensions: R rows of the place, S source, T labels of the target, W the width of a side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dragoman.corpus.batches import Batch, IdStore, plan_batches
from dragoman.ids import BOS, EOS, PAD

# The corpus may take this share of a GPU's memory; what is larger stays on the host, and batches are copied.
SHARE = 0.1
HEADROOM = 1.1  # subword sampling gives each epoch other ids, and never quite as many


class Place(NamedTuple):
    """The shape that a batch is filled up to."""

    rows: int
    source: int  # with </s>
    target: int  # labels: with </s>, without <s>


def width(sizes: np.ndarray) -> np.ndarray:
    """Tokens of a side, </s> included -> the next width of the grid."""
    power = 2 ** np.ceil(np.log2(np.maximum(sizes, 8))).astype(np.int64)
    return np.where((power > 16) & (sizes <= power * 3 // 4), power * 3 // 4, power)


@dataclass(frozen=True)
class Drawn:
    """Pairs of a store, by their numbers, and their place; a Batch for whoever asks for its tokens."""

    store: IdStore
    indices: np.ndarray
    place: Place
    tokens: int  # labels, padding not counted
    device: torch.device = torch.device("cpu")

    @cached_property
    def whole(self) -> Batch:
        """As it is without a grid."""
        return self.store.batch(self.indices).to(self.device)

    @property
    def source(self) -> Tensor:
        return self.whole.source

    @property
    def target(self) -> Tensor:
        return self.whole.target

    @property
    def source_mask(self) -> Tensor:
        return self.whole.source_mask

    @property
    def target_mask(self) -> Tensor:
        return self.whole.target_mask

    def __len__(self) -> int:
        return len(self.indices)

    def rows(self, start: int, end: int) -> Batch:
        return self.whole.rows(start, end)

    def twice(self) -> Batch:
        return self.whole.twice()

    def to(self, device: torch.device) -> Drawn:
        return replace(self, device=device)


def plan_on_grid(store: IdStore, budget: int, order: np.random.Generator | None = None) -> list[np.ndarray]:
    """As plan_batches does, with each side as long as its width: no batch has more rows than its place."""
    source, target = (width(lengths + 1) - 1 for lengths in store.lengths())
    return plan_batches(source, target, budget, order)


def drawn(store: IdStore, indices: np.ndarray, budget: int) -> Drawn:
    """The pairs in their place: as many rows as the budget has room for, whatever the number of pairs."""
    source, target = (int(width(lengths.max() + 1)) for lengths in store.lengths(indices))
    rows = max(budget // max(source, target), len(indices))
    tokens = int(store.lengths(indices)[1].sum()) + len(indices)
    return Drawn(store, indices, Place(rows, source, target), tokens)


def drawn_batches(store: IdStore, plan: list[np.ndarray], budget: int, start: int = 0) -> Iterator[Drawn]:
    for indices in plan[start:]:
        yield drawn(store, indices, budget)


def filled_up(batch: Batch, place: Place) -> Batch:
    """The batch [B, S], [B, T + 1] with padding around it, as large as its place."""

    def fill(side: Tensor, width: int) -> Tensor:
        out = side.new_full((place.rows, width), PAD)
        out[: side.size(0), : side.size(1)] = side
        return out

    return Batch(fill(batch.source, place.source), fill(batch.target, place.target + 1))


class OnDevice:
    """The ids of a corpus in the device's memory. A batch is gathered there from the numbers of its pairs."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._loaded: Path | None = None
        self._ids = torch.zeros(0, dtype=torch.int32, device=device)
        self._offsets = torch.zeros(0, dtype=torch.int64, device=device)

    def load(self, batch: Drawn) -> bool:
        """Bring the corpus of this batch, unless it is there; True: it lies at another address than the last."""
        store = batch.store
        if store.directory == self._loaded:
            return False
        moved = self._ids.numel() < store.ids.size or self._offsets.numel() < store.offsets.size
        if moved:
            self._ids = self._ids.new_zeros(int(HEADROOM * store.ids.size))
            self._offsets = self._offsets.new_zeros(int(HEADROOM * store.offsets.size))
        self._ids[: store.ids.size] = torch.from_numpy(store.ids.astype(np.int32)).to(self.device)
        self._offsets[: store.offsets.size] = torch.from_numpy(np.array(store.offsets)).to(self.device)
        self._loaded = store.directory
        return moved

    def inputs(self, place: Place) -> tuple[Tensor, ...]:
        """What a batch of this shape is told by: the numbers of its pairs [R], -1 for none."""
        return (torch.full((place.rows,), -1, device=self.device),)

    def fill(self, inputs: tuple[Tensor, ...], batch: Drawn) -> None:
        numbers = np.full(batch.place.rows, -1, dtype=np.int64)
        numbers[: len(batch)] = batch.indices
        _copy(inputs[0], torch.from_numpy(numbers))

    def batch(self, inputs: tuple[Tensor, ...], place: Place) -> Batch:
        """Gathered without waiting for the device: [R, S] and [R, T + 1]."""
        pairs = inputs[0].clamp(min=0)
        start, middle, end = (self._offsets[2 * pairs + k][:, None] for k in range(3))  # [R, 1]
        missing = (inputs[0] < 0)[:, None]
        source = self._side(start, middle - start, torch.arange(place.source, device=self.device))
        target = self._side(middle, end - middle, torch.arange(-1, place.target, device=self.device))
        return Batch(source.masked_fill(missing, PAD), target.masked_fill(missing, PAD))

    def _side(self, start: Tensor, length: Tensor, position: Tensor) -> Tensor:
        """start and length [R, 1] in the ids, position [W] from the first id -> [R, W]."""
        ids = self._ids[(start + position).clamp(0, self._ids.numel() - 1)].long()
        out = ids.masked_fill(position >= length, PAD).masked_fill(position == length, EOS)
        return out.masked_fill(position < 0, BOS)


class FromHost:
    """The corpus stays where it is, and each batch is copied to the device."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def load(self, batch: Drawn) -> bool:
        return False

    def inputs(self, place: Place) -> tuple[Tensor, ...]:
        """Room for the batch: [R, S] and [R, T + 1]."""
        shapes = (place.rows, place.source), (place.rows, place.target + 1)
        return tuple(torch.zeros(shape, dtype=torch.int64, device=self.device) for shape in shapes)

    def fill(self, inputs: tuple[Tensor, ...], batch: Drawn) -> None:
        whole = filled_up(batch.store.batch(batch.indices), batch.place)
        for room, side in zip(inputs, (whole.source, whole.target), strict=True):
            _copy(room, side)

    def batch(self, inputs: tuple[Tensor, ...], place: Place) -> Batch:
        return Batch(*inputs)


def feed(store: IdStore, device: torch.device) -> OnDevice | FromHost:
    """The whole corpus on the device where it takes no more than its share of the memory."""
    needed = 4 * HEADROOM * store.ids.size + 8 * store.offsets.size
    if device.type == "cuda" and needed > SHARE * torch.cuda.mem_get_info(device)[1]:
        return FromHost(device)
    return OnDevice(device)


def _copy(room: Tensor, values: Tensor) -> None:
    """To a GPU from memory that cannot be paged out, so that nobody waits; torch frees it after the copy."""
    room.copy_(values.pin_memory() if room.is_cuda else values, non_blocking=True)
