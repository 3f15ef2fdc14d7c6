"""The views of layers, influence, beam and proofs, in a real browser: what they say is worked out here again."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest

from explain.made_trace import BOS, EOS, made_trace
from explain.page_fixtures import NO_PLAYWRIGHT, SLOW, go_to_step, go_to_view, pick_mode, too_wide

expect = pytest.importorskip("playwright.sync_api", reason=NO_PLAYWRIGHT).expect
pytestmark = SLOW

VIEWS = ("layers", "influence", "beam", "proofs")
NAMES = ("self-attention", "cross-attention", "feed-forward")


def values(tensor: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(tensor["data"]), "<f2").reshape(tensor["shape"]).astype(float)


def shown(x: float, digits: int = 2) -> str:
    return f"{x:.{digits}f}".replace("-", "−")


def node(
    id: int, parent: int | None, t: int, token: dict[str, Any], logp: float, total: float, **more: Any
) -> Any:
    made = {"id": id, "parent": parent, "t": t, "token": token, "logp": logp, "total": total, "score": None}
    return {**made, "state": "live", "why": "", **more}


def word(piece: str) -> dict[str, Any]:
    return {"id": 40, "piece": piece, "text": piece, "span": None, "byte": False}


# -- layers -------------------------------------------------------------------------------------------------------


def moved(trace: dict[str, Any], layer: int, t: int) -> list[float]:
    """For each sublayer |what it adds| / |what it finds| at a position."""
    residuals = trace["inference"]["pass"]["decoder"][layer]["residuals"]
    return [one["sublayer"][t] / one["x"][t] for one in residuals]


def test_the_sublayer_that_moves_a_word_most_is_named(open_page):
    trace = made_trace()
    page = open_page(trace, view="layers")
    for t in (0, 2, 4):
        go_to_step(page, t)
        ratios = moved(trace, 1, t)  # the last layer is chosen at first
        most = int(np.argmax(ratios))
        said = page.locator(".layers-said")
        expect(said).to_contain_text(f"{NAMES[most]} adds most in layer 2: {shown(ratios[most])} times")
        both = [*moved(trace, 0, t), *ratios]
        place = int(np.argmax(both))
        expect(said).to_contain_text(f"{NAMES[place % 3]} of layer {place // 3 + 1} moves this word most")
        expect(page.locator(".layers-norms .group.here")).to_have_attribute("data-index", str(t))


def test_in_inference_later_words_wait_and_in_training_none_does(open_page):
    page = open_page(made_trace(), view="layers")
    later = page.locator(".layers-norms .group.later")
    go_to_step(page, 1)
    expect(later).to_have_count(3)
    pick_mode(page, "training")
    expect(later).to_have_count(0)
    go_to_step(page, -1)
    expect(later).to_have_count(5)
    expect(page.locator(".layers-said")).to_contain_text("No position is chosen")


def test_the_encoder_has_words_of_the_source_and_a_bar_is_picked_with_the_keyboard(open_page):
    page = open_page(made_trace(), view="layers")
    page.locator(".layers-picker [data-value=encoder]").click()
    expect(page.locator(".layers-norms .group")).to_have_count(5)
    page.locator(".layers-norms .group").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator(".layers-said .word").first).to_have_text("▁you")


def test_the_drawing_is_of_the_order_that_the_model_has(open_page):
    trace = made_trace()
    for layer in trace["inference"]["pass"]["decoder"]:
        for residual in layer["residuals"]:
            residual["order"] = "post"
    page = open_page(trace, view="layers", lang="zh")
    expect(page.locator(".orders .used figcaption")).to_have_text("post-norm：子层、相加、归一化")
    expect(page.locator(".layers-order > p").first).to_contain_text("后做层归一化")


# -- influence ----------------------------------------------------------------------------------------------------


def test_a_row_of_influence_names_both_favourites_and_their_agreement(open_page):
    trace = made_trace()
    looked, missed = (values(trace["influence"][key]) for key in ("attention", "value_zeroing"))
    page = open_page(trace, view="influence")
    pieces = [token["piece"] for token in trace["source"]["tokens"]]
    for t in range(len(looked)):
        go_to_step(page, t)
        a, b = int(looked[t].argmax()), int(missed[t].argmax())
        left, right = (row.argsort().argsort() for row in (looked[t], missed[t]))
        said = page.locator(".influence-now p").first
        expect(said).to_contain_text(f"correlate with {shown(np.corrcoef(left, right)[0, 1])} ")
        words = [trace["inference"]["tokens"][t]["piece"], pieces[a], *([pieces[b]] if a != b else [])]
        expect(said.locator(".word")).to_have_text(words)


def test_the_lens_says_in_which_layer_a_word_settled(open_page):
    trace = made_trace(decoder_layers=3)
    written = trace["inference"]["tokens"]
    last = [{"id": token["id"], "piece": token["piece"], "p": 0.5} for token in written]
    other = {"id": 90, "piece": "别", "p": 0.2}
    # The word of step 2 stands from layer 2 on; that of step 3 was right, left, and came back.
    lens = [[*last[:2], other, last[3], last[4]], [*last[:3], other, last[4]], last]
    trace["inference"]["pass"]["lens"] = lens
    page = open_page(trace, view="influence")
    rows = page.locator(".lens tbody tr")
    settled = [rows.nth(t).locator("td").last.text_content() for t in range(5)]
    assert settled == ["layer 1", "layer 1", "layer 2", "layer 3", "layer 1"]
    expect(page.locator(".influence")).to_contain_text("3 of 5 words are settled after layer 1")


# -- beam ---------------------------------------------------------------------------------------------------------


def forked() -> dict[str, Any]:
    """A short ending that has the better total, and a longer one that has the better score."""
    trace = made_trace(target=("甲", "乙"))
    trace["inference"]["beam"]["nodes"] = [
        node(0, None, -1, BOS, 0.0, 0.0, state="root", why="the sentence begins"),
        node(1, 0, 0, word("甲"), -0.4, -0.4, why="rank 1, kept in a beam of 2"),
        node(2, 0, 0, word("丙"), -2.0, -2.0, why="rank 2, kept in a beam of 2"),
        node(3, 1, 1, word("乙"), -0.3, -0.7, why="rank 1, kept in a beam of 2"),
        node(4, 1, 1, EOS, -0.4, -0.8, state="finished", score=-0.4, why="it ends here, rank 2 of a beam of 2"),
        node(5, 2, 1, word("丁"), -1.0, -3.0, state="pruned", why="rank 3 of a beam of 2"),
        node(6, 3, 2, EOS, -0.2, -0.9, state="won", score=-0.3,
             why="it ends here, rank 1 of a beam of 2; no other ending has a better score"),
    ]  # fmt: skip
    return trace


def test_a_node_opens_its_arithmetic_and_says_why_it_died(open_page):
    page = open_page(forked(), view="beam", lang="zh")
    drawer = page.locator(".drawer")
    page.locator(".tree [data-id='5']").click()
    expect(drawer).to_contain_text("放弃：当步排第 3，宽度 2 的束里没它的位置")
    expect(drawer).to_contain_text("它没有得分")
    page.locator(".tree [data-id='2']").click()
    expect(drawer).to_contain_text("它的续写没有一个够好")
    page.locator(".tree [data-id='6']").click()
    expect(drawer).to_contain_text("−0.400 + −0.300 + −0.200 = −0.900")
    expect(drawer).to_contain_text("−0.900 / 3^1 = −0.900 / 3.00 = −0.3000")
    expect(page.locator(".beam")).to_contain_text("靠长度惩罚胜出")


def test_the_tree_follows_the_slider_and_the_keyboard(open_page):
    page = open_page(forked(), view="beam")
    later = page.locator(".tree .column.later")
    go_to_step(page, 0)
    expect(later).to_have_count(2)
    go_to_step(page, 2)
    expect(later).to_have_count(0)
    page.locator(".tree .node").first.focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    expect(page.locator(".drawer")).to_contain_text("rank 3 at its step")
    assert page.locator(".tree [tabindex='0']").count() == 1


def test_a_large_beam_is_folded_and_nothing_is_lost_from_the_count(open_page):
    trace, width, steps = made_trace(), 5, 90
    nodes = [node(0, None, -1, BOS, 0.0, 0.0, state="root", why="the sentence begins")]
    last, total = [0], 0.0
    for t in range(steps):
        total -= 0.1
        first = len(nodes)
        for rank in range(2 * width):
            kept = {} if rank < width else {"state": "pruned", "why": f"rank {rank + 1} of a beam of {width}"}
            nodes.append(
                node(first + rank, last[rank % len(last)], t, word("字"), -0.1, total - rank / 100, **kept)
            )
        last = [first + rank for rank in range(width)]
    nodes[last[0]] |= {"state": "won", "score": total / steps, "token": EOS}
    trace["inference"]["beam"] = {"width": width, "nodes": nodes}
    page = open_page(trace, view="beam")
    drawn = page.locator(".tree .node").count()
    assert 250 < drawn <= 300
    folded = page.locator(".tree .more").all_text_contents()
    assert drawn + sum(int(text.split()[0][1:]) for text in folded) == len(nodes)
    expect(page.locator(".limit").first).to_contain_text(f"showing {drawn} of {len(nodes)} nodes")
    assert page.locator(".tree .node.won").count() == steps + 1
    assert go_to_step(page, 3) < 50


# -- proofs -------------------------------------------------------------------------------------------------------


def test_a_failed_check_stands_first_with_its_number(open_page):
    trace = made_trace()
    trace["proofs"].append(
        {"id": "pad_free", "statement": "x", "value": 0.031, "limit": 1e-4, "passed": False}
    )
    trace["proofs"].append(
        {"id": "new_one", "statement": "Said by the trace.", "value": 2.5e-7, "limit": 1e-6, "passed": True}
    )
    page = open_page(trace, view="proofs", lang="zh")
    cards = page.locator(".proof")
    expect(cards.first).to_have_attribute("data-proof", "pad_free")
    expect(cards.first).to_contain_text("实测 0.031，上限 10⁻⁴")
    expect(cards.first).to_contain_text("没通过")
    expect(page.locator("[data-proof=no_future]")).to_contain_text("必须正好是 0")
    expect(page.locator("[data-proof=new_one]")).to_contain_text("Said by the trace.")
    expect(page.locator("[data-proof=new_one]")).to_contain_text("实测 2.5 × 10⁻⁷")
    expect(page.locator(".proofs-view")).to_contain_text("4 项检查通过了 3 项")


# -- all four -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_on_a_phone_only_pictures_scroll_sideways(open_page, lang):
    long = [f"▁word{n}" for n in range(40)]
    page = open_page(made_trace(long, long, training=False), view="layers", lang=lang, width=390)
    for view in VIEWS:
        go_to_view(page, view)
        assert too_wide(page) == 0, view


def test_a_slider_step_is_quick_on_every_view(open_page):
    long = [f"▁word{n}" for n in range(63)]
    page = open_page(
        made_trace(long, long, encoder_layers=6, decoder_layers=6, training=False), view="layers"
    )
    for view in VIEWS:
        go_to_view(page, view)
        took = sorted(go_to_step(page, t) for t in range(10, 20))
        assert took[5] < 50, (view, took)


def test_a_model_without_layers_says_so(open_page):
    trace = made_trace(training=False)
    run = trace["inference"]["pass"]
    for layer in run["decoder"]:
        layer |= {"self": None, "feed_forward": None, "residuals": []}
    run |= {"encoder": [], "lens": [], "embedding": None}
    trace["influence"] |= {"value_zeroing": None, "agreement": None}
    page = open_page(trace, view="layers", width=800)  # too narrow for the map
    expect(page.locator(".view")).to_contain_text("it is not a Transformer")
    go_to_view(page, "influence")
    expect(page.locator(".view")).to_contain_text("no layers that could be read off")
    assert page.locator(".matrix").count() == 1
    go_to_step(page, 2)
    go_to_view(page, "proofs")
    expect(page.locator(".view")).to_contain_text("2 of 9 checks")
    assert too_wide(page) == 0
