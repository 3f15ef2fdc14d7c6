"""An interrupted write loses no model."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dragoman.errors import ModelError
from dragoman.model.contents import WEIGHTS
from dragoman.model.directory import open_model, write_model
from dragoman.model.fields import CONFIG
from dragoman.model.seal import MANIFEST
from sealing import SEALED, TOKENIZER
from tiny import Parts, parts

FILE_OPERATIONS = ("open", "write", "fsync", "replace", "rename", "mkdir", "unlink")


@pytest.fixture
def fast_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operations are counted and made to fail; waiting for a real disk adds only minutes."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


class Operations:
    """Counts file operations and lets the chosen one fail; or, as after a power cut, all from there on."""

    def __init__(self, fail_at: int, for_ever: bool, error: int) -> None:
        self.fail_at, self.for_ever, self.error = fail_at, for_ever, error
        self.count = 0

    def guard(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*args: Any, **kwargs: Any) -> Any:
            self.count += 1
            if self.count == self.fail_at or (self.for_ever and self.count > self.fail_at > 0):
                raise OSError(self.error, os.strerror(self.error))
            return operation(*args, **kwargs)

        return guarded


@contextmanager
def failing(fail_at: int, for_ever: bool = False, error: int = errno.ENOSPC) -> Iterator[Operations]:
    operations = Operations(fail_at, for_ever, error)
    with pytest.MonkeyPatch.context() as patch:
        for name in FILE_OPERATIONS:
            patch.setattr(os, name, operations.guard(getattr(os, name)))
        yield operations


def operations_of(write: Callable[[], object]) -> int:
    with failing(0) as operations:
        write()
    return operations.count


def card_of(directory: Path) -> str:
    return open_model(directory).card


@pytest.mark.usefixtures("fast_disk")
@pytest.mark.parametrize("for_ever", [False, True], ids=["once", "power cut"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO], ids=["full", "broken"])
def test_a_write_that_fails_anywhere_leaves_the_old_model_or_the_new(
    tiny_parts: Parts, other_parts: Parts, tmp_path: Path, for_ever: bool, error: int
) -> None:
    old, new = replace(tiny_parts, card="old"), replace(other_parts, card="new")
    count = old.write(tmp_path / "count")
    total = operations_of(lambda: new.write(count))
    outcomes = []
    for k in range(1, total + 1):
        directory = old.write(tmp_path / f"{k}")
        (directory / "log.jsonl").write_text("kept")
        failed = False
        with failing(k, for_ever, error):
            try:
                new.write(directory)
            except ModelError as refusal:
                failed = True
                assert str(directory) in str(refusal) and os.strerror(error) in str(refusal)
        outcomes.append(card_of(directory))
        assert failed or outcomes[-1] == "new"
        new.write(directory)  # and the next write sets all right
        assert card_of(directory) == "new"
        assert sorted(os.listdir(directory)) == sorted((*SEALED, MANIFEST, "log.jsonl"))
    assert total > 40 and set(outcomes) == {"old", "new"}


@pytest.mark.usefixtures("fast_disk")
@pytest.mark.parametrize("for_ever", [False, True], ids=["once", "power cut"])
def test_a_first_write_that_fails_anywhere_leaves_no_model_or_a_whole_one(
    tiny_parts: Parts, tmp_path: Path, for_ever: bool
) -> None:
    total = operations_of(lambda: tiny_parts.write(tmp_path / "count"))
    whole = 0
    for k in range(1, total + 1):
        directory = tmp_path / f"{k}"
        with failing(k, for_ever), suppress(ModelError):
            tiny_parts.write(directory)
        if (directory / MANIFEST).exists():
            whole += 1
            assert card_of(directory) == tiny_parts.card
        else:
            assert not (directory / WEIGHTS).exists(), "a part without a manifest looks like a model"
        tiny_parts.write(directory)
        assert card_of(directory) == tiny_parts.card
    assert 0 < whole < total


def test_every_part_is_durable_before_the_manifest_names_it(
    tiny_parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without fsync of files and directory a power cut can keep the manifest and lose what it lists."""
    events: list[str] = []
    names: dict[int, str] = {}
    real_open, real_fsync, real_replace = os.open, os.fsync, os.replace

    def opened(path: Any, *args: Any) -> int:
        handle = real_open(path, *args)
        names[handle] = Path(path).name
        return handle

    def fsync(handle: int) -> None:
        events.append(f"sync {names[handle]}")
        real_fsync(handle)

    def moved(old: Any, new: Any) -> None:
        events.append(f"move {Path(old).name} {Path(new).name}")
        real_replace(old, new)

    monkeypatch.setattr(os, "open", opened)
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", moved)
    tiny_parts.write(tmp_path / "model")
    manifest = next(i for i, event in enumerate(events) if event.endswith(f" {MANIFEST}"))
    for name in SEALED:
        written, named = (
            next(i for i, event in enumerate(events) if event.startswith(f"{verb} ..{name}.new-"))
            for verb in ("sync", "move")
        )
        assert written < named < manifest
        assert "sync model" in events[named:manifest]
    assert "sync model" in events[manifest:]


