"""Lines that programs write, of settings, catalogues, mails, logs and tables: the syntax stays, the words are read."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dragoman.text.kinds import Kind
from dragoman.text.spans import find


def words(text: str) -> list[str]:
    """What is left to read between the spans."""
    at, found = 0, []
    for span in find(text):
        found.append(text[at : span.start])
        at = span.end
    return [one for one in (*found, text[at:]) if one.strip()]


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ('  "app.title": "My notes",', ["My notes"]),
        ('"Cancel" = "Cancel";', ["Cancel"]),
        ('const GREETING = "Hello world";', ["Hello world"]),
        ('msgid "Save changes?"', ["Save changes?"]),
        ('  "items": ["One apple", "Two apples"],', ["One apple", "Two apples"]),
        ("  file-open: Open a file", ["Open a file"]),
        ("title: My notes", ["My notes"]),
        ("welcome.message=Welcome back", ["Welcome back"]),
        ("enabled: true", []),
        ('  "errors": {', []),
        ("#, c-format", []),
        ("2024-05-01 12:00:03,123 INFO [main] com.acme.Server - It has begun", [" It has begun"]),
        ("May  1 12:00:05 host sshd[1234]: Failed to open", [" Failed to open"]),
        ("From: Anna Keller <anna@example.de>", []),
        ('To: "Wang, Li" <li@example.cn>; bob@example.org, Tom <tom@example.org>', []),
        ("To: write to bob@example.org by Friday.", ["To: write to ", " by Friday."]),
        ("Date: Tue, 14 Mar 2023 09:41:07 +0100", []),
        ("Subject: RE: FW: Your order", ["Your order"]),
        ("12.03.23, 21:07 - Tom: I am here", [" I am here"]),
        ("Office chair           black      wood", ["Office chair", "black", "wood"]),
        ("Introduction ......... 7", ["Introduction"]),
        ('A-1,"Chair, wooden","$1,299.00",no', ["Chair, wooden", "no"]),
        ("1;Red apples;2,50 €;very good", ["Red apples", "very good"]),
        ("...and then he left--", ["and then he left"]),
        ('"title": "My notes",', ["My notes"]),
        ('"welcome": "You have {n, plural, other{many friends}}",', ["You have "]),
        ('f"Hello {name!r}, my friend"', ["Hello ", ", my friend"]),
        ("title = 我的笔记", ["我的笔记"]),
        ("app.title=我的应用", ["我的应用"]),
        ("Dialogue: 0,0:00:01.00,0:00:03.00,Default,,0,0,0,,{\\an8}He is here, too.", ["He is here, too."]),
        ("Style: Default,Arial,20,&H00FFFFFF,&H0,&H0,&H0,0,0,0,0,100,100,0,0,1", []),
        ("#+TITLE: My notes", [" My notes"]),
        (":param name: The name of it.", [" The name of it."]),
        ("[Important] Please call me.", ["Important", "Please call me."]),
        ("【公告】明天停电", ["公告", "明天停电"]),
    ],
)
def test_the_words_of_a_line_are_read_and_nothing_else(line: str, read: Sequence[str]) -> None:
    """A key was translated with its value, quotes and commas of JSON became those of prose, columns ran together."""
    assert words(line) == read


@pytest.mark.parametrize(
    "line",
    [
        'He said: "Hello there."',
        '"Well," he said, "you know."',
        "Note: this is good.",
        "To: all of you who read this.",
        "It was a state-of-the-art, well-known place.",
        "He said that he is here, and she left.",
        "Dear Sir or Madam:",
        "He was there, A or B.",
        "Style: she has it, and so has he.",
    ],
)
def test_prose_is_prose(line: str) -> None:
    assert not [span for span in find(line) if span.kind is not Kind.NUMBER]


@pytest.mark.parametrize(
    ("text", "measures"),
    [
        ('A 12" screen and a 1/8" gap.', ['12"', '1/8"']),
        ('He said "I am 12" and left.', ["12"]),
    ],
)
def test_a_quote_after_a_number_is_a_measure_where_none_is_open(text: str, measures: Sequence[str]) -> None:
    assert [text[span.start : span.end] for span in find(text)] == measures
