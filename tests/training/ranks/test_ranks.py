"""Several ranks train as one process does, and as one of them they stop, die, and go on."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow(reason="each run starts as many processes as it has ranks")

WORDS = "one two three four five six seven eight nine ten red green blue big small cat dog house tree bird".split()
SIZE = [
    "--preset", "tiny", "--precision", "fp32", "--set", "model.d_model=32", "--set", "model.d_ff=32",
    "--set", "tokenizer.vocab_size=300", "--set", "training.batch_tokens=256",
    "--set", "tokenizer.kind=bpe", "--set", "validation.every=5",
    "--set", "validation.sentences=8", "--set", "model.encoder_layers=1", "--set", "model.decoder_layers=1",
]  # fmt: skip
STILL = ["--set", "model.dropout=0"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("corpus")
    lines = [f"{a} {b} {c}\t{c} {b} {a} !" for a, b in pairwise(WORDS) for c in WORDS]
    (folder / "train.tsv").write_text("\n".join(lines[8:]) + "\n")
    (folder / "dev.tsv").write_text("\n".join(lines[:8]) + "\n")
    languages = ["--source-lang", "en", "--target-lang", "de"]
    return [str(folder / "train.tsv"), "--dev", str(folder / "dev.tsv"), *languages]


class Group:
    """A training run of so many ranks, under way.

    torchrun starts them where it is to start them again; else they are started as it does, which takes half the time.
    """

    def __init__(self, ranks: int, arguments: list[str], restarts: int = 0, last: list[str] = []) -> None:  # noqa: B006
        """last: what only the last rank is told, too."""
        train = ["-m", "dragoman", "train", *arguments]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        if restarts:
            launch = [
                "-m",
                "torch.distributed.run",
                f"--nproc-per-node={ranks}",
                f"--max-restarts={restarts}",
            ]
            self.processes = [self._started([*launch, f"--master-port={port}", *train], {})]
            return
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(ranks)}
        self.processes = [
            self._started(
                train + last * (rank == ranks - 1), {**meeting, "RANK": str(rank), "LOCAL_RANK": str(rank)}
            )
            for rank in range(ranks)
        ]

    @staticmethod
    def _started(arguments: list[str], meeting: dict[str, str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **meeting, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    def told(self) -> str:
        """What all of it said, when it has ended."""
        return "".join(process.communicate(timeout=300)[1] for process in self.processes)

    @property
    def failed(self) -> bool:
        return any(process.returncode for process in self.processes)

    def members(self) -> list[int]:
        """The processes of the ranks, the first started first."""
        if len(self.processes) > 1:
            return [process.pid for process in self.processes]
        launcher = self.processes[0].pid
        return sorted(map(int, Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()))


def trained(ranks: int, arguments: list[str]) -> str:
    group = Group(ranks, arguments)
    said = group.told()
    assert not group.failed, said
    return said


def steps(output: Path) -> Iterator[dict[str, float]]:
    for line in (output / "log.jsonl").read_text().splitlines():
        if (record := json.loads(line))["kind"] == "validation":
            yield record


def wait_for_step(output: Path, step: int) -> None:
    until = time.monotonic() + 120
    while not list((output / "checkpoints").glob(f"step-{step:08d}")):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_one_two_and_four_ranks_train_alike(tmp_path: Path, corpus: list[str]) -> None:
    losses = []
    for ranks, sharded in ((1, False), (2, False), (2, True), (4, True)):
        output = tmp_path / f"{ranks}-{sharded}"
        asked = [
            "--set",
            "training.max_steps=10",
            "--set",
            f"training.shard_optimizer={str(sharded).lower()}",
        ]
        trained(ranks, [*corpus, "-o", str(output), *SIZE, *STILL, *asked])
        losses.append([step["loss"] for step in steps(output)])
    assert len(losses[0]) == 2 and losses[0][1] < losses[0][0] - 0.01
    for others in losses[1:]:
        assert others == pytest.approx(losses[0], abs=2e-4)


@pytest.mark.parametrize("sharded", ["false", "true"])
def test_a_resumed_group_is_one_that_was_not_interrupted(
    tmp_path: Path, corpus: list[str], sharded: str
) -> None:
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    asked = [*corpus, *SIZE, "--set", "training.max_steps=20", "--set", "model.dropout=0.3"]
    asked += ["--set", f"training.shard_optimizer={sharded}", "--set", "optimizer.kind=muon"]
    trained(2, [*asked, "-o", str(whole)])
    trained(2, [*asked, "-o", str(halves), "--set", "training.max_steps=10"])
    said = trained(2, [*asked, "-o", str(halves), "--resume"])
    assert "from step 10" in said
    assert (whole / "model.safetensors").read_bytes() == (halves / "model.safetensors").read_bytes()
    said = trained(1, [*asked, "-o", str(halves), "--resume", "--set", "training.max_steps=22"])
    assert "trained by 2 ranks so far, now by one process" in said


@pytest.mark.parametrize("rank", [0, 1])
def test_a_rank_that_dies_is_started_again_with_its_group(
    tmp_path: Path, corpus: list[str], rank: int
) -> None:
    output = tmp_path / "run"
    asked = [*corpus, "-o", str(output), *SIZE, "--set", "training.max_steps=60"]
    group = Group(2, asked, restarts=1)
    wait_for_step(output, 5)
    os.kill(group.members()[rank], signal.SIGKILL)
    said = group.told()
    assert not group.failed, said
    assert re.search(r"resuming .* from step \d+", said) and "60 steps are done" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("rank", [0, 1])
def test_a_signal_at_any_rank_ends_all_after_one_save(tmp_path: Path, corpus: list[str], rank: int) -> None:
    output = tmp_path / "run"
    group = Group(2, [*corpus, "-o", str(output), *SIZE, "--set", "training.max_steps=100000"])
    wait_for_step(output, 5)
    os.kill(group.members()[rank], signal.SIGTERM)
    said = group.told()
    assert not group.failed, said
    assert len(re.findall("saved at step", said)) == 1


def test_what_ends_the_first_rank_ends_the_others_in_a_line(tmp_path: Path, corpus: list[str]) -> None:
    group = Group(2, [str(tmp_path / "nothing.tsv"), *corpus[1:], "-o", str(tmp_path / "run"), *SIZE])
    said = group.told()
    assert group.failed
    assert "nothing.tsv" in said and "dragoman/training" not in said


def test_a_rank_that_was_told_otherwise_is_refused(tmp_path: Path, corpus: list[str]) -> None:
    """It trained along, and the sums of gradients were those of two different runs."""
    run = [*corpus, "-o", str(tmp_path / "run"), *SIZE]
    group = Group(2, run, last=["--set", "optimizer.peak_lr=0.5"])
    said = group.told()
    assert group.failed and "Traceback" not in said
    assert "rank 1 on" in said and "optimizer.peak_lr: 0.005 -> 0.5" in said and "rank 0 on" in said
