"""The benchmark of the recipe for few pairs: its commands, what it finds in a run's log, what it refuses."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from benchmarks.few_pairs import FIRST, LAST, STEPS, Asked, Row, curve, finished, main, systems

from benchmarks import lineage
from dragoman.cli import app
from dragoman.errors import UsageError


@pytest.mark.parametrize("system", systems(Path("data")), ids=lambda system: system.name)
def test_its_commands_are_understood(system: object, tmp_path: Path) -> None:
    app.parse_args(system.command(tmp_path, 1.0), exit_on_error=False, print_error=False)  # type: ignore[attr-defined]


def test_each_goes_on_from_what_an_earlier_one_left(tmp_path: Path) -> None:
    """And its name is that of a directory which the command before it makes."""
    made: list[str] = []
    for system in systems(Path("data")):
        command = system.command(tmp_path, 1.0)
        if "--from" in command:
            base = Path(command[command.index("--from") + 1]).relative_to(tmp_path)
            assert base.parts[0] in made
            assert base.parts[1:] in ((), ("stages", FIRST))
        made.append(system.name)


@pytest.mark.parametrize("left", ["checkpoints", f"stages/{FIRST}/checkpoints", None])
def test_a_run_that_was_interrupted_in_any_stage_goes_on(
    left: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []

    def run(words: list[str]) -> subprocess.CompletedProcess[str]:
        ran.append(words)
        return subprocess.CompletedProcess(words, 0)

    monkeypatch.setattr(subprocess, "run", run)
    system = systems(Path("data"))[0]
    (tmp_path / system.name / (left or "data")).mkdir(parents=True)
    lineage.train(tmp_path, system, 1.0)
    assert (ran[0][-1] == "--resume") == (left is not None)


def write(run: Path, *validations: dict[str, float]) -> None:
    run.mkdir(parents=True, exist_ok=True)
    lines = [
        {"kind": "step", "step": 1, "seconds": 60.0},
        *({"kind": "validation"} | one for one in validations),
    ]
    (run / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def test_a_curve_goes_through_both_stages_each_way(tmp_path: Path) -> None:
    write(tmp_path / "de-en/stages" / FIRST, {"step": STEPS, "bleu de>en": 39.0, "bleu en>de": 37.0})
    write(tmp_path / "de-en", {"step": 1500, "bleu": 43.0})
    write(tmp_path / "en-de", {"step": 1500, "bleu": 40.0})
    drawn = curve(tmp_path)
    assert drawn.count("<circle") == 4
    assert LAST in drawn


def test_the_table_tells_of_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "en-de").mkdir()
    (tmp_path / "en-de/model.safetensors").touch()
    assert list(finished(tmp_path)) == [("or into German", tmp_path / "en-de")]
    assert str(Row("x", {("en", "de"): 39.96}, 7.2)) == "| x |  | 40.0 | 7 |"


def test_an_unknown_name_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--only french: there are de-en, en-de"):
        main(Asked(("french",), tmp_path, tmp_path))
    assert not list(tmp_path.iterdir())


def test_without_both_directions_nothing_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage, "train", lambda *_: 0.0)
    (tmp_path / "test_2016_flickr.de").write_text("Hallo\n", encoding="utf-8")
    (tmp_path / "test_2016_flickr.en").write_text("Hello\n", encoding="utf-8")
    main(Asked(("plain",), tmp_path, tmp_path, tmp_path / "curve.svg"))
    assert not (tmp_path / "curve.svg").exists()
