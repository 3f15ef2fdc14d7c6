"""`dragoman doctor` as its users meet it: lines, exit codes, languages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dragoman.cli import main
from dragoman.doctor import examination
from dragoman.doctor.examination import STATEMENTS
from dragoman.doctor.finding import Line, measured, unchecked, verdict

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Line]:
    """What the doctor finds, whatever the model is."""
    lines = [Line(name, statement, measured(0.5, 1.0)) for name, statement in STATEMENTS.items()]

    def examine(*_: object) -> Iterator[Line]:
        yield from lines

    monkeypatch.setattr(examination, "examine", examine)
    return lines


def test_a_line_for_each_property_and_a_verdict(found: list[Line], capsys: Capture) -> None:
    assert main(["doctor", "en-zh"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[:-1]] == list(STATEMENTS)
    assert lines[-1] == "nothing failed"


def test_what_is_not_checked_fails_nothing_and_what_fails_ends_with_1(
    found: list[Line], capsys: Capture
) -> None:
    found[0] = Line("tokenizer_fits", "it fits", unchecked("not checked: no corpus was given"))
    assert main(["doctor"]) == 0
    found[1] = Line(
        "round_trip", "it comes back", verdict(False, "no text has ids of its own: all hold <unk>")
    )
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "FAIL round_trip" in out and out.endswith("1 failed: round_trip\n")


def test_json_has_one_object_a_line(found: list[Line], capsys: Capture) -> None:
    assert main(["doctor", "--format", "json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == {
        "name": "tokenizer_fits",
        "state": "passed",
        "statement": STATEMENTS["tokenizer_fits"],
        "measured": "5.0e-01, at most 1e+00",
        "values": {"value": 0.5, "limit": 1.0},
    }


def test_all_of_it_is_said_in_chinese(found: list[Line], capsys: Capture) -> None:
    assert main(["doctor", "--lang", "zh"]) == 0
    for line in capsys.readouterr().out.splitlines():
        assert re.search("[\u4e00-\u9fff]", line), line
        assert not re.search(r"(?:\b[a-z]{2,} ){3}", line), line


def test_every_measurement_is_said_in_chinese() -> None:
    """The sentences that a finding is made with, read from the sources: each stands in the table."""
    from dragoman.cli.language import _table

    known = _table("zh")
    sources = Path(examination.__file__).parent.glob("*.py")
    said = {
        sentence
        for path in sources
        for sentence in re.findall(
            r'(?:verdict\(\s*[^",]+,\s*|unchecked\(\s*)"((?:[^"\\]|\\.)+)"', path.read_text("utf-8")
        )
    }
    assert len(said) > 15
    assert {sentence for sentence in said if sentence not in known and sentence != "{why}"} == set()


def test_a_model_that_does_not_open_fails_its_first_line(
    tiny_model: Path, other_parts: object, tmp_path: Path, capsys: Capture
) -> None:
    directory = tmp_path / "model"
    directory.mkdir()
    for file in tiny_model.iterdir():
        (directory / file.name).write_bytes(file.read_bytes())
    other = other_parts.tokenizers["joint"]  # type: ignore[attr-defined]
    (directory / "tokenizer.model").write_bytes(other)
    assert main(["doctor", str(directory)]) == 1
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("FAIL tokenizer_fits") and "tokenizer.model" in first
    assert last == "1 failed: tokenizer_fits"


def test_a_slip_of_the_user_is_one_line(tmp_path: Path, capsys: Capture) -> None:
    assert main(["doctor", "en-zh", str(tmp_path / "nowhere.tsv")]) == 2
    assert capsys.readouterr().err.startswith("dragoman: ")
    assert main(["doctor", "--lang", "xx"]) == 2
    assert main(["doctor", str(tmp_path / "nowhere")]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("dragoman: there is no model")
