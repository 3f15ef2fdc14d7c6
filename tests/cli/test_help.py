"""Help, and what a misspelt word gets."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from calls import Capture, refused
from dragoman.cli import main
from dragoman.corpus.cleaning import CleaningConfig
from dragoman.decoding.options import DecodingOptions


@pytest.mark.parametrize(
    "verb",
    [[], ["translate"], ["train"], ["evaluate"], ["score"], ["models"], ["models", "average"]]
    + [
        ["data"],
        ["data", "fetch"],
        ["data", "clean"],
        ["data", "split"],
        ["data", "stats"],
        ["data", "translate"],
    ],
)
def test_help_shows_a_real_example(capsys: Capture, verb: list[str]) -> None:
    assert main([*verb, "--help"]) == 0
    output = capsys.readouterr().out
    usage, _, examples = output.partition("Examples:")
    assert usage.startswith(" ".join(["Usage: dragoman", *verb]))
    assert " ".join(["  dragoman", *verb]) in examples


@pytest.mark.parametrize("verb, config", [("translate", DecodingOptions), ("data clean", CleaningConfig)])
def test_every_field_of_a_config_is_a_flag(capsys: Capture, verb: str, config: type) -> None:
    assert main([*verb.split(), "--help"]) == 0
    output = capsys.readouterr().out
    for name in config.__dataclass_fields__:  # type: ignore[attr-defined]
        assert f"--{name.replace('_', '-')} " in output


def test_the_help_of_train_names_every_preset(capsys: Capture) -> None:
    from dragoman.training.presets import PRESETS
    from dragoman.training.settings import DEFAULT_PRESET

    assert main(["train", "--help"]) == 0
    output = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert all(preset in output for preset in PRESETS)
    assert f"{DEFAULT_PRESET} (default)" in output


def test_version(capsys: Capture) -> None:
    import dragoman

    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == dragoman.__version__


@pytest.mark.parametrize(
    "words, hint",
    [
        (["trnslate"], 'Did you mean "translate"?'),
        (["translate", "--beem-size", "3"], "Did you mean --beam-size?"),
        (["translate", "--beam-size", "few"], 'unable to convert "few"'),
        (["translate", "--format", "xml"], '"text", "json"'),
        (["translate", "-m"], "requires an argument"),
    ],
)
def test_a_misspelt_word_gets_the_nearest_one(capsys: Capture, words: list[str], hint: str) -> None:
    message = refused(capsys, words)
    assert hint in message and "\n" not in message


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    heavy = "torch sacrebleu ctranslate2 sentencepiece opencc".split()
    code = (
        "import sys; from dragoman.cli import main; main(['translate', '--help']);"
        f"print([name for name in {heavy} if name in sys.modules], file=sys.stderr)"
    )
    began = os.times()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    ended = os.times()
    assert done.stderr.strip() == b"[]"
    # Of the processor, some 0.3 s: what busy neighbours take is not counted.
    computed = ended.children_user + ended.children_system - began.children_user - began.children_system
    assert computed < 2
