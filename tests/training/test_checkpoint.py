"""Checkpoints: whole or not there, verified when read, whatever fails and whenever."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from dragoman.errors import TrainingError
from dragoman.training.checkpoint import Checkpoint, exists, load_latest, save

OPERATIONS = ("open", "write", "fsync", "replace", "rename", "mkdir", "close")


def checkpoint(step: int) -> Checkpoint:
    return Checkpoint(
        step, {"master": torch.full((40,), float(step)), "random": torch.get_rng_state()}, {"note": "é"}
    )


def test_what_was_saved_is_what_is_read(tmp_path: Path) -> None:
    saved = checkpoint(7)
    save(tmp_path, saved)
    found = load_latest(tmp_path)
    assert found.step == 7 and found.state == {"step": 7, "note": "é"}
    assert all(torch.equal(saved.tensors[name], tensor) for name, tensor in found.tensors.items())


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    for step in range(1, 6):
        save(tmp_path, checkpoint(step), keep=2)
    assert sorted(path.name for path in tmp_path.glob("step-*")) == ["step-00000004", "step-00000005"]
    save(tmp_path, checkpoint(5), keep=2)  # the same step again, after a fall back
    assert load_latest(tmp_path).step == 5


class Killed(BaseException):
    """Stands for SIGKILL: no handler of ours may run, so it is raised again by every later operation."""


def failing(monkeypatch: pytest.MonkeyPatch, k: int, error: BaseException) -> Callable[[], int]:
    """The k-th file operation from now on raises; after a kill, so do all that follow. Returns a counter."""
    count = 0

    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if count == k or (count > k and isinstance(error, Killed)):
                raise error
            return real(*args, **kwargs)

        return operation

    for name in OPERATIONS:
        monkeypatch.setattr(os, name, wrap(getattr(os, name)))
    return lambda: count


def operations_of_a_save(tmp_path: Path) -> int:
    save(tmp_path, checkpoint(1))
    with pytest.MonkeyPatch.context() as patch:
        count = failing(patch, 10**9, OSError())
        save(tmp_path, checkpoint(2))
        return count()


def attempt(directory: Path, error: BaseException) -> str | None:
    """Save step 2; what the user is told, or None after a kill or once the new checkpoint is the latest."""
    try:
        save(directory, checkpoint(2))
    except TrainingError as told:
        return str(told)
    except Killed:
        return None
    # Only the removal of older checkpoints may fail without a word.
    assert load_latest(directory).step == 2, f"{error!r} was swallowed"
    return None


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), OSError(5, "I/O error"), Killed()])
def test_whichever_file_operation_fails_the_last_good_checkpoint_stays(
    tmp_path: Path, error: BaseException
) -> None:
    total = operations_of_a_save(tmp_path / "count")
    assert total > 15  # three files and a pointer, each written, synced and renamed
    for k in range(1, total + 1):
        directory = tmp_path / str(k)
        save(directory, checkpoint(1))
        with pytest.MonkeyPatch.context() as patch:
            failing(patch, k, error)
            told = attempt(directory, error)
        if told is not None:
            assert "step 2 could not be saved" in told and "is intact" in told
        # Step 1, or step 2 when it was complete before the failure; never anything else.
        found = load_latest(directory)
        assert torch.equal(found.tensors["master"], torch.full((40,), float(found.step))) and found.step in (
            1,
            2,
        )
        save(directory, checkpoint(3))  # and the next save is not in the way of what the failed one left
        assert load_latest(directory).step == 3
        assert not list(directory.glob("*.tmp-*"))


@pytest.mark.parametrize("name", ["tensors.safetensors", "state.json", "manifest.json"])
@pytest.mark.parametrize("damage", ["cut", "flip", "remove"])
def test_damage_is_found_and_the_older_checkpoint_is_used(tmp_path: Path, name: str, damage: str) -> None:
    for step in (1, 2):
        save(tmp_path, checkpoint(step))
    path = tmp_path / "step-00000002" / name
    data = bytearray(path.read_bytes())
    if damage == "remove":
        path.unlink()
    else:
        data[len(data) // 2] ^= 4
        path.write_bytes(data[:-3] if damage == "cut" else data)
    assert load_latest(tmp_path).step == 1
    shutil.rmtree(tmp_path / "step-00000001")
    with pytest.raises(TrainingError, match="no checkpoint .* can be read .*step-00000002"):
        load_latest(tmp_path)


def test_nothing_to_resume_is_said_and_told_from_damage(tmp_path: Path) -> None:
    assert not exists(tmp_path)
    with pytest.raises(TrainingError, match="there is no checkpoint"):
        load_latest(tmp_path)
    save(tmp_path, checkpoint(1))
    assert exists(tmp_path)
    (tmp_path / "latest").unlink()
    assert exists(tmp_path) and load_latest(tmp_path).step == 1
