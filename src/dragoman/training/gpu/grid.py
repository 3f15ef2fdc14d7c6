"""Batches in few shapes, and the tensors on the device that they are copied to or gathered in. Knows no model.

A shape of the grid is a number of rows and a width for each side; what a batch does not fill is padding. Widths are
multiples of 8, which is what a GPU's matrix units like, and there are two for each doubling: 8 16 24 32 48 64 96 ...
Counted at 4,096 tokens a batch: Tatoeba has 8 shapes an epoch, the Bible 19, the documentation of Python 26, all three
together 30; 73, 84, 83 and 83 % of what is computed is tokens, where 95 % are with a shape for each batch. A grid
of all multiples of 8 has up to three times as many shapes, and up to half less padding.

Dimensions: N pairs, R rows of the shape, S source, T labels of the target, W the width of a side.
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


class GridShape(NamedTuple):
    """The shape that a batch is padded to."""

    rows: int
    source: int  # with </s>
    target: int  # labels: with </s>, without <s>


def width(sizes: np.ndarray) -> np.ndarray:
    """Lengths of a side in tokens, </s> included [N] -> the smallest widths of the grid that hold them [N]."""
    power = 2 ** np.ceil(np.log2(np.maximum(sizes, 8))).astype(np.int64)
    return np.where((power > 16) & (sizes <= power * 3 // 4), power * 3 // 4, power)


@dataclass(frozen=True)
class GridBatch:
    """A batch named by the numbers of its pairs in a store, with the shape it is to be padded to.

    It is also a Batch: who asks for its tokens gets them unpadded, read from the store at that moment.
    """

    store: IdStore
    indices: np.ndarray
    shape: GridShape
    tokens: int  # labels, padding not counted
    device: torch.device = torch.device("cpu")

    @cached_property
    def whole(self) -> Batch:
        """The batch as it is without a grid: padded to its longest sentence only, on `device`."""
        return self.store.batch(self.indices).to(self.device)

    @property
    def source(self) -> Tensor:
        """[N, S], as long as the longest."""
        return self.whole.source

    @property
    def target(self) -> Tensor:
        """[N, T + 1], as long as the longest."""
        return self.whole.target

    @property
    def source_mask(self) -> Tensor:
        """[N, S], True at tokens."""
        return self.whole.source_mask

    @property
    def target_mask(self) -> Tensor:
        """[N, T + 1], True at tokens."""
        return self.whole.target_mask

    def __len__(self) -> int:
        return len(self.indices)

    def rows(self, start: int, end: int) -> Batch:
        return self.whole.rows(start, end)

    def twice(self) -> Batch:
        return self.whole.twice()

    def to(self, device: torch.device) -> GridBatch:
        return replace(self, device=device)


def plan_on_grid(store: IdStore, budget: int, order: np.random.Generator | None = None) -> list[np.ndarray]:
    """Numbers of the pairs of each batch, as plan_batches finds them for sentences as long as their widths.

    So rows x width of the longer side is at most `budget` tokens. `order` shuffles; None: always the same plan.
    """
    source, target = (width(lengths + 1) - 1 for lengths in store.lengths())
    return plan_batches(source, target, budget, order)


def grid_batch(store: IdStore, indices: np.ndarray, budget: int) -> GridBatch:
    """The pairs `indices` [N] with their shape: R = as many rows as `budget` tokens have room for, and at least N."""
    source, target = (int(width(lengths.max() + 1)) for lengths in store.lengths(indices))
    rows = max(budget // max(source, target), len(indices))
    tokens = int(store.lengths(indices)[1].sum()) + len(indices)
    return GridBatch(store, indices, GridShape(rows, source, target), tokens)


def grid_batches(store: IdStore, plan: list[np.ndarray], budget: int, start: int = 0) -> Iterator[GridBatch]:
    """The batches of a plan from position `start` on."""
    for indices in plan[start:]:
        yield grid_batch(store, indices, budget)


def padded_to(batch: Batch, shape: GridShape) -> Batch:
    """A batch of [N, S'] and [N, T' + 1], no larger than the shape, -> of [R, S] and [R, T + 1], with <pad> around."""

    def fill(side: Tensor, width: int) -> Tensor:
        out = side.new_full((shape.rows, width), PAD)
        out[: side.size(0), : side.size(1)] = side
        return out

    return Batch(fill(batch.source, shape.source), fill(batch.target, shape.target + 1))


class DeviceCorpus:
    """All ids of a corpus in the device's memory. The input of a batch is the numbers of its pairs [R], -1 for none;
    its tokens are gathered on the device, as a part of the captured step. See static.DeviceLoader."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._loaded: Path | None = None
        self._ids = torch.zeros(0, dtype=torch.int32, device=device)
        self._offsets = torch.zeros(0, dtype=torch.int64, device=device)

    def load_corpus(self, batch: GridBatch) -> bool:
        """Copy the ids of the batch's store to the device, unless they are there already.

        True when the memory of the last store was too small, so that the ids lie at another address now.
        """
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

    def new_inputs(self, shape: GridShape) -> tuple[Tensor, ...]:
        """The numbers of the pairs [R]: -1, for no pair."""
        return (torch.full((shape.rows,), -1, device=self.device),)

    def fill(self, inputs: tuple[Tensor, ...], batch: GridBatch) -> None:
        """Write the numbers of the batch's pairs [R]."""
        numbers = np.full(batch.shape.rows, -1, dtype=np.int64)
        numbers[: len(batch)] = batch.indices
        _copy(inputs[0], torch.from_numpy(numbers))

    def batch(self, inputs: tuple[Tensor, ...], shape: GridShape) -> Batch:
        """The batch [R, S] and [R, T + 1] of the pairs in inputs, gathered without waiting for the device."""
        pairs = inputs[0].clamp(min=0)
        start, middle, end = (self._offsets[2 * pairs + k][:, None] for k in range(3))  # [R, 1]
        missing = (inputs[0] < 0)[:, None]
        source = self._side(start, middle - start, torch.arange(shape.source, device=self.device))
        target = self._side(middle, end - middle, torch.arange(-1, shape.target, device=self.device))
        return Batch(source.masked_fill(missing, PAD), target.masked_fill(missing, PAD))

    def _side(self, start: Tensor, length: Tensor, position: Tensor) -> Tensor:
        """Sentences that begin at `start` [R, 1] of the ids and have `length` [R, 1] of them -> tokens [R, W].

        `position` [W] counts from a sentence's first id; -1 gives <s>, the one after the last </s>, later ones <pad>.
        """
        ids = self._ids[(start + position).clamp(0, self._ids.numel() - 1)].long()
        out = ids.masked_fill(position >= length, PAD).masked_fill(position == length, EOS)
        return out.masked_fill(position < 0, BOS)


