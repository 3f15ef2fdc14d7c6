"""The shards of a cleaned corpus without what stands in an earlier one: as if all of them had been one file.

Knows duplicates by the keys that cleaning left beside each shard. Memory: a byte for each pair of one shard, and some
hundred megabytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dragoman.corpus.lines import new_file, open_file, unpacked
from dragoman.corpus.seen import Seen
from dragoman.errors import DragomanError
from dragoman.scale.jobs import KEYS
from dragoman.scale.shards import Result, Shard, finished, making

_AT_ONCE = 2**20  # keys


def publish_all(parts: Sequence[Shard], shards: Sequence[Shard], duplicates: bool) -> list[Result]:
    """Make each shard of its part, which lies cleaned by itself; what was counted of each.

    duplicates: whether they stay. Raises DragomanError for a part that is not what its record says.
    """
    results = [_counted(part) for part in parts]
    kept: Iterable[NDArray[np.bool_] | None] = [None] * len(parts) if duplicates else _first(parts)
    return [_published(*one) for one in zip(parts, shards, results, kept, strict=True)]


def _counted(part: Shard) -> Result:
    result = finished(part)
    if result is None:
        raise DragomanError(
            f"{part.inputs[0]} has changed while it was read: leave it alone, and begin again with the same command"
        )
    return result


def _first(parts: Sequence[Shard]) -> Iterator[NDArray[np.bool_]]:
    """For each part, which of its pairs stand in no earlier one."""
    seen = Seen(Path(parts[0].output).parent if parts else None)
    for part in parts:
        new = [np.zeros(0, dtype=bool)]
        with open(part.output + KEYS, "rb") as file:
            while len(keys := np.fromfile(file, dtype="<u8", count=_AT_ONCE)):
                new.append(seen.add(keys))
        yield np.concatenate(new)


def _published(part: Shard, shard: Shard, counted: Result, kept: NDArray[np.bool_] | None) -> Result:
    left = 0 if kept is None else int(len(kept) - kept.sum())
    with making(shard) as (draft, result):
        if kept is None or not left:
            shutil.copyfile(part.output, draft)
        else:
            path = Path(part.output)
            with (
                open_file(path) as file,
                unpacked(path, file) as lines,
                new_file(draft, durable=False) as stream,
            ):
                stream.writelines(compress(lines, kept.data))
        report = counted["report"]
        removed = {**report["removed"], "duplicate": report["removed"]["duplicate"] + left}
        result |= {**counted, "report": {**report, "kept": report["kept"] - left, "removed": removed}}
    return result
