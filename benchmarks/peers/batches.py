"""The batches that peers without a data pipeline of their own train on: written once, read in order, again and again.

torch is imported only by who reads tensors: MindSpore's environment has none. Dimensions: B batch, S source, T target.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

PAD = 0


def write(path: Path, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Pairs of source [B, S] and target [B, T], int64."""
    arrays = {}
    for number, (source, target) in enumerate(batches):
        arrays[f"source{number}"], arrays[f"target{number}"] = source.numpy(), target.numpy()
    np.savez(path, **arrays)  # type: ignore[arg-type]


def read(path: str) -> Iterator[tuple[Tensor, Tensor]]:
    """As read_arrays, as tensors of torch."""
    import torch

    return cycle([(torch.from_numpy(source), torch.from_numpy(target)) for source, target in _load(path)])


def read_arrays(path: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Source [B, S] ending with </s>, target [B, T] from <s> to </s>; after the last batch comes the first."""
    return cycle(_load(path))


def _load(path: str) -> list[tuple[np.ndarray, np.ndarray]]:
    with np.load(path) as arrays:
        return [(arrays[f"source{n}"], arrays[f"target{n}"]) for n in range(len(arrays) // 2)]
