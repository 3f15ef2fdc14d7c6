"""A Redis that answers and cannot do what is asked of it: full, or without scripts."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from dragoman.errors import UsageError
from dragoman.server.gate.link import Link, LostError, check
from server.shared_redis import Redis, needs_redis

pytestmark = needs_redis


def test_one_that_is_full_stays_lost_until_there_is_room(tmp_path: Path) -> None:
    """It answered a ping, so it was found again and lost again twice a second, each time with a line in the log."""
    redis = Redis(tmp_path, "--maxmemory", "1", "--maxmemory-policy", "noeviction")
    link = Link(redis.address)
    try:
        assert check(redis.address)  # no reason not to start
        with pytest.raises(LostError):
            link.script("address", ["dragoman:address:a"], 60)
        link.watch(lambda: None, 0.1)
        time.sleep(0.8)
        assert not link.is_up
        redis.client.config_set("maxmemory", 0)
        until = time.monotonic() + 10
        while not link.is_up and time.monotonic() < until:
            time.sleep(0.05)
        assert link.is_up
    finally:
        link.close()
        redis.close()


def test_one_that_runs_no_scripts_is_refused_at_the_start(tmp_path: Path) -> None:
    redis = Redis(tmp_path, "--rename-command", "EVAL", "none", "--rename-command", "EVALSHA", "none2")
    try:
        with pytest.raises(UsageError, match="refuses"):
            check(redis.address)
    finally:
        redis.close()
