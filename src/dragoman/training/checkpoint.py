"""Training state on disk: published atomically, verified when read, never pickled. Knows no model and no optimiser.

checkpoints/
  step-000500/         written as step-000500.tmp-PID, made durable, renamed once
    tensors.safetensors
    state.json
    manifest.json      size and sha256 of the two, written last
  latest               one line, the name of the directory to resume from; replaced in one step
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from dragoman.errors import TrainingError
from dragoman.files import publish, sha256, sync_directory, write_new

FILES = ("tensors.safetensors", "state.json")


@dataclass(frozen=True)
class Checkpoint:
    """All that a training run needs to go on from one moment as if it had not stopped."""

    step: int  # the last that was done
    tensors: dict[str, Tensor]  # of any shape and type, by name
    state: dict[str, Any]  # whatever JSON can hold


def save(directory: Path, checkpoint: Checkpoint, keep: int = 2) -> Path:
    """Write `checkpoint` below `directory`, make it the latest, remove all but the newest `keep`.

    Raises TrainingError when the disk refuses; the checkpoint before it is then still the latest.
    """
    final = directory / f"step-{checkpoint.step:08d}"
    temporary = directory / f"{final.name}.tmp-{os.getpid()}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for stale in directory.glob("step-*.tmp-*"):
            shutil.rmtree(stale)
        os.mkdir(temporary)
        contents = dict(zip(FILES, _contents(checkpoint), strict=True))
        for name, data in contents.items():
            write_new(temporary / name, data)
        manifest = {name: {"size": len(data), "sha256": sha256(data)} for name, data in contents.items()}
        write_new(temporary / "manifest.json", json.dumps(manifest).encode())
        sync_directory(temporary)
        if final.exists():  # left by a run that fell back behind it
            shutil.rmtree(final)
        os.rename(temporary, final)
        sync_directory(directory)
        publish(directory / "latest", f"{final.name}\n".encode())
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise TrainingError(
            f"the checkpoint of step {checkpoint.step:,} could not be saved in {directory} ({error.strerror}); "
            "the one before it is intact: make room, then go on with --resume"
        ) from error
    _prune(directory, keep, final)
    return final


def _contents(checkpoint: Checkpoint) -> tuple[bytes, bytes]:
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
    state = {"step": checkpoint.step, **checkpoint.state}
    return safetensors.torch.save(tensors), json.dumps(state, ensure_ascii=False, indent=1).encode()


def _prune(directory: Path, keep: int, newest: Path) -> None:
    older = sorted(path for path in directory.glob("step-*") if path.is_dir() and path != newest)
    for path in older[: max(len(older) - max(keep - 1, 1), 0)]:
        shutil.rmtree(path, ignore_errors=True)


def exists(directory: Path) -> bool:
    """Whether a run has left anything here, whole or damaged."""
    return (directory / "latest").exists() or any(directory.glob("step-*"))


def load_latest(directory: Path) -> Checkpoint:
    """The checkpoint that `latest` names, or the newest whole one. Raises TrainingError when there is none.

    Starting from scratch is never the answer to a damaged checkpoint: that is for the user to say.
    """
    candidates = sorted((p for p in directory.glob("step-*") if ".tmp-" not in p.name), reverse=True)
    pointer = directory / "latest"
    if pointer.exists():
        named = directory / pointer.read_text().strip()
        candidates = [named, *(path for path in candidates if path != named)]
    reasons = []
    for path in candidates:
        try:
            return _read(path)
        except (OSError, ValueError, KeyError) as error:
            reasons.append(f"{path.name}: {error}")
    if not reasons:
        raise TrainingError(f"there is no checkpoint in {directory} to resume from: train without --resume")
    raise TrainingError(
        f"no checkpoint in {directory} can be read ({'; '.join(reasons)}): restore one from a backup, or "
        "choose another output directory to start again"
    )


def _read(path: Path) -> Checkpoint:
    manifest = json.loads((path / "manifest.json").read_bytes())
    contents = {}
    for name in FILES:
        data = (path / name).read_bytes()
        if len(data) != manifest[name]["size"]:
            raise ValueError(f"{name} has {len(data):,} bytes instead of {manifest[name]['size']:,}")
        if sha256(data) != manifest[name]["sha256"]:
            raise ValueError(f"{name} is damaged (its sha256 differs from the manifest)")
        contents[name] = data
    state = json.loads(contents["state.json"])
    return Checkpoint(int(state["step"]), safetensors.torch.load(contents["tensors.safetensors"]), state)
