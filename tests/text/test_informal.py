"""English typed in haste: written out where it can be nothing else, and left alone where it can."""

from __future__ import annotations

import pytest

from dragoman.text.informal import written_out


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("dont worry", "don't worry"),
        ("Dont worry", "Don't worry"),
        ("I CANT DO IT", "I Can't DO IT"),
        ("im hungry", "I'm hungry"),
        ("whats up", "what's up"),
        ("Ive been there", "I've been there"),
        ("gonna go now", "going to go now"),
        ("plz help me, thx!", "please help me, thanks!"),
        ("can u help me", "can you help me"),
        ("r u ok?", "are you ok?"),
        ("this is for u!", "this is for you!"),
        ("He wont go", "He won't go"),
    ],
)
def test_it_is_written_out(typed: str, written: str) -> None:
    assert written_out(typed) == written


@pytest.mark.parametrize(
    "text",
    ["as is his wont", "its lid is ill", "we were well", "Jony Ive works there", "let u be 3", "for u in nodes",
     "IM me", "U.S.", "#dont", "@plz", "dont.txt", "a/dont", "don't", "wont-free", "PPL", "an im", "ppls", ""],
)  # fmt: skip
def test_what_may_be_something_else_stays(text: str) -> None:
    assert written_out(text) == text
