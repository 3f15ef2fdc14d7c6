"""`evaluate`, `score` and `models`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from calls import Capture, refused
from dragoman.cli import main
from tiny import Parts


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.tsv"
    path.write_text("The dog.\t狗。\nA big cat.\t大猫。\n", encoding="utf-8")
    return path


def test_evaluate_prints_signatures(capsys: Capture, tiny_model: Path, pairs: Path) -> None:
    assert main(["evaluate", str(pairs), "-m", str(tiny_model)]) == 0
    output = capsys.readouterr().out
    assert "BLEU" in output and "tok:zh" in output and "chrF2" in output


def test_evaluate_against_another_as_json(
    capsys: Capture, tiny_model: Path, other_parts: Parts, pairs: Path, tmp_path: Path
) -> None:
    other, saved = other_parts.write(tmp_path / "other"), tmp_path / "out.zh"
    call = ["evaluate", str(pairs), "-m", str(tiny_model), "--against", str(other), "--format", "json"]
    assert main([*call, "--save-translations", str(saved)]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert found["pairs"] == 2 and found["model"] == str(tiny_model) and found["corpus"] == [str(pairs)]
    assert found["comparison"]["names"] == [str(other), str(tiny_model)]
    assert len(saved.read_text(encoding="utf-8").split("\n")) == 3


def test_further_references_come_from_texts_and_columns(
    capsys: Capture, tiny_model: Path, tmp_path: Path
) -> None:
    corpus, second = tmp_path / "pairs.tsv", tmp_path / "second.zh"
    corpus.write_text("The dog.\t狗。\t一只狗。\nA big cat.\t大猫。\n", encoding="utf-8")
    second.write_text("那只狗。\n一只大猫。\n", encoding="utf-8")
    call = ["evaluate", str(corpus), "-m", str(tiny_model)]
    assert main([*call, "--reference", str(second)]) == 0
    assert "nrefs:2" in capsys.readouterr().out
    assert main([*call, "--reference", str(second), "--reference-columns", "3"]) == 0
    assert "1 pairs 3, 1 pairs 2" in capsys.readouterr().out
    assert "begin with 3" in refused(capsys, [*call, "--reference-columns", "2"])
    assert "anything in column 4" in refused(capsys, [*call, "--reference-columns", "3", "4"])
    second.write_text("那只狗。\n", encoding="utf-8")
    assert "has 1 lines and the corpus 2 pairs" in refused(capsys, [*call, "--reference", str(second)])


def test_scores_are_log_probabilities(capsys: Capture, tiny_model: Path, pairs: Path) -> None:
    call = ["score", str(pairs), "-m", str(tiny_model)]
    assert main(call) == 0
    plain = list(map(float, capsys.readouterr().out.splitlines()))
    assert main([*call, "--normalize"]) == 0
    normalized = list(map(float, capsys.readouterr().out.splitlines()))
    assert main([*call, "--format", "json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(plain) == 2 and max(plain) < 0
    for one, mean, whole in zip(plain, normalized, found, strict=True):
        assert (
            one
            == pytest.approx(whole["logprob"], abs=1e-3)
            == pytest.approx(sum(whole["token_scores"]), abs=1e-3)
        )
        assert mean == pytest.approx(one / len(whole["tokens"]), abs=1e-3)


def test_a_pair_that_is_too_long_costs_no_other_its_score(
    capsys: Capture, tiny_model: Path, pairs: Path, tmp_path: Path
) -> None:
    """One pair of 1,500 tokens among sixty, and there was no output for any."""
    lines = pairs.read_text(encoding="utf-8").splitlines()
    corpus = tmp_path / "long.tsv"
    corpus.write_text("\n".join([lines[0], "a " * 9000 + "\t一", *lines[1:]]) + "\n", encoding="utf-8")
    assert main(["score", str(pairs), "-m", str(tiny_model)]) == 0
    expected = capsys.readouterr().out.splitlines()
    assert main(["score", str(corpus), "-m", str(tiny_model)]) == 0
    said = capsys.readouterr()
    found = said.out.splitlines()
    assert found[1] == "-" and [float(line) for line in (found[0], *found[2:])] == pytest.approx(
        list(map(float, expected)), abs=1e-3
    )
    assert "1 of 3 pairs have more tokens" in said.err and "(pair 2)" in said.err
    assert main(["score", str(corpus), "-m", str(tiny_model), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[1])["logprob"] is None


def test_a_corpus_that_the_dev_flag_took_is_named(capsys: Capture, tmp_path: Path) -> None:
    call = ["train", "--dev", "dev.tsv", "base.tsv", "--source-lang", "en", "--target-lang", "zh"]
    assert main([*call, "-o", str(tmp_path / "run")]) == 2
    assert "--dev took dev.tsv, base.tsv: put the corpus before it" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["evaluate", "score"])
def test_a_corpus_that_cannot_be_read_is_named(
    capsys: Capture, tiny_model: Path, tmp_path: Path, verb: str
) -> None:
    empty, bad = tmp_path / "empty.tsv", tmp_path / "bad.tsv"
    empty.touch()
    bad.write_bytes(b"a\tb\nc\xff\td\n")
    for path, message in (
        (tmp_path / "no.tsv", "is not there"),
        (empty, "no lines"),
        (bad, "bad.tsv:2: byte 2"),
    ):
        assert message in refused(capsys, [verb, str(path), "-m", str(tiny_model)])
    assert "corpus" in refused(capsys, [verb, "-m", str(tiny_model)])


def test_models_shows_the_card_of_one(capsys: Capture, tiny_model: Path, tiny_parts: Parts) -> None:
    assert main(["models", str(tiny_model)]) == 0
    assert capsys.readouterr().out == tiny_parts.card
    assert main(["models", str(tiny_model), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["target"] == "zh"


def test_models_lists_what_can_be_named(capsys: Capture) -> None:
    from dragoman.model.directory import list_models
    from dragoman.model.imagereaders import list_readers
    from dragoman.model.languagemodels import list_lms

    assert main(["models"]) == 0
    names = [*(path.name for path in list_models()), *list_lms(), *list_readers()]
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == names
