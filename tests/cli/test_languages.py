"""Languages on the command line: codes of any kind, and what is not in the model's language."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dragoman.cli.flags import languages
from dragoman.errors import UsageError


def dragoman(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "dragoman", *words], capture_output=True, text=True)


@pytest.mark.parametrize(
    ("names", "source", "target", "found"),
    [
        ("train.en train.zh", None, None, ("en", "zh")),
        ("train.eng_Latn.gz train.zho_Hans.gz", None, None, ("eng_Latn", "zho_Hans")),
        ("train.zh train.en", "eng", None, ("eng", "zh")),
        ("train.zh train.en", None, "cmn", ("en", "cmn")),
        ("corpus.tsv", "eng", "cmn_Hans", ("eng", "cmn_Hans")),
    ],
)
def test_codes_and_names_of_files(
    names: str, source: str | None, target: str | None, found: tuple[str, str]
) -> None:
    assert languages([Path(name) for name in names.split()], source, target) == found


@pytest.mark.parametrize("code", ["english", "xx", "e", "德语"])
def test_what_is_no_code_is_refused_in_a_line(code: str) -> None:
    with pytest.raises(
        UsageError, match=f"--source-lang {code}: no language has this code; ISO 639"
    ) as refused:
        languages([], code, "zh")
    assert "\n" not in str(refused.value)


def test_swapped_columns_are_seen_with_any_code() -> None:
    """With eng and cmn all of them were kept."""
    corpus = ("corpus/tatoeba/dev.tsv.gz", "--dry-run")
    right = dragoman("data", "clean", *corpus, "--source-lang", "eng", "--target-lang", "cmn")
    swapped = dragoman("data", "clean", *corpus, "--source-lang", "cmn_Hans", "--target-lang", "eng")
    assert right.returncode == 0
    assert "wrong script" not in right.stdout
    assert swapped.returncode == 2
    assert "wrong script  -1,000" in swapped.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Die Suppe ist zu heiß.", "note: this looks like German (de); the model reads English (en)"),
        ("我把钥匙落在家里了。", "note: this looks like Chinese (zh); the model reads English (en)"),
        ("The soup is too hot.", ""),
        ("OK", ""),
        ("{name} 42 %", ""),
    ],
)
def test_text_in_another_language_is_named(text: str, said: str) -> None:
    """It was translated as if it were English, without a word."""
    found = dragoman("translate", text, "-m", "en-zh-tiny")
    assert found.returncode == 0
    assert found.stdout.count("\n") == 1
    assert found.stderr.strip() == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("The soup is too hot.", "note: read by its script: en -> zh"),
        ("我把钥匙落在家里了。", "note: read by its script: zh -> en"),
        ("Die Suppe ist zu heiß.", "looks like German (de); the model reads English (en) and Chinese (zh)"),
        ("今日はとても暑いです。", "looks like Japanese (ja); the model reads English (en) and Chinese (zh)"),
    ],
)
def test_a_model_of_both_directions_says_which_it_took(text: str, said: str) -> None:
    found = dragoman("translate", text)
    assert (found.returncode, found.stdout.count("\n")) == (0, 1)
    assert said in found.stderr


def test_a_direction_that_is_not_the_models_is_refused() -> None:
    found = dragoman("translate", "Hello", "--target-lang", "deu")
    assert found.returncode == 2
    assert "this model translates en -> zh" in found.stderr


def test_traditional_signs() -> None:
    found = dragoman(
        "translate", "My phone is broken.", "--source-lang", "eng_Latn", "--target-lang", "zho_Hant"
    )
    assert "手機" in found.stdout


@pytest.mark.parametrize(
    "flags, text, expected, signs",
    [
        (("--target-lang", "zh"), "我們愛語言。", "我们爱语言。", "simplified"),
        (("--source-lang", "zh", "--target-lang", "zh-Hans"), "我們愛語言。", "我们爱语言。", "simplified"),
        (("--target-lang", "zh-Hant"), "我们爱语言。", "我們愛語言。", "traditional"),
    ],
)
def test_chinese_in_the_other_script_is_turned_and_a_note_says_so(
    flags: tuple[str, ...], text: str, expected: str, signs: str
) -> None:
    found = dragoman("translate", text, *flags)
    assert found.stdout == f"{expected}\n"
    assert found.stderr == f"note: this is Chinese already, and in {signs} signs now\n"


def test_one_language_twice_is_refused_where_two_are_needed() -> None:
    found = dragoman("explain", "我們愛語言。", "--source-lang", "zh", "--target-lang", "zh-Hans")
    assert found.returncode == 2
    assert "this model translates" in found.stderr


def test_lines_in_several_other_languages_are_all_counted() -> None:
    """The commonest of them was named alone, and "2 of 31 lines" said where 12 were read as English."""
    texts = "Ich habe heute keine Zeit.\nПривет, как дела?\nこんにちは\n안녕하세요\nHello\n"
    command = [sys.executable, "-m", "dragoman", "translate", "-m", "en-zh"]
    found = subprocess.run(command, input=texts, capture_output=True, text=True)
    assert found.stdout.count("\n") == 5
    assert "note: 4 of 5 lines look like German (de), " in found.stderr
    assert ", and others; the model reads English (en) and Chinese (zh)" in found.stderr
