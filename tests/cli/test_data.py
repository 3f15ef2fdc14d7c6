"""`data`: clean, split, stats; and a full disk."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from calls import Capture, refused
from dragoman.cli import main

DIRTY = "A dog.\t狗。\tby me\nA dog.\t狗。\tby you\n\t空\nA cat.\tA cat.\nA bird.\t鸟。\n"


@pytest.fixture
def dirty(tmp_path: Path) -> Path:
    path = tmp_path / "dirty.tsv"
    path.write_text(DIRTY, encoding="utf-8")
    return path


def test_clean_writes_what_is_left_and_reports_the_rest(capsys: Capture, dirty: Path) -> None:
    output = dirty.with_name("clean.tsv.gz")
    call = ["data", "clean", str(dirty), "--source-lang", "en", "--target-lang", "zh"]
    assert main([*call, "-o", str(output)]) == 0
    report = capsys.readouterr().out
    assert gzip.decompress(output.read_bytes()).decode() == "A dog.\t狗。\tby me\nA bird.\t鸟。\n"
    assert main([*call, "--dry-run"]) == 0
    assert capsys.readouterr().out == report
    assert {"read", "kept", "copy", "duplicate", "empty"} <= {line.split()[0] for line in report.splitlines()}
    assert main([*call, "--dry-run", "--no-drop-copies", "--no-drop-duplicates"]) == 0
    assert "copy" not in capsys.readouterr().out


def test_clean_leaves_no_empty_file(capsys: Capture, tmp_path: Path) -> None:
    corpus, output = tmp_path / "copies.tsv", tmp_path / "clean.tsv"
    corpus.write_text("A cat.\tA cat.\n" * 3)
    call = ["data", "clean", str(corpus), "-o", str(output), "--source-lang", "en", "--target-lang", "de"]
    assert "cleaning removed all 3 pairs" in refused(capsys, call)
    assert list(tmp_path.iterdir()) == [corpus]


def test_clean_needs_one_of_output_and_dry_run(capsys: Capture, dirty: Path) -> None:
    call = ["data", "clean", str(dirty), "--source-lang", "en", "--target-lang", "zh"]
    for more in ([], ["-o", "x.tsv", "--dry-run"]):
        assert "one of the two" in refused(capsys, [*call, *more])


def test_split_keeps_a_sentence_and_its_attribution_in_one_part(capsys: Capture, tmp_path: Path) -> None:
    corpus, output = tmp_path / "corpus.tsv", tmp_path / "parts"
    rows = [f"word {i // 2}\tWort {i}\tby {i}" for i in range(100)]  # each source stands in two pairs
    corpus.write_text("\n".join(rows))
    assert main(["data", "split", str(corpus), "-o", str(output), "--dev", "10", "--test", "0.2"]) == 0
    told = dict(line.split() for line in capsys.readouterr().out.splitlines())
    assert told == {
        str(output / f"{name}.tsv"): count for name, count in (("train", "70"), ("dev", "10"), ("test", "20"))
    }
    parts = [(output / f"{name}.tsv").read_text().splitlines() for name in ("train", "dev", "test")]
    assert sorted(line for part in parts for line in part) == sorted(rows)
    sources = [{line.split("\t")[0] for line in part} for part in parts]
    assert not sources[0] & sources[1] and not sources[0] & sources[2] and not sources[1] & sources[2]
    assert "is already there" in refused(capsys, ["data", "split", str(corpus), "-o", str(output)])


@pytest.mark.parametrize(
    "words, message",
    [
        (["-o", "OUT"], "of 1,000 pairs can be held out of 5"),
        (["-o", "OUT", "--dev", "0", "--test", "0"], "nothing to split"),
        (["-o", "OUT", "--dev", "1.5"], "size 1.5"),
        ([], "Add -o"),
    ],
)
def test_a_split_that_cannot_be_made_writes_nothing(
    capsys: Capture, dirty: Path, words: list[str], message: str
) -> None:
    output = dirty.with_name("parts")
    call = ["data", "split", str(dirty), *(str(output) if word == "OUT" else word for word in words)]
    assert message in refused(capsys, call)
    assert not output.exists()


def test_stats_need_no_languages_for_a_table(capsys: Capture, dirty: Path) -> None:
    assert main(["data", "stats", str(dirty)]) == 0
    assert capsys.readouterr().out.startswith("5 pairs")
    assert main(["data", "stats", str(dirty), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["pairs"] == 5


def test_an_unknown_data_set_is_told_the_known_ones(capsys: Capture, tmp_path: Path) -> None:
    assert "multi30k" in refused(capsys, ["data", "fetch", "multi31k", "-o", str(tmp_path / "data")])
    assert not (tmp_path / "data").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_is_one_line(tiny_model: Path) -> None:
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "-m", "dragoman", "translate", "The dog.", "-m", str(tiny_model)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith(b"dragoman: ") and done.stderr.count(b"\n") == 1
