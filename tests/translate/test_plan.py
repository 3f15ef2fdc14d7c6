"""One plan under the stream, the queue, a draft and a trace; and no way into the translator beside it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from dragoman.engines import translate
from dragoman.server.drafting import draft
from dragoman.translate.translator import Translator
from tiny import parts

SOURCE = Path(__file__).parents[2] / "src" / "dragoman"
TEXT = "The red dog sees my house. 😀\n\nA small cat! The bird likes the tree."


@pytest.fixture(scope="module")
def translator(tiny_model: Path) -> Translator:
    return Translator.load(tiny_model, compute_type="float32", workers=1)


@pytest.mark.parametrize("prefix", ["", "大狗"])
@pytest.mark.parametrize("text", [TEXT, "", "😀", "The dog."])
def test_a_plan_searched_for_by_hand_is_a_translation(translator: Translator, text: str, prefix: str) -> None:
    plan = translator.plan(text, prefix=prefix, alignments=True, token_scores=True)
    while plan.sources:
        (request,) = set(plan.requests)
        plan = plan.taking(iter(translate(plan.engine, plan.sources, request, plan.prefixes)))
    asked = {"alignments": True, "token_scores": True}
    assert plan.translation == translator.translate(text, prefixes=prefix or None, **asked)


def test_a_prefix_belongs_to_the_first_piece_with_words(translator: Translator) -> None:
    plan = translator.plan("...\nThe dog. A cat.", prefix="狗")
    assert len(plan.sources) == len(plan.prefixes)
    assert plan.prefixes[0] == translator.model.target_tokenizer.encode("狗") == plan.prefix
    assert not any(plan.prefixes[1:])


def test_a_plan_is_no_longer_than_the_model_has_positions(tmp_path: Path) -> None:
    """A draft was once limited by the options alone, and went on past the last position of a learnt table."""
    with Translator.load(parts(positions="learned", max_length=12).write(tmp_path), engine="torch") as small:
        options = small.options.changed(max_length=500, min_length=0, beam_size=1)
        for drafting in (False, True):
            assert small.plan("The dog.", options, draft=drafting).options.max_length == small.positions - 1
        small.options = options
        last = list(draft(small, "The old dog."))[-1]
        assert last.text == small.translate("The old dog.").text


def test_nobody_reaches_past_the_door() -> None:
    """Server and explain once used the translator's private members on 16 lines, each a copy of its rules."""
    private = {name for name in {*vars(Translator), "_engines", "_reader", "_detokeniser", "_loading"}
               if name.startswith("_") and not name.startswith("__")}  # fmt: skip
    assert len(private) > 5
    for path in SOURCE.rglob("*.py"):
        if path.parent.name == "translate":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in private:
                owner = node.value
                ours = isinstance(owner, ast.Name) and owner.id in ("self", "cls")
                assert ours, f"{path.relative_to(SOURCE)}:{node.lineno} uses {node.attr}"
