"""The page in a real browser: what people do with it, how quickly it answers, and what must never happen in it."""

from __future__ import annotations

from typing import Any

import pytest

from dragoman.explain.trace.limits import kept_positions
from dragoman.transformer.model import TransformerConfig
from explain.made_trace import HEADS, made_trace
from explain.page_fixtures import (
    SLOW,
    OpenPage,
    bundled_comparisons,
    bundled_trace,
    go_to_step,
    go_to_view,
    made_comparison,
    pick_mode,
    too_wide,
    views,
)

pytestmark = SLOW

ATTACK = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
HOSTILE = (ATTACK, '▁"quo\'ted"', "▁👩‍👩‍👧 &amp;", "▁שלום", "▁\u202eabc", "\n", "{t}", "▁${t}`")
STEP_MS, FIRST_S = 50, 1.0  # what was promised of a step of the slider, and of the first view


def walk(page: Any, modes: tuple[str, ...] = ("inference", "training")) -> list[str]:
    """Opens each chapter in each mode, before its first step and at its last; what is wrong with them."""
    wrong = []
    for view in views(page):
        go_to_view(page, view)
        for mode in modes:
            pick_mode(page, mode)
            last = int(page.get_attribute(".player input", "max"))
            for t in (-1, last):
                go_to_step(page, t)
                if excess := too_wide(page):
                    wrong.append(f"{view}, {mode}, t {t}: {excess} px too wide")
        unsaid = page.evaluate(
            """() => [...document.querySelectorAll("#dragoman-view *")]
                .flatMap((one) => [...one.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data))
                .concat(...[...document.querySelectorAll("[aria-label]")].map((one) => one.getAttribute("aria-label")))
                .filter((text) => /^[a-z_]+\\.[a-z_.]+$/.test(text.trim()) || /undefined|NaN|\\[object/.test(text))"""
        )
        wrong += [f"{view}: {text!r}" for text in unsaid]
    return wrong


# -- every chapter ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lang", "theme", "width"), [("en", "light", 390), ("zh", "dark", 390), ("zh", "light", 1280)]
)
def test_every_chapter_opens_in_both_modes_and_never_scrolls_the_page_sideways(
    open_page: OpenPage, lang: str, theme: str, width: int
) -> None:
    trace = bundled_trace()
    page = open_page(trace, bundled_comparisons(), lang=lang, theme=theme, width=width)
    assert walk(page) == []


def test_every_chapter_opens_without_training_and_of_a_model_with_odd_layers(open_page: OpenPage) -> None:
    page = open_page(made_trace(training=False, encoder_layers=3, decoder_layers=1), width=390)
    assert page.locator(".player [data-value=training]").is_disabled()
    assert walk(page, ("inference",)) == []


def recurrent_trace() -> dict[str, Any]:
    """Of a model that is seen from outside only: outside.py."""
    trace = made_trace()
    trace["model"]["kind"] = "rnn"
    for mode in ("inference", "training"):
        run = trace[mode]["pass"]
        cross = run["decoder"][0]["cross"]
        cross |= dict.fromkeys(("q", "k", "v", "scores", "output"))
        cross["shapes"] = [["weights", [1, *cross["weights"]["shape"][1:]]]]
        run |= {"embedding": None, "encoder": [], "memory": None, "hidden": None, "lens": []}
        run["decoder"] = [{"self": None, "cross": cross, "feed_forward": None, "residuals": []}]
    trace["training"]["causal_mask"] = []
    trace["influence"] |= {"value_zeroing": None, "agreement": None}
    return trace


@pytest.mark.parametrize("width", [1280, 390])
def test_every_chapter_opens_for_a_recurrent_model(open_page: OpenPage, width: int) -> None:
    page = open_page(recurrent_trace(), width=width)
    assert walk(page) == []
    go_to_view(page, "attention")
    assert page.locator("#dragoman-view .picker option").evaluate_all("all => all.map((one) => one.value)")[
        :1
    ] == ["cross"]
    assert page.locator("#dragoman-view [data-value=scores]").is_disabled()
    page.locator("#dragoman-view .matrix").first.click(position={"x": 150, "y": 90})
    go_to_view(page, "break")
    assert "no Transformer" in page.text_content(".break")


def test_every_chapter_opens_for_a_model_without_attention(open_page: OpenPage) -> None:
    """The first view asked the last layer where it had looked, of which there was none, and the page stayed empty."""
    trace = recurrent_trace()
    del trace["model"]["config"]["encoder_layers"]
    for mode in ("inference", "training"):
        trace[mode]["pass"]["decoder"] = []
    page = open_page(trace)
    assert "one vector of fixed size" in page.text_content(".start")
    assert walk(page) == []


