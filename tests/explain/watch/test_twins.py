"""Twins: the same words in another order are one sentence without positions, and two with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dragoman.explain import explain
from dragoman.explain.trace.layers import Token
from dragoman.explain.watch.twins import other_order
from dragoman.transformer.positions import ENCODINGS
from dragoman.translate.translator import Translator
from tiny import parts

TEXT = "The dog sees the old tree."


def tokens(*pieces: str) -> list[Token]:
    """Pieces with ids of their own, </s> last."""
    ids = {piece: 10 + i for i, piece in enumerate(dict.fromkeys(pieces))}
    made = [
        Token(
            ids[one],
            one,
            one.replace("▁", " ").strip(),
            None if "⟨" in one else (i, i),
            one.startswith("<0x"),
        )
        for i, one in enumerate(pieces)
    ]
    return [*made, Token(3, "</s>", "</s>", None, False)]


@pytest.mark.parametrize(
    "pieces, twin",
    [
        (["▁Tom", "▁love", "s", "▁Mary", "."], ["▁Mary", "▁love", "s", "▁Tom", "."]),
        (["▁我", "打", "你"], ["你", "打", "▁我"]),
        (["▁", "我", "打", "你", "。"], ["▁", "你", "打", "我", "。"]),
        (["▁no", "▁way", "▁no"], ["▁way", "▁no", "▁no"]),  # reads the same backwards
        (["▁Yes"], ["</s>", "▁Yes"]),
        (["▁no", "▁no"], ["</s>", "▁no", "▁no"]),
        (["⟨zh⟩", "▁Tom", "▁sleeps"], ["⟨zh⟩", "▁sleeps", "▁Tom"]),  # what asks for a language is no word
    ],
)
def test_the_other_order(pieces: list[str], twin: list[str]) -> None:
    made = tokens(*pieces)
    order = other_order(made)
    assert sorted(order) == list(range(len(made)))
    said = [made[i].piece for i in order]
    assert said[: len(twin)] == twin and said != [one.piece for one in made]


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("positions", list(ENCODINGS))
def test_each_encoding_parts_the_twins(positions: str, norm: str, tmp_path: Path) -> None:
    translator = Translator.load(
        parts(positions=positions, norm=norm, columns=3).write(tmp_path / "model"), engine="torch"
    )
    trace = explain(translator, TEXT)
    proof = trace.proof("order_needs_positions")
    assert proof.passed and proof.value < 1e-4, proof
    assert trace.twins is not None and trace.twins.first is not None
    added = "add" in ENCODINGS[positions].places()
    assert trace.twins.first == ("embedding" if added else "encoder.1")
    without = trace.without("positions")
    assert not without.proof("order_needs_positions").passed
    assert without.twins is not None and without.twins.first is None


def test_tom_and_mary() -> None:
    with Translator.load("en-zh-tiny", engine="torch") as bundled:
        one, other = (
            explain(bundled, text).without("positions") for text in ("Tom loves Mary.", "Mary loves Tom.")
        )
        found = explain(bundled, "Tom loves Mary.")
    assert found.twins is not None and found.twins.text == "Mary loves Tom."
    assert one.inference.text == other.inference.text
    assert [step.chosen.p for step in one.inference.steps if step.chosen] == pytest.approx(
        [step.chosen.p for step in other.inference.steps if step.chosen], abs=1e-5
    )
