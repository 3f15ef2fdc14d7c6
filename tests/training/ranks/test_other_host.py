"""The first rank of another host, which has the corpus and the prepared data to itself: what it says."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dragoman.errors import TrainingError
from dragoman.training.run import _follow

RANKS = cast(
    Any,
    SimpleNamespace(rank=2, local=0, heard=lambda: {"do": "prepare"}, done=lambda what: None),
)


@pytest.mark.parametrize("there", [True, False])
def test_it_says_which_data_it_takes(there: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").mkdir()
    if there:
        (tmp_path / "data" / "data.json").write_text("{}")

    def prepare() -> Any:
        raise TrainingError("far enough")

    with pytest.raises(TrainingError, match="far enough"):
        _follow(RANKS, cast(Any, None), prepare, tmp_path)
    said = "finds what is prepared in" if there else "prepares the corpus for its host, into"
    assert said in capsys.readouterr().err.replace("\n", " ")
