"""A service with a tiny model, in this process. What it is made of: dragoman.server.app."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from dragoman.server.app import build
from dragoman.server.settings import Engines, Limits, Network, Settings
from dragoman.translate.translator import Translator

HERE = "http://127.0.0.1"


def settings(model: Path, **others: object) -> Settings:
    return Settings(Engines((str(model),), threads=1), **others)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def client(tiny_model: Path) -> Iterator[TestClient]:
    """Of a service with its defaults."""
    with TestClient(build(settings(tiny_model)), HERE, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="session")
def small(tiny_model: Path) -> Iterator[TestClient]:
    """Of a service that allows little."""
    limits = Limits(characters=50, items=3, file_bytes=100, beam_size=4, n_best=3)
    network = Network(allowed_hosts=("translate.test",), origins=("https://good.test",))
    app = build(settings(tiny_model, limits=limits, network=network))
    with TestClient(app, HERE, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="session")
def translator(tiny_model: Path) -> Translator:
    """What the service's answers are compared with."""
    return Translator.load(tiny_model, workers=1)
