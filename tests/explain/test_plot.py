"""Pictures of attention: what a heat map shows, and what a notebook gets. Draws to memory only."""

from __future__ import annotations

import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from dragoman.errors import MissingExtraError, UsageError
from dragoman.explain import Trace, explain
from dragoman.translate.translator import Translator

TEXT, REFERENCE = "The dog sees the old tree.", "我喜欢你的老树"


@pytest.fixture(scope="module")
def trace(tiny_model: Path) -> Trace:
    with Translator.load(tiny_model, engine="torch") as translator:
        return explain(translator, TEXT, REFERENCE)


@pytest.fixture
def pyplot(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


@pytest.mark.parametrize("mode", ["inference", "training"])
@pytest.mark.parametrize("name", ["encoder.2.self", "decoder.1.self", "decoder.1.cross"])
def test_the_heat_map_is_the_weights(pyplot: object, trace: Trace, name: str, mode: str) -> None:
    axes = trace.plot_attention(name, head=2, mode=mode)
    axes.figure.canvas.draw()  # type: ignore[attr-defined]
    weights = trace.head(name, 2, mode)
    assert np.array_equal(axes.images[0].get_array(), weights)
    assert (len(axes.get_yticks()), len(axes.get_xticks())) == weights.shape
    assert axes.get_title() == f"{name}, head 2"


def test_without_a_head_the_mean_is_drawn_into_the_axes_given(pyplot: object, trace: Trace) -> None:
    figure, axes = pyplot.subplots()  # type: ignore[attr-defined]
    assert trace.plot_attention("decoder.1.cross", axes=axes) is axes
    expected = trace.attention("decoder.1.cross").weights.mean(0)
    assert np.array_equal(axes.images[0].get_array(), expected)
    shown = [tick.get_text() for tick in axes.get_xticklabels()]
    assert shown == [token.text for token in trace.source.tokens]


def test_signs_of_formulas_are_letters(pyplot: object, tiny_model: Path) -> None:
    with Translator.load(tiny_model, engine="torch") as translator:
        axes = explain(translator, "The $dog$ ^_\\ tree.").plot_attention("encoder.1.self")
    axes.figure.canvas.draw()  # type: ignore[attr-defined]


def test_what_is_not_there_is_named(pyplot: object, trace: Trace) -> None:
    with pytest.raises(UsageError, match="no head 3: its heads are 1 to 2"):
        trace.plot_attention("decoder.1.cross", head=3)
    with pytest.raises(UsageError, match="decoder.1.cross"):
        trace.plot_attention("decoder.9.cross")


def test_without_matplotlib_the_extra_is_named(trace: Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'dragoman\[plot\]'"):
        trace.plot_attention("decoder.1.cross")


# -- notebook -----------------------------------------------------------------------------------------------------


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)


def test_a_notebook_shows_words_proofs_and_a_table(trace: Trace) -> None:
    text = trace._repr_html_()
    tags = Tags(text).tags
    assert "9 proofs hold" in text and trace.inference.text in text
    assert tags.count("td") == 1 + trace.decoder[-1].cross.weights[0].size


def test_a_notebook_shows_a_failed_proof_and_what_was_removed(trace: Trace) -> None:
    text = trace.without("causal_mask")._repr_html_()
    assert "failed: no_future" in text and "without causal_mask" in text


def test_no_word_becomes_markup(tiny_model: Path) -> None:
    with Translator.load(tiny_model, engine="torch") as translator:
        text = explain(translator, "<script>alert('dog')</script> & <b>")._repr_html_()
    assert set(Tags(text).tags) <= {"p", "b", "br", "table", "caption", "tr", "td", "th"}
    assert Tags(text).tags.count("b") == 2


def test_a_model_without_attention_has_no_table(trace: Trace) -> None:
    passed = replace(trace.inference.passed, decoder=())
    text = replace(trace, inference=replace(trace.inference, passed=passed))._repr_html_()
    assert "table" not in Tags(text).tags
