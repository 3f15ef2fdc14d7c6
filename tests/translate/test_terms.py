"""Terms of a glossary: the longest at each place, as words of their own, in time that grows with the text."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Mapping

import pytest

from dragoman.errors import UsageError
from dragoman.translate.terms import LONGEST, Terms, folded


def found(glossary: Mapping[str, str], text: str) -> list[tuple[int, int, str]]:
    search, place, terms = Terms(glossary).within(text), 0, []
    while (term := search.after(place)) is not None:
        terms.append((term.start, term.end, term.target))
        place = term.end
    return terms


def by_expression(glossary: Mapping[str, str], text: str) -> list[tuple[int, int, str]]:
    """All terms in one regular expression, the longest first: slow, and plainly right."""

    def whole(term: str) -> str:
        before = r"(?<![A-Za-z0-9])" if re.match("[A-Za-z0-9]", term) else ""
        after = r"(?![A-Za-z0-9])" if re.search("[A-Za-z0-9]$", term) else ""
        return before + re.escape(term) + after

    targets = {source.strip().casefold(): target for source, target in glossary.items()}
    terms = sorted((source.strip() for source in glossary), key=len, reverse=True)
    matches = re.finditer("|".join(map(whole, terms)), text, re.IGNORECASE) if terms else ()
    return [(*match.span(), targets[match.group().casefold()]) for match in matches]


@pytest.mark.parametrize("seed", range(300))
def test_what_is_found_is_what_an_expression_finds(seed: int) -> None:
    draw = random.Random(seed)
    signs = ["a", "b", "A", "ab", "abc", " ", "1", "中", "文", "。", "É", "é", "-", "(", "."]
    terms = {"".join(draw.choices(signs, k=draw.randint(1, 3))): f"T{n}" for n in range(draw.randint(0, 6))}
    glossary = {term: target for term, target in terms.items() if term.strip()}
    text = "".join(draw.choices(signs, k=draw.randint(0, 30)))
    assert found(glossary, text) == by_expression(glossary, text)


@pytest.mark.parametrize("glossary", [{" ": "x"}, {"dog": " "}, {"a" * (LONGEST + 1): "x"}])
def test_what_is_no_glossary(glossary: Mapping[str, str]) -> None:
    with pytest.raises(UsageError, match="glossary"):
        Terms(glossary)


@pytest.mark.parametrize(
    "glossary, text",
    [
        ({f"t{n}": f"u{n}" for n in range(14_000)}, "x " * 9_000),
        ({f"A{n}": "u" for n in range(15_000)}, "a " * 10_000),
        ({"。" * n: "u" for n in range(1, LONGEST)}, "。" * 20_000),
        ({"。" * (LONGEST - 1) + "x": "u"}, "。" * 20_000),
    ],
)
def test_many_terms_and_a_long_text(glossary: Mapping[str, str], text: str) -> None:
    """The first took eleven seconds, in one call that lets nobody else compute."""
    started = time.thread_time()
    found(glossary, text)
    assert time.thread_time() - started < 3


def test_folding_keeps_the_length() -> None:
    for text in ("DOG", "Straße İß K ſ", "ÀÉ中Ⅷ"):
        assert len(folded(text)) == len(text)
    assert folded("ÉKſ") == "éks"
