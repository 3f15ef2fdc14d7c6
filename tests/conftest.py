"""Models that many tests read. What they are made of: tiny.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tiny import Parts, parts


@pytest.fixture(scope="session")
def tiny_parts() -> Parts:
    return parts()


@pytest.fixture(scope="session")
def other_parts() -> Parts:
    """Another model of the same shape: everything fits but the tokenizer's sha256."""
    return parts(seed=2)


@pytest.fixture(scope="session")
def tiny_model(tiny_parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Read only."""
    return tiny_parts.write(tmp_path_factory.mktemp("models") / "tiny")
