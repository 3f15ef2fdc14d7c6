"""Training state on disk: published atomically, verified when read, never pickled. Knows no model and no optimiser.

checkpoints/
  step-00000500/       written as step-00000500.tmp-PID, made durable, renamed once
    tensors.safetensors
    state.json
    manifest.json      size and sha256 of the two, written last
  step-00000500.1/     of the same step, written later: nothing is written over
  latest               one line, the name of the directory to resume from; replaced in one step
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from dragoman.errors import TrainingError
from dragoman.files import FULL, publish, sha256, sync_directory, write_new, write_parts
from dragoman.training.leftovers import remove, remove_own

FILES = ("tensors.safetensors", "state.json")
_NAME = re.compile(r"step-(\d{8,18})(?:\.(\d{1,9}))?", re.ASCII)
_TYPES = {
    torch.float32: "F32",
    torch.uint8: "U8",
}  # all that the state of a run has, as safetensors calls them
# Whatever the bytes of a damaged checkpoint say, reading it ends in one of these.
_DAMAGE = (
    OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError, SafetensorError,
)  # fmt: skip


@dataclass(frozen=True)
class Checkpoint:
    """All that a training run needs to go on from one moment as if it had not stopped."""

    step: int  # the last that was done
    tensors: dict[str, Tensor]  # of any shape and type, by name
    state: dict[str, Any]  # whatever JSON can hold
    fetch: Callable[[str], Tensor] | None = None  # the values of a tensor that is on the meta device


Check = Callable[[Checkpoint], object]  # raises ValueError for a checkpoint that cannot be gone on from


def save(directory: Path, checkpoint: Checkpoint, keep: int = 2, spared: Iterable[int] = ()) -> Path:
    """Write `checkpoint` below `directory`, make it the latest; the newest `keep` and the steps `spared` stay.

    Raises TrainingError when the disk refuses; the checkpoint before it, if there is one, is then still the latest.
    """
    before = saved(directory)
    final = directory / _name(checkpoint.step, before)
    temporary = directory / f"{final.name}.tmp-{os.getpid()}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        remove_own(directory)
        os.mkdir(temporary)
        manifest = {}
        for name, parts in zip(FILES, (_serialized(checkpoint), _described(checkpoint)), strict=True):
            size, digest = write_parts(temporary / name, parts)
            manifest[name] = {"size": size, "sha256": digest}
        write_new(temporary / "manifest.json", json.dumps(manifest).encode())
        sync_directory(temporary)
        os.rename(temporary, final)
        sync_directory(directory)
        publish(directory / "latest", f"{final.name}\n".encode())
    except OSError as error:
        remove(temporary)
        cure = "make room" if error.errno in FULL else "see to it that it can be written"
        advice = f"the one before it is intact: {cure}, then go on with --resume"
        if not before:
            remove(final)  # complete, perhaps, but never published: it would only refuse the same command
            advice = f"there is none before it: {cure}, then run the same command again"
        raise TrainingError(
            f"the checkpoint of step {checkpoint.step:,} could not be saved in {directory} ({error.strerror}); {advice}"
        ) from error
    _prune(directory, keep, final, set(spared))
    return final


def _name(step: int, before: Iterable[Path]) -> str:
    """A name that no checkpoint has: that of the step, with a number behind it where the step was saved before."""
    numbers = [number for other, number in map(_place, before) if other == step]
    return f"step-{step:08d}" + (f".{max(numbers) + 1}" if numbers else "")


def _place(path: Path) -> tuple[int, int]:
    """Step, and how many times it was saved before."""
    found = _NAME.fullmatch(path.name)
    assert found is not None
    return int(found[1]), int(found[2] or 0)


def _serialized(checkpoint: Checkpoint) -> Iterator[bytes | memoryview]:
    """The bytes that safetensors.torch.save would return, in parts, of which only one is in memory beside the run."""
    # Its order: types with wider numbers first, then names.
    names = sorted(checkpoint.tensors, key=lambda name: (-checkpoint.tensors[name].element_size(), name))
    header, end = {}, 0
    for name in names:
        tensor = checkpoint.tensors[name]
        start, end = end, end + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": _TYPES[tensor.dtype], "shape": [*tensor.shape], "data_offsets": [start, end]}
    said = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    said += b" " * (-len(said) % 8)
    yield len(said).to_bytes(8, "little") + said
    for name in names:
        tensor = checkpoint.tensors[name]
        if tensor.is_meta:
            assert checkpoint.fetch is not None, f"who has the values of {name}?"
            tensor = checkpoint.fetch(name)
        yield tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data


def _described(checkpoint: Checkpoint) -> Iterator[bytes]:
    said = json.dumps({"step": checkpoint.step, **checkpoint.state}, ensure_ascii=False, indent=1)
    yield said.encode(errors="backslashreplace")  # the escape that JSON has for a name that is no Unicode


def _prune(directory: Path, keep: int, newest: Path, spared: set[int]) -> None:
    """Of a step that was saved more than once, the last is enough. Later steps are no business of this one."""
    paths = [path for path in saved(directory) if step_of(path) <= step_of(newest)]
    by_step = {step_of(path): path for path in paths}  # the later of one step stands behind
    others = sorted(step for step, path in by_step.items() if path != newest)
    kept = {by_step[step] for step in others[max(len(others) - keep + 1, 0) :]}
    kept |= {newest, *(by_step[step] for step in spared & by_step.keys())}
    for path in paths:
        if path not in kept:
            remove(path)


def discard_after(directory: Path, step: int) -> None:
    """Remove the checkpoints of later steps."""
    for path in saved(directory):
        if step_of(path) > step:
            remove(path)


def saved(directory: Path) -> list[Path]:
    """The checkpoints here, whole or damaged, in order of their steps. What a kill cut short is none."""
    if not directory.is_dir():
        return []
    return sorted((path for path in directory.iterdir() if _NAME.fullmatch(path.name)), key=_place)


def step_of(path: Path) -> int:
    """The step of one of `saved`."""
    return _place(path)[0]


def exists(directory: Path) -> bool:
    """Whether a run has left anything here that may be resumed, whole or damaged."""
    return bool(saved(directory))


def load_latest(
    directory: Path, check: Check | None = None, note: Callable[[str], None] | None = None
) -> Checkpoint:
    """The checkpoint that `latest` names, or the newest whole one. Raises TrainingError when there is none.

    One that `check` refuses is as good as damaged. What was passed over is told to `note`.
    Starting from scratch is never the answer to a damaged checkpoint: that is for the user to say.
    """
    candidates = saved(directory)[::-1]
    named, reasons = _named(directory)
    candidates.sort(key=lambda path: path.name != named)  # stable: the others stay newest first
    for path in candidates:
        try:
            found = load(path, check)
        except ValueError as error:
            reasons.append(str(error))
        else:
            if reasons and note is not None:
                note(f"passed over in {directory}: {'; '.join(reasons)}")
            return found
    if not candidates:
        raise TrainingError(f"there is no checkpoint in {directory} to resume from: train without --resume")
    raise TrainingError(
        f"no checkpoint in {directory} can be read ({'; '.join(reasons)}): restore one from a backup, or "
        "choose another output directory to start again"
    )


def _named(directory: Path) -> tuple[str, list[str]]:
    """What `latest` names, and why it cannot be followed where it cannot; a name leads nowhere but into `directory`."""
    try:
        name = _plain(directory / "latest").decode().strip()
    except FileNotFoundError:
        return "", []
    except (OSError, ValueError) as error:
        return "", [f"latest: {_shown(error)}"]
    if not _NAME.fullmatch(name):
        return "", ["latest: names no checkpoint of this run"]
    if not (directory / name).exists():
        return "", [f"latest: {name} is not there"]
    return name, []


def load(path: Path, check: Check | None = None) -> Checkpoint:
    """One of `saved`. Raises ValueError, which names it, where it is damaged or `check` refuses it."""
    try:
        found = _read(path)
        if check is not None:
            check(found)
    except _DAMAGE as error:
        raise ValueError(f"{path.name}: {_shown(error)}") from error
    return found


def _shown(error: BaseException) -> str:
    """The reason in words; of Python's own errors, which are no sentences, the kind too."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"


def _read(path: Path) -> Checkpoint:
    if path.is_symlink():
        raise ValueError("is a link, and a checkpoint of this run is a directory")
    manifest = json.loads(_plain(path / "manifest.json"))
    contents = {}
    for name in FILES:
        data = _plain(path / name)
        if len(data) != manifest[name]["size"]:
            raise ValueError(f"{name} has {len(data):,} bytes instead of {manifest[name]['size']}")
        if sha256(data) != manifest[name]["sha256"]:
            raise ValueError(f"{name} is damaged (its sha256 differs from the manifest)")
        contents[name] = data
    state = json.loads(contents["state.json"])
    if type(state["step"]) is not int or state["step"] != step_of(path):
        raise ValueError(f"state.json is that of another step: {str(state['step'])[:40]}")
    return Checkpoint(state["step"], safetensors.torch.load(contents["tensors.safetensors"]), state)


def _plain(path: Path) -> bytes:
    """The bytes of a file. Raises OSError for a link, which may lead into another run, and for what is no file."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ValueError(f"{path.name} is no file")
        return file.read()
