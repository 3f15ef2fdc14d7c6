"""Teaching, a word of the reader's and twins on the page, in both languages and at both widths."""

from __future__ import annotations

import pytest

from dragoman.explain import Trace, explain_both
from dragoman.explain.trace.trials import Wanted
from dragoman.translate.translator import Translator
from explain.made_trace import made_trace
from explain.page_fixtures import SLOW, OpenPage

Traces = tuple[Trace, list[Trace]]
pytestmark = SLOW


@pytest.fixture(scope="module")
def traces() -> Traces:
    """With a word of the reader's, taught, and with a layer put in twice."""
    with Translator.load("en-zh-tiny", engine="torch") as translator:
        trace = explain_both(translator, "Are you OK ?", "你干什么？", wanted=Wanted(teach=5, say=(1, "好")))
        return trace, [trace.without("twice:encoder.3")]


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("lang, said", [("en", "The loss goes from"), ("zh", "损失从每个 token")])
def test_row_25_teaching_is_seen(
    traces: Traces, open_page: OpenPage, width: int, lang: str, said: str
) -> None:
    page = open_page(*traces, view="teach", lang=lang, width=width)
    view = page.locator(".teach-view")
    assert said in view.inner_text()
    rows = view.locator(".taught-rows tbody tr")
    assert rows.count() == 6 and rows.first.locator(".chance").count() == 6
    boxes = view.locator(".taught-boxes tbody tr").all_inner_texts()
    assert boxes[0].startswith("embedding") and boxes[-1].startswith("output")
    assert view.locator(".taught-others tbody tr").count() == 4
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("lang, said", [("en", "the loss of this one row goes"), ("zh", "只有这一行的损失")])
def test_row_30_31_a_word_is_said(
    traces: Traces, open_page: OpenPage, width: int, lang: str, said: str
) -> None:
    page = open_page(*traces, view="say", lang=lang, width=width)
    view = page.locator(".say-view")
    assert said in view.inner_text()
    assert view.locator(".said-rows tr.yours").count() == 1
    assert view.locator(".said-steps tr.yours").count() >= 1
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("lang, said", [("en", "OK you Are ?"), ("zh", "最先分开的地方")])
def test_row_112_twins_stand_with_the_positions(
    traces: Traces, open_page: OpenPage, width: int, lang: str, said: str
) -> None:
    page = open_page(*traces, view="positions", lang=lang, width=width)
    assert said in page.locator(".twins").inner_text()
    assert page.locator(".twin-places tbody tr").count() == 8
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("lang, said", [("en", "layer encoder.3 twice"), ("zh", "encoder.3 层叠两遍")])
def test_row_115_a_layer_stands_twice(traces: Traces, open_page: OpenPage, lang: str, said: str) -> None:
    page = open_page(*traces, view="break", lang=lang)
    button = page.locator('[data-part="twice:encoder.3"]')
    assert button.inner_text() == said
    button.click()
    assert "7" in page.locator(".comparison .lesson").inner_text()
    drawn = page.locator(".comparison").inner_text()
    assert (f"with: {said}" if lang == "en" else f"改成：{said}") in drawn


@pytest.mark.parametrize(
    "lang, said", [("en", "forward, loss, gradient, step"), ("zh", "前向、损失、梯度、更新")]
)
def test_row_24_the_two_modes_side_by_side(traces: Traces, open_page: OpenPage, lang: str, said: str) -> None:
    page = open_page(*traces, view="clocks", lang=lang, width=390)
    assert said in page.locator(".both-modes").inner_text()


def test_a_trace_without_them_says_how_to_ask(open_page: OpenPage) -> None:
    for view, flag in (("teach", "--teach 5"), ("say", "--say 1=")):
        assert flag in open_page(made_trace(), view=view).locator(f".{view}-view").inner_text()
