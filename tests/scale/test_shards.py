"""Which shards are done: what is believed after a kill, a change, another command."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from dragoman.errors import DragomanError, UsageError
from dragoman.scale.shards import RECORDS, Shard, claimed, finished, in_directory, left_behind, making


@pytest.fixture
def shard(tmp_path: Path) -> Shard:
    source = tmp_path / "a.txt"
    source.write_bytes(b"a\n")
    (found,) = in_directory([(source,)], ["a.txt"], tmp_path / "out")
    return found


def make(shard: Shard) -> None:
    with making(shard) as (draft, result):
        draft.write_bytes(b"A\n")
        result["records"] = 1


def claim(shard: Shard, **settings: int) -> None:
    with claimed(Path(shard.output).parent, settings, [shard]):
        make(shard)


def test_a_shard_is_done_until_its_input_or_output_changes(shard: Shard) -> None:
    assert finished(shard) is None
    claim(shard)
    assert finished(shard) == {"records": 1}
    Path(shard.output).write_bytes(b"A")
    assert finished(shard) is None
    make(shard)
    Path(shard.inputs[0]).write_bytes(b"a\nb\n")
    assert finished(shard) is None


@pytest.mark.parametrize("record", [b"", b"{", b"[]", b'{"inputs": 3}', b"[" * 100_000])
def test_a_damaged_record_is_none(shard: Shard, record: bytes) -> None:
    claim(shard)
    shard.record.write_bytes(record)
    assert finished(shard) is None


def test_an_error_leaves_nothing_behind(shard: Shard) -> None:
    with (
        claimed(Path(shard.output).parent, {}, [shard]),
        pytest.raises(ValueError, match="x"),
        making(shard) as (draft, _),
    ):
        draft.write_bytes(b"A")
        raise ValueError("x")
    assert not Path(shard.output).exists() and finished(shard) is None
    assert not list(shard.record.parent.glob("tmp-*"))


def test_what_a_killed_process_left_is_swept(shard: Shard) -> None:
    claim(shard)
    (shard.record.parent / "tmp-1").mkdir()
    claim(shard)
    assert not list(shard.record.parent.glob("tmp-*"))


def test_what_a_worker_left_that_was_ended_goes_with_the_command(shard: Shard) -> None:
    """A signal or a full disk in one worker ends the others, and their halves stayed until the next start."""
    records = shard.record.parent
    with pytest.raises(KeyboardInterrupt), claimed(records.parent, {"a": 1}, [shard]):
        (records / "tmp-123").mkdir()
        (records / "tmp-123" / "draft.tsv").write_bytes(b"half")
        raise KeyboardInterrupt
    assert not [*records.glob("tmp-*")]


def test_a_directory_belongs_to_one_piece_of_work(shard: Shard) -> None:
    claim(shard, beam=1)
    with pytest.raises(UsageError, match="beam was 1 and is now 2"):
        claim(shard, beam=2)


def test_a_file_that_was_there_is_not_written_over(shard: Shard) -> None:
    Path(shard.output).parent.mkdir()
    Path(shard.output).write_bytes(b"mine")
    with pytest.raises(UsageError, match="already there"):
        claim(shard)
    assert Path(shard.output).read_bytes() == b"mine"


def test_two_processes_do_not_write_to_one_directory(shard: Shard) -> None:
    with (
        claimed(Path(shard.output).parent, {}, [shard]),
        pytest.raises(DragomanError, match="another process"),
    ):
        claim(shard)


def test_inputs_are_never_outputs_and_outputs_never_one_another(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    one, other = tmp_path / "a.txt", tmp_path / "b" / "a.txt"
    for path in (one, other):
        path.write_bytes(b"a\n")
    with pytest.raises(UsageError, match="one of the inputs"):
        in_directory([(one,)], ["a.txt"], tmp_path)
    with pytest.raises(UsageError, match="would both become"):
        in_directory([(one,), (other,)], ["a.txt", "a.txt"], tmp_path / "out")
    with pytest.raises(UsageError, match="is a file"):
        in_directory([(one,)], ["a.txt"], other)


def test_a_full_disk_is_told_of_the_output(tmp_path: Path) -> None:
    """It was told of a draft, whose name nobody had given."""
    source = tmp_path / "a.txt"
    source.write_text("a\n")
    (tmp_path / "out" / RECORDS).mkdir(parents=True)
    (shard,) = in_directory([(source,)], ["a.txt"], tmp_path / "out")
    with pytest.raises(OSError) as told, making(shard) as (draft, _):
        raise OSError(errno.ENOSPC, "No space left on device", str(draft))
    assert told.value.filename == shard.output and told.value.errno == errno.ENOSPC
    assert list((tmp_path / "out" / RECORDS).iterdir()) == []


@pytest.mark.parametrize(
    "name",
    [
        "长" * 83 + ".txt",
        "a" * 251 + ".txt",
        "Mr. " + "a" * 251,
        "1." + "章" * 84,
        "new\nline.txt",
        "caf\udce9.txt",
    ],
    ids=["Chinese", "long", "stop", "stop and Chinese", "line end", "no UTF-8"],
)
def test_a_name_of_any_length_and_bytes_is_done_once(name: str, tmp_path: Path) -> None:
    """Eighty Chinese signs fill a name. Drafts and records, which put more to it, failed when all was translated."""
    source = tmp_path / name
    source.write_bytes(b"a\n")
    (shard,) = in_directory([(source,)], [name], tmp_path / "out")
    claim(shard)
    assert finished(shard) == {"records": 1} and Path(shard.output).read_bytes() == b"A\n"
    assert left_behind(tmp_path / "out", []) == [name]
    assert left_behind(tmp_path / "out", [shard]) == []


def test_a_shard_waits_for_the_disk_once(shard: Shard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ten thousand small files most of the time went there: six times for each."""
    waited: list[int] = []
    with claimed(Path(shard.output).parent, {}, [shard]):
        with monkeypatch.context() as context:
            context.setattr(os, "fsync", waited.append)
            make(shard)
        assert len(waited) == 1
        shard.record.write_bytes(shard.record.read_bytes()[:20])  # as a loss of power may leave it
        assert finished(shard) is None
