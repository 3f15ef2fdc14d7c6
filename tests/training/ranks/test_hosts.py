"""Two hosts, each a network of its own with a cable between, which is cut while they train."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow(reason="starts two hosts, and waits until each gives the other up")

HOSTS = ("dragoman-a", "dragoman-b")


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)


def remove() -> None:
    for host in HOSTS:
        subprocess.run(["ip", "netns", "del", host], capture_output=True, timeout=20, check=False)


@pytest.fixture
def hosts() -> Iterator[Callable[[], None]]:
    """Two hosts under 10.77.0.1 and .2; what is given cuts the cable."""
    try:
        remove()
        for host in HOSTS:
            ip("netns", "add", host)
        ip(
            "link",
            "add",
            "cable",
            "netns",
            HOSTS[0],
            "type",
            "veth",
            "peer",
            "name",
            "cable",
            "netns",
            HOSTS[1],
        )
        for number, host in enumerate(HOSTS, 1):
            ip("-n", host, "addr", "add", f"10.77.0.{number}/24", "dev", "cable")
            ip("-n", host, "link", "set", "cable", "up")
            ip("-n", host, "link", "set", "lo", "up")
    except (OSError, subprocess.SubprocessError) as error:
        remove()
        pytest.skip(f"no networks can be made here: it takes root and iproute2 ({error})")
    yield lambda: ip("-n", HOSTS[1], "link", "set", "cable", "down")
    remove()


def started(number: int, log: Path, arguments: list[str]) -> subprocess.Popen[bytes]:
    """One rank on one host, as torchrun starts it."""
    meeting = {
        "MASTER_ADDR": "10.77.0.1", "MASTER_PORT": "29400", "WORLD_SIZE": "2", "RANK": str(number), "LOCAL_RANK": "0",
        "GLOO_SOCKET_IFNAME": "cable", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    program = Path(__file__).with_name("impatient.py")
    command = ["ip", "netns", "exec", HOSTS[number], sys.executable, str(program), "train", *arguments]
    with log.open("wb") as told:
        return subprocess.Popen(command, env={**os.environ, **meeting}, stdout=told, stderr=told)


def test_a_host_that_vanishes_ends_the_other_in_a_line(hosts: Callable[[], None], tmp_path: Path) -> None:
    words = "one two three four five six seven eight nine ten red green blue big small cat dog house".split()
    corpus = tmp_path / "train.tsv"
    corpus.write_text(
        "".join(f"{a} {b} {c}\t{c} {b} {a}\n" for a in words for b in words[:6] for c in words[:6])
    )
    arguments = [
        str(corpus), "-o", str(tmp_path / "run"), "--source-lang", "en", "--target-lang", "de", "--preset", "tiny",
    ]  # fmt: skip
    for setting in (
        "model.d_model=16", "model.d_ff=16", "model.encoder_layers=1", "model.decoder_layers=1", "validation.every=3",
        "tokenizer.vocab_size=300", "training.batch_tokens=256", "validation.metric=loss", "training.precision=fp32",
    ):  # fmt: skip
        arguments += ["--set", setting]
    logs = [tmp_path / f"{host}.log" for host in HOSTS]
    ranks = [started(number, log, arguments) for number, log in enumerate(logs)]
    try:
        until = time.monotonic() + 120
        while not (tmp_path / "run" / "checkpoints" / "step-00000003").exists():
            assert time.monotonic() < until and all(rank.poll() is None for rank in ranks), logs[
                0
            ].read_text()
            time.sleep(0.1)
        hosts()
        cut = time.monotonic()
        assert [rank.wait(60) for rank in ranks] == [1, 1]
        assert time.monotonic() - cut < 40
    finally:
        for rank in ranks:
            if rank.poll() is None:
                rank.send_signal(signal.SIGKILL)
                rank.wait()
    for log in logs:
        said = log.read_text()
        assert "lost the others" in said or "no sign of life" in said, said
        assert "Traceback" not in said
