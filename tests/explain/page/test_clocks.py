"""Question 1 on the page, in a real browser: the two clocks, whose words are fed, and the table of the loss."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest

from explain.made_trace import made_trace
from explain.page_fixtures import NO_PLAYWRIGHT, SLOW, go_to_step, pick_mode, too_wide

expect = pytest.importorskip("playwright.sync_api", reason=NO_PLAYWRIGHT).expect
pytestmark = SLOW

STEPS = 5  # of the made trace: four words and </s>


def a_trace(**changes: Any) -> dict[str, Any]:
    """A made trace whose first wrong word stands at t = 1, so that t = 2 is fed another one."""
    trace = made_trace(**changes)
    if trace["training"]:
        trace["training"]["free_running"]["first_difference"] = 1
    trace["proofs"].append(
        {
            "id": "train_equals_infer",
            "statement": "The same.",
            "value": 2.1e-6,
            "limit": 1e-4,
            "passed": True,
        }
    )
    return trace


def counted(page: Any, mode: str) -> list[str]:
    """Encoder passes, decoder passes and rows, as the clock of a mode shows them."""
    return page.locator(f".clock.{mode} .counters dd").all_text_contents()


def rows(page: Any, mode: str, state: str) -> int:
    return page.locator(f".clock.{mode} .clock-grid .row.{state}").count()


def test_training_lights_all_rows_at_once_and_inference_one_a_step(open_page):
    page = open_page(a_trace(), view="clocks")
    go_to_step(page, -1)
    assert [rows(page, mode, "lit") for mode in ("training", "inference")] == [0, 0]
    assert counted(page, "training") == ["1", "0 / 1", f"0 / {STEPS}"]
    # The reference is there before anything runs; of the loop's inputs only <s> is.
    assert page.locator(".clock.training .lane .slot.wait").count() == 0
    assert page.locator(".clock.inference .lane .slot:not(.wait)").all_text_contents() == ["<s>"]
    for t in range(STEPS):
        go_to_step(page, t)
        assert rows(page, "training", "lit") == STEPS
        assert (rows(page, "inference", "lit"), rows(page, "inference", "kept")) == (1, t)
        assert page.locator(".clock.inference .held .slot.lit").count() == 1
        assert page.locator(".clock.inference .held .slot.kept").count() == t
        assert counted(page, "training") == ["1", "1", str(STEPS)]
        done = "" if t + 1 == STEPS else f" / {STEPS}"
        assert counted(page, "inference")[1] == f"{t + 1}{done}"
    expect(page.locator(".clock.inference > p.now")).to_contain_text("the loop stops")


def test_what_is_fed_and_where_it_comes_from_is_said(open_page):
    page = open_page(a_trace(), view="clocks")
    go_to_step(page, 2)
    taught = page.locator(".clock.training > p.now")
    expect(taught).to_contain_text("Row 2 is fed 好, which the reference supplies: it is the label of row 1")
    expect(taught).to_contain_text("the model would rather have said 错")
    expect(page.locator(".clock.inference > p.now")).to_contain_text("It is fed 好, its own choice at step 1")
    expect(page.locator(".clock-proof.holds")).to_contain_text("Largest difference 2.1e−6, allowed 1e−4")


def test_a_wrong_word_changes_the_next_input_only_when_it_is_fed_back(open_page):
    page = open_page(a_trace(), view="clocks")
    expect(page.locator(".own .lanes")).to_have_count(1)
    page.locator("[data-value=own]").click()
    expect(page.locator(".own .lanes")).to_have_count(2)
    forced, own = (
        page.locator(".own .lanes").nth(i).locator(".lane").first.locator(".slot") for i in range(2)
    )
    assert (forced.nth(2).text_content(), own.nth(2).text_content()) == ("好", "错")
    assert page.locator(".own .slot.mark").all_text_contents() == ["错", "错", "错"]
    expect(page.locator(".own-told")).to_contain_text("at t=1 the label is 好 and the model says 错")


def test_without_a_reference_the_other_clock_still_runs(open_page):
    page = open_page(a_trace(training=False), view="clocks")
    expect(page.locator(".clock.training")).to_contain_text("--reference")
    go_to_step(page, 2)
    assert rows(page, "inference", "lit") == 1
    page.locator(".tabs [data-view=loss]").click()
    expect(page.locator(".loss-view .missing")).to_contain_text("--reference")
    assert page.locator(".loss-step").count() == STEPS


def test_the_loss_of_a_row_is_worked_out(open_page):
    trace = a_trace()
    page = open_page(trace, view="loss")
    pick_mode(page, "training")
    step = trace["training"]["steps"][3]
    page.locator(".loss-step[data-t='3']").click()
    said = page.locator(".drawer").text_content()
    assert f"= {step['loss']:.4f}" in said
    # The made trace says smoothed = loss + 0.4 with e = 0.1, so the mean over the vocabulary is loss + 4.
    assert f"= {step['loss'] + 4:.3f}" in said
    assert "0.9 + 0.1/100 = 0.901" in said.replace("0.90 ", "0.9 ")
    assert page.locator(".loss-step[aria-current]").get_attribute("data-t") == "3"
    total = trace["training"]["loss"]
    sums = page.locator(".loss-view .sums").text_content()
    assert f"{total['sum']:.2f}" in sums
    assert f"{math.exp(total['mean']):.2f}" in sums


def test_inference_has_the_table_without_labels(open_page):
    page = open_page(a_trace(), view="loss", lang="zh")
    pick_mode(page, "inference")
    heads = " ".join(page.locator(".steps-table th").all_text_contents())
    assert "标签" not in heads
    pick_mode(page, "training")
    assert "标签 y[t]" in " ".join(page.locator(".steps-table th").all_text_contents())


def test_a_long_sentence_is_cut_and_stays_quick_on_a_phone(open_page):
    words = [f"▁w{i}" for i in range(80)]
    trace = a_trace(source=words, target=words, encoder_layers=1, decoder_layers=1, d_model=8)
    page = open_page(trace, view="clocks", width=390, height=800)
    assert rows(page, "training", "lit") == 64
    expect(page.locator(".clock.training .limit", has_text=re.compile("64 of 81"))).to_be_visible()
    assert max(go_to_step(page, t) for t in (3, 40, 64, 80)) < 50
    assert too_wide(page) == 0
    page.locator(".tabs [data-view=loss]").click()
    assert page.locator(".loss-step").count() == 64
    assert max(go_to_step(page, t) for t in (3, 40, 64, 80)) < 50
    assert too_wide(page) == 0
