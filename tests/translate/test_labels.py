"""What labels an item, a commit or a comment, and what parts the cells of a table: kept where the words change."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dragoman import Translator
from dragoman.text.kinds import Kind
from dragoman.text.spans import find


@pytest.fixture(scope="module")
def translator() -> Iterator[Translator]:
    with Translator.load("en-zh-tiny", workers=1) as loaded:
        yield loaded


@pytest.mark.parametrize(
    "label",
    ["a)", "B)", "(a)", "(i)", "(iii)", "3)", "(3)", "IV.", "V.", "Q:", "A:", "fix:", "feat(parser):", "refactor!:",
     "Signed-off-by:", ".. note::", "//", "///", "/*", "/**"],
)  # fmt: skip
def test_a_label_stays_before_its_words(translator: Translator, label: str) -> None:
    """ "a) Open the door." came back without its label, and "Q:" as a word of its own."""
    found = translator.translate(f"{label} Open the door.\n{label} He is a doctor.").text
    assert [line.startswith(f"{label} ") for line in found.split("\n")] == [True, True]
    assert found.count(label) == 2


def test_items_within_a_line_keep_their_labels(translator: Translator) -> None:
    found = translator.translate("Do this: 1) open the door 2) call a doctor 3) go home").text
    assert found.index("1)") < found.index("门") < found.index("2)") < found.index("医生") < found.index("3)")


@pytest.mark.parametrize(
    "text", ["I am here (see part 2) and there.", "He has (a lot of) dogs.", "Is it he (or I) now?"]
)
def test_the_end_of_a_bracket_is_no_label(text: str) -> None:
    assert not [span for span in find(text) if text[span.start : span.end].endswith(")")]


@pytest.mark.parametrize(
    "kept",
    ["rgb(255, 0, 0)", "hsl(120,50%,50%)", "foo.bar(baz)", "a.b.c(x, 1)", "example.com/path?x=1#top", "docs.a.org/b/c",
     "USD 20", "EUR 1,000.50"],
)  # fmt: skip
def test_calls_addresses_and_amounts_come_out_once(translator: Translator, kept: str) -> None:
    for text in (f"{kept} is here.", f"I like {kept} very much.", f"He has {kept}."):
        assert translator.translate(text).text.count(kept) == 1


@pytest.mark.parametrize(
    ("row", "separators"),
    [
        ("dog,cat,bird", 2),
        ("dog;cat;bird", 2),
        ('Tom,30,"New York, NY"', 2),
        ("dog,,cat", 2),
        ("a dog,a cat,a bird,", 3),
    ],
)
def test_the_cells_of_a_row_stay_apart(translator: Translator, row: str, separators: int) -> None:
    """ "name,age,city" lost a column."""
    assert sum(span.kind is Kind.BREAK for span in find(row)) == separators
    sign = ";" if ";" in row else ","
    assert translator.translate(row).text.count(sign) >= separators


@pytest.mark.parametrize(
    "text",
    [
        "1,000,000 people",
        "Tom, Mary, and John.",
        "Hello,world",
        "He has dogs,cats,and birds.",
        "f(a,b,c) is here",
        "I am;he is",
    ],
)
def test_prose_and_numbers_are_no_row(text: str) -> None:
    assert not [span for span in find(text) if span.kind is Kind.BREAK]
