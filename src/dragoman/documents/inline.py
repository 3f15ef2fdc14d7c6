"""Tags and text sorted into what is copied and what is translated: runs of text with the inline tags in them.

Translates nothing. Whatever does not fit (a tag that is never closed, a block inside a link) is copied where it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import unescape
from itertools import takewhile
from urllib.parse import unquote

from dragoman.documents import tags
from dragoman.documents.dialect import Dialect
from dragoman.documents.runs import Node, Run, Sealed, Text, raw_of, text_of, texts_of
from dragoman.documents.tags import Token
from dragoman.text.seals import Sort

_DEEPEST = 20  # inline tags within each other; pages have three
_ENTITY = re.compile(r"(&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)")
_KEPT_SYMBOLS = frozenset("&<>\"'\xa0–—…‘’“”«»")  # what a sentence is written with is translated with it
_HREF = re.compile(r"""\shref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))""", re.I)
_NAME = re.compile(r"[@#][\w.@-]*\w")
_ADDRESS = re.compile(r"\S*[./:@]\S*")
_QUOTES = {"'": "'", '"': '"', "“": "”", "‘": "’", "«": "»", "「": "」", "(": ")", "[": "]", "（": "）"}
_LOWERED = re.compile(r"</sub\w*\s*>\Z", re.I)
_REST = re.compile(r"[A-Z0-9()][A-Za-z0-9()]{0,10}(?![A-Za-z])")
_ELEMENTS = re.compile(r"(?<![^\W_])(?:[A-Z][a-z]?|[()\d]){1,6}\Z")
# Units behind a number are a part of it already.
_SIZE = re.compile(r"(?<![^\W_])(?<!\d )(?:[A-HJ-Zb-z]|[b-df-hj-np-tv-z]{2})\Z")
_RAISED = 4  # visible characters of a superscript that is no text: [12], TM, 3
_WORD = re.compile(r"[^\W\d_]{2}[^\W\d_A-Z]\Z|\d\Z")
_CAPITAL = re.compile(r"[^\W\d_a-z][^\W\d_A-Z]")


def runs(page: Sequence[Token], dialect: Dialect) -> Iterator[str | Run]:
    """What is copied and what is translated, in turn; what is in CDATA between its signs."""
    items = _sealed(page, dialect)
    pairs = _pairs(items)
    stack: list[tuple[Token | None, list[Node]]] = [(None, [])]
    for number, item in enumerate(items):
        nodes = stack[-1][1]
        if isinstance(item, Sealed):
            nodes.append(item)
        elif item.sort is tags.Sort.TEXT:
            nodes += _texts(item.raw)
        elif number in pairs and item.sort is tags.Sort.START:
            stack.append((item, []))
        elif number in pairs:
            start, inner = stack.pop()
            assert start is not None
            stack[-1][1].extend(_element(start, inner, item.raw))
        else:
            yield _apart(nodes)
            yield item.raw
            stack = [(None, [])]
    yield _apart(stack[-1][1])


def _sealed(page: Sequence[Token], dialect: Dialect) -> list[Token | Sealed]:
    """Elements that are not to be translated, each as one item; as a token that is copied where they are blocks."""
    items: list[Token | Sealed] = []
    blocks = dialect.blocks(page)
    at = 0
    while at < len(page):
        token, end = page[at], at + 1
        block = at in blocks
        if token.sort is tags.Sort.START and dialect.is_kept(token):
            end = _after(page, at)
            raw = "".join(one.raw for one in page[at:end])
            items.append(Token(tags.Sort.OTHER, raw) if block else Sealed(raw, Sort.WORD))
        elif token.sort is tags.Sort.EMPTY and not block:
            items.append(Sealed(token.raw, Sort.WORD if token.name in ("img", "input") else Sort.ALONE))
        elif token.sort is tags.Sort.OTHER and token.raw.startswith("<!--"):
            items.append(Sealed(token.raw, Sort.ALONE))
        else:
            items.append(Token(tags.Sort.OTHER, token.raw) if block else token)
        at = end
    return items


def _after(page: Sequence[Token], start: int) -> int:
    """The place after the end tag that belongs to a start tag; the end of the page where it has none."""
    depth, name = 0, page[start].name
    for at in range(start, len(page)):
        if page[at].name == name:
            depth += (page[at].sort is tags.Sort.START) - (page[at].sort is tags.Sort.END)
            if depth == 0:
                return at + 1
    return len(page)


def _pairs(items: Sequence[Token | Sealed]) -> set[int]:
    """Places of the inline tags that have a partner, and nothing but text and such pairs between."""
    found: set[int] = set()
    waiting: list[int] = []
    for number, item in enumerate(items):
        if isinstance(item, Sealed) or item.sort is tags.Sort.TEXT:
            continue
        if item.sort is tags.Sort.START and len(waiting) <= _DEEPEST:
            waiting.append(number)
        elif item.sort is tags.Sort.END and waiting and _name(items[waiting[-1]]) == item.name:
            found |= {waiting.pop(), number}
        else:
            waiting = []  # whatever closes later would have this between its tags
    return found


def _name(item: Token | Sealed) -> str:
    return item.name if isinstance(item, Token) else ""


def _texts(raw: str) -> Iterator[Node]:
    """Text with its entities resolved, but for symbols (&copy;, &rarr;): models drop those."""
    text = written = ""
    for number, part in enumerate(_ENTITY.split(raw)):
        character = unescape(part) if number % 2 else part
        if number % 2 and not character.isalnum() and character not in _KEPT_SYMBOLS and character != part:
            if text:
                yield from texts_of(text, written)
            yield Sealed(part, Sort.ALONE)
            text = written = ""
        else:
            text, written = text + character, written + part
    if text:
        yield from texts_of(text, written)


# -- elements -------------------------------------------------------------------------------------------------------


def _element(start: Token, inner: list[Node], end: str) -> list[Node]:
    """A pair of tags with what is in it; as one where it has no words of its own."""
    text = text_of(inner)
    words = [node for node in inner if isinstance(node, Sealed) and node.sort is Sort.WORD]
    raw = start.raw + raw_of(inner) + end
    if start.name.lower() in ("sup", "sub", "superscript", "subscript") and len(text.strip()) <= _RAISED:
        return [Sealed(raw, Sort.AFTER)]
    if not any(map(str.isalnum, text)):
        breaks = any(isinstance(node, Sealed) and node.sort is Sort.BREAK for node in inner)
        if len(words) <= 1 and not breaks:
            return [Sealed(raw, Sort.WORD if words else Sort.ALONE)]
    if _is_name(text.strip()) or _is_address(text.strip(), start.raw):
        return [Sealed(raw, Sort.WORD)]
    return [Sealed(start.raw, Sort.OPEN), *inner, Sealed(end, Sort.CLOSE)]


def _is_name(text: str) -> bool:
    """Whether it is a @mention or a #hashtag, which pages write in pieces: @<span>tom</span>."""
    return text[:1] in ("@", "#") and _NAME.fullmatch(text) is not None


