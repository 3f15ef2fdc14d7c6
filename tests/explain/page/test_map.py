"""The figure beside the views: it draws the model that was traced, and nothing in it hides anything else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from explain.made_trace import made_trace, tensor
from explain.page_fixtures import SLOW, OpenPage

pytestmark = SLOW

# Texts of a box that reach into the picture at its right end.
OVERLAPS = """boxes => boxes.flatMap((box) => {
    const lefts = [...box.querySelectorAll("rect.cell")].map((one) => one.getBoundingClientRect().left);
    return [...box.querySelectorAll(":scope > text")]
        .filter((text) => text.getBoundingClientRect().right > Math.min(...lefts) - 1).map((text) => text.textContent);
})"""


def with_norm(order: str, *sentences: list[str]) -> dict[str, Any]:
    trace = made_trace(*sentences)
    for mode in ("inference", "training"):
        for side in ("encoder", "decoder"):
            for layer in trace[mode]["pass"][side]:
                for residual in layer["residuals"]:
                    residual["order"] = order
    return trace


def with_positions(name: str, added: bool) -> dict[str, Any]:
    trace = made_trace()
    trace["model"]["config"]["positions"] = name
    for mode in ("inference", "training"):
        for embedding in trace[mode]["pass"]["embedding"].values():
            if not added:
                shape = embedding["positions"]["shape"]
                embedding["positions"] = tensor(np.zeros(shape), *embedding["positions"]["dims"])
    return trace


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("order", ["pre", "post"])
def test_k_v_and_q_stand_under_each_attention_and_nothing_covers_them(
    open_page: OpenPage, theme: str, order: str
) -> None:
    """Row 4 of the lessons. A frame was painted over the letters, and over the lines that lead to them."""
    page = open_page(with_norm(order), theme=theme, width=1440)
    seen = page.locator(".map .frames ~ .arrows text.origin").count()
    assert seen == 9  # three attentions, three forks each
    order_of_groups = page.locator(".map svg > g").evaluate_all(
        "all => all.map((one) => one.getAttribute('class'))"
    )
    assert order_of_groups.index("frames") < order_of_groups.index("arrows")
    covered = page.locator(".map text.origin").evaluate_all(
        """found => found.filter((one) => {
            const box = one.getBoundingClientRect();
            return [...document.querySelectorAll(".map rect, .map circle")]
                .filter((other) => one.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING)
                .some((other) => {
                    const by = other.getBoundingClientRect();
                    const beside = by.left >= box.right || by.right <= box.left;
                    return !beside && by.top < box.bottom - 1 && by.bottom > box.top + 1;
                });
        }).map((one) => one.textContent)"""
    )
    assert covered == []


def test_the_forks_of_the_upper_attention_have_the_colours_of_their_sides(open_page: OpenPage) -> None:
    page = open_page(made_trace(), width=1440)
    colours = page.locator(".map [data-fork]").evaluate_all(
        "all => all.map((one) => [one.dataset.fork, one.classList.contains('encoder') ? 'read' : 'write'])"
    )
    assert sorted(colours) == sorted(
        [[part, "read"] for part in "KVQ"] + [[part, "write"] for part in "KVQ"]  # self-attentions
        + [["K", "read"], ["V", "read"], ["Q", "write"]]  # the upper one
    )  # fmt: skip


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_bars_of_the_softmax_are_coloured(open_page: OpenPage, theme: str) -> None:
    """A rule for the boxes beat the colours of the bars: they were white on white, black on black."""
    page = open_page(made_trace(), theme=theme, width=1440)
    fills, ground = page.evaluate(
        """() => [[...document.querySelectorAll(".map .tops rect")].map((one) => getComputedStyle(one).fill),
            getComputedStyle(document.querySelector(".map [data-box='decoder.softmax'] > rect")).fill]"""
    )
    card = page.evaluate("() => getComputedStyle(document.querySelector('.card')).backgroundColor")
    assert len(fills) == 5 and ground not in fills and card not in fills


def test_a_pre_norm_model_norms_before_each_sublayer_and_a_post_norm_model_after_it(
    open_page: OpenPage,
) -> None:
    """Rows 55 and 56: Add & Norm was drawn for every model, and no residual arrow for any."""

    def boxes(page: Any) -> list[str]:
        names = page.locator(".map [data-box^='encoder.']").evaluate_all(
            "all => all.map((one) => one.dataset.box)"
        )
        return [
            name.removeprefix("encoder.")
            for name in names
            if name not in ("encoder.embedding", "encoder.memory")
        ]

    pre, post = (open_page(with_norm(order), width=1440) for order in ("pre", "post"))
    assert boxes(pre) == ["norm0", "self", "add0", "norm1", "feed", "add1", "last"]
    assert boxes(post) == ["self", "both0", "feed", "both1"]
    assert "Add & Norm" in post.text_content(".map") and "Add & Norm" not in pre.text_content(".map")
    for page in (pre, post):
        assert page.locator(".map path.residual.encoder").count() == 2
        assert page.locator(".map path.residual.decoder").count() == 3


def test_a_plus_for_positions_stands_only_where_some_are_added(open_page: OpenPage) -> None:
    added = open_page(with_positions("learned", True), width=1440)
    assert added.locator(".map .round").count() == 2 and "order:" not in added.text_content(".map")
    inside = open_page(with_positions("rotary", False), width=1440)
    assert inside.locator(".map .round").count() == 0
    notes = inside.locator(".map .box .small").all_text_contents()
    assert notes.count("order: rotary") == 2


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("order", ["pre", "post"])
def test_no_name_of_a_box_runs_under_its_picture_in_a_long_sentence(
    open_page: OpenPage, lang: str, order: str
) -> None:
    trace = with_norm(order, ["▁word"] * 30, ["▁词"] * 30)
    page = open_page(trace, lang=lang, width=1440)
    assert page.locator(".map .box:not([data-box='decoder.softmax'])").evaluate_all(OVERLAPS) == []


@pytest.mark.parametrize("width", [390, 768, 1060, 1100, 1440])
def test_rows_10_52_54_the_figure_stands_once_on_the_first_view_at_any_width(
    open_page: OpenPage, width: int
) -> None:
    """Between 720 and 1080 pixels it stood nowhere: the view left it to the side, and the side had no room."""
    page = open_page(made_trace(), width=width)
    assert page.locator(".map svg").count() == 1
    assert page.locator(".map svg").bounding_box()["width"] > 250
