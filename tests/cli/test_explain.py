"""`dragoman explain` as its users meet it: which view they get, in which form, and one clear line for what is wrong."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dragoman.explain.tracing
import dragoman.explain.watch.probing
from dragoman.cli import main
from dragoman.cli.explain import _show
from dragoman.cli.terminal import for_terminal
from dragoman.cli.views import Views
from dragoman.explain import Probe, Trace
from dragoman.explain.trace.layers import Token
from dragoman.explain.trace.values import Proof
from dragoman.explain.watch import inference, inside
from dragoman.explain.watch.probing import CrossWeights
from explain.made_trace import made_trace

Capture = pytest.CaptureFixture[str]
Run = Callable[..., str]
SENTENCE = "The big dog sees my cat."
REFERENCE = ["--reference", "大狗看见我的猫。"]


@pytest.fixture
def run(tiny_model: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`dragoman explain` with the tiny model and a short beam: what it prints."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def explain(*words: str, text: str = SENTENCE) -> str:
        assert main(["explain", text, "-m", str(tiny_model), "--beam-size", "2", *words]) == 0
        return capsys.readouterr().out

    return explain


@pytest.fixture
def refused(tiny_model: Path, capsys: Capture) -> Callable[..., str]:
    """The one line that a wrong call gets."""

    def explain(*words: str, text: str = SENTENCE, code: int = 2) -> str:
        assert main(["explain", text, "-m", str(tiny_model), *words]) == code
        output, errors = capsys.readouterr()
        assert output == "" and errors.startswith("dragoman: ") and errors.count("\n") == 1
        return errors

    return explain


# -- views --------------------------------------------------------------------------------------------------------


def test_alone_it_tells_the_whole_story(run: Run) -> None:
    output = run()
    assert output.splitlines()[0].startswith(f"{SENTENCE}  ->  ")
    for part in (
        "1  The encoder reads",
        "2  The decoder writes",
        "3  Where it looked",
        "4  How each word",
        "proofs hold",
    ):
        assert part in output


@pytest.mark.parametrize(
    "words, said",
    [
        (
            ["--training", *REFERENCE],
            ["Training (teacher forcing)", "Cross-entropy", "The mask hides it"],
        ),
        (["--attention", "encoder.1.self", "--head", "2"], ["encoder.1.self, head 2 of 2"]),
        (["--attention", "decoder.1.cross"], ["mean of 2 heads"]),
        (["--ask", "training-vs-inference", *REFERENCE], ["TRAINING", "INFERENCE", "train_equals_infer"]),
        (["--ask", "qkv", "--layer", "1", "--head", "1", "--step", "1"], ["decoder.1.cross, head 1, step 1"]),
        (["--ask", "qkv"], ["Who asks and who answers"]),
        (["--beam"], ["The beam, 2 wide"]),
        (["--without", "cache", *REFERENCE], ["Without: cache", "training loss a token"]),
        (["--without", "head:decoder.1.cross:1"], ["Without: head 1 of decoder.1.cross"]),
        (["--twice", "encoder.2"], ["With: layer encoder.2 twice", "with layer encoder.2 twice"]),
        (["--proofs"], ["train_equals_infer", "measured"]),
        (["--proofs", "--beam"], ["The beam", "Proofs"]),
    ],
)
def test_a_view_is_shown_when_asked_for_and_no_other(
    run: Run, words: Sequence[str], said: Sequence[str]
) -> None:
    output = run(*words)
    assert all(part in output for part in said)
    assert "1  The encoder reads" not in output


def test_the_language_is_asked_for_or_the_locale_s(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "编码器读入" in run("--lang", "zh")
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert "编码器读入" in run()
    assert "The encoder reads" in run("--lang", "en")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")  # as in any program, it overrides LANG
    assert "The encoder reads" in run()


def own_words(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Makes the model write `text`, whatever it would have."""
    for module in (inside, inference):
        monkeypatch.setattr(module, "written", lambda *_: text)


