"""Translated files: fetched by their name, by no other, and not for ever."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from dragoman.server import downloads as module
from dragoman.server.downloads import KEPT, Downloads
from dragoman.server.gate.refusals import Refusal


@pytest.fixture
def downloads(tmp_path: Path):  # type: ignore[no-untyped-def]
    found = Downloads(tmp_path)
    with found.open():
        yield found


def test_what_is_put_can_be_fetched(downloads: Downloads) -> None:
    names = {downloads.put(b"data", ".TXT") for _ in range(10)}
    assert len(names) == 10
    assert all(name.endswith(".txt") and downloads.get(name) == b"data" for name in names)


@pytest.mark.parametrize("name", ["", "..", "../secret.txt", "a/b.txt", "x" * 22, "x" * 22 + ".txt\n", "\0"])
def test_other_names_lead_nowhere(downloads: Downloads, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    with pytest.raises(Refusal) as refused:
        downloads.get(name)
    assert refused.value.status == 404


def test_old_ones_go(downloads: Downloads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = downloads.put(b"old", ".txt"), downloads.put(b"new", ".txt")
    past = time.monotonic() - KEPT - 1
    os.utime(tmp_path / old, (past, past))
    downloads.put(b"x", ".txt")
    with pytest.raises(Refusal):
        downloads.get(old)
    assert downloads.get(new) == b"new"
    monkeypatch.setattr(module, "ROOM", 2)
    downloads.put(b"y", ".txt")
    assert len(list(tmp_path.iterdir())) == 2  # one byte was left for another, and one for this


def test_an_old_one_is_gone_though_none_came_after_it(downloads: Downloads, tmp_path: Path) -> None:
    """It was given out for as long as nobody translated another file."""
    old = downloads.put(b"old", ".txt")
    past = time.monotonic() - KEPT - 1
    os.utime(tmp_path / old, (past, past))
    with pytest.raises(Refusal) as refused:
        downloads.get(old)
    assert refused.value.status == 404 and not [*tmp_path.iterdir()]


def test_a_folder_of_its_own_goes_with_it() -> None:
    downloads = Downloads()
    with downloads.open():
        downloads.put(b"data", ".txt")
        folder = downloads._folder
        assert folder.exists()
    assert not folder.exists()
