"""`dragoman digits` on the model that came with the package, as its users meet it."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from dragoman.cli import main
from dragoman.corpus.digits import image_of
from dragoman.corpus.pictures import write_picture

Capture = pytest.CaptureFixture[str]


def said(capsys: Capture, *words: str) -> str:
    assert main(["digits", *words]) == 0
    return capsys.readouterr().out


def refused(capsys: Capture, *words: str) -> str:
    assert main(["digits", *words]) == 2
    return capsys.readouterr().err


def test_it_reads_what_was_drawn(capsys: Capture) -> None:
    assert said(capsys, "read", "3142") == "3 1 4 2\n"


def test_most_numbers_are_read_whatever_the_handwriting(capsys: Capture) -> None:
    numbers = [str(n) for n in np.random.default_rng(5).integers(10, 10_000, 20)]
    lines = said(capsys, "read", *numbers, "--seed", "3").splitlines()
    right = sum(line == " ".join(number) for line, number in zip(lines, numbers, strict=True))
    assert right >= 14


def test_it_reads_a_picture(tmp_path: Path, capsys: Capture) -> None:
    image = image_of([2, 7, 1], 24, 32, np.random.default_rng(4))
    path = tmp_path / "picture.png"
    path.write_bytes(write_picture(np.kron(image.pixels, np.ones((3, 3), np.float32))))
    assert said(capsys, "read", str(path)) == "2 7 1\n"


def test_without_anything_to_read_an_image_is_made_up(capsys: Capture) -> None:
    one, other = (json.loads(said(capsys, "read", "--seed", seed, "--format", "json")) for seed in "12")
    assert one["digits"] != other["digits"] and 2 <= len(one["digits"]) <= 4
    assert 0 < one["probability"] <= 1


def test_the_look_shows_each_step_over_the_image(capsys: Capture) -> None:
    shown = said(capsys, "explain", "3142")
    for word in (
        "t=0  3",
        "t=1  1",
        "t=2  4",
        "t=3  2",
        "t=4  </s>",
        "</s>",
        "[1, 4, 1, 16]",
        "[1, 4, 48, 16]",
    ):
        assert word in shown
    assert "✗" not in shown and shown.count("✓") == 3


def test_one_step_layer_and_head_are_chosen(capsys: Capture) -> None:
    shown = said(capsys, "explain", "3142", "--step", "1", "--layer", "1", "--head", "2")
    told = " ".join(shown.split())  # however wide the lines are
    assert "t=1 1" in told and "t=0 " not in told and "decoder layer 1, head 2" in told


def test_attention_lies_on_the_digit_that_is_due(capsys: Capture) -> None:
    """A digit covers a fifth of the patches at most; where the model writes it, it gets more than its share."""
    found = json.loads(said(capsys, "explain", "3142", "--format", "json"))
    for step in found["steps"][:-1]:
        heads = np.array(found["looks"][-1][step["t"]])
        assert heads.mean(0)[step["place"]].sum() > 1.5 * len(step["place"]) / heads.shape[1]


def test_it_speaks_chinese(capsys: Capture) -> None:
    shown = "".join(said(capsys, "explain", "3142", "--lang", "zh").split())
    assert "读一张图" in shown and "编码器只跑了一遍" in shown and "reads" not in shown


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_picture_is_drawn_of_every_step(tmp_path: Path, capsys: Capture, theme: str) -> None:
    path = tmp_path / "picture.svg"
    said(capsys, "explain", "3142", "-o", str(path), "--theme", theme)
    root = ET.parse(path).getroot()
    assert len(root.findall("{*}g")) == 6  # the image, and a step for each digit and for </s>


def test_accuracy_is_counted(capsys: Capture) -> None:
    found = json.loads(said(capsys, "evaluate", "--images", "100", "--format", "json"))
    assert found["images"] == 100 and found["accuracy"] == found["right"] / 100 > 0.7
    assert "of 20 images are read without a mistake" in said(capsys, "evaluate", "--images", "20")


def test_training_prints_its_settings(capsys: Capture) -> None:
    shown = said(capsys, "train", "--print-config", "--set", "model.positions=none")
    assert 'positions = "none"' in shown and "[data]" in shown and "writes" in shown


@pytest.mark.parametrize(
    "words, told",
    [
        (["read", "31b"], "'31b': give digits, such as 3142, or a picture of them (.png, .pgm)"),
        (["read", "1" * 13], "13 digits: an image of 32 x 24 pixels has room for 1 to 12"),
        (["read", "nowhere.png"], "cannot read nowhere.png"),
        (["read", "12", "--seed", "-1"], "--seed -1: must be at least 0"),
        (["explain", "12", "--head", "5"], "--head 5: there are 1 to 4"),
        (["explain", "12", "--layer", "0"], "--layer 0: there are 1 to 2"),
        (["explain", "12", "--step", "9"], "--step 9: there are 0 to"),
        (["explain", "12", "-o", "page.txt"], "-o page.txt: a page ends in .html, a picture in .svg"),
        (["explain", "12", "--theme", "sepia"], "--theme sepia: must be light or dark"),
        (["explain", "12", "--theme", "dark"], "--theme goes with -o and a picture (.svg)"),
        (["explain", "12", "-o", "p.html", "--step", "1"], "--step goes without -o"),
        (["evaluate", "--images", "0"], "--images 0: must be at least 1"),
        (["train"], "where should the model go?"),
        (["train", "-o", "x", "--set", "model.patch=5"], "cannot be cut into patches of model.patch = 5"),
        (["train", "-o", "x", "--set", "model.pathc=4"], "did you mean model.patch?"),
    ],
)
def test_words_that_are_off_are_named(capsys: Capture, words: list[str], told: str) -> None:
    assert told in refused(capsys, *words)


def test_another_model_is_no_image_reader(capsys: Capture) -> None:
    assert main(["digits", "read", "12", "-m", "lineage/gpt"]) == 1
    assert "lineage/gpt" in capsys.readouterr().err


def test_without_positions_hardly_anything_is_read(capsys: Capture) -> None:
    """The same weights: what the positions carried is gone."""
    told, untold = (
        json.loads(said(capsys, "evaluate", "--images", "60", "--positions", name, "--format", "json"))
        for name in ("grid", "none")
    )
    assert told["accuracy"] > 3 * untold["accuracy"]
    assert "--positions learned has weights" in refused(capsys, "read", "12", "--positions", "learned")
    assert "model.positions = 'waves'" in refused(capsys, "read", "12", "--positions", "waves")