def _is_address(text: str, start: str) -> bool:
    """Whether the words of a link are its address, or a part of it."""
    href = _HREF.search(start) if _ADDRESS.fullmatch(text) else None
    if href is None:
        return False
    address = unescape(href[1] or href[2] or href[3] or "")
    seen = text.rstrip("….").removesuffix("/").lower()
    return bool(seen) and seen in (address + "\n" + unquote(address)).lower()


# -- runs -----------------------------------------------------------------------------------------------------------


def _apart(nodes: list[Node]) -> Run:
    """With quotes as a part of the tags around which they stand, and with a break where words do not go on after a tag.

    Name:<b>Tom</b>Age:<b>30</b>
    """
    nodes = _quoted(_formulas(nodes))
    found: list[Node] = []
    for at, node in enumerate(nodes):
        before = nodes[at - 1] if at else None
        if isinstance(node, Text) and isinstance(before, Sealed) and before.sort in (Sort.OPEN, Sort.CLOSE):
            cluster = list(takewhile(_is_paired, reversed(nodes[:at]))) if at < 64 else _cluster(nodes, at)
            last = nodes[at - len(cluster) - 1] if at > len(cluster) else None
            if isinstance(last, Text) and _is_new(last.text, node.text):
                opened = len(list(takewhile(_opens, cluster)))
                found.insert(len(found) - opened, Sealed("", Sort.BREAK))
        found.append(node)
    return _at_ends(found)


