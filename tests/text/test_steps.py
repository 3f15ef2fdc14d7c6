"""A long text is searched in steps, and what is found is what one search finds."""

from __future__ import annotations

import random
import re

import pytest

from dragoman.text import spans, steps

SIGNS = (
    *"\"'“”()[]{}<>.,:;!?。，「」🙂é狗&#%$@~^*_=/\\|- \n\t0",
    "dog ", "A ", "12", " 3.5 m", "http://a.b/c?d=e", "a@b.cd", "```", "<b>", "%s", "{n}", "x_y", "No. 7", "$x$",
)  # fmt: skip
PATTERNS = {
    "words": re.compile(r"(?<!\w)(?P<word>dog|A)(?= )"),
    "lines": re.compile(r"(?m:^.{0,3}$(?!\n\n))|(?P<end>0\Z)"),
    "no words": spans._PATTERN,
    "numbers": spans._NUMBER,
    "enclosed": spans._ENCLOSED,
    "suspect": spans._SUSPECT,
}


def told(match: re.Match[str] | None) -> object:
    return match and (match.span(), match.lastgroup, match.groupdict())


@pytest.mark.parametrize("name", PATTERNS)
def test_steps_find_what_one_search_finds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it begins at the edge of a step, looks back over one, and where only a part of the text is meant."""
    pattern, draw = PATTERNS[name], random.Random(name)
    monkeypatch.setattr(steps, "SHORT", 0)
    for few in (2, 5, len(SIGNS)):
        for _ in range(15):
            text = "".join(draw.choices(draw.sample(SIGNS, few), k=400))
            start, end = sorted(draw.choices(range(len(text) + 9), k=2))
            for part in ((), (start,), (start, end)):
                assert told(steps.first(pattern, text, *part)) == told(pattern.search(text, *part))
                whole = [told(match) for match in pattern.finditer(text, *part) if match.group()]
                if name != "lines":  # which may be empty
                    assert [told(match) for match in steps.each(pattern, text, *part)] == whole


@pytest.mark.parametrize("length", [0, 1, steps.STEP - 1, steps.STEP, steps.STEP + 1, 3 * steps.STEP])
def test_the_end_of_a_text_is_reached(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "SHORT", -1)
    text = "." * length + "0"
    assert told(steps.first(PATTERNS["lines"], text)) == told(PATTERNS["lines"].search(text))
    assert steps.first(re.compile("x"), text) is None
