"""Markup made at random, through real models: tags byte-equal and nested, no element emptied, no sentence lost.

A model that was hardly trained writes all that no good model writes: nothing, one sign forty times, half a word.
More pages are drawn with DRAGOMAN_MUTATIONS=1000.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from dragoman.documents.dialect import Dialect
from dragoman.documents.markup import translate_html
from dragoman.documents.tags import Sort, tokens
from dragoman.translate.translator import Translator

PAGES = int(os.environ.get("DRAGOMAN_MUTATIONS", "60"))
WORDS = "the dog cat house red big is here there see love my your good we they Tom Save 3 42 {name} book very".split()
ENDS = ["", "", ". ", ".", "! ", ",", ": ", "? ", " "]
TAGS = "b i a span em u strong x".split()
ALONE = ["<wbr>", "<!-- c -->", "<img src=a>", "<x/>", "<br>", "<sup>[1]</sup>", "<code>x y</code>", "&copy;", "\n",
         "<i class=icon></i>"]  # fmt: skip
SENTENCES = [
    "He is here.",
    "She is there.",
    "I love you.",
    "The dog is red.",
    "Do you love my house?",
    "We see a cat!",
]
BETWEEN = ["<br/>", "<br>", "<!-- c -->", "<wbr>", "<sup>[1]</sup>", "<x/>", "<a id='1'></a>", "<i class=icon></i>",
           "</p><p>", "<sup>2</sup>", "<x id='1'></x><x id='2'></x>"]  # fmt: skip


@pytest.fixture(scope="module", params=["tiny", "bundled"])
def translator(request: pytest.FixtureRequest, tiny_model: Path) -> Iterator[Translator]:
    with Translator.load(tiny_model if request.param == "tiny" else "en-zh", workers=1) as loaded:
        yield loaded


def made(draw: random.Random, depth: int = 0) -> str:
    parts = []
    for _ in range(draw.randint(1, 4)):
        chance = draw.random()
        if chance < 0.5 or depth > 3:
            parts.append(" ".join(draw.choices(WORDS, k=draw.randint(1, 5))) + draw.choice(ENDS))
        elif chance < 0.8:
            name, space = draw.choice(TAGS), draw.choice(["", " "])
            number = draw.randrange(10**9)
            parts.append(f"{space}<{name} id={number}>{made(draw, depth + 1)}</{name}>{space}")
        else:
            parts.append(draw.choice(ALONE))
    return "".join(parts)


def said(page: str) -> dict[str, str]:
    """What stands in each element, by its start tag. Fails where elements are not nested."""
    open_tags: list[tuple[str, str]] = []
    found: dict[str, str] = {}
    for token in tokens(page):
        if token.sort is Sort.START:
            open_tags.append((token.raw, token.name))
        elif token.sort is Sort.END:
            assert open_tags.pop()[1] == token.name
        elif token.sort is Sort.TEXT:
            for raw, _ in open_tags:
                found[raw] = found.get(raw, "") + unescape(token.raw)
    return found


def has_sign(text: str) -> bool:
    return any(map(str.isalnum, text))


def has_letter(text: str) -> bool:
    return any(map(str.isalpha, text))


@pytest.mark.parametrize("dialect", [Dialect(), Dialect(xml=True)], ids=["html", "xml"])
def test_tags_stay_nested_and_no_element_that_held_words_is_empty(
    translator: Translator, dialect: Dialect
) -> None:
    for number in range(PAGES):
        page = f"<p>{made(random.Random(number))}</p>"
        if dialect.xml:
            page = page.replace("<wbr>", "<wbr/>").replace("<img src=a>", "<img/>").replace("<br>", "<br/>")
        found = translate_html(page, lambda texts: [one.text for one in translator.translate(texts)], dialect)
        tags = [[t.raw for t in tokens(one, dialect.xml) if t.sort is not Sort.TEXT] for one in (page, found)]
        assert sorted(tags[0]) == sorted(tags[1]), page
        before, after = said(page), said(found)
        assert [
            raw for raw in before if has_letter(before[raw]) and not has_sign(after.get(raw, ""))
        ] == [], page


def test_what_stands_between_two_sentences_takes_neither(translator: Translator) -> None:
    """He is here.<br />She is there. once came back as one of the two."""
    alone = {text: translator.translate(text).text for text in SENTENCES}
    for number in range(PAGES):
        draw = random.Random(number)
        picked = draw.choices(SENTENCES, k=draw.randint(2, 4))
        marks = draw.choices(BETWEEN, k=len(picked) - 1)
        page = "<p>" + "".join(a + b for a, b in zip(picked, [*marks, "</p>"], strict=True))
        found = translate_html(page, lambda texts: [one.text for one in translator.translate(texts)])
        rest = found
        for text, mark in zip(picked, [*marks, "</p>"], strict=True):
            words = alone[text]
            assert words in rest, (page, found)
            rest = rest[rest.index(words) + len(words) :]
            assert mark in rest, (page, found)