class HostCorpus:
    """The corpus stays in the host's memory, and the tokens of each batch are copied. See static.DeviceLoader."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def load_corpus(self, batch: GridBatch) -> bool:
        return False

    def new_inputs(self, shape: GridShape) -> tuple[Tensor, ...]:
        """Tokens of both sides: [R, S] and [R, T + 1]."""
        shapes = (shape.rows, shape.source), (shape.rows, shape.target + 1)
        return tuple(torch.zeros(shape, dtype=torch.int64, device=self.device) for shape in shapes)

    def fill(self, inputs: tuple[Tensor, ...], batch: GridBatch) -> None:
        """Copy the batch's tokens, padded: [R, S] and [R, T + 1]."""
        whole = padded_to(batch.store.batch(batch.indices), batch.shape)
        for room, side in zip(inputs, (whole.source, whole.target), strict=True):
            _copy(room, side)

    def batch(self, inputs: tuple[Tensor, ...], shape: GridShape) -> Batch:
        """The inputs themselves: [R, S] and [R, T + 1]."""
        return Batch(*inputs)


def device_loader(store: IdStore, device: torch.device) -> DeviceCorpus | HostCorpus:
    """A DeviceCorpus where the ids take no more than SHARE of the device's memory, else a HostCorpus."""
    needed = 4 * HEADROOM * store.ids.size + 8 * store.offsets.size
    if device.type == "cuda" and needed > SHARE * torch.cuda.mem_get_info(device)[1]:
        return HostCorpus(device)
    return DeviceCorpus(device)


def _copy(room: Tensor, values: Tensor) -> None:
    """room [...] = values [...], which are first pinned on the way to a GPU, so that the host need not wait."""
    room.copy_(values.pin_memory() if room.is_cuda else values, non_blocking=True)
