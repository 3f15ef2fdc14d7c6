"""Worth, numbers and two sentences on the page, in both languages and at both widths."""

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
    with Translator.load("en-zh-tiny", engine="torch") as translator:
        tried = Wanted(beside="They sat on the bank of the river.", word="bank", say=(1, "在"), boxes=True)
        trace = explain_both(translator, "He went to the bank.", "他去银行了。", wanted=tried)
        return trace, [trace.without("positions", brief=True)]


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("lang, said", [("en", "one and the same vector"), ("zh", "就是同一个向量")])
def test_row_96_101_102_a_word_in_two_sentences(
    traces: Traces, open_page: OpenPage, width: int, lang: str, said: str
) -> None:
    page = open_page(*traces, view="beside", lang=lang, width=width)
    view = page.locator(".beside-view")
    assert said in view.inner_text()
    assert view.locator("mark").all_inner_texts() == ["bank", "bank"]
    assert view.locator(".word-apart tbody tr").count() == 8
    view.locator("select").select_option("2")
    assert view.locator(".word-looks figure").count() == 2
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("lang, said", [("en", "Tall and thin"), ("zh", "高高瘦瘦")])
def test_row_47_48_50_61_63_67_110_the_numbers_of_a_box(
    traces: Traces, open_page: OpenPage, width: int, lang: str, said: str
) -> None:
    page = open_page(*traces, view="boxes", lang=lang, width=width)
    view = page.locator(".boxes-view")
    assert said in view.inner_text() and "768" in view.inner_text()
    assert view.locator(".box-norms svg").count() == 6 and view.locator(".box-units tbody tr").count() == 5
    assert "[1024, 5, 8, 64]" in view.locator(".box-shapes").inner_text()
    assert view.locator(".box-scale tbody tr").count() == 2
    before = view.locator(".box-units").inner_text()
    which = view.locator("select").first
    which.select_option("encoder.3")
    assert view.locator(".box-units").inner_text() != before
    which.select_option("decoder.2")
    assert view.locator(".box-norms svg").count() == 9  # three sublayers
    which.select_option("embedding")
    assert view.locator(".box-embedding tbody tr").count() == 4
    which.select_option("output")
    assert view.locator(".box-output tbody tr").count() == 7
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("lang, said", [("en", "BLEU goes from"), ("zh", "BLEU 从")])
def test_row_44_68_113_what_a_part_is_worth(
    traces: Traces, open_page: OpenPage, lang: str, said: str
) -> None:
    page = open_page(*traces, view="break", lang=lang, width=390)
    page.locator('[data-part="positions"]').click()
    assert said in page.locator(".comparison .worth").inner_text()


@pytest.mark.parametrize("lang, said", [("en", "Own words, and what they cost"), ("zh", "越错越离谱")])
def test_row_18_the_curve_of_own_words(traces: Traces, open_page: OpenPage, lang: str, said: str) -> None:
    view = open_page(*traces, view="say", lang=lang, width=390).locator(".say-view")
    assert said in view.inner_text() and view.locator(".own-curve tbody tr").count() == 7


def test_a_trace_without_them_says_how_to_ask(open_page: OpenPage) -> None:
    assert "--beside" in open_page(made_trace(), view="beside").locator(".beside-view").inner_text()
    assert "-o page.html" in open_page(made_trace(), view="boxes").locator(".boxes-view").inner_text()
