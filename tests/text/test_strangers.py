"""Kinds found in lines of strangers: law, mathematics, programs, subtitles, banks, messages of Chinese services."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dragoman.text.kinds import Kind
from dragoman.text.sentences import split_paragraph
from dragoman.text.spans import find
from dragoman.translate.wording import read_numeral, wording
from dragoman.translate.written import between


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("See Roe v. Wade, 410 U.S. 113 there.", ["Roe v. Wade", "410 U.S. 113"]),
        ("Of the Act, 15 U.S.C. § 78c(a)(10), it is.", ["15 U.S.C. § 78c(a)(10)"]),
        ("Let it be continuous on [a, b] here.", ["[a, b]"]),
        ("It lies in (0, 1] and [2, ∞) now.", ["(0, 1]", "[2, ∞)"]),
        ("It was 55 mmol/mol or 3 ng/mL then.", ["55 mmol/mol", "3 ng/mL"]),
        ("The sum ∑_{i=1}^{n} is known.", ["∑_{i=1}^{n}"]),
        ("Write to P.O. Box 1234 today.", ["P.O. Box 1234"]),
        ("Use BIC: COBADEFFXXX for it.", ["BIC: COBADEFFXXX"]),
        ("He speaks in Scene iii again.", ["iii"]),
        ("See pages iv–xii first.", ["iv–xii"]),
        ("Here LEFT JOIN orders o ON o.user_id = u.id helps.", ["LEFT JOIN orders o ON o.user_id = u.id"]),
        ('See ![A cat](cat.png "My cat") there.', ['![A cat](cat.png "My cat")']),
        ("Then x = [i**2 for i in range(10)] follows.", ["x = [i**2 for i in range(10)]"]),
        ("Now fn main() is called.", ["fn main()"]),
        ("They won (a.e.t.) there.", ["(a.e.t.)"]),
        ("You are #%d in line.", ["#%d"]),
        ("It is in x.txt, a.py and t.co now.", ["x.txt", "a.py", "t.co"]),
        ("He went to the U.S. with a Ph.D., e.g. at 5, i.e. early.", ["5"]),
        ("Now $(count) items are there.", ["$(count)"]),
        ("See DOI: 10.1000/xyz123 there.", ["DOI: 10.1000/xyz123"]),
        ("At f/2.8 and ISO 400 it works.", ["f/2.8", "ISO 400"]),
        ("A 4x100 m relay began.", ["4x100 m"]),
        ("Open 5 a.m.–7 p.m. today.", ["5 a.m.–7 p.m."]),
        ("So a ≡ b (mod n) holds.", ["a ≡ b (mod n)"]),
        ("The value e^{-x} is small.", ["e^{-x}"]),
        ("|S| = 3 holds.", ["|S| = 3"]),
        ("| a | b |", ["|", "|", "|"]),
        ("I'm looking for my cat { $user-name }.", ["{ $user-name }"]),
        ("This shirt doesn't go $a_1 + b$ with it.", ["$a_1 + b$"]),
        ("Run cat $FILE now, and let them find /tmp -name x.", ["cat $FILE", "find /tmp -name x"]),
        ("He had a <1 /> shower.", ["<1 />"]),
        ("So a <1 holds.", ["a <1"]),
        ("Type Get-ChildItem -Recurse now.", ["Get-ChildItem -Recurse"]),
        ("@param {string} name The name of it.", ["@param {string} name"]),
        ("a. first", ["a."]),
        ("A. Smith came.", []),
        ("<p>One</p><p>Two</p>", ["<p>", "</p><p>", "</p>"]),
        ("He was a.k.a. Tom.", []),
        ("Look at part I know.", []),
        ("I saw (a) cat, [sic] and b.", ["(a)", "[sic]"]),
        ("看[CQ:at,qq=123456]吧", ["[CQ:at,qq=123456]"]),
        ("函数在[a,b]上连续", ["[a,b]"]),
        ("请看SELECT * FROM 用户 WHERE 年龄 >= 18;", ["SELECT * FROM 用户 WHERE 年龄 >= 18;"]),
    ],
)
def test_kept_whole(text: str, kept: Sequence[str]) -> None:
    assert [text[span.start : span.end] for span in find(text)] == kept


@pytest.mark.parametrize(
    "line",
    [
        "00:00.000 --> 00:02.000 align:start position:10%",
        "emails = { $count -> [one] One email *[other] { $count } emails }",
        "description: >-",
        "path = /usr/local/bin",
        "url = https://example.com/a",
        "text: |",
        "import numpy as np",
        "from os.path import join, split",
    ],
)
def test_lines_without_words_are_kept_whole(line: str) -> None:
    assert [(span.start, span.end, span.kind) for span in find(line)] == [(0, len(line), Kind.WORD)]


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ('name = "My project" # the name of it', ["My project", "the name of it"]),
        ("debug = true ; turn it on", ["turn it on"]),
        ("port = 80 # of the server", ["of the server"]),
        ("    go home  # not now", ["go home", "not now"]),
        ("请勿泄露。【淘宝】", ["请勿泄露。", "淘宝"]),
    ],
)
def test_a_comment_and_a_sender_are_read_by_themselves(line: str, read: Sequence[str]) -> None:
    """The key was translated, the sign of the comment moved into the string, and half of the words were lost."""
    at, words = 0, list[str]()
    for span in find(line):
        words.append(line[at : span.start].strip())
        at = span.end
    assert [word for word in (*words, line[at:].strip()) if word] == read
    breaks = [line[span.start : span.end].strip() for span in find(line) if span.kind is Kind.BREAK]
    assert len(breaks) == 1


@pytest.mark.parametrize(
    ("signs", "number"), [("一", 1), ("十", 10), ("十二", 12), ("二十", 20), ("九十九", 99)]
)
def test_labels_in_chinese_signs(signs: str, number: int) -> None:
    one, other = wording(f"（{signs}）", "zh", "en"), wording(f"{signs}、", "zh", "en")
    assert one and one.content == f"({number}) " and other and other.content == f"{number}. "
    assert read_numeral(signs) == number


@pytest.mark.parametrize(
    ("text", "words"), [("don't skip", "don't"), ("the U.S. has", "U.S."), ("it is 3.14 now", "3.14")]
)
def test_nothing_is_put_into_a_word_with_a_sign_in_it(text: str, words: str) -> None:
    start = text.index(words)
    inside = range(start + 1, start + len(words.rstrip(".")))
    assert not any(between(text, at) for at in inside)
    assert between(text, start) and between(text, start + len(words))


def test_an_identifier_after_an_abbreviation_belongs_to_it() -> None:
    assert len([one for one in split_paragraph("My VAT No. GB 12 is new. He left.") if one.text]) == 2
