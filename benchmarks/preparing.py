"""How long a large corpus takes to be prepared for training, and how much memory, with one process and with more.

    python -m benchmarks.preparing --pairs 2000000 --cores 1 2

The corpus is synthetic and always the same: shards of a million pairs at most, of words that a seed invents, one in
twenty a repetition of another. The vocabulary is learnt from few lines, for that takes as long for any large corpus.
Then the batches of an epoch are planned, and the first is read. Trains nothing. Linux only: memory is read in /proc.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from dragoman.corpus.pairs import Pair, write_pairs

SHARD = 1_000_000  # pairs
WORDS = 30_000
EVERY = 0.5  # seconds between two looks at memory
# What is there when a part of the work has been done.
PHASES = (
    ("cleaned", "dev.tsv"),
    ("vocabulary", "tokenizer.model"),
    ("encoded", "ids-0/store.json"),
    ("planned", "planned"),
)
BUDGET = 4096  # tokens of a batch
_PREPARE = """
import os, sys
from pathlib import Path
from dragoman.corpus.augment import AugmentConfig
from dragoman.corpus.cleaning import CleaningConfig
from dragoman.text.tokenizer import TokenizerConfig
from dragoman.training.settings import DataConfig
from dragoman.training.tasks.origin import Recipe
from dragoman.training.tasks.prepare import prepare
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:int(sys.argv[3])])
few = TokenizerConfig(training_lines=100_000)
recipe = Recipe(DataConfig("en", "zh"), CleaningConfig(), few, AugmentConfig.off(), 1)
data = prepare([Path(sys.argv[1])], [], Path(sys.argv[2]), recipe, print)
next(data.epoch(0, 0, int(sys.argv[4])))
Path(sys.argv[2], "planned").touch()
"""


def pairs(count: int, longest: int = 21) -> Iterator[Pair]:
    """So many, of 3 to `longest` words, half as many signs again; the same in every process."""
    draw = random.Random(1)
    letters = "etaoinshrdlucmfwypvbg"
    words = ["".join(draw.choices(letters, range(21, 0, -1), k=draw.randint(2, 9))) for _ in range(WORDS)]
    signs = [chr(draw.randint(0x4E00, 0x62FF)) for _ in range(WORDS)]
    frequent = [1 / (rank + 3) for rank in range(WORDS)]
    size = 2**21 if count < 2**22 else 2 * count  # so that few pairs meet by chance
    pool = draw.choices(range(WORDS), frequent, k=size)
    kept: list[Pair] = []
    for _ in range(count):
        if kept and draw.random() < 0.05:
            yield draw.choice(kept)
            continue
        start, length = draw.randrange(len(pool) - 32), draw.randint(3, longest)
        some = pool[start : start + length]
        source = " ".join(map(words.__getitem__, some))
        target = "".join(map(signs.__getitem__, some + some[: length // 2]))
        pair = Pair(f"{source.capitalize()}.", f"{target}。")
        if len(kept) < 100_000:
            kept.append(pair)
        yield pair


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=20_000_000)
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2], help="one process is used for each")
    parser.add_argument("--longest", type=int, default=21, help="words of a sentence, at most")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        corpus, coming = Path(name, "corpus"), pairs(asked.pairs, asked.longest)
        corpus.mkdir()
        for number in range(-(-asked.pairs // SHARD)):
            write_pairs(corpus / f"part-{number:03}.tsv", islice(coming, SHARD))
        size = sum(path.stat().st_size for path in corpus.iterdir())
        print(f"{asked.pairs:,} pairs, {size / 1e9:.2f} GB, {len(list(corpus.iterdir()))} shards", flush=True)
        for count in asked.cores:
            _measured(corpus, Path(name, f"data-{count}"), count)


def _measured(corpus: Path, data: Path, count: int) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", _PREPARE, str(corpus), str(data), str(count), str(BUDGET)]
    began, phases = time.time(), list(PHASES)
    since, most, used, before = began, [0.0, 0.0], 0.0, 0.0
    with subprocess.Popen(command, env=environment) as process:
        while process.poll() is None:
            crew = [process.pid, *_children(process.pid)]
            memory = [_memory(one) for one in crew]
            most = [max(most[0], sum(memory)), max(most[1], memory[0])]
            used = max(used, sum(map(_processor, crew)))
            if phases and (data / phases[0][1]).exists():
                phase, now = phases.pop(0)[0], time.time()
                print(
                    f"{count} cores, {phase}: {now - since:.0f} s, {used - before:.0f} s of processors; at most "
                    f"{most[0]:.0f} MB in all, {most[1]:.0f} MB in the first process",
                    flush=True,
                )
                since, before, most = now, used, [0.0, 0.0]
            time.sleep(EVERY)
    if process.returncode:
        sys.exit(process.returncode)
    disk = sum(path.stat().st_size for path in data.rglob("*") if path.is_file())
    print(f"{count} cores: {time.time() - began:.0f} s in all, {disk / 1e9:.2f} GB written", flush=True)


def _children(process: int) -> list[int]:
    try:
        return [
            int(child)
            for task in Path(f"/proc/{process}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except OSError:  # it has ended
        return []


def _processor(process: int) -> float:
    """Seconds that it and those of its children that have ended have computed."""
    try:
        words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, words[11:15])) / os.sysconf("SC_CLK_TCK")


def _memory(process: int) -> float:
    """Megabytes that are its own, or its share of what several have."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith("Pss:")), 0.0)


if __name__ == "__main__":
    main()
