"""The page of the ladder: its tables and drawings from numbers that are made up here, and its commands."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from benchmarks import lineage, lineage_page
from dragoman.cli import app
from dragoman.config import parse_set, resolve
from dragoman.training.presets import PRESETS
from dragoman.training.settings import resolve_run
from dragoman.training.tasks.languagemodels import defaults, run_config

COSTS = {"parameters": 1_234_567, "tokens_per_second": 4321.4, "seconds": 90, "command": "dragoman lm train"}
MACHINE = {"processor": "a processor", "cores": 2, "load_before": 0.1}


def model(title: str, perplexity: float) -> dict[str, Any]:
    found = {"perplexity_per_character": perplexity, "perplexity_per_token": 2 * perplexity}
    return {"title": title, "task": "language model", **found, **COSTS}


def translator(title: str, *bleu: float) -> dict[str, Any]:
    classes = [{"words": name, "pairs": 9, "bleu": score, "chrf": 30.0}
               for name, score in zip(("1-5", "6-8", "9+"), bleu, strict=True)]  # fmt: skip
    signature = {"bleu_signature": "nrefs:1", "chrf_signature": "nrefs:2"}
    return {"title": title, "task": "translation", "bleu": 20.0, "chrf": 25.0, "by_length": classes,
            **signature, **COSTS}  # fmt: skip


def words() -> dict[str, Any]:
    return {"title": "w", "task": "words", "neighbours": {"红": [["▁绿", 0.71], ["蓝", 0.6]]}, **COSTS}


def test_every_number_stands_on_the_page_and_the_drawings_are_xml() -> None:
    results = [
        model("a < b", 40.0),
        model("c", 20.5),
        words(),
        translator("RNN", 30, 20, 9),
        translator("T", 31, 30, 28),
    ]
    text, drawings = lineage_page.write(results, MACHINE, "lineage")
    assert "| a < b | 40.00 | 80.0 | 1,234,567 | 4,321 | 1.5 |" in text
    assert "| BLEU / chrF | 1-5 (9) | 6-8 (9) | 9+ (9) |" in text
    assert "- RNN: 30.0 BLEU at 1-5 words, 9.0 at 9+, which is 30 % of it." in text
    assert "| 红 | 绿 0.71, 蓝 0.60 |" in text
    assert set(drawings) == {"lineage-perplexity.svg", "lineage-length.svg"}
    for name, drawing in drawings.items():
        assert f"]({name})" in text
        ET.fromstring(drawing)  # raises for what is no XML


def test_a_page_without_translators_says_so() -> None:
    text, _ = lineage_page.write([model("a", 4.0)], MACHINE, "lineage")
    assert text.count("Not measured yet.") == 3


def test_classes_of_length_hold_every_sentence_once() -> None:
    found = dict(lineage.classes([1, 5, 6, 20, 15, 16]))
    assert found == {"1-5": [0, 1], "6-8": [2], "12-15": [4], "16+": [3, 5]}


@pytest.mark.parametrize("system", lineage.SYSTEMS, ids=lambda system: system.name)
def test_its_commands_are_understood_and_train_what_they_say(system: lineage.System, tmp_path: Path) -> None:
    command = system.command(tmp_path, 0.5)
    app.parse_args(command, exit_on_error=False, print_error=False)
    flags = dict(zip(command, command[1:], strict=False))
    layers = [("--set", parse_set(b)) for a, b in zip(command, command[1:], strict=False) if a == "--set"]
    if system.task == "translation":
        config = resolve_run([("preset", PRESETS[flags["--preset"]]), *layers]).value
        assert config.training.max_steps == lineage.TRANSLATOR_STEPS // 2
    elif layers:
        kind = flags["--kind"]
        found = resolve(run_config(kind), [("defaults", defaults(kind)), *layers]).value
        assert found.training.max_steps == lineage.LM_STEPS // 2


def test_a_result_of_another_command_does_not_count(tmp_path: Path) -> None:
    system = lineage.SYSTEMS[1]
    assert lineage.done(tmp_path, system, 1.0) is None
    import json
    import shlex

    command = shlex.join(["dragoman", *system.command(tmp_path, 1.0)])
    (tmp_path / f"{system.name}.json").write_text(json.dumps({"command": command}), encoding="utf-8")
    assert lineage.done(tmp_path, system, 1.0) is not None and lineage.done(tmp_path, system, 0.5) is None
