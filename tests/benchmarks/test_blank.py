"""The scripts that make and measure what is shipped for `dragoman lineage`: what they would run is what there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import blank, bottleneck
from dragoman.cli.neural import NeuralFlags
from dragoman.corpus.pairs import Pair
from dragoman.lineage.kinds import names
from dragoman.model.languagemodels import open_lm


def test_there_is_one_of_each_kind_and_every_setting_is_one_that_there_is() -> None:
    assert [one.name for one in blank.FIVE] == [*names()]
    for one in blank.FIVE:
        if one.name in names(counted=False):
            settings = [
                word for flag, word in zip(one.command, one.command[1:], strict=False) if flag == "--set"
            ]
            config = NeuralFlags(set=settings).resolve(one.name, None).value
            shipped = open_lm(f"lineage/{one.name}").config
            assert shipped["model"]["kind"] == config.model.kind
            assert {name: getattr(config.model, name) for name in shipped["model"]} == shipped["model"]
            assert shipped["training"]["max_steps"] == config.training.max_steps


def test_a_shipped_model_guesses_what_its_directory_says() -> None:
    lines = ["我不知道你在说什么。", "他每天早上喝一杯咖啡。"] * 3
    found = blank.measure(Path("lineage/ngram"), lines)
    assert found["blanks"] == 6 and 0 <= found["first"] <= found["five"] <= 1 and found["perplexity"] > 1


def test_joined_texts_take_each_sentence_once_and_in_order() -> None:
    pairs = [Pair(f"a{i}.", f"甲{i}。") for i in range(7)]
    assert bottleneck.texts(pairs, 3) == [
        ("a0. a1. a2.", "甲0。甲1。甲2。"),
        ("a3. a4. a5.", "甲3。甲4。甲5。"),
    ]
    assert len(bottleneck.texts(pairs, 1)) == 7


def test_the_bottleneck_is_measured_without_attention_with_it_and_with_nothing_else() -> None:
    for one in bottleneck.SYSTEMS:
        command = one.command(bottleneck.RUNS, 1.0)
        assert "augment.joined=0.5" in command


def test_the_page_says_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bottleneck, "PAGE", tmp_path / "bottleneck.md")
    one = {"title": "RNN", "bleu": [20.0, 15.0, 10.0, 5.0, 2.0], "words": [7, 14, 21, 28, 42], "signature": "s",
           "command": "dragoman train"}  # fmt: skip
    bottleneck.write([one], 900)
    page = (tmp_path / "bottleneck.md").read_text(encoding="utf-8")
    assert (
        "| RNN | 20.0 | 15.0 | 10.0 | 5.0 | 2.0 |" in page
        and "RNN keeps 10%" in page
        and "6 (42 words)" in page
    )
    assert "<svg" in (tmp_path / "bottleneck.svg").read_text(encoding="utf-8")
