"""API keys: what is kept of them, what they allow, and that kill -9 loses nothing."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import pytest

from dragoman.errors import UsageError
from dragoman.server.gate.counts import MONTH
from dragoman.server.gate.keys import Keys
from dragoman.server.gate.refusals import Refusal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.sqlite"


def test_a_key_is_found_until_it_is_removed(path: Path) -> None:
    keys = Keys(path)
    key = keys.add("alice", per_minute=5, quota=1000)
    found = keys.find(key)
    assert found is not None
    assert (found.name, found.per_minute, found.quota, found.used) == ("alice", 5, 1000, 0)
    assert keys.find(key + "x") is None
    assert keys.find("") is None
    keys.remove("alice")
    assert keys.find(key) is None
    assert keys.all() == []
    with pytest.raises(Refusal, match="removed"):
        keys.spend("alice", 1)


def test_the_file_holds_no_key_and_is_its_owner_s(path: Path) -> None:
    key = Keys(path).add("alice")
    assert key.encode() not in b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert path.stat().st_mode & 0o777 == 0o600


def test_names(path: Path) -> None:
    keys = Keys(path)
    keys.add("alice")
    for wrong in ("alice", "", "a\nb", "x" * 101):
        with pytest.raises(UsageError):
            keys.add(wrong)
    with pytest.raises(UsageError, match="no key named"):
        keys.remove("bob")
    with pytest.raises(UsageError):
        keys.add("bob", per_minute=-1)


def test_a_file_that_is_something_else(path: Path) -> None:
    path.write_bytes(b"this is a letter " * 100)
    with pytest.raises(UsageError, match="no file of API keys"):
        Keys(path)


def test_requests_come_at_an_even_pace(path: Path) -> None:
    keys, now = Keys(path), time.time()
    with mock.patch("time.time", lambda: now):
        keys.add("alice", per_minute=3)
        for _ in range(3):
            keys.spend("alice", 1)
        with pytest.raises(Refusal) as refused:
            keys.spend("alice", 1)
    assert refused.value.status == 429
    assert refused.value.retry_after is not None
    assert 20 <= refused.value.retry_after <= 21  # three a minute
    with mock.patch("time.time", lambda: now + 21):
        keys.spend("alice", 1)
        with pytest.raises(Refusal):
            keys.spend("alice", 1)


def test_a_quota_lasts_a_month(path: Path) -> None:
    keys, now = Keys(path), time.time()
    keys.add("alice", quota=100)
    keys.spend("alice", 90)
    with pytest.raises(Refusal) as refused:
        keys.spend("alice", 11)
    assert refused.value.status == 456
    keys.spend("alice", 10)
    with mock.patch("time.time", lambda: now + MONTH + 1):
        keys.spend("alice", 100)


def test_several_processes_share_the_counts(path: Path) -> None:
    one, other = Keys(path), Keys(path)
    key = one.add("alice", per_minute=2)
    one.spend("alice", 7)
    other.spend("alice", 8)
    found = one.find(key)
    assert found is not None
    assert found.used == 15
    with pytest.raises(Refusal):
        one.spend("alice", 1)


SPENDING = """
import sys
from pathlib import Path
from dragoman.server.gate.keys import Keys
keys = Keys(Path(sys.argv[1]))
for n in range(10_000):
    keys.spend("alice", 1)
    print(n + 1, flush=True)
"""


@pytest.mark.parametrize("moment", [1, 40])
def test_kill_9_loses_neither_keys_nor_counts(path: Path, moment: int) -> None:
    key = Keys(path).add("alice", quota=1_000_000)
    process = subprocess.Popen([sys.executable, "-c", SPENDING, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as lines:
        for line in lines:
            if int(line) == moment:
                os.kill(process.pid, signal.SIGKILL)
                counted = [int(line), *map(int, lines)]
                break
    assert process.wait() == -signal.SIGKILL
    found = Keys(path).find(key)
    assert found is not None
    # What was told was counted; at most one more was counted and not told.
    assert max(counted) <= found.used <= max(counted) + 1
    with sqlite3.connect(path) as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
    database.close()


def test_a_clock_that_is_set_back_is_not_waited_for(path: Path) -> None:
    """What was to be refilled at a time of the clock before was refused until that time came again."""
    keys, now = Keys(path), time.time()
    keys.add("alice", per_minute=60, quota=100)
    with mock.patch("time.time", lambda: now + 400 * 86_400):
        for _ in range(60):
            keys.spend("alice", 1)
        with pytest.raises(Refusal, match="slow down"):
            keys.spend("alice", 1)
    with mock.patch("time.time", lambda: now), pytest.raises(Refusal, match="slow down"):
        keys.spend("alice", 1)
    with mock.patch("time.time", lambda: now + 2):
        keys.spend("alice", 30)
        with pytest.raises(Refusal, match="quota"):
            keys.spend("alice", 30)
    with mock.patch("time.time", lambda: now + MONTH + 1):  # and not in a year
        keys.spend("alice", 30)
