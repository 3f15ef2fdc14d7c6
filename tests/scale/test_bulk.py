"""`translate -o` and `data clean --workers` as their users meet them: with any number of workers, and after a kill."""

from __future__ import annotations

import errno
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from dragoman.cli import main
from dragoman.cli.bulk import with_address
from dragoman.scale import pool
from dragoman.scale.jobs import Job
from dragoman.scale.pool import Event, event_of
from dragoman.scale.shards import Shard
from dragoman.scale.worker import refusal
from tiny import lines

Capture = pytest.CaptureFixture[str]
Piped = Callable[..., bytes]
LANGUAGES = ("--source-lang", "en", "--target-lang", "zh")


def outputs(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_files_are_what_one_process_writes_of_each(
    workers: str, shards: Path, tiny_model: Path, tmp_path: Path, piped: Piped
) -> None:
    out = tmp_path / "out"
    assert main(["translate", str(shards), "-o", str(out), "--workers", workers, "-m", str(tiny_model)]) == 0
    model = ("-m", str(tiny_model))
    assert outputs(out) == {path.name: piped(path, *model) for path in sorted(shards.iterdir())}


def test_one_file_may_become_a_file(
    shards: Path, tiny_model: Path, tmp_path: Path, piped: Piped, capfd: Capture
) -> None:
    """`translate report.txt -o report.zh.txt` made a directory of that name."""
    path, out, model = shards / "part-0.txt", tmp_path / "里 out.v2.txt", ("-m", str(tiny_model))
    assert main(["translate", str(path), "-o", str(out), *model]) == 0
    assert capfd.readouterr().out.startswith(f"{out}  ")
    assert out.read_bytes() == piped(path, *model)
    assert [one.name for one in tmp_path.iterdir() if "out" in one.name] == [out.name]
    assert main(["translate", str(path), "-o", str(out), *model]) == 2
    assert f"{out} is already there: choose another name" in capfd.readouterr().err
    for other in (str(path), f"{tmp_path}/out.tsv", f"{tmp_path}/out.jsonl.gz"):
        assert main(["translate", str(path), "-o", other, *model]) == 2
    assert main(["translate", str(path), "-o", f"{tmp_path}/packed.txt.gz", *model]) == 0
    assert gzip.decompress((tmp_path / "packed.txt.gz").read_bytes()) == out.read_bytes()


@pytest.mark.parametrize(
    ("output", "directory"), [("out", False), ("out.md", False), ("v1.0", False), ("there.txt", True)]
)
def test_any_other_name_is_that_of_a_directory(
    output: str, directory: bool, shards: Path, tiny_model: Path, tmp_path: Path
) -> None:
    if directory:
        (tmp_path / output).mkdir()
    words = ["translate", str(shards / "part-0.txt"), "-o", str(tmp_path / output), "-m", str(tiny_model)]
    assert main(words) == 0
    assert list(outputs(tmp_path / output)) == ["part-0.txt"]


def test_one_file_that_was_interrupted_goes_on(
    shards: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Killed between the work and the last name: it is not done again."""
    path, out = shards / "part-0.txt", tmp_path / "out.txt"
    words = ["translate", str(path), "-o", str(out), "-m", str(tiny_model)]
    with monkeypatch.context() as patch:
        patch.setattr("dragoman.scale.shards.settle", stop)
        assert main(words) == 130
    assert not out.exists()
    assert main([*words, "--beam-size", "2"]) == 2
    assert "out.txt was begun by other work" in (said := capsys.readouterr().err)
    assert "choose another name with -o, or remove what is done of it, " in said
    monkeypatch.setattr("dragoman.scale.pool.run", stop)  # nothing is left to do
    assert main(words) == 0
    assert len(out.read_bytes().splitlines()) == len(path.read_bytes().splitlines())
    assert sorted(one.name for one in tmp_path.iterdir() if "out" in one.name) == ["out.txt"]


def test_a_page_becomes_a_page_and_loses_no_markup(tiny_model: Path, tmp_path: Path, capsys: Capture) -> None:
    page, out = tmp_path / "a.html", tmp_path / "b.html"
    page.write_text(
        "<html lang=en><p>one <b>two</b></p><script>if (a < b) {}</script></html>", encoding="utf-8"
    )
    words = ["translate", str(page), "-o", str(out), "-m", str(tiny_model)]
    assert main([*words, "--raw"]) == 2
    assert "--raw would lose the markup of a document" in capsys.readouterr().err
    assert main(words) == 0
    found = out.read_text(encoding="utf-8")
    assert "<b>" in found and "</b>" in found
    assert "<script>if (a < b) {}</script>" in found
    assert 'lang="zh"' in found


def stop(*_: object) -> None:
    raise KeyboardInterrupt


def test_options_reach_the_workers(shards: Path, tiny_model: Path, tmp_path: Path, piped: Piped) -> None:
    options = ("-m", str(tiny_model), "--beam-size", "2", "--raw", "--target-lang", "zh-TW", "--prefix", "我")
    path = shards / "part-0.txt"
    assert main(["translate", str(path), "-o", str(tmp_path / "out"), *options]) == 0
    assert (tmp_path / "out" / path.name).read_bytes() == piped(path, *options)


def test_what_is_finished_is_not_done_again_and_all_is_counted(
    shards: Path, tiny_model: Path, tmp_path: Path, capsys: Capture
) -> None:
    words = ["translate", str(shards), "-o", str(tmp_path / "out"), "-m", str(tiny_model), "--format", "json"]
    assert main(words) == 0
    first = json.loads(capsys.readouterr().out.splitlines()[-1])
    (tmp_path / "out" / "part-1.txt").unlink()
    assert main(words) == 0
    shard, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert Path(shard["file"]).name == "part-1.txt"
    assert second["done_before"] == 2 and first["done_before"] == 0
    assert [second[name] for name in ("files", "records", "flags")] == [
        first[name] for name in ("files", "records", "flags")
    ]


def test_one_file_that_cannot_be_read_stops_no_other(
    shards: Path, tiny_model: Path, tmp_path: Path, capsys: Capture
) -> None:
    (shards / "part-1.txt").write_bytes(b"\xff\n")
    words = ["translate", str(shards), "-o", str(tmp_path / "out"), "-m", str(tiny_model), "--workers", "1"]
    assert main(words) == 2
    assert "1 of 3 files failed" in capsys.readouterr().err
    assert sorted(outputs(tmp_path / "out")) == ["part-0.txt", "part-2.txt"]
    (shards / "part-1.txt").write_bytes(b"a\n")
    assert main(words) == 0


def test_outputs_of_files_that_are_gone_are_named_and_left_alone(
    shards: Path, tiny_model: Path, tmp_path: Path, capsys: Capture
) -> None:
    words = ["translate", str(shards), "-o", str(tmp_path / "out"), "-m", str(tiny_model), "--workers", "1"]
    assert main(words) == 0
    assert "note:" not in capsys.readouterr().err
    (shards / "part-1.txt").unlink()
    assert main(words) == 0
    assert "also holds part-1.txt" in capsys.readouterr().err.replace("\n", " ")
    assert (tmp_path / "out" / "part-1.txt").exists()


def test_directories_within_one_are_named_and_links_to_nowhere_refused(
    shards: Path, tiny_model: Path, tmp_path: Path, capsys: Capture
) -> None:
    """Both were passed over without a word, and what they hold was not there in the end."""
    (shards / "more").mkdir()
    (shards / "out").mkdir()
    words = ["translate", str(shards), "-o", str(shards / "out"), "-m", str(tiny_model), "--workers", "1"]
    assert main(words) == 0
    said = capsys.readouterr().err.replace("\n", " ")
    assert "are not read (more)" in said
    (shards / "part-9.txt").symlink_to("nowhere")
    assert main(words) == 2
    assert "part-9.txt is a link to nowhere" in capsys.readouterr().err.replace("\n", " ")


def test_a_full_disk_ends_the_work_and_the_same_command_goes_on(
    shards: Path, tiny_model: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file that was left was translated, and then failed like the first."""

    def full(job: Job, todo: Sequence[Shard], workers: int) -> Iterator[Event]:
        word = refusal(OSError(errno.ENOSPC, "No space left on device", todo[0].output))
        assert word is not None
        yield event_of(todo[0], word)
        raise AssertionError("went on")

    words = ["translate", str(shards), "-o", str(tmp_path / "out"), "-m", str(tiny_model), "--workers", "1"]
    with monkeypatch.context() as context:
        context.setattr(pool, "run", full)
        assert main(words) == 1
    assert "make room, and the same command goes on" in capsys.readouterr().err.replace("\n", " ")
    assert main(words) == 0


@pytest.mark.slow("starts a command three times, and kills it and a worker: what resuming is for")
def test_a_worker_that_is_killed_loses_nothing(shards: Path, tiny_model: Path, tmp_path: Path) -> None:
    """And the command itself, killed after it, does neither: the next one does the rest."""
    for seed in range(3):
        text = "\n".join(lines(seed, 600))
        (shards / f"part-{seed}.txt").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "dragoman", "translate", str(shards), "-m", str(tiny_model)]
    with subprocess.Popen(
        [*command, "-o", str(tmp_path / "out"), "--workers", "1"], stderr=subprocess.PIPE, text=True
    ) as killed:
        assert killed.stderr is not None
        worker = _child(killed.pid)
        while not list((tmp_path / "out" / ".dragoman").glob("tmp-*")):
            time.sleep(0.02)
        os.kill(worker, signal.SIGKILL)
        assert "a worker died (signal 9)" in killed.stderr.readline()
        successor = _child(killed.pid)
        killed.kill()
    _gone(successor)
    for name in ("out", "whole"):
        assert subprocess.run([*command, "-o", str(tmp_path / name)], capture_output=True).returncode == 0
    assert outputs(tmp_path / "out") == outputs(tmp_path / "whole")


def _child(process: int) -> int:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = Path(f"/proc/{process}/task/{process}/children")
        for thread in found.parents[1].iterdir():
            if children := (thread / "children").read_text().split():
                return int(children[0])
        time.sleep(0.05)
    raise AssertionError("no worker was started")


def _gone(process: int) -> None:
    """A worker whose asker is dead ends too."""
    deadline = time.monotonic() + 10
    while Path(f"/proc/{process}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{process}").exists()


@pytest.mark.parametrize(
    "words, said",
    [
        (["-o", "OUT"], "name files, directories or patterns"),
        (["nowhere.txt", "-o", "OUT"], "is not there"),
        (["IN", "-o", "OUT", "--scores"], "--scores is for texts"),
        (["IN", "-o", "OUT", "--n-best", "2"], "--n-best is for texts"),
        (["IN", "-o", "OUT", "--workers", "0"], "--workers 0"),
        (["IN", "-o", "OUT", "--field", "a", "--into", "a"], "are both a"),
        (["IN", "-o", "OUT", "--beam-size", "0"], "beam_size"),
        (["IN", "-o", "OUT", "--source-lang", "de"], "this model translates"),
        (["IN", "-o", "IN"], "one of the inputs"),
        (["IN", "IN", "-o", "OUT"], "is named twice"),
        (["/dev/zero", "-o", "OUT"], "a pipe or a device"),
        (["Hello", "--ray"], "--ray is for files"),
        (["Hello", "--field", "a"], "--field is for files"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    words: list[str], said: str, shards: Path, tiny_model: Path, tmp_path: Path, capsys: Capture
) -> None:
    places = {"IN": str(shards), "OUT": str(tmp_path / "out")}
    assert main(["translate", *(places.get(word, word) for word in words), "-m", str(tiny_model)]) == 2
    assert said in capsys.readouterr().err


def test_the_name_of_a_file_is_translated_and_somebody_is_told(
    shards: Path, tiny_model: Path, capsys: Capture
) -> None:
    """It used to be translated without a word: who meant the file got one odd line."""
    path = shards / "part-0.txt"
    assert main(["translate", str(path), "-m", str(tiny_model)]) == 0
    assert f"dragoman translate {path} -o NEW_FILE" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words, expected",
    [
        (["a.txt", "--ray"], ["a.txt", "--ray=auto"]),
        (["--ray", "a.txt", "-o", "b"], ["--ray=auto", "a.txt", "-o", "b"]),
        (["--ray", "host-a:6379", "a.txt"], ["--ray", "host-a:6379", "a.txt"]),
        (["--ray", "ray://a:1"], ["--ray", "ray://a:1"]),
        (["--", "--ray"], ["--", "--ray"]),
    ],
)
def test_the_address_of_a_cluster_may_be_left_out(words: list[str], expected: list[str]) -> None:
    assert with_address(words) == expected


# -- cleaning -----------------------------------------------------------------------------------------------------


@pytest.fixture
def corpus(tmp_path: Path) -> list[str]:
    """Four shards with duplicates within them and across them, one packed, one without a line."""
    rows = [f"This is sentence {number % 70}.\t这是第 {number % 70} 句。\tsource\n" for number in range(100)]
    rows[33] = "Only this\t\n"
    folder = tmp_path / "shards"
    folder.mkdir()
    for number, part in enumerate((rows[:40], rows[40:60] + rows[45:50], rows[60:], [])):
        data = "".join(part).encode()
        path = folder / (f"{number}.tsv.gz" if number == 1 else f"{number}.tsv")
        path.write_bytes(gzip.compress(data) if number == 1 else data)
    return [str(path) for path in sorted(folder.iterdir())]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_shards_are_cleaned_as_one_corpus_would_be(
    workers: str, corpus: list[str], tmp_path: Path, capsys: Capture
) -> None:
    """A pair that stands in an earlier shard is left out too."""
    one, many = tmp_path / "one.tsv", tmp_path / "many"
    assert main(["data", "clean", *corpus, "-o", str(one), *LANGUAGES]) == 0
    report = capsys.readouterr().out
    words = ["data", "clean", *corpus, "-o", str(many), *LANGUAGES, "--workers", workers]
    for _ in range(2):  # and again, when all is done
        assert main(words) == 0
        assert capsys.readouterr().out == report
    found = outputs(many)
    assert sorted(found) == [Path(path).name for path in corpus]
    whole = (gzip.decompress(found[name]) if name.endswith(".gz") else found[name] for name in sorted(found))
    assert b"".join(whole) == one.read_bytes()


def test_a_corpus_with_a_long_name_is_cleaned(corpus: list[str], tmp_path: Path) -> None:
    """Its keys, and the record of these, had longer names than a file system takes."""
    source = Path(corpus[0]).rename(tmp_path / ("长" * 83 + ".tsv"))
    assert main(["data", "clean", str(source), "-o", str(tmp_path / "o"), *LANGUAGES, "--workers", "1"]) == 0
    assert list(outputs(tmp_path / "o")) == [source.name]


def test_duplicates_stay_where_they_are_wanted(corpus: list[str], tmp_path: Path) -> None:
    words = ["--workers", "1", "--no-drop-duplicates", *LANGUAGES]
    assert main(["data", "clean", *corpus, "-o", str(tmp_path / "many"), *words]) == 0
    assert (
        sum(data.count(b"\n") for name, data in outputs(tmp_path / "many").items() if name != "1.tsv.gz")
        == 79
    )


def test_two_sides_become_one_table(tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"s{number}.en").write_text(f"Hello number {number}.\n", encoding="utf-8")
        (tmp_path / f"s{number}.zh").write_text(f"你好，第 {number} 个。\n", encoding="utf-8")
    words = [str(tmp_path / f"s{number}") for number in range(2)]
    assert main(["data", "clean", *words, "-o", str(tmp_path / "out"), "--workers", "1", *LANGUAGES]) == 0
    assert sorted(outputs(tmp_path / "out")) == ["s0.tsv", "s1.tsv"]
