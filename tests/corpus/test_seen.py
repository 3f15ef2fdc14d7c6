"""Keys that came before are told from new ones as a set tells them, in memory and on the disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dragoman.corpus import seen
from dragoman.corpus.seen import Seen


@pytest.mark.parametrize("most", [1, 64, 2**23])
@pytest.mark.parametrize("on_disk", [True, False])
def test_the_first_of_each_is_new(
    most: int, on_disk: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen, "MOST", most)
    draw, known, keys = np.random.default_rng(1), set[int](), Seen(tmp_path if on_disk else None)
    for size in (0, 1, 5, 300, 7, 1000, 1000, 3):
        some = draw.integers(0, 900, size, dtype=np.uint64) + np.uint64(2**64 - 901)
        expected = []
        for key in some.tolist():
            expected.append(key not in known)
            known.add(key)
        assert keys.add(some).tolist() == expected
    assert list(tmp_path.iterdir()) == []
