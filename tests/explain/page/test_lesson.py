"""The first tab of the page: a lesson that answers to clicks, keys and fingers, in two languages and widths."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dragoman.explain import Trace, explain_both
from dragoman.explain.page.writing import render
from dragoman.explain.trace.trials import Wanted
from dragoman.translate.translator import Translator
from explain.made_trace import made_trace
from explain.page_fixtures import SLOW, OpenPage, too_wide

pytestmark = SLOW

SIZES = {1440: 900, 390: 844}
STEPS = ("boxes", "inference", "training", "forcing", "mask", "loss", "forks", "sheet")
AT = [(lang, width) for lang in ("en", "zh") for width in SIZES]
Lesson = Callable[..., Any]


@pytest.fixture(scope="module")
def trace() -> Trace:
    with Translator.load("en-zh-tiny", engine="torch") as translator:
        return explain_both(translator, "Are you OK ?", "你好吗？", wanted=Wanted(lesson=True))


@pytest.fixture(scope="module")
def at_step(chromium: Any, trace: Trace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lesson]:
    """at_step(lang, width, step, frame=0) -> the page there; one page a language and width for the whole module."""
    opened: dict[tuple[str, int], Any] = {}
    complaints: list[str] = []
    folder: Path = tmp_path_factory.mktemp("lesson")

    def at_step(lang: str, width: int, step: str, frame: int = 0) -> Any:
        if (lang, width) not in opened:
            file = folder / f"{lang}-{width}.html"
            file.write_text(render(trace, (), lang), encoding="utf-8")
            page = chromium.new_page(viewport={"width": width, "height": SIZES[width]})
            page.set_default_timeout(10_000)
            page.on("console", lambda said: complaints.append(said.text))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.goto(file.as_uri())
            opened[lang, width] = page
        page = opened[lang, width]
        page.click(f".dot[data-step={step}]")
        for _ in range(frame):
            page.click(".lesson-on")
        return page

    yield at_step
    for page in opened.values():
        page.close()
    assert complaints == []


def said(page: Any) -> str:
    return " ".join(page.locator(".lesson-screen").inner_text().split())


# -- the walk ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("lang", "width"), AT)
def test_the_lesson_is_walked_to_its_end_and_back_with_the_keys(
    at_step: Lesson, lang: str, width: int
) -> None:
    page = at_step(lang, width, "boxes")
    seen, states = [], []
    while page.locator(".lesson-on").is_visible():
        seen.append(page.get_attribute(".lesson-screen", "data-step"))
        states.append(page.text_content(".lesson-count"))
        assert too_wide(page) == 0, (seen[-1], states[-1])
        page.keyboard.press("ArrowRight")
    assert list(dict.fromkeys(seen)) == list(STEPS[:-1])
    assert len(set(states)) == len(states)  # one always sees that one has gone on
    for state in reversed(states):
        page.keyboard.press("ArrowLeft")
        assert page.text_content(".lesson-count") == state
    assert page.locator(".lesson-back").is_disabled()


@pytest.mark.parametrize("width", SIZES)
def test_the_page_opens_on_the_lesson_with_the_other_views_behind_it(at_step: Lesson, width: int) -> None:
    page = at_step("en", width, "sheet")
    assert page.get_attribute(".tabs [aria-current]", "data-view") == "lesson"
    assert page.locator(".player").is_hidden()
    page.click(".lesson-others")
    assert page.get_attribute(".tabs [aria-current]", "data-view") == "start"
    assert page.locator(".player").is_visible()
    page.click(".tabs [data-view=lesson]")
    assert page.get_attribute(".lesson-screen", "data-step") == "sheet"  # where one was


@pytest.mark.parametrize("width", SIZES)
def test_another_language_keeps_the_place(at_step: Lesson, width: int) -> None:
    page = at_step("en", width, "inference", 2)
    page.click("button.language")
    assert page.get_attribute(".lesson-screen", "data-step") == "inference" and "第 2 圈" in said(page)
    page.click("button.language")


# -- row by row -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("lang", "width"), AT)
def test_rows_1_and_7_the_questions_and_two_boxes(at_step: Lesson, lang: str, width: int) -> None:
    page = at_step(lang, width, "boxes")
    assert page.locator(".question-line").count() == 2 and page.locator(".plain-box").count() == 2


@pytest.mark.parametrize(("lang", "width"), AT)
def test_row_11_nothing_stands_at_the_lower_right(at_step: Lesson, lang: str, width: int) -> None:
    page = at_step(lang, width, "inference")
    place, box = (page.locator(one).bounding_box() for one in (".place.right-column", ".encoder-box"))
    assert page.text_content(".place.right-column .word") == "???"
    assert place["y"] > box["y"] + box["height"] and place["x"] >= box["x"] + box["width"]


@pytest.mark.parametrize(("lang", "width"), AT)
def test_rows_12_14_15_each_loop_feeds_what_was_said_and_leaves_the_encoder_out(
    at_step: Lesson, trace: Trace, lang: str, width: int
) -> None:
    words = ["<s>", *(step.chosen.piece.strip("▁") for step in trace.inference.steps if step.chosen)]
    for loop in (1, 2, 3):
        page = at_step(lang, width, "inference", loop)
        assert page.locator(".place.right-column .word").all_text_contents() == words[:loop]
        assert page.text_content(".answer-place > .word") == words[loop]
        assert page.locator(".encoder-box.resting").count() == 1


@pytest.mark.parametrize(("lang", "width"), AT)
def test_rows_13_16_17_18_the_end_of_the_loop(at_step: Lesson, lang: str, width: int) -> None:
    page = at_step(lang, width, "inference")
    page.click(".lesson-skip")
    assert page.text_content(".answer-place > .word") == "</s>"
    assert ("1 run of the encoder" if lang == "en" else "编码器只跑了 1 遍") in said(page)


@pytest.mark.parametrize(("lang", "width"), AT)
def test_rows_19_to_25_an_iteration_in_its_four_parts(
    at_step: Lesson, trace: Trace, lang: str, width: int
) -> None:
    assert trace.lesson is not None
    for frame in range(6):
        page = at_step(lang, width, "training", frame)
        assert page.locator(".round li.now").count() == (1 if 0 < frame < 5 else 0)
    assert page.locator(".round li.done").count() == 4
    page.click(".lesson-back")
    assert f"{trace.lesson.iteration.loss:.3g}".rstrip("0") in said(page) and "θ ← θ − 0.01" in said(page)


@pytest.mark.parametrize(("lang", "width"), AT)
def test_rows_28_to_32_teacher_forcing(at_step: Lesson, lang: str, width: int) -> None:
    page = at_step(lang, width, "forcing")
    rows = page.locator(".time-steps tbody tr")
    assert rows.count() == 5 and page.locator(".time-steps .whole-x").count() == 1
    page.click(".lesson-on")
    assert "好" in rows.nth(1).inner_text() and "≠" in page.evaluate(MARK)
    assert page.locator(".time-steps tr.off").count() == 1
    page.click(".lesson-on")
    assert page.locator(".time-steps tr.kept .reads-cell .word").all_text_contents() == ["<s>", "你", "好"]
    assert ("teacher forcing" if lang == "en" else "教师强制") in said(page)


MARK = "() => getComputedStyle(document.querySelector('.time-steps tr.off .other'), '::after').content"


@pytest.mark.parametrize(("lang", "width"), AT)
def test_rows_33_and_34_the_triangle_is_one_row_and_a_mask(at_step: Lesson, lang: str, width: int) -> None:
    page = at_step(lang, width, "mask")
    stairs = page.locator(".stairs tr").evaluate_all("all => all.map((one) => one.children.length)")
    assert stairs == [1, 2, 3, 4, 5]
    page.click(".lesson-on")
    assert page.locator(".one-row .word").count() == 5
    assert page.locator(".who-sees .shut-cell").count() == 10
    assert ("causal mask" if lang == "en" else "因果掩码") in said(page)


@pytest.mark.parametrize(("lang", "width"), AT)
def test_row_35_the_loss_of_all_steps(at_step: Lesson, trace: Trace, lang: str, width: int) -> None:
    page = at_step(lang, width, "loss")
    assert trace.lesson is not None
    total = sum(row.loss for row in trace.lesson.rows)
    assert page.text_content(".cost-rows b") == f"{total:.2f}" and page.locator(".cost-bar").count() == 5


# -- the forks --------------------------------------------------------------------------------------------------------


def placed(page: Any) -> list[str]:
    return page.locator(".fork").all_text_contents()


def cleared(page: Any) -> Any:
    for fork in range(3):
        if page.locator(".fork").nth(fork).text_content() != "?":
            page.locator(".fork").nth(fork).click()
    return page


@pytest.mark.parametrize(("lang", "width"), AT)
def test_rows_4_to_6_q_k_and_v_are_dragged_to_the_forks(at_step: Lesson, lang: str, width: int) -> None:
    page = cleared(at_step(lang, width, "forks"))
    for letter, fork in (("Q", 0), ("Q", 2), ("K", 1), ("V", 0)):
        chip = page.locator(f"[data-letter={letter}]")
        if chip.count() == 0:  # it lies on the wrong fork: back to the tray
            page.locator(".fork").nth(0).click()
        _drag(page, page.locator(f"[data-letter={letter}]"), page.locator(".fork").nth(fork))
        verdict = page.locator(".forks-game .told > p").first
        right = (letter == "Q") == (fork == 2)
        assert verdict.get_attribute("class") == ("fits" if right else "misfits")
        assert re.search(r"\d", verdict.text_content())  # with the sizes of this sentence
    assert placed(page) == ["V", "K", "Q"]
    assert ("All three" if lang == "en" else "三个都对了") in said(page)


def _drag(page: Any, chip: Any, fork: Any) -> None:
    a, b = chip.bounding_box(), fork.bounding_box()
    page.mouse.move(a["x"] + a["width"] / 2, a["y"] + a["height"] / 2)
    page.mouse.down()
    page.mouse.move(b["x"] + b["width"] / 2, b["y"] + b["height"] / 2, steps=4)
    page.mouse.up()


@pytest.mark.parametrize("width", SIZES)
def test_row_5_a_tap_on_a_letter_and_one_on_a_fork(at_step: Lesson, width: int) -> None:
    page = cleared(at_step("zh", width, "forks"))
    page.click("[data-letter=Q]")
    page.locator(".fork").nth(2).click()
    assert placed(page) == ["?", "?", "Q"] and page.locator(".fork.fits").count() == 1


def test_row_5_the_forks_are_named_with_the_keyboard(at_step: Lesson) -> None:
    page = cleared(at_step("en", 1440, "forks"))
    page.locator(".fork").nth(0).focus()
    page.keyboard.press("k")
    page.keyboard.press("Tab")
    page.keyboard.press("v")
    page.keyboard.press("Tab")
    page.keyboard.press("q")
    assert placed(page) == ["K", "V", "Q"] and page.locator(".fork.fits").count() == 3
    page.keyboard.press("Backspace")
    assert placed(page) == ["K", "V", "?"]


def test_a_finger_drags_without_scrolling_the_page(chromium: Any, trace: Trace, tmp_path: Path) -> None:
    file = tmp_path / "touch.html"
    file.write_text(render(trace, (), "zh"), encoding="utf-8")
    page = chromium.new_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page.goto(file.as_uri())
    page.click(".dot[data-step=forks]")
    finger = page.context.new_cdp_session(page)
    a, b = (page.locator(one).bounding_box() for one in ("[data-letter=Q]", ".fork:nth-of-type(3)"))
    for kind, box, part in (
        ("touchStart", a, 1),
        ("touchMove", b, 0.5),
        ("touchMove", b, 1),
        ("touchEnd", b, 1),
    ):
        x = a["x"] + 20 + (box["x"] - a["x"]) * part
        y = a["y"] + 20 + (box["y"] - a["y"]) * part
        points = [] if kind == "touchEnd" else [{"x": x, "y": y}]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert placed(page) == ["?", "?", "Q"]
    page.close()


# -- the page to print ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("lang", "width"), AT)
def test_rows_2_and_36_both_answers_are_printed_on_one_page(at_step: Lesson, lang: str, width: int) -> None:
    page = at_step(lang, width, "sheet")
    assert page.locator(".both-answers tbody tr").count() == 10 and page.locator(".origins li").count() == 3
    page.emulate_media(media="print")
    for gone in (".tabs", ".top", ".lesson-turn", ".lesson-progress", ".for-screens"):
        assert page.locator(gone).is_hidden(), gone
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4"))) == 1
    page.emulate_media(media="screen")


# -- other traces -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("training", "first"), [(True, "iteration"), (False, "none")])
def test_a_trace_without_a_lesson_of_its_own_is_walked_all_the_same(
    open_page: OpenPage, training: bool, first: str
) -> None:
    """Of an older file, or of a model that wrote nothing that could stand in for a reference."""
    page = open_page(made_trace(training=training), view="lesson", width=390)
    for step in STEPS:
        page.click(f".dot[data-step={step}]")
        assert len(said(page)) > 20 and "undefined" not in said(page) and too_wide(page) == 0
    assert ("no right translation" in said(page)) == (first == "none")


@pytest.mark.parametrize("width", SIZES)
def test_a_long_sentence_stays_inside_its_screen(open_page: OpenPage, width: int) -> None:
    page = open_page(made_trace(["▁sentence"] * 30, ["▁词"] * 40), view="lesson", width=width)
    for step in STEPS:
        page.click(f".dot[data-step={step}]")
        while True:
            assert too_wide(page) == 0, step
            if page.get_attribute(".lesson-screen", "data-step") != step or step in ("inference", "sheet"):
                break
            page.click(".lesson-on")
