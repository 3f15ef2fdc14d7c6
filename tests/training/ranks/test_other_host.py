"""The first rank of another host, which has the corpus and the prepared data to itself: what it says and refuses."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dragoman.errors import TrainingError
from dragoman.training.run import _follow

RANKS = cast(
    Any,
    SimpleNamespace(
        rank=2, local=0, heard=lambda: {"do": "prepare", "contents": "theirs"}, done=lambda what: None
    ),
)


@pytest.mark.parametrize("there", [True, False])
def test_it_says_which_data_it_takes_and_refuses_others_than_those_of_rank_0(
    there: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two hosts with two vocabularies added up gradients that had nothing to do with each other."""
    (tmp_path / "data").mkdir()
    if there:
        (tmp_path / "data" / "data.json").write_text("{}")
    own = cast(Any, SimpleNamespace(contents="ours"))
    with pytest.raises(TrainingError, match="rank 2 would train on other data than rank 0"):
        _follow(RANKS, cast(Any, None), lambda: own, tmp_path)
    said = "finds what is prepared in" if there else "prepares the corpus for its host, into"
    assert said in capsys.readouterr().err.replace("\n", " ")
