"""Models that many tests read. What they are made of: tiny.py."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tiny import Parts, parts

# The same examples in every run, so that a failure belongs to the change that is being tested;
# `pytest --hypothesis-profile=explore` looks for new ones.
# A busy machine takes longer to draw them, which says nothing about the change either.
settings.register_profile(
    "same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", max_examples=2000, deadline=None)
settings.load_profile("same")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where several processes share the tests: files that take long first, so that none of them waits for the last."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        long = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in long)


def pytest_runtest_setup() -> None:
    """Where several processes share the tests, each is given the width of the terminal that they were started from."""
    os.environ.pop("COLUMNS", None)


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
