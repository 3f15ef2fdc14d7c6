"""What is fastest here, found by trying it: work that is timed in turn, and what is remembered of it. Knows no model.

A processor's flags say what it can do, not how fast, and nothing of who else is using it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

import torch

from dragoman.files import publish, sha256
from dragoman.native import cache, processor

Clock = Callable[[], float]
SECONDS = 1.0  # for all candidates together, at least one turn each
TURNS = 9
# A second way to compute has to save this share of the time of the first: less is noise.
WORTHWHILE = 0.05
_ROWS, _WIDTH = 512, 512  # of the products that are tried: a batch of 512 tokens in a layer of a small model
_REPEATS = 8


def quickest(
    candidates: Mapping[str, Callable[[], object]],
    *,
    seconds: float = SECONDS,
    clock: Clock = time.perf_counter,
) -> str:
    """The name of the candidate that takes least time; the first, unless another is clearly quicker.

    They run in turn, so that a machine which is busy for a while slows all of them, and each once before that: first
    calls compile and allocate.
    """
    names = list(candidates)
    for name in names:
        candidates[name]()
    took: dict[str, list[float]] = {name: [] for name in names}
    began = clock()
    for _ in range(TURNS):
        for name in names:
            before = clock()
            candidates[name]()
            took[name].append(clock() - before)
        if clock() - began > seconds:
            break
    middle = {name: median(each) for name, each in took.items()}
    best = min(names, key=middle.__getitem__)
    return best if middle[best] < (1 - WORTHWHILE) * middle[names[0]] else names[0]


def remembered(question: str, measure: Callable[[], str], place: Path | None = None) -> str:
    """The answer to a question about this machine: measured once, and kept in the cache for it and its torch.

    Where nothing can be kept, it is measured each time.
    """
    try:
        path = (place or cache()) / "measured.json"
    except RuntimeError:  # no home directory
        return measure()
    key = f"{question} {sha256(f'{processor()} {torch.__version__}'.encode())[:16]}"
    known = _known(path)
    if isinstance(known.get(key), str):
        return str(known[key])
    answer = measure()
    whole = {**known, key: answer}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        publish(path, json.dumps(whole, indent=1).encode())
    except OSError:
        pass  # it costs a fraction of a second the next time
    return answer


def _known(path: Path) -> dict[str, object]:
    """What is remembered; nothing where that cannot be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def quickest_precision() -> str:
    """bf16 or fp32: whose products this processor does in less time, on one thread."""
    from dragoman.processor import one_thread

    def products(dtype: torch.dtype) -> Callable[[], object]:
        a, b = (torch.ones(rows, _WIDTH, dtype=dtype) for rows in (_ROWS, _WIDTH))
        return lambda: [a @ b for _ in range(_REPEATS)]

    with one_thread(), torch.no_grad():
        return quickest({"bf16": products(torch.bfloat16), "fp32": products(torch.float32)})
