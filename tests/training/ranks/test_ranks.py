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

pytestmark = pytest.mark.slow(reason="each run starts torchrun and as many processes as it has ranks")

WORDS = "one two three four five six seven eight nine ten red green blue big small cat dog house tree bird".split()
SIZE = [
    "--preset", "tiny", "--precision", "fp32", "--set", "model.d_model=32", "--set", "model.d_ff=32",
    "--set", "tokenizer.vocab_size=300", "--set", "training.batch_tokens=256",
    "--set", "tokenizer.kind=bpe", "--set", "validation.every=5",
    "--set", "validation.sentences=8",
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
    """A training run of so many ranks, under way."""

    def __init__(self, ranks: int, arguments: list[str], restarts: int = 0) -> None:
        train = ["-m", "dragoman", "train", *arguments]
        if ranks > 1:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
            launch = [
                "-m",
                "torch.distributed.run",
                f"--nproc-per-node={ranks}",
                f"--max-restarts={restarts}",
            ]
            train = [*launch, f"--master-port={port}", *train]
        self.process = subprocess.Popen(
            [sys.executable, *train], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    def told(self) -> str:
        """What it said, when it has ended."""
        _, errors = self.process.communicate(timeout=300)
        return errors

    def members(self) -> list[int]:
        """The processes of the ranks, the first started first."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return sorted(map(int, children.split()))


def trained(ranks: int, arguments: list[str]) -> str:
    group = Group(ranks, arguments)
    said = group.told()
    assert group.process.returncode == 0, said
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
    losses = {}
    for ranks in (1, 2, 4):
        output = tmp_path / str(ranks)
        trained(ranks, [*corpus, "-o", str(output), *SIZE, *STILL, "--set", "training.max_steps=10"])
        losses[ranks] = [step["loss"] for step in steps(output)]
    assert len(losses[1]) == 2 and losses[1][1] < losses[1][0] - 0.01
    assert losses[2] == pytest.approx(losses[1], abs=2e-4)
    assert losses[4] == pytest.approx(losses[1], abs=2e-4)


def test_a_resumed_group_is_one_that_was_not_interrupted(tmp_path: Path, corpus: list[str]) -> None:
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    asked = [*corpus, *SIZE, "--set", "training.max_steps=20", "--set", "model.dropout=0.3"]
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
    assert group.process.returncode == 0, said
    assert re.search(r"resuming .* from step \d+", said) and "60 steps are done" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("rank", [0, 1])
def test_a_signal_at_any_rank_ends_all_after_one_save(tmp_path: Path, corpus: list[str], rank: int) -> None:
    output = tmp_path / "run"
    group = Group(2, [*corpus, "-o", str(output), *SIZE, "--set", "training.max_steps=100000"])
    wait_for_step(output, 5)
    os.kill(group.members()[rank], signal.SIGTERM)
    said = group.told()
    assert group.process.returncode == 0, said
    assert len(re.findall("saved at step", said)) == 1


def test_what_ends_the_first_rank_ends_the_others_in_a_line(tmp_path: Path, corpus: list[str]) -> None:
    group = Group(2, [str(tmp_path / "nothing.tsv"), *corpus[1:], "-o", str(tmp_path / "run"), *SIZE])
    said = group.told()
    assert group.process.returncode != 0
    assert "nothing.tsv" in said and "dragoman/training" not in said
