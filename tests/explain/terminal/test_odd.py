"""What the terminal says of a text of one word, of bytes, of symbols, of one step: sentences that were once untrue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from dragoman.errors import UsageError
from dragoman.explain import Trace, explain_both, sentences
from dragoman.explain.terminal.answers import _of_the_signs, qkv
from dragoman.explain.terminal.drawing import Lines, Screen, drawn
from dragoman.explain.terminal.ends import place_of
from dragoman.explain.terminal.overview import bytewise, tagged
from dragoman.explain.terminal.teaching import teaching
from dragoman.explain.terminal.training import of_a_mistake
from dragoman.explain.terminal.twins import twins
from dragoman.explain.terminal.without import comparison
from dragoman.explain.trace.layers import Token
from dragoman.explain.trace.trials import Wanted
from dragoman.explain.tracing import SPARE
from dragoman.explain.watch.subject import Subject
from dragoman.translate.translator import Translator

SCREEN = Screen(100, False, "en")


@pytest.fixture(scope="module")
def bundled() -> Iterator[Translator]:
    with Translator.load("en-zh-tiny", engine="torch") as found:
        yield found


@pytest.fixture(scope="module")
def trace(bundled: Translator) -> Trace:
    return explain_both(bundled, "Tom loves Mary.", "汤姆爱玛丽。", wanted=Wanted(teach=1))


def said(lines: Lines) -> str:
    return " ".join(drawn(lines, SCREEN).split())


def sentence(key: str, **values: object) -> str:
    return " ".join(SCREEN.say(key, **values).split())


@pytest.mark.parametrize("text", ["42", "a", "no no no"])
def test_a_text_without_another_order_is_not_shown_beside_itself(bundled: Translator, text: str) -> None:
    shown = said(twins(explain_both(bundled, text), SCREEN))
    assert sentence("twins.alike", text=text) in shown
    assert f"{text} beside {text}" not in shown


def test_two_words_are_shown_beside_their_other_order(trace: Trace) -> None:
    assert "Tom loves Mary. beside Mary loves Tom." in said(twins(trace, SCREEN))


def test_one_step_is_not_compared_with_itself(trace: Trace) -> None:
    """ "The norm from 21.29 at the first step to 21.29 at the last: near the bottom there is less slope." """
    assert trace.taught is not None
    shown = said(teaching(trace, SCREEN))
    assert "at the last" not in shown and "in this one step" in shown
    rows = tuple(replace(row, p=(0.1, 0.2, 0.3)) for row in trace.taught.rows)
    for norms, way in (((3.0, 4.0), "not less steep yet"), ((4.0, 3.0), "less slope to go down")):
        twice = replace(trace.taught, norms=norms, loss=(2.0, 1.5, 1.0), rows=rows)
        shown = said(teaching(replace(trace, taught=twice), SCREEN))
        assert way in shown and "at the last" in shown


def test_what_the_model_copies_is_no_reference_and_that_is_said(
    bundled: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Subject, "taught", lambda subject, written: subject)  # as if it had copied
    with pytest.raises(UsageError, match="is no text in zh and cannot stand in for a reference"):
        explain_both(bundled, "https://example.com/a", wanted=Wanted(teach=1))


def test_a_brief_comparison_is_cut_off_where_it_babbles_and_a_whole_one_is_not(trace: Trace) -> None:
    """Without its encoder a model wrote five times as much before it ended, and a page waited for all of it."""
    most = 2 * len(trace.inference.steps) + SPARE
    brief = trace.without("encoder", brief=True)
    assert trace.without("encoder").inference.options["max_length"] > most
    assert brief.inference.options["max_length"] == most
    stopped = brief.inference.stop.reason == "limit"
    shown = said(comparison(trace, brief, SCREEN))
    assert (sentence("break.stopped", n=len(brief.inference.tokens)) in shown) == stopped


def token(piece: str, span: tuple[int, int] | None, byte: bool = False) -> Token:
    return Token(9, piece, piece, span, byte)


def test_a_byte_and_a_symbol_are_explained_where_there_is_one() -> None:
    byte, tag, word = token("<0xE6>", None, True), token("⟨zh⟩", None), token("▁Tom", (0, 3))
    assert said(bytewise([word, byte], SCREEN)) == sentence("words.bytes", byte="<0xE6>")
    assert said(tagged([tag, word], SCREEN)) == sentence("words.tag", tag="⟨zh⟩")
    assert bytewise([word], SCREEN) == tagged([word], SCREEN) == []


def test_a_box_opens_on_a_word_and_not_on_a_symbol() -> None:
    assert place_of([token("⟨zh⟩", None), token("▁Tom", (0, 3))], None) == 1
    assert place_of([token("</s>", None)], None) == 0


def test_a_head_without_a_product_below_zero_is_no_proof_that_there_are_some(trace: Trace) -> None:
    """It said "0 are below zero (0%): it is not true that they hardly ever are"."""
    few = _of_the_signs(trace, np.ones((3, 4)), SCREEN)
    assert "Of the 12 products q·k of this head 0 are below zero. But of all heads" in few
    assert "this head 12 are below zero (100%)" in _of_the_signs(trace, -np.ones((3, 4)), SCREEN)


def test_the_answer_is_told_as_a_sum_of_shares(trace: Trace) -> None:
    count = len(trace.source.tokens)
    assert sentence("terminal.qkv.sums", s=count) in said(qkv(trace, SCREEN, 1, 1, 1))


def test_free_running_that_would_have_ended_has_nothing_after_it(trace: Trace) -> None:
    """It counted "of the 0 predictions that follow 0"."""
    assert trace.training is not None
    run = trace.training
    other = replace(run.steps[0].prediction, id=-1)
    steps = (replace(run.steps[0], prediction=other), *run.steps[1:])
    ended = replace(
        run, steps=steps, free_running=replace(run.free_running, steps=run.free_running.steps[:1])
    )
    assert "would have stopped here" in of_a_mistake(ended, SCREEN)


@pytest.mark.parametrize("lang", sentences.languages())
def test_what_is_only_moved_is_not_said_to_be_taken_away(trace: Trace, lang: str) -> None:
    screen = Screen(100, False, lang)
    shown = drawn(comparison(trace, trace.without("swap", brief=True), screen), screen)
    part = screen.say("break.part.swap")
    assert screen.say("terminal.without.added", part=part) in shown
    assert screen.say("terminal.without.removed", part=part) not in shown


def test_no_placeholder_comes_out_of_a_text_without_one(bundled: Translator) -> None:
    """ "I love you 😀" became 我爱你 ⟦15⟧."""
    found = explain_both(bundled, "I love you 😀")
    pieces = {node.token.piece for node in found.inference.beam.nodes}
    assert not [piece for piece in pieces if piece.startswith("⟦")]
    assert found.inference.served.same