def test_a_reader_in_any_moment_of_a_write_sees_one_whole_model(
    tiny_parts: Parts, other_parts: Parts, tmp_path: Path
) -> None:
    old, new = replace(tiny_parts, card="old"), replace(other_parts, card="new")
    directory = old.write(tmp_path / "model")
    real, seen = os.replace, []

    def watched(*args: Any) -> None:
        seen.append(card_of(directory))
        real(*args)
        seen.append(card_of(directory))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", watched)
        new.write(directory)
    assert seen == sorted(seen, reverse=True) and set(seen) == {"old", "new"}


def test_a_reader_overtaken_by_a_whole_write_looks_again(
    tiny_parts: Parts, other_parts: Parts, tmp_path: Path
) -> None:
    old, new = replace(tiny_parts, card="old"), replace(other_parts, card="new")
    directory = old.write(tmp_path / "model")
    real, opened = os.open, []

    def overtaken(path: Any, *args: Any, **kwargs: Any) -> int:
        opened.append(path)
        if len(opened) == 2:  # the manifest is read, the first part not yet
            new.write(directory)
        return real(path, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", overtaken)
        assert card_of(directory) == "new"


def test_a_model_in_use_is_not_written_over(tiny_parts: Parts, other_parts: Parts, tmp_path: Path) -> None:
    """Saving over a file that is memory-mapped has produced zero-filled files: every write is a new inode."""
    directory = tiny_parts.write(tmp_path / "model")
    mapped = np.memmap(directory / WEIGHTS, mode="r")
    before = mapped.tobytes()
    other_parts.write(directory)
    assert mapped.tobytes() == before != (directory / WEIGHTS).read_bytes()


def test_writing_leaves_files_that_are_not_its_own(tiny_parts: Parts, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "log.jsonl").write_text("x")
    (tmp_path / "tokenizer.source.model").write_text("mine")
    tiny_parts.write(tmp_path)
    assert (tmp_path / "log.jsonl").read_text() == "x"
    assert (tmp_path / "tokenizer.source.model").read_text() == "mine"


def test_parts_the_new_model_has_not_are_removed(tiny_parts: Parts, tmp_path: Path) -> None:
    parts(joint=False, tie="target").write(tmp_path)
    replace(tiny_parts, card="").write(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted((CONFIG, WEIGHTS, TOKENIZER, MANIFEST))


def test_a_damaged_model_can_be_replaced(model: Path, other_parts: Parts) -> None:
    (model / MANIFEST).write_text("{")
    other_parts.write(model)
    assert open_model(model).source_tokenizer.serialized == other_parts.tokenizers["joint"]


def test_parts_that_do_not_fit_are_not_written(tiny_parts: Parts, tmp_path: Path) -> None:
    small = parts(vocab_size=340).tokenizers
    with pytest.raises(ModelError, match=r"nothing was written.*\[360, 16\].*\[340, 16\]"):
        write_model(
            tmp_path / "model", config=tiny_parts.config, weights=tiny_parts.weights, tokenizers=small
        )
    assert not (tmp_path / "model").exists()