def test_every_chapter_opens_for_a_sentence_of_one_word(open_page: OpenPage) -> None:
    trace = made_trace(("▁Hi",), ("▁嗨",))
    assert walk(open_page(trace, [made_comparison(trace, "scale")])) == []


def test_every_box_of_the_map_opens_a_chapter(open_page: OpenPage) -> None:
    page = open_page(made_trace())
    boxes = page.locator(".side .map [role=button]")
    assert boxes.count() > 8
    for i in range(boxes.count()):
        boxes.nth(i).dispatch_event("click")
        page.wait_for_selector(".tabs [aria-current=page]")
        assert page.locator("#dragoman-view h2").text_content()


# -- what people do -----------------------------------------------------------------------------------------------


def test_modes_are_switched_and_the_slider_tells_its_step(browser_page: Any) -> None:
    now = browser_page.locator(".player .now")
    go_to_step(browser_page, 2)
    inference = now.text_content()
    assert "t = 2" in inference and "label" not in inference
    pick_mode(browser_page, "training")
    assert "t = 2" in now.text_content() and "label" in now.text_content()
    go_to_step(browser_page, -1)
    assert "Encoder" in now.text_content()
    browser_page.locator(".player .nudge").nth(1).click()
    assert "t = 0" in now.text_content()


def test_play_walks_to_the_end_and_stops(browser_page: Any) -> None:
    browser_page.clock.install()
    go_to_step(browser_page, 0)
    browser_page.locator(".player .play").click()
    browser_page.clock.run_for(20_000)
    assert "t = 4" in browser_page.text_content(".player .now")
    assert browser_page.get_attribute(".player .play", "aria-label") == "Play"


def test_a_head_is_picked_and_a_cell_is_read(browser_page: Any) -> None:
    go_to_view(browser_page, "attention")
    matrix = browser_page.locator("#dragoman-view .matrix").first
    assert "head 1" in matrix.get_attribute("aria-label")
    browser_page.locator("#dragoman-view .picker .choice [data-value='2']").click()
    assert "head 3" in matrix.get_attribute("aria-label")
    box = matrix.bounding_box()
    browser_page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.8)
    readout = browser_page.locator("#dragoman-view .readout").first
    assert "→" in readout.text_content() and "%" in readout.text_content()
    browser_page.mouse.click(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.8)
    drawer = browser_page.locator(".drawer")
    assert "softmax" in drawer.text_content() and "transformer/attention.py:" in drawer.text_content()


def test_the_language_and_the_theme_change_and_the_place_is_kept(browser_page: Any) -> None:
    go_to_view(browser_page, "text")
    go_to_step(browser_page, 3)
    look = browser_page.locator("#look")
    browser_page.click(".language")
    assert look.get_attribute("lang") == "zh-CN"
    assert "从文本到 id" in browser_page.text_content("#dragoman-view h2")
    paper = "() => getComputedStyle(document.querySelector('#look')).backgroundColor"
    light = browser_page.evaluate(paper)
    browser_page.click(".theme")
    assert look.get_attribute("data-theme") == "dark" and browser_page.evaluate(paper) != light
    assert "t = 3" in browser_page.text_content(".player .now")


def test_a_page_follows_the_readers_language_where_none_was_asked_for(open_page: OpenPage) -> None:
    assert open_page(made_trace(), lang=None).get_attribute("#look", "lang") == "en"


def test_everything_is_reached_by_keyboard(browser_page: Any) -> None:
    focused = "() => document.activeElement"

    def tab_to(selector: str) -> None:
        for _ in range(200):
            browser_page.keyboard.press("Tab")
            if browser_page.evaluate(f"({focused})().matches({selector!r})"):
                return
        raise AssertionError(f"{selector} is not reached in 200 presses of Tab")

    tab_to(".tabs [data-view=attention]")
    browser_page.keyboard.press("Enter")
    assert browser_page.get_attribute(".tabs [aria-current]", "data-view") == "attention"
    browser_page.locator("#dragoman-view").focus()
    browser_page.keyboard.press("m")
    assert browser_page.get_attribute(".player [data-value=training]", "aria-pressed") == "true"
    browser_page.keyboard.press("]")
    assert "t = 2" in browser_page.text_content(".player .now")
    browser_page.keyboard.press("[")
    assert "t = 1" in browser_page.text_content(".player .now")
    tab_to(".matrix")
    browser_page.keyboard.press("ArrowRight")
    assert "→" in browser_page.text_content("#dragoman-view .readout")
    browser_page.keyboard.press("Enter")
    assert browser_page.locator(".drawer").is_visible()
    browser_page.keyboard.press("Escape")
    assert browser_page.locator(".drawer").is_hidden()
    tab_to(".player input")
    t = int(browser_page.input_value(".player input"))
    browser_page.keyboard.press("ArrowRight")
    assert f"t = {t + 1}" in browser_page.text_content(".player .now")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_control_has_a_name_and_every_text_can_be_read(open_page: OpenPage, theme: str) -> None:
    trace = made_trace()
    page = open_page(trace, [made_comparison(trace, "swap")], theme=theme)
    for view in views(page):
        go_to_view(page, view)
        assert page.evaluate(UNNAMED) == [], view
        assert page.evaluate(PALE) == [], view


