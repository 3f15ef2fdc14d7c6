"""ICU messages, `{count, plural, one {# file} other {# files}}`: where their branches are. Translates none.

The grammar is that of ICU's MessageFormat; what does not follow it is no message.
"""

from __future__ import annotations

import re

LONGEST = 20_000  # characters of a message: what is open for longer is none
_HEAD = re.compile(
    r"\{\s{0,9}\w{1,64}\s{0,9},\s{0,9}(plural|select|selectordinal)\s{0,9},\s{0,99}(?:offset:\d{1,9}\s{0,99})?"
)
_SELECTOR = re.compile(r"(?:=\d{1,9}|\w{1,64})\s{0,99}\{")
_SPACE = re.compile(r"\s{0,999}")


def branches_of(text: str, start: int) -> tuple[int, tuple[tuple[int, int], ...]] | None:
    """Where the message that begins at `start` ends, and the stretches of its branches; None for what is none."""
    head = _HEAD.match(text, start)
    if head is None:
        return None
    at, limit = head.end(), min(len(text), start + LONGEST)
    branches: list[tuple[int, int]] = []
    while (selector := _SELECTOR.match(text, at, limit)) is not None:
        end = _closing(text, selector.end(), limit)
        if end is None:
            return None
        branches.append((selector.end(), end))
        space = _SPACE.match(text, end + 1)
        at = space.end() if space else end + 1
    return (at + 1, tuple(branches)) if branches and text[at : at + 1] == "}" else None


def _closing(text: str, start: int, limit: int) -> int | None:
    """The brace that closes what was opened before `start`."""
    depth = 1
    for at in range(start, limit):
        depth += (text[at] == "{") - (text[at] == "}")
        if depth == 0:
            return at
    return None
