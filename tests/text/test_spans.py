"""A short look at a text says the same as the long one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dragoman.text import spans
from dragoman.text.spans import find

WORDS = st.sampled_from("I A a the Tom going don't I'm O'Neil NASA iPhone localhost V x4 你好 Q a.b".split())
BETWEEN = st.sampled_from([" ", ", ", "  ", "; ", ": ", ",", "/", "\n"])


@given(st.lists(st.tuples(WORDS, BETWEEN), min_size=1, max_size=6), st.sampled_from(["", ".", "?", "!", ")"]))
def test_what_looks_plain_has_nothing_that_a_pattern_finds(words: list[tuple[str, str]], end: str) -> None:
    text = "".join(word + between for word, between in words).rstrip() + end
    assert spans._is_suspect(text) == (spans._SUSPECT.search(text) is not None)


@given(st.from_regex(spans._PLAIN, fullmatch=True, alphabet=st.characters(codec="ascii")))
def test_no_plain_text_is_suspect(text: str) -> None:
    assert spans._is_suspect(text) == (spans._SUSPECT.search(text) is not None)
    assert find(text) == [] or "localhost" in text
