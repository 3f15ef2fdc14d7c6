"""Splitting loses nothing, splits where a reader would, and takes linear time."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.text.sentences import LONGEST, split_paragraph


def texts(paragraph: str, language: str = "en") -> list[str]:
    return [segment.text for segment in split_paragraph(paragraph, language)]


@given(
    st.text(
        alphabet=st.sampled_from(
            list("aB1 .!?…。！？,，\"'”)\n\r\t\u2028\x0b\x1c\u3000你我Mr\u0301\u200d👩🏽")
        )
    ),
    st.integers(1, 40),
)
def test_segments_joined_are_the_text(paragraph: str, longest: int) -> None:
    segments = split_paragraph(paragraph, "de", longest)
    assert "".join(s.text + s.separator for s in segments) == paragraph
    for segment in segments:
        assert segment.text == segment.text.strip()
        assert segment.separator.strip() == ""
        assert len(segment.text) <= longest
        assert "\n" not in segment.text


@pytest.mark.parametrize(
    ("paragraph", "sentences"),
    [
        ("He left. She stayed! Why? Nobody knows", ["He left.", "She stayed!", "Why?", "Nobody knows"]),
        ("It costs 3.5 dollars. See https://a.b/c?d=1.e!", ["It costs 3.5 dollars.", "See https://a.b/c?d=1.e!"]),
        ("Dr. Who and J. Doe met. Fruit, e.g. apples.", ["Dr. Who and J. Doe met.", "Fruit, e.g. apples."]),
        ("The U.S. Army. It was I. Yes.", ["The U.S. Army.", "It was I.", "Yes."]),
        ('"Why?" she asked. "Wait... what?" Then', ['"Why?" she asked.', '"Wait... what?"', "Then"]),
        ("(He left.) Then [yes!] No", ["(He left.)", "Then [yes!]", "No"]),
        ("Line one\nline two\r\n\r\nline three", ["Line one", "line two", "line three"]),
        ("Never!!! Really?! Yes.", ["Never!!!", "Really?!", "Yes."]),
        ("", []),
        (" \n ", [""]),
    ],
)  # fmt: skip
def test_english(paragraph: str, sentences: list[str]) -> None:
    assert texts(paragraph) == sentences


@pytest.mark.parametrize(
    ("paragraph", "sentences"),
    [
        ("他走了。她留下了！为什么？没人知道", ["他走了。", "她留下了！", "为什么？", "没人知道"]),
        ("他说：“你好。”然后走了。", ["他说：“你好。”", "然后走了。"]),
        ("我……不知道。Python 3.12 很好。", ["我……不知道。", "Python 3.12 很好。"]),
        ("好吗?我很好!", ["好吗?", "我很好!"]),
    ],
)
def test_chinese_needs_no_space(paragraph: str, sentences: list[str]) -> None:
    assert texts(paragraph, "zh") == sentences


def test_a_german_number_with_a_stop_is_an_ordinal() -> None:
    assert texts("Am 3. Mai kam er. Das war 2019. Dann ging er.", "de") == [
        "Am 3. Mai kam er.",
        "Das war 2019.",
        "Dann ging er.",
    ]
    assert texts("It was 3. Then he left.") == ["It was 3.", "Then he left."]


def test_a_long_sentence_is_cut_at_its_best_pause() -> None:
    assert [s.text for s in split_paragraph("one two, three four; five six seven", longest=22)] == [
        "one two, three four;",
        "five six seven",
    ]
    assert [s.text for s in split_paragraph("one two, three four", longest=13)] == ["one two,", "three four"]
    assert [s.text for s in split_paragraph("abcdefgh", longest=3)] == ["abc", "def", "gh"]


def test_a_run_that_allows_no_good_cut_is_cut_all_the_same() -> None:
    """Looking back for a good place once went behind the last cut, and never came forward again."""
    assert [s.text for s in split_paragraph("\u0301" * 5, longest=2)] == [
        "\u0301" * 2,
        "\u0301" * 2,
        "\u0301",
    ]
    assert len(split_paragraph("\u200d" * 3, longest=1)) == 3


def test_a_hard_cut_tears_no_character_apart() -> None:
    family = "👩🏽‍👩‍👧"
    assert {s.text for s in split_paragraph("a" * 8 + family * 4, longest=10)} == {"a" * 8, family}
    assert {s.text[-1] for s in split_paragraph("e\u0301" * 9, longest=5)} == {"\u0301"}


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        ".",
        ". ",
        " ",
        "a, ",
        "。",
        "!a",
        '."',
        '"',
        "a.b",
        "x.",
        "\n",
        "a\u0301",
        "Mr. ",
        "👩‍👧",
        "\u2028",
    ],
)
def test_a_hundred_thousand_characters_take_linear_time(unit: str) -> None:
    paragraph = unit * (100_000 // len(unit))
    start = time.thread_time()
    segments = split_paragraph(paragraph)
    assert time.thread_time() - start < 5, "a quadratic rule takes minutes"
    assert max(len(segment.text) for segment in segments) <= LONGEST
    assert "".join(s.text + s.separator for s in segments) == paragraph


def test_the_labelled_boundaries_are_found() -> None:
    """At least 300 of them; a mistake in a hundred may be a matter of taste."""
    sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
    from sentences import mistakes, ours, read

    rows = read(Path(__file__).with_name("boundaries.tsv"))
    boundaries = sum(len(wanted) for *_, wanted in rows)
    missed, invented, kinds = mistakes(ours)
    assert boundaries >= 300
    assert missed + invented <= boundaries / 100, kinds
