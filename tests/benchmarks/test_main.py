"""The command line of the benchmarks: what it takes, what it refuses, and which arms it would run."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from benchmarks.__main__ import main
from benchmarks.alternate import ROOT, Arm, Turn
from benchmarks.comparison import How
from benchmarks.report import read, section

from benchmarks import comparison, inputs, peers

Asked = list[list[Arm]]


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """The arms of each comparison that a command begins; none is run: every number they find is 2."""
    found: Asked = []

    def run_arm(arm: Arm, threads: int) -> Turn:
        found[-1].append(arm)
        columns = "step_seconds peak_mib p50_ms p95_ms sentences_per_second bfloat16_flops best_loss parameters".split()
        numbers = dict.fromkeys([*columns, "tokens_per_second", "seconds"], 2.0)
        return {**numbers, "curve": [[1, 1.0, 2.0]], "versions": {"python": "3"}}

    def describe(threads: int) -> dict[str, Any]:
        found.append([])  # a comparison begins
        return {"processor": "P", "cores": 2, "threads": threads, "flags": []}

    monkeypatch.setattr(comparison, "run_arm", run_arm)
    monkeypatch.setattr("benchmarks.machine.describe", describe)
    monkeypatch.setattr(inputs, "WORK", tmp_path / "work")
    monkeypatch.setattr(peers, "install", lambda: peers.PYTHON)
    monkeypatch.setattr(peers.Environment, "install", lambda environment: environment.python)
    monkeypatch.delenv(inputs.DATA, raising=False)
    return found


def run(words: Sequence[str], results: Path) -> int:
    return main([*words, "--results", str(results), "--rounds", "2", "--threads", "2"])


@pytest.fixture
def small_corpus(tmp_path: Path) -> list[str]:
    pairs = "".join(f"the small dog sees {n} cats .\t小狗看见{n}只猫。\n" for n in range(700))
    (tmp_path / "corpus.tsv").write_text(pairs, encoding="utf-8")
    return ["--corpus", str(tmp_path / "corpus.tsv"), "--source-lang", "en", "--target-lang", "zh"]


@pytest.fixture(autouse=True)
def small_vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.sizes import SIZES, Size

    monkeypatch.setitem(SIZES, "toy", Size(16, 32, 1, 2, vocab=300))


def test_training_asks_ours_and_theirs(asked: Asked, small_corpus: list[str], tmp_path: Path) -> None:
    assert run(["train", "--size", "toy", *small_corpus], tmp_path) == 0
    first_round = [arm.name for arm in asked[0][: len(asked[0]) // 2]]
    assert first_round == [
        "matrix products", "Dragoman in fp32, AdamW", "Dragoman without kernels in C, AdamW",
        "Dragoman, AdamW, 1 worker", "Dragoman, Muon, 1 worker",
        "Dragoman, AdamW, 2 workers", "Dragoman, Muon, 2 workers", "torch.nn.Transformer, fp32",
        "torch.nn.Transformer, bf16", "JoeyNMT", "Hugging Face Marian", "MindSpore",
    ]  # fmt: skip
    assert [arm.name for arm in asked[0][len(first_round) :]] == first_round
    for arm in asked[0]:
        theirs = peers.MINDSPORE.python if arm.name == "MindSpore" else peers.PYTHON
        assert (arm.python == theirs) == (".peers." in arm.function)
    result = read(tmp_path / "train-toy.json")
    assert "matrix products" not in result["turns"]
    assert result["turns"]["JoeyNMT"][0]["peak_share"] > 0


def test_peers_can_be_left_out(asked: Asked, small_corpus: list[str], tmp_path: Path) -> None:
    assert run(["train", "--size", "toy", "--against", "plain", *small_corpus], tmp_path) == 0
    assert not any("joeynmt" in arm.function for arm in asked[0])


def test_mindspore_is_trained_in_its_own_environment(
    asked: Asked, small_corpus: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[peers.Environment] = []
    monkeypatch.setattr(peers.Environment, "install", lambda environment: made.append(environment))
    assert run(["train", "--size", "toy", "--against", "mindspore", *small_corpus], tmp_path) == 0
    assert made == [peers.MINDSPORE]
    arm = asked[0][-1]
    assert (arm.name, arm.python) == ("MindSpore", peers.MINDSPORE.python)
    assert arm.settings["warm_up"] == 1 and arm.settings["size"]["vocab"] == 300
    # It cannot be imported here: its source must have the function that the arm calls, with those parameters.
    module, name = arm.function.split(":")
    tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
    assert {parameter.arg for parameter in function.args.args} == arm.settings.keys()


def test_where_mindspore_cannot_be_installed_the_others_go_on(
    asked: Asked,
    small_corpus: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def install(environment: peers.Environment) -> Path:
        raise subprocess.CalledProcessError(1, "pip")

    monkeypatch.setattr(peers.Environment, "install", install)
    assert run(["train", "--size", "toy", "--against", "mindspore", "marian", *small_corpus], tmp_path) == 0
    assert "MindSpore is left out" in capsys.readouterr().err
    assert asked[0][-1].name == "Hugging Face Marian" and not any(a.name == "MindSpore" for a in asked[0])


def test_a_file_is_translated_with_both_engines(
    asked: Asked, small_corpus: list[str], tmp_path: Path
) -> None:
    for engine, first in (("ctranslate2", "Dragoman"), ("torch", "plain loop, bfloat16")):
        words = [
            "translate",
            "--engine",
            engine,
            "--limit",
            "5",
            "--sweep",
            "0",
            *small_corpus[:2],
            "--beam",
            "1",
        ]
        assert run(words, tmp_path) == 0
        assert asked[-1][0].name == first
        lines = Path(asked[-1][0].settings["source"]).read_text(encoding="utf-8").splitlines()
        assert lines == [f"the small dog sees {n} cats ." for n in range(5)]
        # No arm was run, so none wrote a translation: a speed without one is no result.
        assert not read(tmp_path / ("decoder.json" if engine == "torch" else "translate-beam1.json"))["turns"]


def test_latency_and_optimisers(asked: Asked, small_corpus: list[str], tmp_path: Path) -> None:
    assert run(["latency", "--count", "30", *small_corpus[:2]], tmp_path) == 0
    assert len(asked[0][0].settings["sources"]) == 50
    assert run(["optimizers", "--size", "toy", *small_corpus, "--adamw", "1e-3", "2e-3"], tmp_path) == 0
    assert [arm.settings["peak_lr"] for arm in asked[1][:3]] == [3e-3, 1e-3, 2e-3]
    assert "1.00" in section(read(tmp_path / "optimizers.json"))


def test_threads_are_compared_alone_and_beside_a_neighbour(asked: Asked, tmp_path: Path) -> None:
    assert run(["threads", "--size", "toy"], tmp_path) == 0
    names = [arm.name for arm in asked[0][: len(asked[0]) // 2]]
    assert names[:4] == [
        "explain, alone, chosen threads", "explain, alone, torch's threads",
        "explain, busy, chosen threads", "explain, busy, torch's threads",
    ]  # fmt: skip
    assert names[-3:] == [
        f"step of 4,096 tokens, busy, {kind}" for kind in ("chosen threads", "torch's threads", "one thread")
    ]
    assert all(arm.settings["busy"] == (", busy, " in arm.name) for arm in asked[0])
    table = section(read(tmp_path / "threads.json"))
    assert "| step of 1,024 tokens, busy, chosen threads / step of 1,024 tokens, busy, one thread |" in table


def test_scaling_varies_one_thing(asked: Asked, small_corpus: list[str], tmp_path: Path) -> None:
    words = ["scaling", "--size", "toy", *small_corpus, "--lines", "10", "20"]
    assert run(words, tmp_path) == 0
    assert len(asked) == 5
    assert [arm.settings["batch_tokens"] for arm in asked[0][:3]] == [512, 1024, 2048]
    assert asked[4][0].settings["lines"] == 10
    assert run([*words, "--tables", "length"], tmp_path) == 0
    assert [arm.settings["length"] for arm in asked[5][:3]] == [8, 16, 32]


def test_a_result_holds_no_path_of_the_machine(
    asked: Asked, small_corpus: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["latency", "--count", "30", *small_corpus[:2]]
    monkeypatch.setattr(sys, "argv", ["benchmarks", *words, "--results", str(tmp_path), "--rounds", "2"])
    assert run(words, tmp_path) == 0
    text = (tmp_path / "latency-beam5.json").read_text()
    assert str(tmp_path) not in text
    assert json.loads(text)["command"] == (
        "python -m benchmarks latency --count 30 --corpus corpus.tsv --rounds 2"
    )


def test_results_can_have_a_tag(tmp_path: Path) -> None:
    result = {"kind": "comparison", "name": "x"}
    assert comparison.write(How(results=tmp_path), result).name == "x.json"
    assert comparison.write(How(results=tmp_path, tag="other"), result).name == "x-other.json"


@pytest.mark.parametrize(
    "words, message",
    [
        (["train", "--size", "huge"], "huge"),
        (["trian"], "trian"),
        (["train", "--corpus", "a.tsv"], "--source-lang"),
        (["train", "--source-lang", "xx", "--target-lang", "yy"], "no corpus for xx -> yy"),
        (["latency", "--model", "nowhere"], "nowhere"),
        (["report", "nowhere.json"], "nowhere.json is no result"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    asked: Asked, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) in (1, 2)
    told = capsys.readouterr().err
    assert message in told and "Traceback" not in told
    assert asked == []


def test_a_report_of_nothing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchmarks.report.RESULTS", tmp_path)
    assert main(["report"]) == 2
    assert "run a benchmark first" in capsys.readouterr().err


def test_help_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("train", "translate", "latency", "scaling", "optimizers", "threads", "report", "install"):
        assert main([command, "--help"]) == 0
        assert command in capsys.readouterr().out
