"""Shards: files that are worked on one by one, each with the file that comes of it; and which of them are done.

Knows no kind of file and no kind of work. A directory of outputs belongs to one piece of work, whose settings lie in
it; a shard is done when its output is there and its record says so. The record is written after the output: what was
interrupted between the two is done again, to the same bytes.

After a loss of power too: an output is on the disk before it gets its name, and a record that is not whole, or that
tells of an output which is not there, is none. So nothing else waits for the disk, until all is done.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from dragoman.errors import DragomanError, UsageError
from dragoman.files import publish, sync_directory

_LONGEST = 240  # bytes of a name that a file system takes with more after it
_ENDING = 10  # letters, with its stop
RECORDS = ".dragoman"  # within the directory of outputs
Result = dict[str, Any]  # what was counted


@dataclass(frozen=True)
class Shard:
    """inputs: one file, or the two sides of a corpus. output: a file within the directory of outputs.

    called: the name that the output gets when all is done, where that is another (`alone`).
    """

    inputs: tuple[str, ...]
    output: str
    called: str = ""

    @property
    def told(self) -> str:
        """What people know the output by."""
        return self.called or self.output

    @property
    def record(self) -> Path:
        path = Path(self.output)
        name = os.fsencode(path.name)
        if len(name) > _LONGEST:
            name = hashlib.sha256(name).hexdigest().encode()
        return path.parent / RECORDS / f"{os.fsdecode(name)}.json"


def in_directory(inputs: Sequence[tuple[Path, ...]], names: Sequence[str], output: Path) -> list[Shard]:
    """A shard for each input, under its name. Raises UsageError where two would be one file, or an input lost."""
    if output.exists() and not output.is_dir():
        raise UsageError(f"{output} is a file: -o names the directory that the outputs go to")
    taken: dict[str, Path] = {}
    read = {path.resolve() for paths in inputs for path in paths}
    for paths, name in zip(inputs, names, strict=True):
        if (other := taken.setdefault(name, paths[0])) is not paths[0]:
            if other == paths[0]:
                raise UsageError(f"{other} is named twice")
            raise UsageError(
                f"{other} and {paths[0]} would both become {output / name}: give them two directories"
            )
        if (output / name).resolve() in read:
            raise UsageError(f"{output / name} is one of the inputs: choose another directory with -o")
    # Absolute, and as they are called: a worker may stand elsewhere.
    return [
        Shard(tuple(os.path.abspath(path) for path in paths), os.path.abspath(output / name))
        for paths, name in zip(inputs, names, strict=True)
    ]


def alone(path: Path, output: Path) -> Shard:
    """A file that becomes another, by way of a directory beside that one, for what is interrupted to go on in.

    Raises UsageError where there is such a file already.
    """
    if output.exists():
        raise UsageError(f"{output} is already there: choose another name with -o, or remove it")
    (shard,) = in_directory([(path,)], [output.name], output.with_name(f".{output.name}.dragoman"))
    return replace(shard, called=os.path.abspath(output))


def settle(shard: Shard) -> None:
    """Give the output of `alone` its name, and take its directory away."""
    os.replace(shard.output, shard.called)
    folder = Path(shard.output).parent
    shutil.rmtree(folder, ignore_errors=True)
    sync_directory(folder.parent)


@contextmanager
def claimed(output: Path, settings: Mapping[str, Any], shards: Sequence[Shard]) -> Iterator[None]:
    """Hold `output` for this piece of work; what it, or one before it, leaves half written is cleared away.

    Raises DragomanError where another process holds it, UsageError where its files are of other work.
    """
    records = output / RECORDS
    records.mkdir(parents=True, exist_ok=True)
    with open(records / "lock", "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DragomanError(f"another process is writing to {output}: wait for it, or stop it") from error
        job = records / "job.json"
        wanted = json.loads(json.dumps(settings))
        if job.exists():
            _refuse_other(output, _read(job), wanted, next((one.called for one in shards if one.called), ""))
        else:
            for shard in shards:
                if Path(shard.output).exists():
                    raise UsageError(
                        f"{shard.output} is already there: choose another directory, or remove it"
                    )
            publish(job, json.dumps(wanted, indent=1).encode() + b"\n")
        _sweep(records)
        try:
            yield
        finally:
            _sweep(records)  # of workers that were ended in the middle
        sync_directory(records)
        sync_directory(output)


def _sweep(records: Path) -> None:
    for left in records.glob("tmp-*"):
        shutil.rmtree(left, ignore_errors=True)


def left_behind(output: Path, shards: Sequence[Shard]) -> list[str]:
    """Names of outputs that an earlier start wrote there, of inputs that are not among these any more."""
    known = {os.path.basename(shard.output) for shard in shards}
    records = set(os.listdir(output / RECORDS))
    others = (name for name in os.listdir(output) if name not in known)
    return sorted(name for name in others if Shard((), str(output / name)).record.name in records)


def _refuse_other(output: Path, found: Mapping[str, Any], wanted: Mapping[str, Any], called: str) -> None:
    """called: the file that the outputs become, where they do (`alone`)."""
    changed = next((name for name in [*wanted, *found] if found.get(name) != wanted.get(name)), None)
    if changed is None:
        return
    why = f"{changed} was {found.get(changed)!r} and is now {wanted.get(changed)!r}"
    if called:
        raise UsageError(
            f"{called} was begun by other work: {why}; choose another name with -o, or remove what is done of it, "
            f"{output}"
        )
    raise UsageError(
        f"{output} holds the outputs of other work: {why}; choose another directory, or remove it"
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError, OSError):
        return {}
    return found if isinstance(found, dict) else {}


def _state(paths: Sequence[str]) -> list[list[int]]:
    """What tells that files are the same as when they were read or written: sizes and times of change."""
    return [[found.st_size, found.st_mtime_ns] for found in map(os.stat, paths)]


def finished(shard: Shard) -> Result | None:
    """What was counted of a shard that is done; None for one that has yet to be, or whose files have changed since."""
    record = _read(shard.record)
    try:
        same = record["inputs"] == _state(shard.inputs) and record["output"] == _state([shard.output])
    except (KeyError, OSError):
        return None
    result = record.get("result")
    return result if same and isinstance(result, dict) else None


def short_ending(name: str) -> str:
    """What says of which kind a file is and how it is packed, and nothing of a title with a stop in it."""
    endings = takewhile(lambda one: len(one) <= _ENDING, reversed(Path(name).suffixes[-2:]))
    return "".join(reversed([*endings])).lower()


@contextmanager
def making(shard: Shard) -> Iterator[tuple[Path, Result]]:
    """A file to write and what to count, which become the shard's output and record when both are whole.

    The file lies beside the output under a name that nobody else has, on whichever host.
    """
    output = Path(shard.output)
    state = _state(shard.inputs)
    folder = shard.record.parent / f"tmp-{uuid.uuid4().hex}"
    folder.mkdir(parents=True)
    draft = folder / f"draft{short_ending(output.name)}"
    result: Result = {}
    try:
        yield draft, result
        with open(draft, "rb") as file:
            os.fsync(file.fileno())
        os.replace(draft, output)
        record = {**asdict(shard), "inputs": state, "output": _state([shard.output]), "result": result}
        (folder / "record").write_text(json.dumps(record) + "\n", encoding="ascii")
        os.replace(folder / "record", shard.record)
    except OSError as error:
        if error.errno is not None and str(error.filename).startswith(str(folder)):  # nobody knows this name
            raise OSError(error.errno, error.strerror, shard.told) from error
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
