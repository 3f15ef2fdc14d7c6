"""The batches that peers without a data pipeline of their own train on: written once, read in order, again and again.

Dimensions: B batch, S source, T target.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import cycle
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

PAD = 0


def write(path: Path, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Pairs of source [B, S] and target [B, T], int64."""
    arrays = {}
    for number, (source, target) in enumerate(batches):
        arrays[f"source{number}"], arrays[f"target{number}"] = source.numpy(), target.numpy()
    np.savez(path, **arrays)  # type: ignore[arg-type]


def read(path: str) -> Iterator[tuple[Tensor, Tensor]]:
    """Source [B, S] ending with </s>, target [B, T] from <s> to </s>; after the last batch comes the first."""
    with np.load(path) as arrays:
        pairs = [
            (torch.from_numpy(arrays[f"source{n}"]), torch.from_numpy(arrays[f"target{n}"]))
            for n in range(len(arrays) // 2)
        ]
    return cycle(pairs)
