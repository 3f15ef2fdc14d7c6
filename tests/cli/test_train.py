"""`train`: languages from file names, settings that are printed, from a corpus to a translation."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from calls import Capture, refused
from dragoman.cli import main
from dragoman.cli.flags import languages
from dragoman.errors import UsageError
from dragoman.model.directory import open_model
from tiny import WORDS


@pytest.mark.parametrize(
    "files, source, target, expected",
    [
        (["train.de", "train.en"], None, None, ("de", "en")),
        (["train.en.gz", "train.zh.zst"], None, None, ("en", "zh")),
        (["a.en", "a.zh", "b.en", "b.zh"], None, None, ("en", "zh")),
        (["train.de", "train.en"], "en", None, ("en", "de")),
        (["train.de", "train.en"], None, "de", ("en", "de")),
        (["train.zh-Hans", "train.en"], None, None, ("zh-Hans", "en")),
        (["corpus.tsv"], "en", "zh", ("en", "zh")),
    ],
)
def test_languages_are_read_from_file_names(
    files: list[str], source: str | None, target: str | None, expected: tuple[str, str]
) -> None:
    assert languages(list(map(Path, files)), source, target) == expected


@pytest.mark.parametrize(
    "files, source, missing",
    [
        (["corpus.tsv.gz"], None, "--source-lang and --target-lang"),
        (["corpus.tsv"], "en", "add --target-lang"),
        (["train.en", "train.zh", "b.de"], None, "--source-lang and --target-lang"),
        (["a.txt", "b.txt"], None, "--source-lang and --target-lang"),
    ],
)
def test_languages_that_no_name_tells_are_asked_for(
    files: list[str], source: str | None, missing: str
) -> None:
    with pytest.raises(UsageError, match=missing):
        languages(list(map(Path, files)), source, None)


def test_print_config_shows_where_each_value_came_from(capsys: Capture, tmp_path: Path) -> None:
    settings = tmp_path / "my.toml"
    settings.write_text("[model]\nd_ff = 64\n")
    call = ["train", "x.de", "x.en", "--preset", "tiny", "--config", str(settings), "--seed", "7"]
    assert main([*call, "--set", "model.n_heads=2", "--print-config"]) == 0
    output = capsys.readouterr().out
    origin = {
        line.split(" =")[0]: line.rpartition("#")[2].strip() for line in output.splitlines() if " = " in line
    }
    assert origin["d_model"] == "preset tiny"
    assert origin["d_ff"] == str(settings)
    assert origin["n_heads"] == "--set"
    assert origin["seed"] in ("--seed", "default")  # [decoding] has one too
    assert origin["source"] == "file names"
    assert "seed = 7" in output


def test_a_printed_config_can_be_trained_with(capsys: Capture, tmp_path: Path) -> None:
    """Languages that were not known when it was printed are still read from the names of the files."""
    assert main(["train", "--preset", "tiny", "--print-config"]) == 0
    printed = tmp_path / "tiny.toml"
    printed.write_text(capsys.readouterr().out)
    assert main(["train", "x.de", "x.en", "--config", str(printed), "--print-config"]) == 0
    assert 'source = "de"' in capsys.readouterr().out


@pytest.mark.parametrize(
    "words, message",
    [
        ([], "which languages"),
        (["x.de", "x.en"], "Add -o"),
        (["--source-lang", "de", "--target-lang", "en"], "no corpus"),
        (["x.de", "x.en", "-o", "OUT", "--preset", "huge"], "there are paper-base, base, small, tiny"),
        (["x.de", "x.en", "-o", "OUT", "--set", "training.sed=1"], "did you mean training.seed?"),
        (["x.de", "x.en", "-o", "OUT", "--set", "training.seed=x"], "must be a whole number"),
        (["x.de", "x.en", "-o", "OUT", "--set", "model.n_heads=7"], "n_heads = 7"),
        (["x.de", "x.en", "-o", "OUT", "--config", "nowhere.toml"], "nowhere.toml cannot be read"),
        (["x.de", "x.en", "-o", "OUT", "--dev"], "--dev without a corpus"),
        (["x.de", "x.en", "-o", "OUT", "--max-minutes", "0"], "--max-minutes 0"),
        (
            ["x.de", "x.en", "-o", "OUT", "--stages", "cool-down"],
            "stages of what? Name the recipe with --recipe",
        ),
        (
            ["x.de", "x.en", "-o", "OUT", "--recipe", "small-data", "--stages", "cool-down"],
            "its model with --from",
        ),
        (
            ["x.de", "x.en", "-o", "OUT", "--recipe", "small-data", "--stages", "cool"],
            "did you mean cool-down",
        ),
        (["x.de", "x.en", "-o", "OUT"], "x.de is not there"),
    ],
)
def test_wrong_words_to_train(capsys: Capture, tmp_path: Path, words: list[str], message: str) -> None:
    output = tmp_path / "run"
    assert message in refused(capsys, ["train", *(str(output) if word == "OUT" else word for word in words)])
    assert not list(output.rglob("*.safetensors")) and not list(output.rglob("*.tsv"))


def test_from_a_corpus_to_a_translation(capsys: Capture, tmp_path: Path) -> None:
    pairs = [f"{a} {b}\t{b} {a}" for a in WORDS for b in WORDS]
    corpus, model = tmp_path / "corpus.tsv.gz", str(tmp_path / "run")
    corpus.write_bytes(gzip.compress("\n".join(pairs).encode()))
    small = {
        "model.d_model": 16, "model.d_ff": 32, "model.n_heads": 2, "model.encoder_layers": 1,
        "model.decoder_layers": 1, "tokenizer.vocab_size": 300, "training.max_steps": 4,
        "training.batch_tokens": 256, "validation.every": 2, "data.held_out": 20,
    }  # fmt: skip
    settings = [word for name, value in small.items() for word in ("--set", f"{name}={value}")]
    call = ["train", str(corpus), "-o", model, "--preset", "tiny", *settings]
    call += ["--source-lang", "en", "--target-lang", "de"]
    assert main(call) == 0
    output, errors = capsys.readouterr()
    assert output == "" and f"dragoman translate -m {model}" in errors  # progress and advice go to stderr
    assert "--resume" in refused(capsys, call, 1)
    assert main(["translate", "the cat", "-m", model]) == 0
    assert capsys.readouterr().out.count("\n") == 1
    assert main(["evaluate", str(corpus), "-m", model, "--beam-size", "1"]) == 0
    assert "tok:13a" in capsys.readouterr().out


def test_a_model_is_trained_further(capsys: Capture, tmp_path: Path, tiny_model: Path) -> None:
    corpus, output = tmp_path / "corpus.tsv", tmp_path / "run"
    corpus.write_text("\n".join(f"The {a} {b}.\t{b} {a}。" for a in WORDS for b in WORDS), encoding="utf-8")
    call = [
        "train",
        str(corpus),
        "--from",
        str(tiny_model),
        "-o",
        str(output),
        "--set",
        "training.max_steps=1",
    ]
    call += ["--set", "data.held_out=20", "--set", "cleaning.drop_wrong_script=false"]
    message = refused(capsys, [*call, "--set", "model.d_ff=64"])
    assert "keeps its shape" in message and "model.d_ff: 32 -> 64" in message
    message = refused(capsys, [*call, "--set", "tokenizer.placeholders=4"])
    assert "tokenizer.placeholders: 0 -> 4" in message  # not left out in silence
    assert not output.exists()
    assert main([*call, "--set", "optimizer.peak_lr=1e-9"]) == 0
    before, after = open_model(tiny_model), open_model(output)
    assert after.source_tokenizer.serialized == before.source_tokenizer.serialized
    for name, weight in before.weights.items():
        np.testing.assert_allclose(after.weights[name], weight, atol=1e-6)


@pytest.mark.parametrize(
    ("words", "both", "tagged"),
    [
        ((), ("true", "false"), ("true", "true")),
        (("--from", "en-zh"), ("true", "false"), ("true", "true")),
        (("--from", "en-zh-tiny"), ("false", "false"), ("false", "false")),  # its vocabulary has no tags
        (("--from", "en-zh-tiny", "--extend-vocab"), ("true", "false"), ("true", "true")),
        (("--set", "data.both_ways=false"), ("false", "false"), ("true", "true")),
    ],
)
def test_the_recipe_for_few_pairs_reads_both_ways_where_the_vocabulary_can_tell_them_apart(
    words: tuple[str, ...], both: tuple[str, str], tagged: tuple[str, str], capsys: Capture
) -> None:
    call = ["train", "x.tsv", "--source-lang", "en", "--target-lang", "zh", "--recipe", "small-data", *words]
    assert main([*call, "--print-config"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    for name, values in (("both_ways", both), ("tagged", tagged)):
        assert tuple(line[2] for line in lines if line[:2] == [name, "="]) == values


def test_a_recipe_that_goes_one_way_since_it_must_says_so(capsys: Capture, tmp_path: Path) -> None:
    call = [
        "train",
        str(tmp_path / "no.tsv"),
        "--source-lang",
        "en",
        "--target-lang",
        "zh",
        "-o",
        str(tmp_path / "x"),
    ]
    call += ["--recipe", "small-data", "--from", "en-zh-tiny"]
    said = "reads each pair both ways, but the vocabulary of en-zh-tiny has no symbols"
    for words, heard in (([], True), (["--extend-vocab"], False), (["--set", "data.both_ways=false"], False)):
        assert main([*call, *words]) == 2  # there is no such corpus
        assert (said in " ".join(capsys.readouterr().err.split())) == heard


def test_of_a_recipe_the_last_stage_goes_on_alone_in_the_other_direction(capsys: Capture) -> None:
    call = ["train", "x.tsv", "--from", "en-zh", "--directions", "zh-en", "--recipe", "small-data"]
    assert main([*call, "--stages", "cool-down", "--print-config"]) == 0
    printed = capsys.readouterr().out
    assert [line for line in printed.splitlines() if line.startswith("# -- ")] == [
        "# -- stage cool-down of small-data --"
    ]
    assert 'directions = ["zh>en"]' in printed
    assert "max_steps = 1500" in printed
