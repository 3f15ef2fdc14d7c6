"""`dragoman explain --lesson`: the order of the lesson, its numbers, and what is answered to a guess."""

from __future__ import annotations

import io
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from dragoman import Translator
from dragoman.cli import main
from dragoman.cli.lesson import teach
from dragoman.explain import Trace, explain_both
from dragoman.explain.terminal.drawing import Screen
from dragoman.explain.terminal.lesson import STEPS, forks_answered, lesson
from dragoman.explain.trace.trials import Wanted
from dragoman.lineage.rnn import Rnn, RnnConfig
from screen import printed
from tiny import parts

PLAIN = Screen(100)
ASKED = Wanted(lesson=True)


@pytest.fixture(scope="module")
def trace(tiny_model: Path) -> Trace:
    with Translator.load(tiny_model, engine="torch") as translator:
        return explain_both(
            translator, "The big dog sees my cat.", "大狗看见我的猫。", beam_size=2, wanted=ASKED
        )


def told(trace: Trace, step: str, screen: Screen = PLAIN) -> str:
    return " ".join(" ".join(printed(lesson(trace, screen)[STEPS.index(step)], screen.width)).split())


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", [60, 100])
def test_every_step_fits_its_screen_and_says_where_one_is(trace: Trace, width: int, language: str) -> None:
    screen = Screen(width, False, language)
    for n, lines in enumerate(lesson(trace, screen), 1):
        shown = printed(lines, width)
        assert shown[1].startswith(f"{n}/{len(STEPS)}  ")
        assert max(map(cell_len, shown)) <= width


def test_row_7_the_two_questions_and_the_two_boxes_come_first(trace: Trace) -> None:
    text = told(trace, "boxes")
    assert "1 · What differs" in text and "2 · Three forks" in text
    assert "[ Encoder ] -- memory --> [ Decoder ]" in text and "???" in text


def test_rows_12_to_16_the_loops_in_their_order(trace: Trace) -> None:
    text = told(trace, "inference")
    assert "Loop 1: the decoder reads <s>" in text and "Loop 2:" in text
    steps = len(trace.inference.steps)
    assert f"{steps} loops of the decoder, {trace.inference.encoder_passes} run of the encoder" in text


def test_rows_23_to_25_an_iteration_is_told_with_its_numbers(trace: Trace) -> None:
    assert trace.lesson is not None
    text, found = told(trace, "training"), trace.lesson.iteration
    assert f"{found.loss:.2f} → {found.after:.2f}" in text and f"{found.weights:,} weights" in text
    assert "that is one iteration" in text and "no weight changes any more" in text


def test_row_31_the_step_after_the_mistake_still_reads_the_reference(trace: Trace) -> None:
    assert trace.lesson is not None and trace.lesson.slip is not None
    t = trace.lesson.slip.t
    text = told(trace, "forcing")
    assert f"And step {t + 2}? It still reads" in text
    assert " ".join("大狗看见我的猫。"[: t + 1][-4:]) in text
    assert "called teacher forcing" in text
    assert "教师强制" in told(trace, "forcing", Screen(100, False, "zh"))


def test_row_34_the_triangle_is_one_row_and_a_causal_mask(trace: Trace) -> None:
    text = told(trace, "mask")
    assert "36 of 81 cells are closed" in text and "# . . . . . . . . <s>" in text


def test_row_35_the_losses_of_all_steps_add_up(trace: Trace) -> None:
    assert trace.lesson is not None
    total = sum(row.loss for row in trace.lesson.rows)
    assert f"All 9 together make {total:.2f}" in told(trace, "loss")


@pytest.mark.parametrize(
    ("guess", "right", "wrong"),
    [("KVQ", 3, 0), ("vkq", 3, 0), ("QKV", 4, 2), ("q v k", 4, 2), ("", 3, 0), ("what?", 3, 0)],
)
def test_row_5_a_guess_is_answered_letter_by_letter(trace: Trace, guess: str, right: int, wrong: int) -> None:
    """A wrong guess is followed by the right answer; K and V bring the same, so they may change places."""
    lines = printed(forks_answered(trace, PLAIN, guess), 100)
    text = " ".join(lines)
    assert (text.count("Right."), text.count("No.")) == (right, wrong)
    assert "All three" in text


def test_the_last_step_has_both_answers(trace: Trace) -> None:
    text = told(trace, "sheet")
    shape = [len(trace.inference.steps), 8]  # two heads of a model of 16
    assert "TRAINING" in text and f"Q {shape} comes from the decoder" in text and "one iteration" in text


def test_without_a_reference_it_says_whose_words_stand_in(
    tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(["explain", "The big dog sees my cat.", "-m", str(tiny_model), "--lesson", "--lang", "en"]) == 0
    )
    shown = " ".join(capsys.readouterr().out.split())
    assert "8/8 Both answers" in shown
    assert "the model's own words stand in for one" in shown or "no right translation here" in shown


@pytest.mark.parametrize("attention", ["additive", "none"])
def test_a_recurrent_model_has_its_lesson_without_mask_and_forks(attention: str, tmp_path: Path) -> None:
    made = parts()
    config = RnnConfig(d_model=16, layers=1, attention=attention)  # type: ignore[arg-type]
    weights = {name: weight.numpy() for name, weight in Rnn(config, 360, 360).state_dict().items()}
    model = replace(made, config=made.config | {"model": asdict(config)}, weights=weights)
    with Translator.load(model.write(tmp_path / "rnn")) as translator:
        trace = explain_both(translator, "my cat", "我的猫", wanted=ASKED)
    assert "it needs no mask" in told(trace, "mask")
    assert "has no Q, K and V" in told(trace, "forks") and "has no Q, K and V" in told(trace, "sheet")


def test_who_sits_at_a_terminal_goes_on_back_and_out(trace: Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    shown: list[str] = []
    monkeypatch.setattr("sys.stdin", Terminal("\nb\n\n\n\n\n\n\nQKV\nq\n"))
    monkeypatch.setattr("sys.stdout", Terminal())
    teach(trace, PLAIN, lambda lines: shown.append(" ".join(" ".join(printed(lines, 100)).split())))
    steps = [text[:3] for text in shown if text[1:3] == "/8"]
    assert steps == ["1/8", "2/8", "1/8", "2/8", "3/8", "4/8", "5/8", "6/8", "7/8"]
    assert "1 Q No." in shown[-1]
