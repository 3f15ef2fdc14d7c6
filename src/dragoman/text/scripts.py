"""The two scripts of Chinese: which of them a text is in, and the same text in the other. Translates nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

from dragoman.text.kinds import Kind
from dragoman.text.normalize import to_simplified, to_traditional
from dragoman.text.spans import find

# Standards of the signs of one script. Each has a few that the other turns into something else: 著, 後, 里, 台.
_OF_SIMPLIFIED, _OF_TRADITIONAL = "gb2312", "big5"


def is_traditional(text: str) -> bool:
    """Whether a text has signs of the traditional script that the simplified one writes otherwise."""
    return not text.isascii() and _is_other(text, to_simplified, to_traditional, _OF_SIMPLIFIED)


def is_simplified(text: str) -> bool:
    """The same the other way round."""
    return not text.isascii() and _is_other(text, to_traditional, to_simplified, _OF_TRADITIONAL)


def _is_other(text: str, turn: Callable[[str], str], back: Callable[[str], str], standard: str) -> bool:
    turned = turn(text)
    if turned == text:
        return False
    return back(text) == text or any(not _is_in(sign, standard) for sign in {*text} - {*turned})


def _is_in(sign: str, standard: str) -> bool:
    try:
        sign.encode(standard)
    except UnicodeEncodeError:
        return False
    return True


def written_in(text: str, traditional: bool) -> str:
    """A text that is in the other script, in this one; one that is in this script already stays as it is."""
    other = is_simplified(text) if traditional else is_traditional(text)
    return turned(text, traditional) if other else text


def turned(text: str, traditional: bool) -> str:
    """A text in one of the scripts. What stands in it and is no word, as an address or a tag, stays as it is."""
    if text.isascii():
        return text
    turn = to_traditional if traditional else to_simplified
    parts: list[str] = []
    at = 0
    for span in find(text):
        if span.kind in (Kind.NUMBER, Kind.DAY):  # 3萬 is read as words are
            continue
        parts.append(turn(text[at : span.start]))
        cuts = [span.start, *(place for branch in span.branches for place in branch), span.end]
        for number, (start, end) in enumerate(pairwise(cuts)):  # each second one is a branch
            parts.append(turned(text[start:end], traditional) if number % 2 else text[start:end])
        at = span.end
    return "".join((*parts, turn(text[at:])))


def turning(traditional: bool) -> Callable[[str], str]:
    """`turned` into one of the scripts, for what passes many texts."""
    return partial(turned, traditional=traditional)
