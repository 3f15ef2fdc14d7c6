"""What `dragoman explain` tries on a sentence: teaching, twins, a word of the reader's, a layer more or less."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from rich.cells import cell_len

from dragoman.cli import main

Run = Callable[..., str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """With the bundled model: all that it prints, its lines joined."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "100")

    def explain(*words: str, text: str = "Are you OK ?") -> str:
        assert main(["explain", text, *words]) == 0
        output = capsys.readouterr().out
        assert output.startswith("{") or all(cell_len(line) <= 100 for line in output.splitlines())
        return output

    return explain


def joined(text: str) -> str:
    return " ".join(text.split())


def test_row_24_25_taught(run: Run) -> None:
    said = joined(run("--reference", "你干什么？", "--teach", "5"))
    assert "Taught this sentence: 5 steps of gradient descent" in said
    assert "The loss goes from" in said and "norm of the gradient" in said
    assert "decoder.2.cross" in said and "Where is the station?" in said
    assert "The model on disk has not changed." in said
    assert "教它这句话：梯度下降 1 步" in run("--reference", "你干什么？", "--teach", "1", "--lang", "zh")


def test_rows_24_25_of_the_two_modes(run: Run) -> None:
    words = ["--ask", "training-vs-inference", "--reference", "你好吗？"]
    said = joined(run(*words))
    assert "the weights" in said and "change: that is what" in said and "dropout" in said
    assert "forward, loss, gradient, step" in said
    assert "权重" in run(*words, "--lang", "zh")


def test_rows_30_31_a_word_of_ones_own(run: Run) -> None:
    output = run("--reference", "你好吗？", "--say", "1=干")
    said = joined(output)
    assert "At t=1 it says 干" in said and "the loss of this one row goes from" in said
    assert "还 -> 干" in said and "computed anew" in said and "< yours" in said
    assert "让它在 t=1 说“干”" in run("--say", "1=干", "--lang", "zh")


@pytest.mark.parametrize(
    "lang, sentence", [("en", "Without positions both are the same"), ("zh", "完全一样")]
)
def test_row_112_twins(run: Run, lang: str, sentence: str) -> None:
    for words in (["--without", "positions"], ["--proofs"]):
        said = run(*words, "--lang", lang, text="Tom loves Mary.")
        assert "Mary loves Tom." in said and sentence in joined(said)


@pytest.mark.parametrize("flag", ["--without", "--twice"])
def test_row_115_a_layer_more_or_less(run: Run, flag: str) -> None:
    said = joined(run(flag, "encoder.3"))
    assert "layer encoder.3" in said and f"{5 if flag == '--without' else 7} encoder layers" in said


def test_the_record_holds_what_was_tried(run: Run) -> None:
    record = json.loads(run("--teach", "2", "--say", "0=我", "--format", "json").strip() or "{}")
    assert len(record["taught"]["loss"]) == 3 and record["said"]["word"] == "我"


@pytest.mark.parametrize(
    "words, said",
    [
        (["--teach", "0"], "1 to 20"),
        (["--teach", "21"], "1 to 20"),
        (["--say", "干"], "--say 1=WORD"),
        (["--say", "1="], "--say 1=WORD"),
        (["--say", "99=干"], "steps 0 to"),
        (["--without", "scale", "--twice", "encoder.1"], "one of them"),
        (["--without", "encoder.9"], "there is no layer 'encoder.9'"),
        (["--twice", "scale"], "there is no layer 'scale'"),
    ],
)
def test_wrong_wishes_get_one_line(
    tiny_model: Path, capsys: pytest.CaptureFixture[str], words: Sequence[str], said: str
) -> None:
    assert (
        main(["explain", "The dog sees my cat.", "-m", str(tiny_model), "--reference", "猫。", *words]) == 2
    )
    output, errors = capsys.readouterr()
    assert output == "" and errors.count("\n") == 1 and said in errors
