"""What the tests of the command line share."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _sources(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes run these sources, whatever is installed."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2] / "src"))


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> object:
    """A function that puts bytes on standard input."""

    def put(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return put
