"""A regular expression looked for in a long text in short steps, between which other threads run. Knows no pattern.

The interpreter is held for as long as one call of `re` lasts, and in 20,000 full stops one search for what is no word
lasted 0.15 to 0.3 seconds: with sixteen such texts at once and a busy processor `/health` took two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

STEP = 128  # places at which a match may begin that are tried at once: a millisecond or two with the largest pattern
SHORT = 8 * STEP  # characters of a text that is searched in one call


def first(
    pattern: re.Pattern[str], text: str, start: int = 0, end: int | None = None
) -> re.Match[str] | None:
    """As `pattern.search(text, start, end)`."""
    stop = len(text) if end is None else min(end, len(text))
    if stop - start <= SHORT:
        return pattern.search(text, start, stop)
    ahead = _ahead(pattern)
    for at in range(start, stop + 1, STEP):
        if (reached := ahead.match(text, at, stop)) is not None:
            return pattern.match(text, reached.end(), stop)
    return None


def each(
    pattern: re.Pattern[str], text: str, start: int = 0, end: int | None = None
) -> Iterator[re.Match[str]]:
    """As `pattern.finditer(text, start, end)`, of a pattern that matches no empty text."""
    stop = len(text) if end is None else min(end, len(text))
    if stop - start <= SHORT:
        yield from pattern.finditer(text, start, stop)
        return
    at = start
    while (match := first(pattern, text, at, stop)) is not None:
        yield match
        at = match.end()


@lru_cache(32)
def _ahead(pattern: re.Pattern[str]) -> re.Pattern[str]:
    """What matches up to the first place of a step at which `pattern` does, and nothing of what it matches there.

    The end of the text that a match may reach is not moved: what a pattern looks ahead to stays in sight.
    """
    return re.compile(rf"(?s:.{{0,{STEP - 1}}}?)(?={pattern.pattern})", pattern.flags)
