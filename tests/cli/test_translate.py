"""`translate` as its users meet it: answers, exit codes, one clear line for what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from calls import Capture, refused
from dragoman.cli import main
from tiny import Parts


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
