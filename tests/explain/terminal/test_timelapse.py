"""A training run that looks at one sentence leaves a row of looks, and the terminal shows them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dragoman.cli import main
from dragoman.errors import UsageError
from dragoman.explain import Probe, probe, read_probes
from dragoman.explain.terminal.drawing import Screen
from dragoman.explain.terminal.timelapse import timelapse
from dragoman.translate.translator import Translator
from screen import printed as printed_lines

Capture = pytest.CaptureFixture[str]
TRAIN = ["train", "a.tsv", "--source-lang", "en", "--target-lang", "zh", "-o", "r"]
TINY = ("training.max_steps=4", "validation.every=2", "validation.metric=loss", "tokenizer.vocab_size=300",
        "data.held_out=4", "training.batch_tokens=256")  # fmt: skip


def printed(probes: list[Probe], language: str = "en") -> str:
    return "\n".join(printed_lines(timelapse(probes, Screen(language=language)), width=100))


@pytest.fixture
def looks(tiny_model: Path) -> list[Probe]:
    """Two of one sentence, the first as if each head had looked everywhere alike."""
    translator = Translator.load(tiny_model, engine="torch")
    tokenizers = translator.model.source_tokenizer, translator.model.target_tokenizer
    last = probe(translator.module, *tokenizers, "The dog sees the old tree.", "我喜欢你的老树", 9000)
    flat = [
        replace(one, weights=np.full_like(one.weights, 1 / one.weights.shape[-1])) for one in last.attention
    ]
    return [replace(last, step=1000, text="a\n" * 90, attention=tuple(flat)), last]


def test_a_line_for_each_look_with_its_numbers(looks: list[Probe]) -> None:
    text = printed(looks)
    most = f"{np.log2(len(looks[0].source)):.2f}"
    first, last = (line for line in text.splitlines() if line.lstrip().startswith(("1,000 ", "9,000 ")))
    assert f" {most} " in first and first.endswith("…")  # spread evenly; a long text is cut
    assert f"{looks[1].loss:.2f}" in last and f"{np.mean(looks[1].p_label):.2f}" in last
    assert "decoder.1.cross at step 1,000" in text and "decoder.1.cross at step 9,000" in text


def test_it_is_told_in_chinese(looks: list[Probe]) -> None:
    assert "一句话的训练过程" in printed(looks, "zh")


def test_a_model_without_attention_has_numbers_only(looks: list[Probe]) -> None:
    text = printed([replace(one, attention=()) for one in looks])
    assert "no attention" in text and "cross" not in text


def test_nothing_to_show_is_said() -> None:
    with pytest.raises(UsageError, match="has not validated yet"):
        timelapse([], Screen())


def test_training_keeps_a_look_at_each_validation(tmp_path: Path, capsys: Capture) -> None:
    corpus = tmp_path / "pairs.tsv"
    words = "red blue green old new big small good bad cold warm dark light round".split()
    corpus.write_text(
        "".join(f"the {a} {b} dog\t那只{i}{j}狗\n" for i, a in enumerate(words) for j, b in enumerate(words))
    )
    run = tmp_path / "run"
    sets = [word for setting in TINY for word in ("--set", setting)]
    call = [
        "train",
        str(corpus),
        "--source-lang",
        "en",
        "--target-lang",
        "zh",
        "--preset",
        "tiny",
        "-o",
        str(run),
    ]
    probed = ["--probe", "the red dog", "--probe-reference", "那只00狗"]
    assert main([*call, *sets, *probed]) == 0
    assert [one.step for one in read_probes(run / "probe.jsonl")] == [2, 4]
    capsys.readouterr()
    assert main(["explain", "--timelapse", str(run / "probe.jsonl")]) == 0
    assert "decoder.4.cross at step 4" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (["explain", "--timelapse", "missing.jsonl"], "cannot read missing.jsonl"),
        (["explain", "a dog", "--timelapse", "missing.jsonl"], "give no other"),
        (["explain"], "there is no sentence"),
        ([*TRAIN, "--probe", " "], "no text to look at"),
        ([*TRAIN, "--probe-reference", "x"], "--probe"),
    ],
)
def test_a_wrong_call_gets_one_line(
    call: list[str], told: str, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(call) == 2
    errors = capsys.readouterr().err
    assert told in errors and errors.count("\n") == 1
    assert not list(tmp_path.iterdir())
