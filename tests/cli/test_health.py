"""`dragoman health` asks the service at the port it was given."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dragoman.cli.health import _the_only_one, serving
from dragoman.errors import UsageError
from server.live import serving as live


def process(folder: Path, number: int, *words: str) -> None:
    (folder / str(number)).mkdir()
    (folder / str(number) / "cmdline").write_bytes("\0".join((*words, "")).encode())


SCRIPT = ("/opt/dragoman/bin/python", "/opt/dragoman/bin/dragoman", "serve")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ((*SCRIPT, "--host", "0.0.0.0"), ("0.0.0.0", 5000)),
        ((*SCRIPT, "--host", "0.0.0.0", "--port", "8080"), ("0.0.0.0", 8080)),
        ((*SCRIPT, "--port=8080"), ("127.0.0.1", 8080)),
        ((*SCRIPT, "--port", "1", "--host", "a", "--port", "2", "--host=b"), ("b", 2)),
        (("python", "/x/dragoman/__main__.py", "serve", "--port", "7"), ("127.0.0.1", 7)),
        (("vi", "serve", "--port", "7"), None),
        ((*SCRIPT, "--port", "0"), None),
        (("dragoman", "translate", "serve"), None),
    ],
)
def test_the_port_stands_in_the_command_line(
    tmp_path: Path, words: tuple[str, ...], found: tuple[str, int]
) -> None:
    """The image asked port 5000 whatever port it was started with."""
    process(tmp_path, 1, *words)
    process(tmp_path, 22, "sleep", "5")
    (tmp_path / "self").mkdir()
    assert serving(tmp_path) == ({found} if found else set())


def test_of_several_one_is_to_be_named(tmp_path: Path) -> None:
    process(tmp_path, 1, *SCRIPT)
    process(tmp_path, 2, *SCRIPT)
    assert _the_only_one(serving(tmp_path)) == ("127.0.0.1", 5000)
    process(tmp_path, 3, *SCRIPT, "--port", "8080")
    with pytest.raises(UsageError, match="ports 5000, 8080"):
        _the_only_one(serving(tmp_path))


def health(port: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dragoman", "health", "--port", str(port)]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_service_that_lives_and_one_that_does_not(tiny_model: Path, tmp_path: Path) -> None:
    with live(tiny_model, tmp_path) as server:
        assert (health(server.port).returncode, health(server.port).stdout) == (0, "ok\n")
    found = health(server.port)
    assert found.returncode == 1
    assert found.stderr.startswith("dragoman: nobody answers at 127.0.0.1, port ")
