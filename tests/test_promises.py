"""What README and guide say: a test for each sentence that promises something of text or training (promises.tsv)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dragoman import Translator

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def translator() -> Iterator[Translator]:
    with Translator.load("en-zh-tiny", workers=1) as loaded:
        yield loaded


PROMISES = [
    line.split("\t") for line in (ROOT / "tests/promises.tsv").read_text(encoding="utf-8").splitlines()
]


@pytest.mark.parametrize(("page", "sentence", "test"), PROMISES)
def test_what_is_promised_is_tested(page: str, sentence: str, test: str) -> None:
    """The sentence stands there, and so does the test that holds it to its word."""
    assert sentence in " ".join((ROOT / page).read_text(encoding="utf-8").split())
    path, _, name = test.partition("::")
    assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")


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
