"""Dragoman's small pieces of work: with the threads that it chooses, with torch's, on one; a neighbour beside them.

Imports no torch before it is known how threads are to wait. Compares nothing.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import repeat
from pathlib import Path
from typing import Any, Literal

Threads = Literal["chosen", "torch's", "one"]
Work = Literal["explain", "request", "sentence", "step"]
TEXT = "The two dogs ran across the field and jumped over a small stream."
TIMEOUT = 600.0  # seconds of a request
LENGTH = 16  # tokens of a sentence, the special ones included

# Until its parent is gone: also where that one was killed and could not end it.
NEIGHBOUR = """
import os, sys
while os.getppid() == int(sys.argv[1]):
    sum(range(100_000))
"""


def measure(
    work: Work, threads: Threads, busy: bool, seconds: float, model: str = "en-zh-tiny", **task: Any
) -> dict[str, float]:
    """The median time of a piece of work, done at least twice and for so long.

    threads: as Dragoman chooses them, as torch does when nobody chooses, or one for all. busy: beside another process
    that never rests. `task` goes to the training step.
    """
    if threads == "torch's":
        _leave_it_to_torch()
    if threads == "one":
        _take_one()
    kinds = {"explain": _explain, "request": _request, "sentence": _sentence}
    with _step(**task) if work == "step" else kinds[work](model) as once:
        once()  # the first one is slow
        with neighbour() if busy else nullcontext():
            taken = list(_timed(once, seconds))
    return {"seconds": statistics.median(taken), "times": len(taken)}


@contextmanager
def neighbour() -> Iterator[None]:
    """Another process that wants a core for itself."""
    process = subprocess.Popen([sys.executable, "-c", NEIGHBOUR, str(os.getpid())])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _leave_it_to_torch() -> None:
    """All threads for every product, each of which counts to 300,000 before it sleeps: what libgomp does if not told.

    https://github.com/gcc-mirror/gcc/blob/releases/gcc-13/libgomp/env.c
    """
    os.environ.pop("OMP_WAIT_POLICY", None)
    os.environ["GOMP_SPINCOUNT"] = "300000"
    from dragoman import processor

    processor.threads = lambda count: nullcontext()  # type: ignore[assignment]
    processor.threads_worth = lambda rows, weights: sys.maxsize


def _take_one() -> None:
    import torch

    torch.set_num_threads(1)


def _timed(once: Callable[[], object], seconds: float) -> Iterator[float]:
    started, count = time.perf_counter(), 0
    while count < 2 or time.perf_counter() - started < seconds:
        before = time.perf_counter()
        once()
        yield time.perf_counter() - before
        count += 1


@contextmanager
def _explain(model: str) -> Iterator[Callable[[], object]]:
    from dragoman import Translator
    from dragoman.explain import explain_both

    with Translator.load(model) as translator:
        yield lambda: explain_both(translator, TEXT)


@contextmanager
def _sentence(model: str) -> Iterator[Callable[[], object]]:
    from dragoman import Translator

    with Translator.load(model, engine="torch") as translator:
        yield lambda: translator.translate(TEXT, protect=False)


@contextmanager
def _request(model: str) -> Iterator[Callable[[], object]]:
    """POST /api/explain, of a server in this process: threads are left to torch there too, where they are here."""
    import uvicorn

    from dragoman.server.app import build
    from dragoman.server.models import Loader
    from dragoman.server.run import configuration, listen
    from dragoman.server.settings import Engines, Limits, Network, Settings

    settings = Settings(Engines(models=(model,)), Network(port=0), Limits(deadline=TIMEOUT))
    with tempfile.TemporaryDirectory() as folder, listen(settings) as listening:
        server = uvicorn.Server(configuration(settings, build(settings, Loader(settings), Path(folder))))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/api/explain"
        body, head = json.dumps({"text": TEXT}).encode(), {"Content-Type": "application/json"}

        def once() -> bytes:
            with urllib.request.urlopen(urllib.request.Request(url, body, head), timeout=TIMEOUT) as answer:
                return bytes(answer.read())

        yield once
        server.should_exit = True
        thread.join()


@contextmanager
def _step(
    size: dict[str, Any], batch_tokens: int, optimizer: str, precision: str
) -> Iterator[Callable[[], object]]:
    """A training step with as many workers as `dragoman train` takes."""
    import numpy as np
    import torch

    from benchmarks.ours.training import MAX_STEPS, assembled
    from dragoman.corpus.batches import collate
    from dragoman.processor import threads_worth
    from dragoman.training.loop import train
    from dragoman.training.optimizer import OptimizerConfig
    from dragoman.training.settings import TrainingConfig

    workers = TrainingConfig(batch_tokens=batch_tokens).workers_on(torch.get_num_threads())
    config = OptimizerConfig(kind=optimizer)  # type: ignore[arg-type]
    made = assembled(size, 0.1, config, precision, workers, MAX_STEPS)
    worth = threads_worth(batch_tokens // workers, made.optimizer.parameters.master.numel())
    made.workers.threads = min(made.workers.threads, worth)
    words = np.random.default_rng(1).integers(4, size["vocab"], (2, batch_tokens // LENGTH, LENGTH - 1))
    steps = train(made.workers, repeat(collate(*words.tolist())), made.optimizer)
    yield lambda: next(steps)
