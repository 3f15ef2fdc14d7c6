"""Where tokens stand in a text: pieces, spaces, bytes."""

from __future__ import annotations

import pytest

from dragoman.explain.trace.tokens import tokens_of
from dragoman.ids import BOS, EOS
from dragoman.text.normalize import normalize
from dragoman.text.tokenizer import Tokenizer
from tiny import parts


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(parts().tokenizers["joint"])


@pytest.mark.parametrize(
    "text",
    [
        "The dog sees a tree.",
        "我喜欢你的猫",
        "the 狗 and 猫。",
        "a  b",
        "x🙂é dog",
        "ĳ ŉ ẞ",
        "<script>&\"'",
        "(.)",
    ],
)
def test_spans_cover_the_text(tokenizer: Tokenizer, text: str) -> None:
    """Every token's letters are what its span cuts out, in order; what no span covers is space."""
    text = normalize(text)
    tokens = tokens_of(tokenizer, tokenizer.encode(text), text)
    at, covered = 0, set()
    for token in tokens:
        assert token.span is not None
        start, end = token.span
        assert start >= at - 1 and end >= start
        at = max(at, start)
        covered |= set(range(start, end))
        if not token.byte:
            assert text[start:end].strip() == token.text.strip()
    assert all(text[i].isspace() for i in range(len(text)) if i not in covered)


def test_bytes_of_one_letter_share_its_span(tokenizer: Tokenizer) -> None:
    tokens = [token for token in tokens_of(tokenizer, tokenizer.encode("a🙂é"), "a🙂é") if token.byte]
    assert [token.span for token in tokens] == [(1, 2)] * 4 + [(2, 3)] * 2
    assert tokens[0].text == tokens[0].piece == "<0xF0>"


def test_special_tokens_stand_nowhere(tokenizer: Tokenizer) -> None:
    tokens = tokens_of(tokenizer, [BOS, *tokenizer.encode("the dog"), EOS], "the dog")
    assert [token.span for token in tokens] == [None, (0, 3), (4, 7), None]
    assert tokens[0].text == "<s>"


def test_ids_that_do_not_spell_the_text_have_no_span(tokenizer: Tokenizer) -> None:
    tokens = tokens_of(tokenizer, tokenizer.encode("the dog"), "a cat")
    assert [token.span for token in tokens] == [None, None]
