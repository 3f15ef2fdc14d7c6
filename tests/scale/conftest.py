"""Files to translate, and one worker in this process that does so: the tests of many hold their work against it."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dragoman.cli import main
from tiny import lines

Run = Callable[..., None]


@pytest.fixture(autouse=True)
def _sources(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers run these sources, whatever is installed."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2] / "src"))


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Three files of plain lines, with empty ones among them."""
    folder = tmp_path / "in"
    folder.mkdir()
    for seed in range(3):
        (folder / f"part-{seed}.txt").write_text("\n\n".join(lines(seed, 20)) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., bytes]:
    """What `dragoman translate < path` writes."""

    def run(path: Path, *words: str) -> bytes:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
        capfd.readouterr()
        assert main(["translate", *words]) == 0
        return capfd.readouterr().out.encode()

    return run
