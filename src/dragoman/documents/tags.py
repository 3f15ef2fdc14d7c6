"""HTML or XML as a row of tokens that, joined, are the text again, whatever it is. Builds no tree, repairs nothing.

A page that comes in broken goes out broken in the same places. Every scan is bounded or done once: time is linear.
Raises UsageError for a page of more than TOKENS of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from dragoman.errors import UsageError

TOKENS = 1_000_000  # of one page; a novel as one has 50,000


class Sort(StrEnum):
    """What a token is."""

    TEXT = "text"
    START = "start"
    END = "end"
    EMPTY = "empty"  # a tag that has no end tag
    OTHER = "other"  # comments, declarations, what stands in <script> and its like
    CDATA = "cdata"  # text in which nothing is escaped; of XML alone


VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
RAW = frozenset("script style textarea xmp iframe noembed noframes plaintext".split())

# A number is no name to a browser, and one to those who put <0>words</0> into their messages.
_NAME = re.compile(r"<(?P<end>/?)(?P<name>[A-Za-z][^\s/>]{0,100}|\d{1,4}(?=\s?/?>))", re.ASCII)
_QUOTE = re.compile("[\"']")
_PLAIN = re.compile(r"[^<>\"']*+")
_NEXT = re.compile(r"<(?=[A-Za-z/!?]|\d{1,4}\s?/?>)", re.ASCII)


@dataclass(frozen=True)
class Token:
    """`raw` is what stands in the page; `name` is in lower case in HTML, and empty where there is none.

    foreign: whether it said, before its attributes were translated, that its words are in another language.
    """

    sort: Sort
    raw: str
    name: str = ""
    foreign: bool = False


CDATA = "<![CDATA[", "]]>"


def tokens(page: str, xml: bool = False) -> Iterator[Token]:
    """The tokens of a page or a part of one, as browsers tell them apart.

    xml: no name means more than another, large letters differ from small ones, and there is CDATA.
    """
    for number, token in enumerate(_tokens(page, xml)):
        if number >= TOKENS:
            raise UsageError(f"the page has more than {TOKENS:,} tags: give it in parts")
        yield token


def _tokens(page: str, xml: bool) -> Iterator[Token]:
    at, text_from = 0, 0
    dead: set[int] = set()
    while (found := _NEXT.search(page, at)) is not None:
        token = _token(page, found.start(), dead, xml)
        if token is None:
            at = found.start() + 1
            continue
        if text_from < found.start():
            yield Token(Sort.TEXT, page[text_from : found.start()])
        yield token
        at = text_from = found.start() + len(token.raw)
        if token.sort is Sort.START and token.name in RAW and not xml:
            close = re.compile(rf"</{token.name}(?=[\s/>])", re.IGNORECASE).search(page, at)
            end = close.start() if close else len(page)
            if end > at:
                yield Token(Sort.OTHER, page[at:end])
            at = text_from = end
    if text_from < len(page):
        yield Token(Sort.TEXT, page[text_from:])


def _token(page: str, start: int, dead: set[int], xml: bool) -> Token | None:
    if page.startswith("<!--", start):
        return Token(Sort.OTHER, _through(page, start, "-->"))
    if xml and page.startswith(CDATA[0], start):
        return Token(Sort.CDATA, _through(page, start, CDATA[1]))
    name = _NAME.match(page, start)
    if name is None:
        return Token(Sort.OTHER, _through(page, start, ">"))
    end = _tag_end(page, name.end(), dead)
    if end is None and (quoted := _QUOTE.search(name["name"])):  # <a"b c"> ends where its quote is one
        end = _tag_end(page, name.start("name") + quoted.start(), dead)
    if end is None:
        return None
    raw, named = page[start:end], name["name"] if xml else name["name"].lower()
    if name["end"]:
        return Token(Sort.END, raw, named)
    alone = raw.endswith("/>") if xml else named in VOID or (raw.endswith("/>") and named not in RAW)
    return Token(Sort.EMPTY if alone else Sort.START, raw, named)


def _tag_end(page: str, start: int, dead: set[int]) -> int | None:
    """Behind the ">" that ends a tag, quoted ones passed over; None where a "<" or the end of the page comes first.

    `dead` holds the places behind closing quotes from which no ">" was found: a page of open quotes would else be
    read once for each of its tags.
    """
    seen, at = [], start
    while at not in dead:
        at = _plain_end(page, at)
        sign = page[at : at + 1]
        if sign == ">":
            return at + 1
        close = page.find(sign, at + 1) if sign in ("'", '"') else -1
        if close < 0:
            break
        at = close + 1
        seen.append(at)
    dead.update(seen)
    return None


def _plain_end(page: str, at: int) -> int:
    found = _PLAIN.match(page, at)
    return found.end() if found else at


def _through(page: str, start: int, mark: str) -> str:
    """Up to and with a mark; to the end of the page where it is not found, as a browser reads it."""
    end = page.find(mark, start)
    return page[start:] if end < 0 else page[start : end + len(mark)]
