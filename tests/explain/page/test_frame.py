"""Around the views: keys, focus, the mode that a view is about, and a sign wherever there is more to see."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from explain.made_trace import made_trace, tensor
from explain.page_fixtures import (
    SLOW,
    OpenPage,
    go_to_view,
    made_comparison,
    pick_mode,
    too_wide,
    views,
)

pytestmark = SLOW

# What can be pushed sideways and does not say so. Where it fits, nothing is to be said.
UNSIGNED = """() => [...document.querySelectorAll("#look *")].filter((one) => {
    const style = getComputedStyle(one);
    return ["auto", "scroll"].includes(style.overflowX) && one.checkVisibility()
        && one.scrollWidth - one.clientWidth > 1 && one.scrollLeft < one.scrollWidth - one.clientWidth - 1
        && !one.classList.contains("more-right");
}).map((one) => one.className)"""
# What is cut off and cannot be pushed: wider than the window, outside everything that scrolls.
CUT = """() => [...document.querySelectorAll("#dragoman-view *, .top *")].filter((one) => {
    if (one.closest(".scroll, .question, .bounded, svg, .matrix, .panel") || !one.checkVisibility()) return false;
    const { right, width } = one.getBoundingClientRect();
    return width > 0 && right > document.documentElement.clientWidth + 1;
}).map((one) => `${one.tagName}.${one.className}`)"""
SETTLED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 30))))"


def stood_in() -> dict[str, Any]:
    trace = made_trace()
    trace["training"]["stands_in"] = True
    return trace


def test_the_keys_work_on_a_fresh_page_and_after_a_tab_was_pressed(open_page: OpenPage) -> None:
    """They were listened for inside the look, which had no focus on a fresh page, and lost it with each tab."""
    page = open_page(made_trace())
    now = page.locator(".player .now")
    page.keyboard.press("]")
    assert "t = 2" in now.text_content()
    page.keyboard.press("m")
    assert page.get_attribute(".player [data-value=training]", "aria-pressed") == "true"
    page.click(".tabs [data-view=heads]")
    assert page.evaluate("() => document.activeElement.dataset.view") == "heads"
    page.keyboard.press("[")
    assert "t = 1" in now.text_content()
    page.locator(".pager button").last.click()
    current = page.get_attribute(".tabs [aria-current]", "data-view")
    assert page.evaluate("() => document.activeElement.dataset.view") == current != "heads"
    page.click(".language")
    assert page.evaluate("() => document.activeElement.classList.contains('language')")


def test_the_loss_is_shown_of_training_and_the_mode_is_given_back(open_page: OpenPage) -> None:
    """It opened in inference, which has no labels: the table one came for was a click away."""
    page = open_page(made_trace())
    pressed = ".player .modes [aria-pressed=true]"
    page.click(".tabs [data-view=loss]")
    assert page.get_attribute(pressed, "data-value") == "training"
    assert "label" in page.text_content(".steps-table thead")
    page.click(".tabs [data-view=qkv]")
    assert page.get_attribute(pressed, "data-value") == "inference"
    page.click(".tabs [data-view=loss]")
    pick_mode(page, "inference")  # who asks for it gets it
    assert page.get_attribute(pressed, "data-value") == "inference"
    direct = open_page(made_trace(), view="loss")
    assert direct.get_attribute(pressed, "data-value") == "training"
    assert open_page(made_trace(training=False), view="loss").locator(".missing").count() == 1


def test_the_masks_open_on_the_causal_one(open_page: OpenPage) -> None:
    page = open_page(made_trace(), view="masks")
    assert page.get_attribute("#dragoman-view .choice [aria-pressed=true]", "data-value") == "causal"


@pytest.mark.parametrize(("lang", "said"), [("en", "in place of a reference"), ("zh", "代替参考译文")])
def test_without_a_reference_no_sentence_says_that_there_was_one(
    open_page: OpenPage, lang: str, said: str
) -> None:
    """Rows 19 to 32: the page said that the reference supplied the words, where nobody had given one."""
    page = open_page(stood_in(), lang=lang)
    for view in ("start", "clocks", "loss"):
        go_to_view(page, view)
        assert page.locator(".stands-in").count() == 1, view
    go_to_view(page, "clocks")
    assert said in page.text_content(".clock.training")
    given = open_page(made_trace(), lang=lang)
    for view in views(given):
        go_to_view(given, view)
        assert given.locator(".stands-in").count() == 0 and said not in given.text_content("#dragoman-view")


def test_another_word_than_the_label_is_not_called_wrong(open_page: OpenPage) -> None:
    page = open_page(made_trace(), view="loss")
    assert page.locator(".steps-table .other").count() == 1 and page.locator(".wrong").count() == 0
    page.evaluate("() => document.querySelector('.loss-step[data-t=\"1\"]').click()")
    assert page.locator(".player .now .other").text_content() == "错"


def test_the_same_text_in_other_pieces_is_no_change_of_words(open_page: OpenPage) -> None:
    """Row 113: "here the words change" stood between two texts that were the same."""
    trace = made_trace()
    recut = made_comparison(trace, "positions")
    recut["inference"]["text"] = trace["inference"]["text"]
    recut["inference"]["tokens"] = [
        {**token, "id": token["id"] + 40} for token in recut["inference"]["tokens"]
    ]
    page = open_page(trace, [recut], view="break")
    assert "reads the same" in page.text_content(".lesson")
    other = open_page(trace, [{**recut, "inference": {**recut["inference"], "text": "不同"}}], view="break")
    assert "translation changes" in other.text_content(".lesson")
    assert "time" not in page.text_content("table.work")


def test_heads_are_ranked_by_what_they_do_and_not_by_their_mask(open_page: OpenPage) -> None:
    """Row 81: every head of the decoder's self-attention came first, since a masked row has few words to look at."""
    trace = made_trace()
    for layer in trace["inference"]["pass"]["decoder"]:
        allowed = np.array(layer["self"]["allowed"], float)
        even = allowed / allowed.sum(1, keepdims=True)
        layer["self"]["weights"] = tensor(np.stack([even] * 4), *layer["self"]["weights"]["dims"])
    page = open_page(trace, view="heads")
    figures = page.locator(".ranked [data-kind=decoder_self] b").all_text_contents()
    assert len(figures) == 8 and set(figures) == {"100%"}
    kinds = page.locator(".ranked button").evaluate_all("all => all.map((one) => one.dataset.kind)")
    assert kinds[-8:] == ["decoder_self"] * 8


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("width", [390, 768, 1440])
def test_nothing_is_cut_off_without_a_sign_of_more(open_page: OpenPage, width: int, lang: str) -> None:
    """At 390 px the columns that decide lay outside the window, and nothing said that they could be pushed in."""
    trace = made_trace(["▁word"] * 30, ["▁词"] * 28)
    page = open_page(trace, [made_comparison(trace, "swap")], lang=lang, width=width)
    for view in views(page):
        go_to_view(page, view)
        for mode in ("inference", "training"):
            pick_mode(page, mode)
            page.evaluate(SETTLED)
            assert page.evaluate(UNSIGNED) == [], (view, mode)
            assert page.evaluate(CUT) == [], (view, mode)
            assert too_wide(page) == 0


