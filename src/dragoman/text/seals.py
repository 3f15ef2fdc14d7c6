"""Signs that stand in a text for the markup of a document: what a tag is to the sentence, and its number. Reads no tag.

Made where documents are read, understood where sentences are cut and translations put together. They are private
signs of the last plane, which no writing, no font of icons and no model uses, and count as neither letters nor digits.
"""

from __future__ import annotations

import re
from enum import StrEnum

_FIRST = 0x10FD00
_DIGIT, _BASE = _FIRST + 0x40, 64  # three signs for most seals: their length counts as that of the text


class Sort(StrEnum):
    """What a seal is to the sentence; the value is the sign that it begins with."""

    OPEN = chr(_FIRST)  # of two of one number, around words
    CLOSE = chr(_FIRST + 1)
    ALONE = chr(_FIRST + 2)  # a tag that holds no words: somewhere in the sentence
    AFTER = chr(_FIRST + 3)  # belongs to the word or sentence before it: a footnote
    WORD = chr(_FIRST + 4)  # read as a name: code, an image
    BREAK = chr(_FIRST + 5)  # between two sentences


SIGNS = f"{chr(_FIRST)}-{chr(_DIGIT + _BASE - 1)}"  # for a class of a regular expression
SEAL = re.compile(f"[{chr(_FIRST)}-{chr(_FIRST + 5)}][{chr(_DIGIT)}-{chr(_DIGIT + _BASE - 1)}]+")


def seal(sort: Sort, number: int) -> str:
    """The seal of a number from 0 on."""
    digits = chr(_DIGIT + number % _BASE)
    while number := number // _BASE:
        digits = chr(_DIGIT + number % _BASE) + digits
    return sort.value + digits


def read(sealed: str) -> tuple[Sort, int]:
    """What `seal` made of."""
    number = 0
    for digit in sealed[1:]:
        number = number * _BASE + ord(digit) - _DIGIT
    return Sort(sealed[0]), number


def is_within(sign: str) -> bool:
    """Whether a text may not be cut before a sign: it is a digit of a seal's number."""
    return _DIGIT <= ord(sign) < _DIGIT + _BASE


def without(text: str) -> str:
    """The text that a reader sees."""
    return text if text.isascii() else SEAL.sub("", text)
