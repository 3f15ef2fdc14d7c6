"""Training steps by several processes over loopback, as torchrun starts them: time, bytes, memory. Compares nothing.

Ranks only take steps here: nobody reads a corpus, validates or saves.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import torch

from benchmarks.arm import peak_mib
from benchmarks.ours.training import MAX_STEPS, assembled
from dragoman.corpus.batches import Batch, collate
from dragoman.ids import EOS
from dragoman.training.optimizer import Optimizer, OptimizerConfig
from dragoman.training.ranks.group import joined
from dragoman.training.ranks.optimizers import ReplicatedOptimizer, ShardedOptimizer
from dragoman.training.ranks.together import together

WARM_UP = 2
LENGTH = 24  # tokens of a sentence, about that of captions


def run(ranks: int, **task: Any) -> dict[str, Any]:
    """So many processes side by side, each with one thread; the numbers of rank 0, and the most memory of any."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(ranks)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.ours.ranks", json.dumps(task)],
            stdout=subprocess.PIPE, text=True,
            env={**os.environ, **meeting, "RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"},
        )
        for rank in range(ranks)
    ]  # fmt: skip
    told = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise SystemExit("a rank has failed")
    found = [json.loads(one) for one in told]
    return found[0] | {"peak_mib": max(one["peak_mib"] for one in found)}


def steps(
    sharded: bool, size: dict[str, Any], batch_tokens: int, optimizer: str, precision: str, seconds: float
) -> dict[str, Any]:
    """What one rank finds. All stop after the same number of steps, which rank 0 counts."""
    torch.set_num_threads(1)
    config = OptimizerConfig(kind=optimizer)  # type: ignore[arg-type]
    ranks = joined()
    kind: Any = Optimizer
    if ranks is not None:
        kind = partial(ShardedOptimizer if sharded else ReplicatedOptimizer, ranks)
    made = assembled(size, 0.1, config, precision, 1, MAX_STEPS, kind=kind)
    own, workers, window = made.optimizer, made.workers, [_batch(size["vocab"], batch_tokens)]

    def gradient() -> torch.Tensor:
        if isinstance(own, ReplicatedOptimizer):
            return together(own, workers, window, 1, stop=False)[0].flat
        return workers.gradient(window, 1).flat

    taken, sent, number = [], _loopback(), 0
    going = torch.ones(1)
    while going:
        number += 1
        started = time.perf_counter()
        own.step(number, gradient())
        taken.append(time.perf_counter() - started)
        going.fill_(number < WARM_UP + 3 or sum(taken[WARM_UP:]) < seconds)
        if ranks is not None:
            ranks.share([going])
        if number == WARM_UP:
            sent = _loopback()
    count = 1 if ranks is None else ranks.size
    found = {
        "step_seconds": statistics.median(taken[WARM_UP:]),
        "steps_per_second": len(taken[WARM_UP:]) / sum(taken[WARM_UP:]),
        "sent_mb": 0.0 if ranks is None else (_loopback() - sent) / len(taken[WARM_UP:]) / count / 1e6,
        "peak_mib": peak_mib(),
        "parameters": own.model.size,
    }
    return found | _apart(own, workers, window) if isinstance(own, ReplicatedOptimizer) else found


def _apart(optimizer: ReplicatedOptimizer, workers: Any, window: list[Batch]) -> dict[str, float]:
    """Gradient and sum one after the other, and both at once: what would be gained if one could hide the other."""
    share = len(window[0]) // optimizer.ranks.size
    mine, other = [window[0].rows(0, share)], torch.zeros(optimizer.model.size)

    def compute() -> None:
        workers.gradient(mine, 1)

    def exchange() -> None:
        optimizer.add_up(other)

    def both() -> None:
        exchanging = Thread(target=exchange)
        exchanging.start()
        compute()
        exchanging.join()

    return {
        name: _timed(optimizer, act)
        for name, act in (("compute", compute), ("exchange", exchange), ("both", both))
    }


def _timed(optimizer: ReplicatedOptimizer, act: Callable[[], None], times: int = 5) -> float:
    """Median seconds, of all ranks together."""
    found = []
    for _ in range(times):
        optimizer.ranks.add_up(torch.zeros(1))
        started = time.perf_counter()
        act()
        optimizer.ranks.add_up(torch.zeros(1))
        found.append(time.perf_counter() - started)
    return statistics.median(found)


def _batch(vocab: int, tokens: int) -> Batch:
    words = np.random.default_rng(1).integers(EOS + 1, vocab, (2, max(1, tokens // LENGTH), LENGTH - 1))
    return collate(*words.tolist())


def _loopback() -> int:
    """Bytes that this machine has sent to itself."""
    lines = Path("/proc/net/dev").read_text().splitlines()
    return next(int(line.split()[9]) for line in lines if line.strip().startswith("lo:"))


if __name__ == "__main__":
    json.dump(steps(**json.loads(sys.argv[1])), sys.stdout)