def test_a_sign_goes_where_the_end_is_reached(open_page: OpenPage) -> None:
    page = open_page(made_trace(["▁word"] * 30, ["▁词"] * 28), width=390)
    picture = page.locator(".links .scroll")
    page.wait_for_selector(".links .scroll.more-right:not(.more-left)")
    picture.evaluate("one => { one.scrollLeft = one.scrollWidth; }")
    page.wait_for_selector(".links .scroll.more-left:not(.more-right)")


def test_both_sides_of_a_long_sentence_stand_in_the_title_of_a_phone(open_page: OpenPage) -> None:
    page = open_page(made_trace(["▁sentence"] * 25, ["▁词"] * 28), width=390)
    for side in ("source", "target"):
        box = page.locator(f".sentence .{side}").bounding_box()
        assert box["height"] > 15 and box["y"] + box["height"] < 300


def test_the_beam_lists_each_text_once(open_page: OpenPage) -> None:
    trace = made_trace()
    nodes = trace["inference"]["beam"]["nodes"]
    winner = nodes[-2]
    twin = {**winner, "id": len(nodes), "state": "finished", "score": winner["score"] - 1}
    trace["inference"]["beam"]["nodes"] = [*nodes, twin]
    page = open_page(trace, view="beam")
    texts = page.locator(".endings .long").all_text_contents()
    assert len(texts) == len(set(texts)) == 1
    assert page.locator(".endings tbody td").last.text_content() == "2"
