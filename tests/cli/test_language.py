"""--lang: what the command line says and its help, in the language that was asked for or that of the locale."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from dragoman.cli import main
from dragoman.cli.language import FOLDER, of_the_call, speaker

Capture = pytest.CaptureFixture[str]
HAN = re.compile("[\u4e00-\u9fff]")
ENGLISH = re.compile(r"(?:\b[a-z]{2,} ){3}")  # three words of a sentence, one after another
ENDS = re.compile(r"^(?:Usage|Examples|  dragoman)")


@pytest.fixture(autouse=True)
def no_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)


def test_every_sentence_has_the_gaps_of_its_translation() -> None:
    for part in tomllib.loads((FOLDER / "zh.toml").read_text("utf-8")).values():
        for english, chinese in part.items():
            gaps = re.findall(r"\{\w+", english)
            assert sorted(gaps) == sorted(re.findall(r"\{\w+", chinese)), english


def test_the_language_of_a_call() -> None:
    assert of_the_call(["explain", "--lang", "zh", "--help"]) == of_the_call(["--lang=zh"]) == "zh"
    assert of_the_call(["explain", "--lang"]) == of_the_call(["--lang", "xx"]) == "en"
    assert speaker("zh")("of no table {n}", n=3) == "of no table 3"


@pytest.mark.parametrize("words", [["explain"], ["words", "show"], ["lineage"], ["digits", "explain"], []])
def test_the_help_is_in_chinese(words: list[str], capsys: Capture) -> None:
    assert main([*words, "--help", "--lang", "zh"] if words else ["--help", "--lang=zh"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if not ENDS.match(line)]
    assert any(HAN.search(line) for line in lines)
    if words in (["explain"], ["lineage"], ["digits", "explain"]):
        assert [line for line in lines if ENGLISH.search(line)] == []
    main([*words, "--help"])
    assert not HAN.search(
        "".join(line for line in capsys.readouterr().out.splitlines() if not ENDS.match(line))
    )


def test_words_are_shown_in_chinese(tiny_model: Path, capsys: Capture) -> None:
    call = ["words", "show", "dog", "-m", str(tiny_model), "--side", "source"]
    assert main([*call, "--lang", "zh"]) == 0
    told = capsys.readouterr().out
    assert "词嵌入" in told and "个 0" in told and not ENGLISH.search(told)
    assert main(call) == 0
    assert "zeros" in capsys.readouterr().out
    assert main([*call, "--lang", "xx"]) == 2


def test_an_evaluation_is_told_in_chinese(tiny_model: Path, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "pairs.tsv").write_text("dog\t狗\ncat\t猫\n", encoding="utf-8")
    call = ["evaluate", str(tmp_path / "pairs.tsv"), "-m", str(tiny_model), "--beam-size", "1"]
    assert main([*call, "--lang", "zh"]) == 0
    told = capsys.readouterr().out
    assert "困惑度" in told and "译文 / 参考译文" in told and "length ratio" not in told
