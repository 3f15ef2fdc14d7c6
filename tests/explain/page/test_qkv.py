"""The views of Q, K and V, of heads, masks and positions in a real browser: what they say is what the trace holds."""

from __future__ import annotations

import base64
import math
import re
from typing import Any

import numpy as np
import pytest

from explain.made_trace import made_trace, tensor
from explain.page_fixtures import SLOW, go_to_step, pick_mode, too_wide

pytestmark = SLOW

VIEWS = ["qkv", "heads", "masks", "positions"]


def array(tensor: Any) -> np.ndarray:
    return np.frombuffer(base64.b64decode(tensor["data"]), "<f2").reshape(tensor["shape"]).astype(float)


def text(page: Any, where: str) -> str:
    return re.sub(r"\s+", " ", page.locator(where).first.text_content())


def number(said: str) -> float:
    return float(said.replace("−", "-").replace("+", ""))


# -- who asks, who answers ----------------------------------------------------------------------------------------


def test_arrows_have_the_colour_of_the_stream_that_the_trace_names(open_page):
    page = open_page(made_trace(), view="qkv")

    def sides() -> list[str]:
        arrows = page.locator(".qkv-flow .arrow:has-text('W_')")
        return [re.findall(r"read|write", one.get_attribute("class"))[0] for one in arrows.all()]

    assert sides() == ["write", "read", "read"]
    assert "Q comes from x" in text(page, ".qkv .answer") and "K and V come from memory" in text(
        page, ".qkv .answer"
    )
    page.locator("#dragoman-view select").first.select_option("decoder_self")
    assert sides() == ["write"] * 3
    assert "one colour" in text(page, ".qkv .answer")
    page.locator("#dragoman-view select").first.select_option("encoder_self")
    assert sides() == ["read"] * 3


def test_a_pair_is_worked_out_from_the_numbers_of_the_trace(open_page):
    trace = made_trace()
    page = open_page(trace, view="qkv")
    go_to_step(page, 2)
    attention = trace["inference"]["pass"]["decoder"][-1]["cross"]
    q, k = array(attention["q"])[0, 2], array(attention["k"])[0, 1]
    page.locator(".question [data-key='1']").focus()
    said = text(page, ".pair p")
    largest = int(np.abs(q * k).argmax())
    assert f"number {largest}: " in said
    assert number(re.search(r"together (\S+)", said)[1]) == pytest.approx(q @ k, abs=0.06)
    page.locator(".pair summary").click()
    # Not wait_for_function: where the answer is not there at once, the page's own policy refuses what it evaluates.
    page.locator(".pair .formula", has_text="×").first.wait_for()
    assert text(page, ".pair .formula").count("×") == len(q)
    weights = array(attention["weights"])[0, 2]
    shares = [text(page, f".question tbody tr:nth-child({c + 1}) .share") for c in range(len(weights))]
    assert [float(share.strip("<%")) / 100 for share in shares] == pytest.approx(weights, abs=0.006)
    page.locator(".question [data-key='1']").press("Enter")
    assert "softmax" in text(page, ".drawer")


def test_the_reasons_are_told_with_the_variance_and_entropy_of_this_head(open_page):
    trace = made_trace()
    page = open_page(trace, view="qkv")
    attention = trace["inference"]["pass"]["decoder"][-1]["cross"]
    scores, width = array(attention["scores"])[0], attention["q"]["shape"][2]

    def bits(x: np.ndarray) -> float:
        p = np.exp(x - x.max(-1, keepdims=True))
        p /= p.sum(-1, keepdims=True)
        return float(-(p * np.log2(p)).sum(-1).mean())

    said = text(page, ".reasons")
    for value in (
        scores.var(-1).mean(),
        scores.var(-1).mean() / width,
        bits(scores * width**-0.5),
        bits(scores),
    ):
        assert any(
            float(x) == pytest.approx(value, rel=0.01, abs=0.006) for x in re.findall(r"\d+\.\d+", said)
        )


# -- heads --------------------------------------------------------------------------------------------------------


def test_heads_are_ranked_and_a_click_opens_the_attention(open_page):
    page = open_page(made_trace(), view="heads")
    assert page.locator(".pieces").first.locator("button").count() == 4
    figures = [float(x.strip("%<")) for x in page.locator(".ranked button b").all_text_contents()]
    assert figures == sorted(figures) and len(figures) == 2 * 4 * 3
    page.locator("[data-value=special]").click()
    shares = [float(x.strip("%<")) for x in page.locator(".ranked button b").all_text_contents()]
    assert shares == sorted(shares, reverse=True)
    best = page.locator(".ranked button").first
    kind, head = best.get_attribute("data-kind"), best.get_attribute("data-head")
    best.click()
    page.wait_for_selector("[data-view=attention][aria-current]")
    assert page.locator("#dragoman-view select").first.input_value() == kind
    assert page.locator("#dragoman-view .picker [aria-pressed=true]").get_attribute("data-value") == head