def test_what_the_model_writes_stands_in_for_a_reference_and_every_view_says_so(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows 19 and 20: it was said that a reference supplied every word where nobody had given one."""
    own_words(monkeypatch, "你好。")
    for words in (["--training"], ["--ask", "training-vs-inference"]):
        for language, note, name in (
            ("en", "No reference translation was given", "in place of a reference"),
            ("zh", "没有给参考译文", "代替参考译文"),
        ):
            told = "".join(run(*words, "--lang", language).split())
            assert "".join(note.split()) in told
            if "--ask" in words:
                assert "".join(name.split()) in told
            assert "".join(note.split()) not in "".join(run(*words, "--lang", language, *REFERENCE).split())
    assert "training loss" in run("--without", "scale")
    assert "No reference" not in run("--beam")


def test_nonsense_does_not(run: Run, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    own_words(monkeypatch, "nonsense")
    assert "what the model writes here, 'nonsense', is no text in zh" in refused("--training")
    assert "training loss" not in run("--without", "scale")


def test_a_failed_proof_comes_first(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    real = dragoman.explain.tracing.explain

    def broken(*words: object, **more: object) -> Trace:
        return replace(real(*words, **more), proofs=(Proof("no_future", "nothing leaks", 1.0, 0.0, False),))  # type: ignore[arg-type]

    monkeypatch.setattr(dragoman.explain.tracing, "explain", broken)
    for words in ([], ["--beam"], ["--ask", "qkv"]):
        assert run(*words).startswith("PROOF FAILED")


# -- forms --------------------------------------------------------------------------------------------------------


def test_json_is_the_trace(run: Run) -> None:
    line = run("--format", "json")
    assert line.count("\n") == 1
    trace = Trace.from_json(line)
    assert trace.source.text == SENTENCE and trace.training is None
    found = json.loads(line)
    assert (found["format"], found["version"]) == ("dragoman.trace", 1)


def test_json_of_before_and_after_is_two_lines(run: Run) -> None:
    before, after = map(json.loads, run("--without", "cache", "--format", "json").splitlines())
    assert (before["removed"], after["removed"]) == (None, "cache")


def test_without_a_terminal_there_are_no_colours(run: Run) -> None:
    output = run()
    assert "\x1b" not in output and "█" not in output
    assert not any(line != line.rstrip() for line in output.splitlines())


def test_on_a_terminal_there_are_unless_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[" in run()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run()


VIEWS = [
    (), ("--training",), ("--beam",), ("--proofs",), ("--attention", "decoder.1.cross"), ("--ask", "qkv"),
    ("--ask", "training-vs-inference"), ("--without", "positions"),
]  # fmt: skip


@pytest.mark.parametrize("view", VIEWS, ids=" ".join)
def test_text_cannot_steer_a_terminal(
    run: Run, monkeypatch: pytest.MonkeyPatch, view: tuple[str, ...]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    output = run("--reference", "狗\u2066\x9b看\x1b[5m猫。", *view, text="The \x1b[31mred\u202e dog.\x07")
    assert not {"\x1b", "\u202e", "\u2066", "\x9b", "\x07"} & set(output)


@pytest.mark.parametrize("view", VIEWS, ids=" ".join)
def test_a_terminal_shows_the_numbers_of_a_pipe(
    run: Run, monkeypatch: pytest.MonkeyPatch, view: tuple[str, ...]
) -> None:
    """The trace of a terminal once went through float16 to have its words cleaned: 15 became 16, -8.31 -8.30."""
    told = ("--reference", "狗看猫。", *view)
    piped = numbers(run(*told))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    shown = numbers(run(*told))
    assert shown == piped and len(piped) > 10


def numbers(output: str) -> list[str]:
    """All but times, which no two runs have in common."""
    kept = re.sub(r"\d[\d.,]* (?:ms|s)\b", "", output)
    return re.findall(r"-?\d+(?:\.\d+)?", kept)


EVERY_VIEW = [
    Views(),
    Views(training=True),
    Views(attention="decoder.2.cross"),
    Views(attention="encoder.1.self", head=2),
    Views(ask="training-vs-inference"),
    Views(ask="qkv"),
    Views(beam=True),
    Views(without="scale"),
    Views(proofs=True),
]
STEERING = (
    "".join(map(chr, (*range(9), *range(11, 32), *range(127, 160))))
    + "\u061c\u200e\u200f\u202a\u202e\u2066\u2069"
)
PIECES = st.lists(
    st.text(st.sampled_from(f"▁ab你好{STEERING}"), min_size=1, max_size=6)
    | st.sampled_from(["\x1b[31mred", "\x9b2J", "\x1b]0;title\x07", "a\u202eb", "\r", "你\u2066"]),
    min_size=2,
    max_size=5,
)


def finer(value: Any, chance: np.random.Generator) -> Any:
    """The same record with numbers that half the bits cannot hold, as those of a model are."""
    if isinstance(value, np.ndarray):
        return value * (1 + 1e-3 * chance.random(value.shape, np.float32))
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: finer(getattr(value, one.name), chance) for one in fields(value)})
    return tuple(finer(one, chance) for one in value) if isinstance(value, tuple) else value


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PIECES, PIECES, st.integers(0, 99), st.sampled_from(["en", "zh"]), st.booleans())
def test_a_terminal_shows_what_a_pipe_gets_but_for_what_would_steer_it(
    capsys: Capture, source: list[str], target: list[str], seed: int, lang: str, colour: bool
) -> None:
    """Words were once cleaned by a way through JSON, which rounds arrays: 15 in a pipe was 16 on a terminal."""
    record = made_trace(source, target, seed=seed)
    record["model"]["name"] = record["limits"]["note"] = "".join(source)
    record["proofs"][0] |= {"id": "".join(target), "passed": False}
    record["inference"]["served"] |= {"text": "".join(source), "same": False}
    trace = finer(Trace.from_json(json.dumps(record)), np.random.default_rng(seed))
    after = replace(trace, removed="scale")
    for views in EVERY_VIEW:
        shown = []
        for terminal in (False, True):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(sys.stdout, "isatty", lambda terminal=terminal: terminal)
                patch.setenv("COLUMNS", "100")
                patch.setenv("TERM", "xterm-256color")
                patch.delenv("NO_COLOR", raising=False) if colour else patch.setenv("NO_COLOR", "1")
                _show(trace, after if views.without else None, views, lang)
            shown.append(capsys.readouterr().out)
        pipe, seen = shown
        seen = re.sub(r"\x1b\[[\d;]*m", "", seen)
        assert not set(seen) & set(STEERING)
        if colour:  # other shades and bars, and the same numbers
            assert re.findall(r"\d+", for_terminal(pipe)) == re.findall(r"\d+", seen)
        else:
            assert [line.rstrip() for line in for_terminal(pipe).split("\n")] == seen.split("\n")


def test_a_probe_cannot_steer_a_terminal_either(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    token = Token(5, "\x1b[31mred", "\u202ered", None, False)
    looked = CrossWeights("decoder.1.cross", np.full((1, 1, 1), 1.0, np.float32))
    probe = Probe(1, "\x9b2J\u2066done", (token,), (token,), (0.5,), 0.7, (looked,))
    monkeypatch.setattr(dragoman.explain.watch.probing, "read_probes", lambda path: [probe])
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["explain", "--timelapse", "probe.jsonl"]) == 0
    output = capsys.readouterr().out
    assert "red" in output and "done" in output and not set(output) & set(STEERING)


def test_a_page_is_written_and_said(run: Run, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert run("-o", str(page)) == ""
    assert page.read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html>")


# -- what is wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words, said",
    [
        (["--attention", "decoder.9.cross"], "no attention 'decoder.9.cross': this model has encoder.1.self"),
        (
            ["--attention", "decoder.1.cross", "--head", "3"],
            "decoder.1.cross has no head 3: its heads are 1 to 2",
        ),
        (["--ask", "qkv", "--layer", "2"], "no decoder layer 2: its layers are 1 to 1"),
        (["--ask", "qkv", "--head", "0"], "has no head 0: its heads are 1 to 2"),
        (["--ask", "qkv", "--step", "99"], "no step 99: this translation has steps 0 to"),
        (["--ask", "why"], '"training-vs-inference", "qkv"'),
        (["--head", "1"], "--head goes with --attention or --ask qkv"),
        (["--layer", "1"], "--layer goes with --ask qkv"),
        (["--step", "1", "--ask", "training-vs-inference"], "--step goes with --ask qkv"),
        (["--without", "the roof"], "causal_mask"),
        (["--without", "head:decoder.1.cross:7"], "7"),
        (["--reference", "  "], "the reference is empty"),
        (["--reference", "Are you OK?"], "written in Latin letters"),
        (["--engine", "ctranslate2"], "torch"),
        (["--beam-size", "0"], "beam_size"),
    ],
)
def test_wrong_words_get_one_clear_line(refused: Callable[..., str], words: Sequence[str], said: str) -> None:
    assert said in refused(*words)


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_an_empty_text_is_refused(refused: Callable[..., str], text: str) -> None:
    assert "empty" in refused(text=text)


def test_help_shows_real_examples(capsys: Capture) -> None:
    assert main(["explain", "--help"]) == 0
    output = capsys.readouterr().out
    assert output.startswith("Usage: dragoman explain TEXT")
    assert 'dragoman explain "Are you OK ?" --ask qkv' in output


def test_a_model_that_is_not_there_is_named(capsys: Capture, tmp_path: Path) -> None:
    assert main(["explain", SENTENCE, "-m", str(tmp_path / "none")]) == 1
    assert "none" in capsys.readouterr().err
    shutil.rmtree(tmp_path)
