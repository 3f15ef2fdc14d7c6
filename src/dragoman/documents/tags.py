"""HTML as a row of tokens that, joined, are the text again, whatever the text is. Builds no tree, repairs nothing.

A page that comes in broken goes out broken in the same places. Every scan is bounded or done once: time is linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Sort(StrEnum):
    """What a token is."""

    TEXT = "text"
    START = "start"
    END = "end"
    EMPTY = "empty"  # a tag that has no end tag
    OTHER = "other"  # comments, declarations, what stands in <script> and its like


VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
RAW = frozenset("script style textarea xmp iframe noembed noframes plaintext".split())

_LONGEST_TAG = 100_000  # characters: data: addresses are long; what is longer is taken for text
_TAG = re.compile(
    r"<(?P<end>/?)(?P<name>[A-Za-z][^\s/>]{0,100})(?P<rest>(?:[^<>\"']|\"[^\"]*+\"|'[^']*+')*+)>", re.ASCII
)
_NEXT = re.compile(r"<(?=[A-Za-z/!?])")


@dataclass(frozen=True)
class Token:
    """`raw` is what stands in the page; `name` is in lower case, and empty where there is none."""

    sort: Sort
    raw: str
    name: str = ""


def tokens(page: str) -> Iterator[Token]:
    """The tokens of a page or a part of one, as browsers tell them apart."""
    at, text_from = 0, 0
    while (found := _NEXT.search(page, at)) is not None:
        token = _token(page, found.start())
        if token is None:
            at = found.start() + 1
            continue
        if text_from < found.start():
            yield Token(Sort.TEXT, page[text_from : found.start()])
        yield token
        at = text_from = found.start() + len(token.raw)
        if token.sort is Sort.START and token.name in RAW:
            close = re.compile(rf"</{token.name}(?=[\s/>])", re.IGNORECASE).search(page, at)
            end = close.start() if close else len(page)
            if end > at:
                yield Token(Sort.OTHER, page[at:end])
            at = text_from = end
    if text_from < len(page):
        yield Token(Sort.TEXT, page[text_from:])


def _token(page: str, start: int) -> Token | None:
    if page.startswith("<!--", start):
        return Token(Sort.OTHER, _through(page, start, "-->"))
    if page[start + 1] in "!?" or not re.match("</?[A-Za-z]", page[start : start + 3]):
        return Token(Sort.OTHER, _through(page, start, ">"))
    match = _TAG.match(page, start, start + _LONGEST_TAG)
    if match is None:
        return None
    name = match["name"].lower()
    if match["end"]:
        return Token(Sort.END, match.group(), name)
    alone = name in VOID or (match["rest"].endswith("/") and name not in RAW)
    return Token(Sort.EMPTY if alone else Sort.START, match.group(), name)


def _through(page: str, start: int, mark: str) -> str:
    """Up to and with a mark; to the end of the page where it is not found, as a browser reads it."""
    end = page.find(mark, start)
    return page[start:] if end < 0 else page[start : end + len(mark)]
