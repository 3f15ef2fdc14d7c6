"""The neural kinds of `dragoman lm` as their users meet them."""

from __future__ import annotations

import io
import json
import tomllib
from pathlib import Path

import pytest

from dragoman.cli import main
from toys import SMALL, lines, random_lm

Capture = pytest.CaptureFixture[str]
KINDS = ["nnlm", "rnn", "gpt", "bert"]


def answer(capsys: Capture, *words: object) -> str:
    assert main(["lm", *map(str, words)]) == 0
    return capsys.readouterr().out


def refused(capsys: Capture, *words: object) -> str:
    """The one line that a wrong call gets."""
    assert main(["lm", *map(str, words)]) in (1, 2)
    output, errors = capsys.readouterr()
    assert not output and errors.count("\n") == 1, errors
    return errors


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("\n".join(lines()) + "\n", encoding="utf-8")
    return path


def small(kind: str, **more: object) -> list[str]:
    settings = {f"model.{key}": value for key, value in SMALL[kind].items()}
    settings |= {"data.longest": 24, "data.held_out": 20, "training.max_steps": 4, "validation.every": 2,
                 "training.device": "cpu", **more}  # fmt: skip
    return [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_trains_from_the_command_line(
    kind: str, text: Path, tmp_path: Path, capsys: Capture
) -> None:
    run = tmp_path / "run"
    answer(capsys, "train", text, "--kind", kind, "-o", run, "--unit", "characters", *small(kind))
    assert tomllib.loads((run / "config.toml").read_text(encoding="utf-8"))["model"]["kind"] == kind
    if kind == "bert":
        assert len(answer(capsys, "fill", "我[MASK]。", "-m", run).splitlines()) == 5
        assert 0 < float(answer(capsys, "next", "我。", "你。", "-m", run)) < 1
    else:
        found = json.loads(answer(capsys, "perplexity", text, "-m", run, "--format", "json"))
        assert found["lines"] == 300 and 1 < found["perplexity_per_character"] < 100
        assert answer(capsys, "sample", "-m", run, "--prompt", "我").startswith("我")


def test_a_run_goes_on_where_it_stopped_and_refuses_to_begin_twice(
    text: Path, tmp_path: Path, capsys: Capture
) -> None:
    words = ["train", text, "--kind", "nnlm", "-o", tmp_path / "run", "--unit", "characters", *small("nnlm")]
    answer(capsys, *words, "--max-minutes", "1e-9")
    assert main([*map(str, ("lm", *words))]) == 1
    assert "already holds a training run: add --resume" in capsys.readouterr().err
    answer(capsys, *words, "--resume")


def test_fine_tuning_takes_shape_and_tokens_from_the_model(
    text: Path, tmp_path: Path, capsys: Capture
) -> None:
    random_lm(tmp_path / "base", "gpt")
    words = ["train", text, "--kind", "gpt", "--from", tmp_path / "base", "-o", tmp_path / "more"]
    answer(
        capsys,
        *words,
        "--set",
        "training.max_steps=2",
        "--set",
        "data.held_out=9",
        "--set",
        "training.device=cpu",
    )
    config = tomllib.loads((tmp_path / "more" / "config.toml").read_text(encoding="utf-8"))
    assert config["model"]["d_model"] == 16 and config["tokens"]["unit"] == "characters"
    assert "--from keeps the tokens" in refused(capsys, *words, "--unit", "words")
    assert "holds a model of kind 'gpt', not 'rnn'" in refused(
        capsys, *(word if word != "gpt" else "rnn" for word in words)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_print_config_is_a_file_that_config_reads(kind: str, tmp_path: Path, capsys: Capture) -> None:
    printed = answer(capsys, "train", "--kind", kind, "--print-config", "--set", "model.d_model=48")
    path = tmp_path / "config.toml"
    path.write_text(printed, encoding="utf-8")
    again = answer(capsys, "train", "--kind", kind, "--print-config", "--config", path)
    assert tomllib.loads(printed) == tomllib.loads(again)
    assert tomllib.loads(again)["model"]["d_model"] == 48


def test_flags_of_another_kind_are_not_swallowed(text: Path, tmp_path: Path, capsys: Capture) -> None:
    run = tmp_path / "run"
    said = refused(capsys, "train", text, "--kind", "gpt", "--order", "3", "-o", run)
    assert "--order is for n-grams, not for --kind gpt" in said
    assert "--resume is for the neural kinds: add --kind nnlm, rnn, gpt or bert" in refused(
        capsys, "train", text, "--resume", "-o", run
    )
    assert "model.layerz is no option" in refused(
        capsys, "train", text, "--kind", "gpt", "--set", "model.layerz=3", "-o", run
    )
    assert not run.exists()


def test_questions_to_the_wrong_model_are_refused(tmp_path: Path, capsys: Capture) -> None:
    random_lm(tmp_path / "gpt", "gpt")
    random_lm(tmp_path / "bert", "bert")
    assert "which BERT? Add -m" in refused(capsys, "fill", "我[MASK]")
    assert "holds a model of kind 'gpt'" in refused(capsys, "fill", "我[MASK]", "-m", tmp_path / "gpt")
    assert "there is no gap in '我'" in refused(capsys, "fill", "我", "-m", tmp_path / "bert")
    assert "it answers fill, next and classify" in refused(capsys, "sample", "-m", tmp_path / "bert")
    assert "knows no labels" in refused(capsys, "classify", "我", "-m", tmp_path / "bert")
    assert "none: there is no such directory" in refused(capsys, "fill", "我[MASK]", "-m", tmp_path / "none")


def test_a_directory_that_is_no_bert_is_not_imported(tmp_path: Path, capsys: Capture) -> None:
    assert "has no config.json" in refused(capsys, "import", tmp_path, "-o", tmp_path / "out")


def test_fill_for_programs(tmp_path: Path, capsys: Capture) -> None:
    random_lm(tmp_path, "bert")
    found = json.loads(
        answer(capsys, "fill", "我[MASK][MASK]。", "-m", tmp_path, "--best", "3", "--format", "json")
    )
    assert [len(gap) for gap in found["gaps"]] == [3, 3]
    assert set(found["gaps"][0][0]) == {"token", "probability", "text"}


def test_a_classifier_from_table_to_answers(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    random_lm(tmp_path / "bert", "bert")
    table, labels = tmp_path / "train.tsv", tmp_path / "labels"
    rows = [f"{line[:9]}\t{'dog' if '狗' in line[:9] else 'none'}\n" for line in lines(count=80)]
    table.write_text("".join(rows), encoding="utf-8")
    train = ["classify", "--train", table, "-m", tmp_path / "bert", "-o", labels]
    answer(
        capsys,
        *train,
        "--set",
        "training.max_steps=4",
        "--set",
        "validation.every=2",
        "--set",
        "training.device=cpu",
    )
    label, chance = answer(capsys, "classify", "狗看见我。", "-m", labels).strip().split("\t")
    assert label in ("dog", "none") and 0.5 <= float(chance) <= 1
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("我狗\n你猫\n".encode())))
    assert len(answer(capsys, "classify", "-m", labels).splitlines()) == 2
    found = json.loads(answer(capsys, "classify", "--test", table, "-m", labels, "--format", "json"))
    assert found["texts"] == 80 and found["accuracy"] == found["right"] / 80
    table.write_text("我\tcat\n" * 12, encoding="utf-8")
    assert "label 'cat' is unknown: the labels are dog, none" in refused(
        capsys, "classify", "--test", table, "-m", labels
    )
    assert "there are 1 different labels: 2 to 1,000" in refused(capsys, *train[:-1], tmp_path / "other")
    assert "--output is of use with --train only" in refused(
        capsys, "classify", "我", "-m", labels, "-o", "x"
    )
