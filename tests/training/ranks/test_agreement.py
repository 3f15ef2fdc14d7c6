"""Ranks that would train different things are refused, and both sides are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dragoman.cli import main
from dragoman.errors import TrainingError
from dragoman.training.ranks.agreement import _SAME, check_agreement

FIRST: dict[str, Any] = {
    "host": "a", "config": {"training": {"seed": 1, "names": ("x", "y")}}, **dict.fromkeys(_SAME, "this"),
}  # fmt: skip
SAME = {**FIRST, "host": "b", "config": {"training": {"seed": 1, "names": ["x", "y"]}}}  # as JSON brings it


def test_equal_ranks_may_train() -> None:
    check_agreement(FIRST, [SAME, SAME])


@pytest.mark.parametrize("key", _SAME)
def test_what_differs_is_named_on_both_sides(key: str) -> None:
    with pytest.raises(TrainingError) as caught:
        check_agreement(FIRST, [SAME, {**SAME, key: "that"}])
    said = str(caught.value)
    assert "rank 2 on b" in said and "rank 0 on a" in said and "that" in said and "this" in said


def test_another_command_is_named_by_its_settings() -> None:
    with pytest.raises(TrainingError, match="rank 1 on b .* training.seed: 1 -> 2"):
        check_agreement(FIRST, [{**SAME, "config": {"training": {"seed": 2, "names": ["x", "y"]}}}])


@pytest.mark.parametrize("verb", [["lm", "train"], ["words", "train"]])
def test_what_one_process_does_is_refused_by_several(
    verb: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each of them wrote the same file."""
    (tmp_path / "text.en").write_text("one two three\n" * 9)
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main([*verb, str(tmp_path / "text.en"), "-o", str(tmp_path / "out"), "--unit", "words"]) == 2
    assert "by one process" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
