"""Capitals as they are meant: a tone of voice, a heading, one stressed word, or the name of something."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.model.directory import find_model, open_model
from dragoman.translate import recasing
from dragoman.translate.recasing import Recaser


@cache
def recaser() -> Recaser:
    return Recaser(open_model(find_model("en-zh-tiny")).tokenizers["joint"])


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("I LOVE YOU", "I love you"),
        ("HELLO", "Hello"),
        ("DO NOT OPEN THE DOOR!", "Do not open the door!"),
        ("Open The Door", "Open the door"),
        ("WHERE IS TOM?", "Where is Tom?"),
        # A word that is stressed, in a sentence that is not.
        ("This is VERY important.", "This is very important."),
        ("DO NOT open the door.", "Do not open the door."),
        ("STOP it!", "Stop it!"),
        ("I LOVE YOU at home.", "I love you at home."),
        ("He said NO.", "He said no."),
        ("NASA'S NEW SHIP", "NASA's new ship"),
    ],
)
def test_capitals_are_read_as_what_they_say(written: str, read: str) -> None:
    assert recaser().around(written, ()) == read


@pytest.mark.parametrize(
    "text",
    [
        "He works for IBM.", "the COVID vaccine", "Please call NASA now.", "I am from the UK.", "NASA", "PDF",
        "Tom has an A and a B.", "iPhones are here.", "It is 5 PM.", "I am here.", "Ask the CEO or the CTO.",
        "Mr. Smith lives in New York.", "the dog", "", "他在这里。",
    ],
)  # fmt: skip
def test_names_and_acronyms_stay_and_so_does_what_is_in_no_capitals(text: str) -> None:
    assert recaser().around(text, ()) == text


@pytest.mark.parametrize("text", ["NASA发射了火箭。", "CPU和GPU坏了。", "IBM"])
def test_where_a_language_has_no_small_letters_capitals_are_those_of_names(text: str) -> None:
    """They were all the letters that a sentence had, so it was taken for one in capitals: nasa, cpu and gpu."""
    assert replace(recaser(), cased=False).around(text, ()) == text


@pytest.mark.parametrize(
    "text", ["LOVE {name} NOW", "\u0130STANBUL is FAR", "STRASSE \u1e9e", "\ufb00 OK SO"]
)
def test_no_place_in_a_text_moves(text: str) -> None:
    assert len(recaser().around(text, ())) == len(text)


WORDS = st.sampled_from("I A a the Tom going don't I'm DON'T NASA WORLD Hello Über 你 x".split())


@given(st.lists(WORDS, min_size=1, max_size=7), st.sampled_from([" ", ", ", "-", "_", "'"]))
def test_what_is_calm_at_a_glance_is_read_as_it_stands(words: list[str], between: str) -> None:
    """The glance spares most lines the patterns; it must never spare one that they would have changed."""
    text = between.join(words)
    if recasing._is_calm(text):
        assert recaser().read(text, True) == text
