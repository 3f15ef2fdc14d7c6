"""Dragoman itself, attacked for about a minute: the long form is `make attack`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SEED = 20261129  # the same cases for each change, so that a failure belongs to the change


@pytest.mark.slow(reason="a hundred trainings, servers and commands that are killed, starved and lied to")
def test_what_is_promised_holds_under_attack(tmp_path: Path) -> None:
    """In a process of its own: it forks, and leaves nothing behind, neither a file nor a process."""
    command = [sys.executable, "-m", "attacks", "--small", "--seed", str(SEED), "--format", "json"]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900)
    assert ended.returncode in (0, 1), ended.stderr[-3000:]
    attacks = json.loads(ended.stdout)["attacks"]
    assert [attack["name"] for attack in attacks if not attack["tried"] and not attack["left_out"]] == []
    failed = {attack["name"]: attack["examples"] for attack in attacks if attack["failed"]}
    assert not failed, json.dumps(failed, ensure_ascii=False, indent=1)
    assert list(tmp_path.iterdir()) == []
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert not re.findall(rf".*{re.escape(str(tmp_path))}.*", running)