UNNAMED = """() => [...document.querySelectorAll("button, select, input, a, [role=button], [role=application]")]
    .filter((one) => one.checkVisibility() && !one.textContent.trim())
    .filter((one) => !one.getAttribute("aria-label") && !one.labels?.length)
    .map((one) => one.outerHTML.slice(0, 200))"""
# Contrast of at least 4.5 : 1 (WCAG 1.4.3) of all text that stands on an opaque ground and is not switched off.
PALE = """() => {
    const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const rgb = (colour) => {
        pen.clearRect(0, 0, 1, 1);
        pen.fillStyle = colour;
        pen.fillRect(0, 0, 1, 1);
        return [...pen.getImageData(0, 0, 1, 1).data];
    };
    const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
        .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const ground = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const colour = rgb(getComputedStyle(at).backgroundColor);
            if (colour[3] > 240) return colour;
        }
        return [255, 255, 255];
    };
    const found = new Set();
    for (const element of document.querySelectorAll("#look *")) {
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
        if (!own || !element.checkVisibility() || element.closest("svg, :disabled, [aria-disabled]")) continue;
        const [a, b] = [light(rgb(getComputedStyle(element).color)), light(ground(element))].sort((x, y) => y - x);
        if ((a + 0.05) / (b + 0.05) >= 4.5) continue;
        found.add(`${element.tagName}.${element.className}: ${element.textContent.slice(0, 30)}`);
    }
    return [...found];
}"""


# -- what comes in as text stays text -----------------------------------------------------------------------------


def test_a_hostile_sentence_stays_text_in_every_chapter(open_page: OpenPage) -> None:
    trace = made_trace(HOSTILE, HOSTILE)
    broken = made_comparison(trace, "cache")
    page = open_page(trace, [broken, {**broken, "removed": "swap"}], width=390)
    title = page.title()
    assert title.startswith("<img src=x")
    assert walk(page) == []
    assert page.title() == title
    assert page.locator("#look img, #look script, #look b b, #look iframe").count() == 0
    assert ATTACK in page.text_content(".sentence .source")
    go_to_view(page, "text")
    assert page.locator("#dragoman-view bdi", has_text="שלום").count() > 0


# -- how quickly it answers ---------------------------------------------------------------------------------------


def long_trace() -> Any:
    """200 tokens a side through a model of the bundled one's size: its arrays are cut as those of a real trace."""
    size = {"d_model": 256, "encoder_layers": 6, "decoder_layers": 2}
    kept = min(kept_positions(TransformerConfig(n_heads=HEADS, **size), 200, 200, modes=2))
    return made_trace(["▁word"] * 199, ["▁词"] * 199, kept=kept, **size)


# What opening a view still has to lay out and draw is not part of a step.
SETTLED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50))))"


class Stopwatch:
    """The processor's time of the page's thread, which is the same whatever else the machine does."""

    def __init__(self, page: Any) -> None:
        self._session = page.context.new_cdp_session(page)
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def seconds(self, *kinds: str) -> float:
        """Since the page was loaded."""
        metrics = {
            one["name"]: one["value"] for one in self._session.send("Performance.getMetrics")["metrics"]
        }
        return sum(metrics[f"{kind}Duration"] for kind in kinds)


def test_a_sentence_of_two_hundred_tokens_opens_at_once(open_page: OpenPage) -> None:
    page = open_page(long_trace())
    watch = Stopwatch(page)
    page.reload()
    page.wait_for_selector("#dragoman-view h2")
    assert 0.01 < watch.seconds("Task") <= FIRST_S
    assert too_wide(page) == 0


def test_every_step_is_quick_in_every_chapter_of_a_long_sentence(open_page: OpenPage) -> None:
    """The mean of some steps: scripts, styles and layout."""
    trace = long_trace()
    page = open_page(trace, [{**trace, "removed": "causal_mask"}])
    watch, steps, slow = Stopwatch(page), range(-1, 5), {}
    for view in views(page):
        go_to_view(page, view)
        for mode in ("inference", "training"):
            pick_mode(page, mode)
            page.evaluate(SETTLED)
            before = watch.seconds("Script", "Layout", "RecalcStyle")
            for t in steps:
                go_to_step(page, t)
            took = 1000 * (watch.seconds("Script", "Layout", "RecalcStyle") - before) / len(steps)
            if not 0 < took <= STEP_MS:
                slow[f"{view}, {mode}"] = took
    assert slow == {}
