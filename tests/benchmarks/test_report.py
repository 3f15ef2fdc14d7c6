"""Tables say what the recorded turns say, and the README holds what the result files hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from benchmarks.alternate import ROOT
from benchmarks.plot import numbers, series
from benchmarks.report import BEGIN, END, comparison, is_result, read, replaced, section
from benchmarks.report import main as report

from dragoman.errors import UsageError

README = ROOT / "benchmarks" / "README.md"
VERSIONS = {"python": "3.11.7"}


def recorded(higher: bool = True) -> dict[str, Any]:
    columns = [
        {"key": "speed", "title": "words/s", "format": ",.0f", "higher_is_better": higher, "times": 1.0},
        {"key": "share", "title": "share, %", "format": ".1f", "higher_is_better": True, "times": 100},
    ]
    turns = {
        "ours": [{"speed": s, "share": 0.25, "versions": VERSIONS} for s in (3000, 2000, 4000)],
        "theirs": [{"speed": s, "versions": {**VERSIONS, "torch": "2.13"}} for s in (1000, 1000, 1000)],
    }
    return {
        "kind": "comparison", "name": "x", "title": "Speed", "subject": "arm", "columns": columns,
        "ratios": [["ours", "theirs"], ["ours", "broken"]], "turns": turns, "failed": {"broken": "no such file"},
        "settings": {"best": {"workers": 2}, "lines": 29000}, "date": "2026-01-31",
        "command": "python -m benchmarks x",
        "machine": {"processor": "P", "cores": 2, "threads": 2, "flags": ["avx2"], "memory_gib": 8.0},
    }  # fmt: skip


def test_a_comparison_is_two_tables() -> None:
    assert comparison(recorded()).splitlines() == [
        "| arm | words/s | share, % |",
        "| --- | ---: | ---: |",
        "| ours | 3,000 (2,000 to 4,000) | 25.0 |",
        "| theirs | 1,000 (1,000 to 1,000) | - |",
        "| broken | failed: no such file |  |",
        "",
        "| times as fast | median | least | most | rounds |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| ours / theirs | 3.00 | 2.00 | 4.00 | 3 |",
    ]


def test_where_less_is_better_the_ratio_is_turned_over() -> None:
    row = comparison(recorded(higher=False)).splitlines()[-1]
    assert row == "| ours / theirs | 0.33 | 0.25 | 0.50 | 3 |"


def test_circumstances_are_told() -> None:
    last = section(recorded()).splitlines()[-1]
    for fact in ("P, 2 cores, 2 threads", "8.0 GiB", "flags avx2", "torch 2.13", "lines 29,000", "workers 2"):
        assert fact in last
    assert last.endswith("2026-01-31: `python -m benchmarks x`.")


def test_what_is_drawn_is_what_was_measured() -> None:
    names, found = series(recorded())
    assert names == ["ours", "theirs"]
    assert (found[0].median, found[0].least, found[0].most) == (3000, 2000, 4000)
    assert numbers(names) is None and numbers(["1,024", "512"]) == [1024.0, 512.0]


def test_other_json_is_no_result(tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    for text, why in (("[1]", "another kind"), ("{", "no result"), ('{"kind": "load"}', "another kind")):
        other.write_text(text)
        assert not is_result(other)
        with pytest.raises(UsageError, match=why):
            read(other)


def test_the_report_fills_a_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result, document = tmp_path / "x.json", tmp_path / "README.md"
    result.write_text(json.dumps(recorded()))
    document.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    report(result, readme=document)
    once = document.read_text()
    assert (
        once.startswith(f"before\n{BEGIN}\n\n### Speed")
        and once.endswith(f"{END}\nafter\n")
        and "old" not in once
    )
    report(result, readme=document)
    assert document.read_text() == once
    report(result)
    assert capsys.readouterr().out.strip() in once


def test_a_document_without_marks_is_left_alone() -> None:
    with pytest.raises(UsageError, match="must hold the line"):
        replaced("nothing here", "table")


def test_no_number_of_the_readme_is_typed_by_hand() -> None:
    """What stands between its marks is what the result files say, to the letter."""
    results = [read(path) for path in sorted((README.parent / "results").glob("*.json")) if is_result(path)]
    document = README.read_text(encoding="utf-8")
    assert replaced(document, "\n\n".join(map(section, results))) == document
    assert results
