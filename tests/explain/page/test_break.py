"""The chapter that removes a part: comparisons that are in the file, and those that a server runs when asked."""

from __future__ import annotations

import re
from typing import Any

import pytest

from dragoman.explain.page import writing as page
from dragoman.explain.watch.broken import PARTS
from explain.made_trace import made_trace
from explain.page_fixtures import (
    SLOW,
    OpenPage,
    bundled_comparisons,
    bundled_trace,
    go_to_step,
    go_to_view,
    made_comparison,
)

pytestmark = SLOW

# A server that knows the comparisons of the file and refuses the other parts; it can be made to wait.
LIVE = """\
const { comparisons, ...others } = options;
window.asked = [];
others.fetchBroken = async (part) => {
  window.asked.push(part);
  await window.held;
  const found = comparisons.find((record) => record.removed === part);
  if (!found) throw new Error(`<b>no ${part}</b> here`);
  return found;
};
look_js.mount(document.getElementById("look"), trace, others);
"""


SLOWLY = "() => { window.held = new Promise((done) => { window.answer = done; }); }"


@pytest.fixture
def live(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(page, "_START", LIVE)
    trace = made_trace()
    parts = ("causal_mask", "cache", "head:decoder.1.self:2")
    return open_page(trace, [made_comparison(trace, part) for part in parts], view="break")


def test_a_file_shows_the_comparisons_that_it_holds_and_no_other(open_page: OpenPage) -> None:
    trace = made_trace()
    held = ("shift", "swap", "head:decoder.2.cross:3")
    opened = open_page(trace, [made_comparison(trace, part) for part in held], view="break")
    buttons = opened.locator(".parts button")
    assert buttons.evaluate_all("all => all.map((one) => one.dataset.part)") == list(held)
    for part in held:
        opened.click(f".parts [data-part='{part}']")
        assert opened.get_attribute(f".parts [data-part='{part}']", "aria-pressed") == "true"
        assert opened.locator(".comparison .matrix").count() == 2
    assert opened.locator(".silence").count() == 0


def test_words_that_differ_are_marked_on_both_sides_and_the_others_are_not(open_page: OpenPage) -> None:
    trace = made_trace(target=("▁你", "好", "吗", "？"))
    other = made_comparison(trace, "scale")
    other["inference"]["tokens"] = [
        token for i, token in enumerate(trace["inference"]["tokens"]) if i != 1
    ] + [{"id": 77, "piece": "▁X", "text": "X", "span": [0, 1], "byte": False}]
    opened = open_page(trace, [other], view="break")
    sides = opened.locator(".written")
    assert sides.nth(0).locator(".changed").all_text_contents() == ["好"]
    assert sides.nth(1).locator(".changed").all_text_contents() == ["▁X"]
    assert "tokens that are gone: 1 of 5" in opened.text_content(".lesson")


def test_what_is_told_are_the_numbers_of_both_traces(open_page: OpenPage) -> None:
    trace, other = bundled_trace(), bundled_comparisons()[0]
    assert other.removed == "causal_mask"
    opened = open_page(trace, [other], view="break")
    lesson = opened.text_content(".lesson")
    for one in (trace, other):
        assert f"{one.training.loss.mean:.3f}"[:4] in lesson
        assert one.inference.text in opened.locator(".whole-text").all_text_contents()
    assert "no_future" in lesson
    bars = opened.locator(".bar-pair")
    assert bars.count() == len(trace.training.steps)
    go_to_step(opened, 2)
    assert "t = 2" in opened.locator(".comparison .readout").first.text_content()
    assert opened.locator(".bar-pair.here").get_attribute("data-t") == "2"
    facts = opened.locator(".comparison .two .fine").all_text_contents()
    whole, without = (
        re.search(r"(<?[\d.]+)% of the weight lies on tokens that come later", fact)[1] for fact in facts
    )
    assert whole == "0" and without != "0"
    assert "6.77" in opened.text_content(".learnt")


def test_without_training_there_is_no_loss_and_the_page_says_how_to_get_one(open_page: OpenPage) -> None:
    trace = made_trace(training=False)
    opened = open_page(trace, [made_comparison(trace, "causal_mask")], view="break")
    assert opened.locator(".bar-pair").count() == 0
    assert "--reference" in opened.text_content(".comparison")
    assert "in inference" in opened.locator(".comparison h3", has_text="looks").text_content()


def test_a_file_without_comparisons_tells_the_command_that_makes_one(open_page: OpenPage) -> None:
    trace = made_trace(("▁It", "'", "s"))
    command = open_page(trace, view="break").text_content(".command")
    assert command == "dragoman explain 'It'\\''s' -o page.html"


def test_a_head_is_picked_without_losing_the_focus(open_page: OpenPage) -> None:
    trace = made_trace()
    opened = open_page(trace, [made_comparison(trace, "swap")], view="break")
    opened.locator(".comparison .choice [data-value='2']").focus()
    opened.keyboard.press("Enter")
    assert opened.evaluate("() => document.activeElement.getAttribute('aria-pressed')") == "true"
    assert "head 3" in opened.get_attribute(".comparison .matrix >> nth=0", "aria-label")


# -- live ---------------------------------------------------------------------------------------------------------


def test_a_server_is_asked_once_and_its_answer_outlives_the_view(live: Any) -> None:
    shown = live.locator(".parts button").evaluate_all("all => all.map((one) => one.dataset.part)")
    assert shown == list(PARTS)
    assert live.evaluate("() => window.asked") == []
    live.evaluate(SLOWLY)
    live.locator(".parts [data-part=cache]").focus()
    live.keyboard.press("Enter")
    assert live.locator(".broken[aria-busy]").text_content().startswith("Running the sentence again without")
    live.evaluate("() => window.answer()")
    live.wait_for_selector(".comparison")
    assert live.evaluate("() => document.activeElement.dataset.part") == "cache"
    assert live.locator(".broken[aria-busy]").count() == 0
    live.click(".language")
    live.wait_for_selector(".comparison")
    live.click(".parts [data-part=cache]")
    assert live.evaluate("() => window.asked") == ["cache"]


def test_what_a_server_refuses_is_told_as_text_and_nothing_else_breaks(live: Any) -> None:
    live.click(".parts [data-part=swap]")
    trouble = live.locator(".trouble")
    trouble.wait_for()
    assert "<b>no swap</b> here" in trouble.text_content()
    assert live.locator(".trouble b").count() == 0 and live.locator(".broken[aria-busy]").count() == 0
    live.click(".parts [data-part=causal_mask]")
    live.wait_for_selector(".comparison")
    assert trouble.count() == 0


def test_the_part_that_was_picked_last_is_the_one_that_is_shown(live: Any) -> None:
    live.evaluate(SLOWLY)
    live.click(".parts [data-part=cache]")
    live.evaluate("() => { window.first = window.answer; }")
    live.evaluate(SLOWLY)
    live.click(".parts [data-part=causal_mask]")
    live.evaluate("() => window.first()")
    live.wait_for_timeout(100)
    assert live.locator(".comparison").count() == 0 and live.locator(".broken[aria-busy]").count() == 1
    live.evaluate("() => window.answer()")
    live.wait_for_selector(".comparison")
    assert "causal mask" in live.locator(".comparison h4").nth(1).text_content()


def test_leaving_while_the_server_works_harms_nothing(live: Any) -> None:
    live.evaluate(SLOWLY)
    live.click(".parts [data-part=cache]")
    go_to_view(live, "start")
    go_to_view(live, "break")
    assert live.locator(".broken[aria-busy]").count() == 1
    live.evaluate("() => window.answer()")
    live.wait_for_selector(".comparison")
    assert live.evaluate("() => window.asked") == ["cache"]


def test_any_head_can_be_silenced(live: Any) -> None:
    live.select_option(".break .picker select >> nth=0", "2")
    live.select_option(".break .picker select >> nth=1", "decoder.1.self")
    live.click(".silence")
    live.wait_for_selector(".comparison")
    assert live.evaluate("() => window.asked") == ["head:decoder.1.self:2"]
    assert "head 2 of decoder.1.self" in live.text_content(".parts")


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_on_a_phone_the_column_that_decides_is_on_the_screen(open_page: OpenPage, lang: str) -> None:
    """A heading on one line pushed "without" off the screen, and with it the number one had come for."""
    opened = open_page(bundled_trace(), bundled_comparisons(), view="break", lang=lang, width=390)
    seen = {"break": ".work", "positions": ".twin-places", "clocks": ".both-modes"}
    for view, name in seen.items():
        go_to_view(opened, view)
        cells = opened.locator(f"{name} tr > :last-child")
        assert cells.count() > 2
        for i in range(cells.count()):
            box = cells.nth(i).bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= 390, (view, i)