# -- masks --------------------------------------------------------------------------------------------------------


def test_a_cell_says_who_may_look_at_whom_and_why_not(open_page):
    trace = made_trace()
    length = len(trace["inference"]["steps"])
    page = open_page(trace, view="masks")
    page.locator("[data-value=cross]").click()
    readout = "#dragoman-view .readout"

    def at(r: int, c: int) -> str:
        """Walks the matrix, from its first cell, by keys."""
        matrix = page.locator("#dragoman-view .matrix").first
        for key in ["ArrowUp", "ArrowLeft"] * 12 + ["ArrowDown"] * r + ["ArrowRight"] * c:
            matrix.press(key)
        return text(page, readout)

    padding = len(trace["source"]["tokens"])
    assert "padding" in at(0, padding) and "may not look" in text(page, readout)
    pick_mode(page, "training")
    page.locator("[data-value=causal]").click()
    assert "may look" in at(2, 1)
    assert "may not look" in at(2, 3) and "the very label" in text(page, readout)
    hidden = length * (length - 1) // 2
    assert f"{hidden} of {length**2} cells" in text(page, "#dragoman-view")
    page.locator("[data-value=both]").click()
    assert "both reasons" in at(1, length)


def test_inference_counts_the_keys_of_its_cache(open_page):
    page = open_page(made_trace(), view="masks")
    go_to_step(page, 3)
    assert "The cache holds 3, one is added, and the row asks all 4 keys" in text(page, "#dragoman-view")
    pick_mode(page, "training")
    assert "the mask has to hide 1" in text(page, "#dragoman-view")
    assert page.locator(".keys").first.locator(".shut").count() == 1


# -- positions ----------------------------------------------------------------------------------------------------


def test_the_formula_of_a_cell_gives_its_number(open_page):
    trace = made_trace()
    page = open_page(trace, view="positions")
    for key in ["ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowRight"]:
        page.locator(".table-of .panel").press(key)
    said = text(page, ".formula-of")
    row, column = map(int, re.search(r"Position (\d+), number (\d+)", said).groups())
    assert column == 3
    d_model = trace["positions"]["shape"][1]
    expected = math.cos(row / 10_000 ** (2 / d_model))
    assert number(re.search(r"cos\([\d.]+\) = (−?[\d.]+)", said)[1]) == pytest.approx(expected, abs=0.001)
    assert number(re.search(r"in the trace (−?[\d.]+)", said)[1]) == pytest.approx(expected, abs=0.002)


@pytest.mark.parametrize(
    ("kind", "said", "alike"),
    [
        ("learned", "trained weights", "Nothing forces learnt rows"),
        ("rotary", "adds nothing to the words", "so do the products of turned queries"),
        ("fairseq", "counted from position 2", "so a head can learn “three words back” once"),
    ],
)
def test_other_kinds_of_positions_are_named(open_page, kind, said, alike):
    """The waves of an imported M2M-100 were once called learnt rows that nothing forces to depend on the distance."""
    trace = made_trace()
    trace["model"]["config"]["positions"] = kind
    page = open_page(trace, view="positions")
    assert said in text(page, "#dragoman-view")
    assert alike in text(page, "#dragoman-view")
    assert page.locator(".table-of .panel").is_visible()


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("kind", ["sinusoidal", "learned", "grid", "rotary", "alibi", "a-new-one"])
def test_the_figure_adds_positions_where_they_are_added(open_page, kind, lang):
    """It once drew "+ positions" at the embeddings of models that add nothing there."""
    trace = made_trace()
    trace["model"]["config"]["positions"] = kind
    adds = kind in ("sinusoidal", "learned", "grid")
    if not adds:
        for run in (trace["inference"], trace["training"]):
            for side in run["pass"]["embedding"].values():
                side["positions"] = tensor(np.zeros(side["positions"]["shape"]), "position", "feature")
    page = open_page(trace, view="text", lang=lang)
    assert page.locator(".map circle").count() == (2 if adds else 0)
    inside = {"en": "in attention", "zh": "在注意力里"}[lang]
    assert (inside in text(page, ".map")) == (not adds)
    plus = {"en": "× √d + position", "zh": "× √d + 位置"}[lang]
    assert (plus in text(page, "#dragoman-view")) == adds
    page.locator(".map .round circle" if adds else ".map .note rect").first.click()
    assert page.url.endswith("#positions")


# -- all four -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("view", VIEWS)
def test_a_phone_chinese_no_reference_and_every_step(open_page, view):
    words = [f"▁w{n}" for n in range(30)]
    page = open_page(made_trace(words, words, training=False), view=view, lang="zh", theme="dark", width=390)
    assert too_wide(page) <= 0
    took = [go_to_step(page, t) for t in (-1, 0, 15, 30)]
    assert sorted(took)[2] <= 50
    left = re.findall(
        r"\b(?:qkv|heads|masks|positions)\.(?!py\b)[\w.]+|\{\w+\}", text(page, "#dragoman-view")
    )
    assert left == []