def _formulas(nodes: Sequence[Node]) -> list[Node]:
    """H<sub>2</sub>O and x<sup>2</sup> as one: to a model, H and O are words."""
    found: list[Node] = []
    for node in nodes:
        last, before = found[-1] if found else None, found[-2] if len(found) > 1 else None
        if (
            isinstance(node, Text)
            and isinstance(last, Sealed)
            and last.sort is Sort.WORD
            and _LOWERED.search(last.raw)
        ):
            if (rest := _REST.match(node.raw)) and node.text.startswith(rest[0]):
                found[-1] = Sealed(last.raw + rest[0], Sort.WORD)
                node = Text(node.text[rest.end() :], node.raw[rest.end() :])
        elif isinstance(node, Sealed) and (symbol := _symbol(node, last)):
            assert isinstance(last, Text)
            found[-1] = Text(last.text[: -len(symbol)], last.raw[: -len(symbol)])
            node = Sealed(symbol + node.raw, Sort.WORD)
        elif _goes_on(node, last, before):  # C6H12O6
            del found[-1]
            found[-1] = Sealed(raw_of((*found[-1:], node)), Sort.WORD)
            continue
        found.append(node)
    return found


def _goes_on(node: Node, last: Node | None, before: Node | None) -> bool:
    """Whether a raised or lowered number follows what was made one, with nothing left between."""
    return (
        isinstance(node, Sealed)
        and node.sort is Sort.AFTER
        and isinstance(last, Text)
        and not last.text
        and isinstance(before, Sealed)
        and before.sort is Sort.WORD
    )


def _symbol(node: Sealed, before: Node | None) -> str:
    """What a raised or lowered number belongs to, if it is no word: of an element, of a size."""
    if node.sort is not Sort.AFTER or not isinstance(before, Text):
        return ""
    pattern = _ELEMENTS if node.raw[:4].lower() == "<sub" else _SIZE
    symbol = pattern.search(before.text[-12:])
    return symbol[0] if symbol and before.raw.endswith(symbol[0]) else ""


def _quoted(nodes: Sequence[Node]) -> list[Node]:
    """A model drops quotes, and above all one of two."""
    found = list(nodes)
    opened: list[int] = []
    for at, node in enumerate(nodes):
        if not isinstance(node, Sealed) or node.sort not in (Sort.OPEN, Sort.CLOSE, Sort.WORD):
            continue
        if node.sort is Sort.OPEN:
            opened.append(at)
            continue
        first = at if node.sort is Sort.WORD else opened.pop() if opened else None
        before, after = found[first - 1] if first else None, found[at + 1] if at + 1 < len(found) else None
        if first is None or not (isinstance(before, Text) and isinstance(after, Text)):
            continue
        quote = before.text[-1:]
        if not quote or _QUOTES.get(quote) != after.text[:1] or before.text[-2:-1].isalnum():
            continue
        if before.raw[-1:] != quote or after.raw[:1] != after.text[:1]:  # an entity
            continue
        found[first - 1] = Text(before.text[:-1], before.raw[:-1])
        found[at + 1] = Text(after.text[1:], after.raw[1:])
        found[first] = Sealed(quote + found[first].raw, node.sort if first == at else Sort.OPEN)
        found[at] = Sealed(found[at].raw + after.text[0], node.sort)
    return found


def _cluster(nodes: Sequence[Node], at: int) -> list[Node]:
    return list(takewhile(_is_paired, reversed(nodes[at - 64 : at])))


def _is_paired(node: Node) -> bool:
    return isinstance(node, Sealed) and node.sort in (Sort.OPEN, Sort.CLOSE)


def _opens(node: Node) -> bool:
    return isinstance(node, Sealed) and node.sort is Sort.OPEN


def _is_new(before: str, after: str) -> bool:
    """Whether what follows a tag is no part of what preceded it, though no space stands between."""
    if before[-1:] in (":", "：") and before[-2:-1].isalnum():
        return after[:1].isalnum()
    return _WORD.search(before[-3:]) is not None and _CAPITAL.match(after) is not None


def _at_ends(nodes: list[Node]) -> Run:
    """An image at an end of a run is no word of its sentence."""
    for at in {0, len(nodes) - 1} if nodes else ():
        node = nodes[at]
        if (
            isinstance(node, Sealed)
            and node.sort is Sort.WORD
            and re.match("<i(?:mg|nput)\\b", node.raw, re.I)
        ):
            nodes[at] = Sealed(node.raw, Sort.ALONE)
    return tuple(nodes)
