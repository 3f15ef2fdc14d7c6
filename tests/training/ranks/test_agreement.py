"""Ranks that would train different things are refused, and both sides are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dragoman.cli import main
from dragoman.errors import TrainingError, UsageError
from dragoman.training.ranks import group
from dragoman.training.ranks.agreement import _SAME, check_agreement
from dragoman.training.ranks.group import check_variables

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


WHOLE = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "29500"}


def test_a_group_is_made_of_four_variables() -> None:
    assert check_variables(WHOLE) == (1, 2)
    assert check_variables({}) is check_variables({**WHOLE, "WORLD_SIZE": "1"}) is None


@pytest.mark.parametrize(
    "change, said",
    [
        ({"RANK": ""}, "WORLD_SIZE is 2, and RANK is not set"),
        ({"RANK": "2"}, "RANK is '2', and should be from 0 to 1"),
        ({"RANK": "-1"}, "RANK is '-1'"),
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE is 'two', and should be from 2"),
        ({"MASTER_ADDR": ""}, "MASTER_ADDR is not set"),
        ({"MASTER_PORT": ""}, "MASTER_PORT is not set"),
        ({"MASTER_PORT": "99999"}, "MASTER_PORT is '99999', and should be from 0 to 65,535"),
    ],
)
def test_variables_of_no_group_are_refused(change: dict[str, str], said: str) -> None:
    """They ended in a traceback, in minutes of waiting, or in a run that trained as if it were alone."""
    with pytest.raises(UsageError) as told:
        check_variables({**WHOLE, **change})
    assert said in str(told.value) and "torchrun sets RANK" in str(told.value)


def test_ranks_that_do_not_meet_say_where() -> None:
    """It was told as if they had met before and a restart would help."""
    with (
        pytest.MonkeyPatch.context() as context,
        pytest.raises(
            TrainingError, match=r"rank 1 of 2 has not met the others at 10.0.0.1:29500 \(timed out\)"
        ),
    ):
        for name, value in WHOLE.items():
            context.setenv(name, value)
        context.setattr(
            group, "rendezvous", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("timed out."))
        )
        group.joined.__wrapped__()
