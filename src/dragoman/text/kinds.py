"""What a stretch of a text is, that is no word of a language. Finds none."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a span is to the sentence that it stands in."""

    WORD = "word"
    NUMBER = "number"
    DAY = "day"
    MARK = "mark"  # no word at all: an emoji, a tag, a sign of Markdown
    BREAK = "break"  # between two sentences, whatever stands around it


class Role(StrEnum):
    """Where a mark belongs."""

    ALONE = "alone"
    OPENS = "opens"  # to what follows
    CLOSES = "closes"  # to what precedes


@dataclass(frozen=True)
class Span:
    """A stretch of a text that has to come out as it went in, except for `branches`: texts within it."""

    start: int
    end: int
    kind: Kind
    role: Role = Role.ALONE
    branches: tuple[tuple[int, int], ...] = ()
