"""The command line as its users meet it: answers, exit codes, one clear line for what is wrong.

What needs a process of its own (pipes, imports, signals) gets one; the rest calls main().
"""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from dragoman.cli import main
from dragoman.cli.flags import languages
from dragoman.cli.terminal import for_terminal
from dragoman.corpus.cleaning import CleaningConfig
from dragoman.decoding.options import DecodingOptions
from dragoman.errors import UsageError
from dragoman.model.directory import open_model
from tiny import WORDS, Parts

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _sources(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes run these sources, whatever is installed."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "src"))


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> object:
    """A function that puts bytes on standard input."""

    def put(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return put


def shell(*words: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    """`dragoman ...` as a process."""
    return subprocess.run(
        [sys.executable, "-m", "dragoman", *words], capture_output=True, timeout=60, **options
    )  # type: ignore[call-overload, no-any-return]


def refused(capsys: Capture, words: Sequence[str], code: int = 2) -> str:
    """The one line that a wrong call gets."""
    assert main(words) == code
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith("dragoman: ") and errors.endswith("\n")
    assert "Traceback" not in errors
    return errors.removeprefix("dragoman: ").rstrip("\n")


# -- help -------------------------------------------------------------------------------------------------------


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


# -- translate --------------------------------------------------------------------------------------------------


def test_each_text_gives_a_line(capsys: Capture, tiny_model: Path) -> None:
    assert main(["translate", "The dog.", "A big cat.", "-m", str(tiny_model)]) == 0
    output, errors = capsys.readouterr()
    assert len(output.splitlines()) == 2
    assert errors == ""


def test_each_line_of_input_gives_a_line_an_empty_one_too(
    capsys: Capture, typed: object, tiny_model: Path
) -> None:
    typed("The dog.\n\n  \n\U0001f600\nno end of line".encode())  # type: ignore[operator]
    assert main(["translate", "-m", str(tiny_model)]) == 0
    lines = capsys.readouterr().out.removesuffix("\n").split("\n")
    assert len(lines) == 5
    assert lines[1] == lines[2].strip() == ""
    assert lines[3] == "\U0001f600"


def test_only_a_line_feed_ends_a_line(capsys: Capture, typed: object, tiny_model: Path) -> None:
    """U+2028, a form feed or a lone CR within a line would shift every answer after it."""
    typed("The dog.\u2028A cat.\x0cA bird.\rA tree.\r\nThe house.\n".encode())  # type: ignore[operator]
    assert main(["translate", "-m", str(tiny_model)]) == 0
    assert capsys.readouterr().out.count("\n") == 2


def test_unbuffered_answers_are_the_same(capsys: Capture, typed: object, tiny_model: Path) -> None:
    answers = []
    for more in ([], ["--unbuffered"]):
        typed(b"The dog.\nA big cat.\nMy old tree.\n")  # type: ignore[operator]
        assert main(["translate", "-m", str(tiny_model), *more]) == 0
        answers.append(capsys.readouterr().out)
    assert answers[0] == answers[1]


def test_unbuffered_answers_before_the_next_line_is_asked(tiny_model: Path) -> None:
    """A program that talks to us through pipes waits for an answer before it writes again."""
    command = [sys.executable, "-m", "dragoman", "translate", "-m", str(tiny_model), "--unbuffered"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        for _ in range(2):
            process.stdin.write(b"The dog.\n")
            process.stdin.flush()
            assert process.stdout.readline().endswith(b"\n")
        process.stdin.close()
    assert process.returncode == 0


def test_n_best_in_lines_that_can_be_told_apart(capsys: Capture, tiny_model: Path) -> None:
    assert (
        main(["translate", "The dog.", "", "-m", str(tiny_model), "--n-best", "2", "--beam-size", "3"]) == 0
    )
    rows = [line.split(" ||| ") for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows] == ["0", "0", "1"]
    assert float(rows[0][2]) >= float(rows[1][2])
    assert rows[2] == ["1", "", "-"]


def test_scores_and_alignments(capsys: Capture, tiny_model: Path) -> None:
    call = ["translate", "The dog.", "-m", str(tiny_model)]
    assert main(call) == 0
    text = capsys.readouterr().out.rstrip("\n")
    assert main([*call, "--scores", "--alignments"]) == 0
    score, _, rest = capsys.readouterr().out.rstrip("\n").partition("\t")
    assert float(score) < 0
    words, _, pairs = rest.partition(" ||| ")
    assert words == text
    assert all(len(pair.split("-")) == 2 for pair in pairs.split())


def test_json_holds_all_that_is_known(capsys: Capture, tiny_model: Path) -> None:
    call = ["translate", "The dog.", "-m", str(tiny_model), "--format", "json", "--n-best", "2"]
    assert main([*call, "--scores", "--alignments"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert found["source"] == "The dog."
    assert len(found["token_scores"]) == len(found["tokens"]) == len(found["alignment"]) > 0
    assert {"text", "score", "flags", "source_tokens"} <= found.keys()
    (alternative,) = found["alternatives"]
    assert alternative["score"] <= found["score"] and "source" not in alternative


def test_sampling_asks_for_no_other_flag(capsys: Capture, tiny_model: Path) -> None:
    drawn = []
    for seed in ("1", "1", "2"):
        call = [
            "translate",
            "The dog.",
            "-m",
            str(tiny_model),
            "--sample",
            "--seed",
            seed,
            "--temperature",
            "2",
        ]
        assert main(call) == 0
        drawn.append(capsys.readouterr().out)
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_prefix_begins_every_translation(capsys: Capture, typed: object, tiny_model: Path) -> None:
    typed(b"The dog.\nA big cat.\n")  # type: ignore[operator]
    assert main(["translate", "-m", str(tiny_model), "--prefix", "你我"]) == 0
    assert all(line.startswith("你我") for line in capsys.readouterr().out.splitlines())


@pytest.mark.parametrize(
    "line",
    [
        "\U0001f600" * 50,
        "\x00\x01\x07\x1b[31m\x7f\x9f",
        "\u202eשלום עולם\u202c مرحبا",
        "\u200b\ufeff",
        "a" * 100_000,
    ],
    ids=["emoji", "control characters", "right to left", "invisible", "100,000 letters"],
)
def test_no_line_is_too_strange(capsys: Capture, typed: object, tiny_model: Path, line: str) -> None:
    typed(f"{line}\nThe dog.\n".encode())  # type: ignore[operator]
    assert main(["translate", "-m", str(tiny_model), "--beam-size", "1"]) == 0
    output, errors = capsys.readouterr()
    assert output.count("\n") == 2
    assert "\ufffd" not in output
    # Hebrew is not what the model reads, and a line may say so.
    assert not errors or (errors.startswith("note: 1 of 2 lines look like ") and errors.count("\n") == 1)


@pytest.mark.parametrize(
    "words, code, message",
    [
        (["-m", "no/such/model"], 1, "there is no model 'no/such/model'"),
        (["--n-best", "9"], 2, "n_best = 9 is more than decoding.beam_size = 5"),
        (["--beam-size", "0"], 2, "beam_size = 0: must be at least 1"),
        (["\udcff"], 2, "is not UTF-8"),
    ],
)
def test_wrong_words_to_translate(
    capsys: Capture, tiny_model: Path, words: list[str], code: int, message: str
) -> None:
    model = [] if "-m" in words else ["-m", str(tiny_model)]
    assert message in refused(capsys, ["translate", "The dog.", *words, *model], code)


def test_input_that_is_not_utf8_names_line_and_byte(capsys: Capture, typed: object, tiny_model: Path) -> None:
    typed(b"The dog.\nab\xffc\n")  # type: ignore[operator]
    message = refused(capsys, ["translate", "-m", str(tiny_model)])
    assert message.startswith("standard input, line 2: byte 3 of the line (0xff) is not UTF-8")


def test_a_damaged_model_is_told_in_one_line(capsys: Capture, tiny_parts: Parts, tmp_path: Path) -> None:
    model = tiny_parts.write(tmp_path / "model")
    path = model / "tokenizer.model"
    path.write_bytes(path.read_bytes()[:-10])
    assert "tokenizer.model" in refused(capsys, ["translate", "The dog.", "-m", str(model)], 1)


# -- pipes and terminals ----------------------------------------------------------------------------------------


def test_a_reader_that_goes_away_is_no_error(tiny_model: Path) -> None:
    command = [sys.executable, "-m", "dragoman", "translate", "-m", str(tiny_model), "--beam-size", "1"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        process.stdout.close()
        try:
            process.stdin.write(b"The dog.\n" * 5000)
            process.stdin.close()
        except BrokenPipeError:
            pass
        process.stdin = None
        assert process.wait(60) == 141
        assert process.stderr.read() == b""


@pytest.mark.parametrize("words", [["--help"], ["translate", "--help"]])
def test_a_reader_that_goes_away_from_the_help_is_no_error_either(words: list[str]) -> None:
    """rich ended it with 1, as what has failed, and without a word."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as out:
        done = subprocess.run(
            [sys.executable, "-m", "dragoman", *words], stdout=out, stderr=subprocess.PIPE, timeout=60
        )
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (signal.SIGINT, 130, b"dragoman: interrupted\n"),
        (signal.SIGTERM, 143, b"dragoman: ended by SIGTERM\n"),
        (signal.SIGHUP, 129, b"dragoman: ended by SIGHUP\n"),
    ],
)
def test_a_signal_is_one_line(tiny_model: Path, number: int, code: int, said: bytes) -> None:
    command = [sys.executable, "-m", "dragoman", "translate", "-m", str(tiny_model), "--unbuffered"]
    # Where the tests themselves run in the background, a shell has told them, and so their children, to ignore Ctrl-C.
    heeded = signal.signal(number, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    finally:
        signal.signal(number, heeded)
    with process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        process.stdin.write(b"The dog.\n")
        process.stdin.flush()
        process.stdout.readline()  # now it waits for more
        process.send_signal(number)
        assert process.wait(60) == code
        assert process.stderr.read() == said


def test_what_is_half_made_goes_when_a_command_is_ended(tmp_path: Path) -> None:
    """SIGTERM left `.clean.tsv.tmp-1234` behind, which nothing ever removed."""
    corpus = tmp_path / "corpus.tsv"
    os.mkfifo(corpus)
    words = [
        "data",
        "clean",
        str(corpus),
        "--source-lang",
        "en",
        "--target-lang",
        "zh",
        "-o",
        str(tmp_path / "clean.tsv"),
    ]
    with (
        subprocess.Popen([sys.executable, "-m", "dragoman", *words], stderr=subprocess.DEVNULL) as process,
        corpus.open("wb") as writing,
    ):
        writing.write("The dog.\t狗。\n".encode() * 2000)
        writing.flush()
        until = time.monotonic() + 60
        while not [*tmp_path.glob(".clean.tsv.tmp-*")]:
            assert time.monotonic() < until and process.poll() is None
            time.sleep(0.02)
        process.terminate()
        assert process.wait(60) == 143
    assert [*tmp_path.iterdir()] == [corpus]


def test_output_is_utf8_whatever_the_locale_says(tiny_model: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    done = shell("translate", "The dog.", "-m", str(tiny_model), "--prefix", "你我", env=environment)
    assert done.returncode == 0
    assert done.stdout.decode().startswith("你我")


def test_translating_loads_no_torch(tiny_model: Path) -> None:
    """It takes longer to import than the sentence to translate, and need not be installed."""
    code = (
        "import sys; sys.modules['torch'] = None; from dragoman.cli import main;"
        f"sys.exit(main(['translate', 'The dog.', '-m', {str(tiny_model)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")


def test_what_needs_torch_says_how_to_get_it(tiny_model: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None; from dragoman.cli import main;"
        f"sys.exit(main(['translate', 'The dog.', '--sample', '-m', {str(tiny_model)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith(b"dragoman: this needs torch") and b"dragoman[train]" in done.stderr


def test_a_terminal_is_spared_control_characters() -> None:
    assert for_terminal("a\x1b[31mb\u202ec\x07\td\n你好，") == "a[31mbc\td\n你好，"


# -- train ------------------------------------------------------------------------------------------------------


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


# -- evaluate, score, models ------------------------------------------------------------------------------------


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


# -- data -------------------------------------------------------------------------------------------------------

DIRTY = "A dog.\t狗。\tby me\nA dog.\t狗。\tby you\n\t空\nA cat.\tA cat.\nA bird.\t鸟。\n"


@pytest.fixture
def dirty(tmp_path: Path) -> Path:
    path = tmp_path / "dirty.tsv"
    path.write_text(DIRTY, encoding="utf-8")
    return path


def test_clean_writes_what_is_left_and_reports_the_rest(capsys: Capture, dirty: Path) -> None:
    output = dirty.with_name("clean.tsv.gz")
    call = ["data", "clean", str(dirty), "--source-lang", "en", "--target-lang", "zh"]
    assert main([*call, "-o", str(output)]) == 0
    report = capsys.readouterr().out
    assert gzip.decompress(output.read_bytes()).decode() == "A dog.\t狗。\tby me\nA bird.\t鸟。\n"
    assert main([*call, "--dry-run"]) == 0
    assert capsys.readouterr().out == report
    assert {"read", "kept", "copy", "duplicate", "empty"} <= {line.split()[0] for line in report.splitlines()}
    assert main([*call, "--dry-run", "--no-drop-copies", "--no-drop-duplicates"]) == 0
    assert "copy" not in capsys.readouterr().out


def test_clean_leaves_no_empty_file(capsys: Capture, tmp_path: Path) -> None:
    corpus, output = tmp_path / "copies.tsv", tmp_path / "clean.tsv"
    corpus.write_text("A cat.\tA cat.\n" * 3)
    call = ["data", "clean", str(corpus), "-o", str(output), "--source-lang", "en", "--target-lang", "de"]
    assert "cleaning removed all 3 pairs" in refused(capsys, call)
    assert list(tmp_path.iterdir()) == [corpus]


def test_clean_needs_one_of_output_and_dry_run(capsys: Capture, dirty: Path) -> None:
    call = ["data", "clean", str(dirty), "--source-lang", "en", "--target-lang", "zh"]
    for more in ([], ["-o", "x.tsv", "--dry-run"]):
        assert "one of the two" in refused(capsys, [*call, *more])


def test_split_keeps_a_sentence_and_its_attribution_in_one_part(capsys: Capture, tmp_path: Path) -> None:
    corpus, output = tmp_path / "corpus.tsv", tmp_path / "parts"
    rows = [f"word {i // 2}\tWort {i}\tby {i}" for i in range(100)]  # each source stands in two pairs
    corpus.write_text("\n".join(rows))
    assert main(["data", "split", str(corpus), "-o", str(output), "--dev", "10", "--test", "0.2"]) == 0
    told = dict(line.split() for line in capsys.readouterr().out.splitlines())
    assert told == {
        str(output / f"{name}.tsv"): count for name, count in (("train", "70"), ("dev", "10"), ("test", "20"))
    }
    parts = [(output / f"{name}.tsv").read_text().splitlines() for name in ("train", "dev", "test")]
    assert sorted(line for part in parts for line in part) == sorted(rows)
    sources = [{line.split("\t")[0] for line in part} for part in parts]
    assert not sources[0] & sources[1] and not sources[0] & sources[2] and not sources[1] & sources[2]
    assert "is already there" in refused(capsys, ["data", "split", str(corpus), "-o", str(output)])


@pytest.mark.parametrize(
    "words, message",
    [
        (["-o", "OUT"], "of 1,000 pairs can be held out of 5"),
        (["-o", "OUT", "--dev", "0", "--test", "0"], "nothing to split"),
        (["-o", "OUT", "--dev", "1.5"], "size 1.5"),
        ([], "Add -o"),
    ],
)
def test_a_split_that_cannot_be_made_writes_nothing(
    capsys: Capture, dirty: Path, words: list[str], message: str
) -> None:
    output = dirty.with_name("parts")
    call = ["data", "split", str(dirty), *(str(output) if word == "OUT" else word for word in words)]
    assert message in refused(capsys, call)
    assert not output.exists()


def test_stats_need_no_languages_for_a_table(capsys: Capture, dirty: Path) -> None:
    assert main(["data", "stats", str(dirty)]) == 0
    assert capsys.readouterr().out.startswith("5 pairs")
    assert main(["data", "stats", str(dirty), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["pairs"] == 5


def test_an_unknown_data_set_is_told_the_known_ones(capsys: Capture, tmp_path: Path) -> None:
    assert "multi30k" in refused(capsys, ["data", "fetch", "multi31k", "-o", str(tmp_path / "data")])
    assert not (tmp_path / "data").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_is_one_line(tiny_model: Path) -> None:
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "-m", "dragoman", "translate", "The dog.", "-m", str(tiny_model)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith(b"dragoman: ") and done.stderr.count(b"\n") == 1
