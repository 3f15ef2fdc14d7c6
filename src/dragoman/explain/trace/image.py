"""What one image left behind when it was read: its patches, each step, where each step looked. Computes nothing.

Dimensions: h and w pixels, S patches (row by row), T steps, L decoder layers, H heads.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

Row = tuple[float, ...]


@dataclass(frozen=True)
class Rival:
    """A word that could stand there, and how probable it is."""

    word: str
    p: float


@dataclass(frozen=True)
class Step:
    """One word: what the decoder had read of its own, what it writes, and what else it might have written."""

    t: int
    read: tuple[str, ...]  # <s> and all that is written so far
    chosen: str
    p: float
    rivals: tuple[Rival, ...]  # the likeliest first, the chosen one among them
    place: tuple[int, ...]  # patches that the digit lies on which is due now; empty where nobody knows


@dataclass(frozen=True)
class Check:
    """A property of this reading: how far it is off, and how far it may be."""

    name: str
    value: float
    limit: float

    @property
    def ok(self) -> bool:
        return self.value <= self.limit


@dataclass(frozen=True)
class Shapes:
    """Of the last cross-attention, in the last step: what asks, what answers."""

    q: tuple[int, ...]
    k: tuple[int, ...]
    v: tuple[int, ...]
    weights: tuple[int, ...]


@dataclass(frozen=True)
class ImageTrace:
    """An image that was read, and how."""

    pixels: tuple[Row, ...]  # [h][w], 0 paper to 1 ink
    patch: int  # pixels of its side
    positions: str  # how the place of a patch is told
    digits: tuple[int, ...]  # what is drawn there, in reading order; empty where nobody knows
    text: str
    steps: tuple[Step, ...]  # the last writes </s>
    looks: tuple[tuple[tuple[Row, ...], ...], ...]  # [L][T][H][S], rows sum to 1
    near: tuple[
        Row, ...
    ]  # [S][S] cosine of what is added to two patches to tell their places; () if nothing is
    shapes: Shapes
    checks: tuple[Check, ...]

    @property
    def rows(self) -> int:
        """Patches from top to bottom."""
        return len(self.pixels) // self.patch

    @property
    def columns(self) -> int:
        """Patches from left to right."""
        return len(self.pixels[0]) // self.patch

    def look(self, t: int, layer: int | None = None, head: int | None = None) -> Row:
        """Where step t looks [S]: of a layer (from 1; else the last) and a head (from 1; else the mean of all)."""
        heads = self.looks[-1 if layer is None else layer - 1][t]
        chosen: Sequence[Row] = heads if head is None else [heads[head - 1]]
        return tuple(sum(column) / len(chosen) for column in zip(*chosen, strict=True))

    def on_its_digit(self, t: int, layer: int | None = None, head: int | None = None) -> float | None:
        """The share of that which lies on the digit that is due at step t."""
        look, place = self.look(t, layer, head), self.steps[t].place
        return sum(look[patch] for patch in place) if place else None

    def to_dict(self) -> dict[str, object]:
        return {"format": "dragoman.image", "version": 1, **asdict(self)}

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)
