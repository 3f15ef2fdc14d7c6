"""Checkpoints: whole or not there, verified when read, whatever fails and whenever."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from dragoman.errors import TrainingError
from dragoman.training.checkpoint import (
    Checkpoint,
    discard_after,
    exists,
    load,
    load_latest,
    save,
    saved,
    step_of,
)

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


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), Killed()])
def test_a_first_save_that_fails_leaves_a_directory_that_the_same_command_uses(
    tmp_path: Path, error: BaseException
) -> None:
    """What a kill had cut short counted as a run: train asked for --resume, and --resume for train without it.

    And a full disk was answered with the advice to go on from the checkpoint before the first one.
    """
    total = operations_of_a_save(tmp_path / "count")
    for k in range(1, total + 1):
        directory = tmp_path / str(k)
        with pytest.MonkeyPatch.context() as patch:
            failing(patch, k, error)
            try:
                told = attempt(directory, error)
            except TrainingError:
                told = None  # killed: nothing is there
        if told is not None:
            assert "run the same command again" in told and "--resume" not in told
            assert not exists(directory)
        if exists(directory):
            assert load_latest(directory).step == 2
        save(directory, checkpoint(2))
        assert load_latest(directory).step == 2 and not list(directory.glob("*.tmp-*"))


def test_a_step_that_is_saved_again_gets_a_name_of_its_own(tmp_path: Path) -> None:
    """A kill between the removal of the old one and the renaming of the new one would have left neither."""
    save(tmp_path, checkpoint(5))
    again = Checkpoint(5, checkpoint(6).tensors, {})
    save(tmp_path, again)
    assert [path.name for path in saved(tmp_path)] == ["step-00000005.1"]
    assert torch.equal(load_latest(tmp_path).tensors["master"], again.tensors["master"])


def test_spared_steps_are_kept_beside_the_newest(tmp_path: Path) -> None:
    for step in (1, 2, 3, 4, 5):
        save(tmp_path, checkpoint(step), keep=2, spared={1, 3})
    assert [step_of(path) for path in saved(tmp_path)] == [1, 3, 4, 5]
    discard_after(tmp_path, 3)
    assert [step_of(path) for path in saved(tmp_path)] == [1, 3]


def elsewhere(directory: Path) -> None:
    save(directory / "other", checkpoint(9))
    (directory / "latest").write_text("../run/other/step-00000009")


def linked(directory: Path) -> None:
    save(directory.parent / "other", checkpoint(9))
    (directory / "step-00000009").symlink_to(directory.parent / "other" / "step-00000009")
    (directory / "latest").write_text("step-00000009")


def resealed(directory: Path, name: str, content: bytes) -> None:
    path = directory / "step-00000002"
    (path / name).write_bytes(content)
    manifest = json.loads((path / "manifest.json").read_bytes())
    manifest[name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (path / "manifest.json").write_text(json.dumps(manifest))


def manifest(content: bytes) -> Callable[[Path], object]:
    return lambda directory: (directory / "step-00000002" / "manifest.json").write_bytes(content)


DAMAGES: dict[str, tuple[Callable[[Path], object], int]] = {
    "pointer that is no text": (lambda d: (d / "latest").write_bytes(b"\xff"), 2),
    "pointer that is empty": (lambda d: (d / "latest").write_bytes(b""), 2),
    "pointer with a NUL": (lambda d: (d / "latest").write_bytes(b"step-00000002\0"), 2),
    "pointer to another run": (elsewhere, 2),
    "pointer to a link": (linked, 2),
    "pointer to nothing": (lambda d: (d / "latest").write_text("step-00000007"), 2),
    "pointer that is a directory": (lambda d: ((d / "latest").unlink(), (d / "latest").mkdir()), 2),
    "manifest null": (manifest(b"null"), 1),
    "manifest list": (manifest(b"[]"), 1),
    "manifest of texts": (manifest(b'{"state.json": "x", "tensors.safetensors": "y"}'), 1),
    "manifest of nothing": (manifest(b""), 1),
    "manifest, deeply nested": (manifest(b"[" * 100_000), 1),
    "manifest of huge numbers": (manifest(b'{"tensors.safetensors": {"size": ' + b"9" * 5000 + b"}}"), 1),
    "state null": (lambda d: resealed(d, "state.json", b"null"), 1),
    "state of another step": (lambda d: resealed(d, "state.json", b'{"step": 1}'), 1),
    "state without a step": (lambda d: resealed(d, "state.json", b"{}"), 1),
    "state, deeply nested": (lambda d: resealed(d, "state.json", b'{"step": ' + b"[" * 100_000), 1),
    "tensors that are none": (lambda d: resealed(d, "tensors.safetensors", b"\xff" * 90), 1),
    "tensors empty": (lambda d: resealed(d, "tensors.safetensors", b""), 1),
    "a file in its place": (
        lambda d: (shutil.rmtree(d / "step-00000002"), (d / "step-00000002").write_text("x")), 1,
    ),
    "a file that is a link": (
        lambda d: (
            (d / "step-00000002" / "state.json").unlink(),
            (d / "step-00000002" / "state.json").symlink_to(d / "step-00000001" / "state.json"),
        ), 1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_whatever_is_damaged_the_newest_sound_checkpoint_is_found_and_the_rest_is_said(
    tmp_path: Path, name: str
) -> None:
    directory = tmp_path / "run"
    for step in (1, 2):
        save(directory, checkpoint(step))
    damage, expected = DAMAGES[name]
    damage(directory)
    said: list[str] = []
    assert load_latest(directory, note=said.append).step == expected
    assert len(said) == 1 and "\n" not in said[0]


def test_tensors_are_written_as_safetensors_does(tmp_path: Path) -> None:
    """They are written one after the other, so that a large state is never in memory twice."""
    tensors = {
        "b": torch.randn(3, 5), "random": torch.arange(7, dtype=torch.uint8), "a": torch.randn(11).mul(2)[::2],
        "é": torch.empty(0), "number": torch.tensor(3.0),
    }  # fmt: skip
    path = save(tmp_path, Checkpoint(3, tensors, {}))
    expected = safetensors.torch.save({name: tensor.contiguous() for name, tensor in tensors.items()})
    assert (path / "tensors.safetensors").read_bytes() == expected


def test_what_lies_elsewhere_is_fetched_when_it_is_written(tmp_path: Path) -> None:
    here, there = torch.randn(4), torch.randn(9)
    whole = Checkpoint(
        3, {"here": here, "there": torch.empty(9, device="meta")}, {}, {"there": there}.__getitem__
    )
    found = load(save(tmp_path, whole))
    assert torch.equal(found.tensors["here"], here) and torch.equal(found.tensors["there"], there)
