"""What the README says about text: one test for each sentence that promises something."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dragoman import Translator

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def translator() -> Iterator[Translator]:
    with Translator.load("en-zh", workers=1) as loaded:
        yield loaded


def test_the_sentences_stand_there() -> None:
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    for promise in (
        "One line out for each line in, an empty one for an empty one.",
        "Line breaks, emoji, addresses, numbers, placeholders (`{name}`, `%s`) and the signs of Markdown come out "
        "as they went in, each once",
        "`--raw` leaves all of it to the model",
        "placeholders, numbers, addresses, emoji, tags and glossary terms come out exactly, whatever the model does.",
    ):
        assert promise in readme


def test_an_empty_line_gives_an_empty_one(translator: Translator) -> None:
    assert [found.text for found in translator.translate(["", "Hello", ""])][::2] == ["", ""]


def test_line_breaks_come_out_as_they_went_in(translator: Translator) -> None:
    text = "\n\nHello\r\n\nHe is a doctor.\n  She is here.\n"
    found = translator.translate(text).text
    assert [line.strip() == "" for line in found.split("\n")] == [
        line.strip() == "" for line in text.split("\n")
    ]
    assert found.count("\r") == 1


@pytest.mark.parametrize(
    "kept", ["😀", "👩🏽‍🚀", "https://example.org/a_(b)", "a@b.org", "12", "3.5", "{name}", "%s", "`ls`"]
)
def test_what_is_named_comes_out_once(translator: Translator, kept: str) -> None:
    for text in (f"{kept} He is a doctor.", f"I like {kept} very much.", f"He is here {kept}.", kept):
        assert translator.translate(text).text.count(kept) == 1


@pytest.mark.parametrize(
    "text",
    [
        "**Bold** words are here.",
        "# My house",
        "- a dog\n- a cat",
        "> He is here.",
        "See [my house](https://a.org).",
    ],
)
def test_the_signs_of_markdown_come_out_once(translator: Translator, text: str) -> None:
    found = translator.translate(text).text
    for sign in ("**", "# ", "- ", "> ", "[", "](https://a.org)"):
        assert found.count(sign) == text.count(sign)


def test_raw_leaves_all_of_it_to_the_model(translator: Translator) -> None:
    assert "{name}" not in translator.translate("Hello {name}, how are you?", protect=False).text
