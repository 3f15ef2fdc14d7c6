"""HTML tokens sorted into what is copied and what is translated: runs of text with the inline tags in them.

Translates nothing. Whatever does not fit (a tag that is never closed, a block inside a link) is copied where it stands.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import unescape
from itertools import accumulate, groupby

from dragoman.documents.tags import Sort, Token
from dragoman.text.sentences import split_paragraph

# Tags of the HTML standard that do not belong to a sentence. Any other name (<b>, <b0>, <my-word>) does.
BLOCKS = frozenset(
    "html head body title base link meta style script noscript template main section article aside header footer nav "
    "hgroup h1 h2 h3 h4 h5 h6 address p div center blockquote pre ol ul menu li dl dt dd figure figcaption hr br table "
    "caption colgroup col tbody thead tfoot tr td th form fieldset legend select optgroup option datalist textarea "
    "button details summary dialog slot iframe object embed video audio source track canvas map area frameset frame "
    "noframes".split()
)
OPAQUE = frozenset(
    "code kbd samp var pre svg math canvas object video audio template iframe ruby".split()
) | {
    "script",
    "style",
    "textarea",
}
_NOT_TRANSLATED = re.compile(
    r"""\stranslate\s*=\s*["']?no\b|\sclass\s*=\s*(?:"[^"]*\bnotranslate\b|'[^']*\bnotranslate\b|notranslate\b)""",
    re.I,
)
_DEEPEST = 20  # inline tags within each other; pages have three
_ENTITY = re.compile(r"(&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)")
_KEPT_SYMBOLS = frozenset("&<>\"'\xa0–—…‘’“”«»")  # what a sentence is written with is translated with it
_LETTER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True)
class Text:
    """Characters, entities resolved."""

    text: str


@dataclass(frozen=True)
class Sealed:
    """Copied as it is. A `word` belongs to the sentence (an image, code); else it is only somewhere in it."""

    raw: str
    word: bool
    breaks: bool = False  # a line break, a tab: what stands on both its sides is no one sentence


@dataclass(frozen=True)
class Element:
    """An inline tag, what is in it, and its end tag."""

    start: str
    nodes: tuple[Node, ...]
    end: str

    @property
    def text(self) -> str:
        return text_of(self.nodes)


Node = Text | Sealed | Element
Run = tuple[Node, ...]


def text_of(nodes: Sequence[Node]) -> str:
    return "".join(
        node.text if isinstance(node, Text | Element) else "\ufffc" if node.word else "" for node in nodes
    )


def has_letters(text: str) -> bool:
    return _LETTER.search(text) is not None


def runs(page: Sequence[Token]) -> Iterator[str | Run]:
    """What is copied and what is translated, in turn."""
    items = _sealed(page)
    pairs = _pairs(items)
    stack: list[tuple[str, list[Node]]] = [("", [])]
    for number, item in enumerate(items):
        nodes = stack[-1][1]
        if isinstance(item, Sealed):
            nodes.append(item)
        elif item.sort is Sort.TEXT:
            nodes += _texts(item.raw)
        elif number in pairs and item.sort is Sort.START:
            stack.append((item.raw, []))
        elif number in pairs:
            start, inner = stack.pop()
            stack[-1][1].append(Element(start, tuple(inner), item.raw))
        else:
            yield tuple(nodes)
            yield item.raw
            stack = [("", [])]
    yield tuple(stack[-1][1])


def _sealed(page: Sequence[Token]) -> list[Token | Sealed]:
    """Elements that are not to be translated, each as one item; as a token that is copied where they are blocks."""
    items: list[Token | Sealed] = []
    at = 0
    while at < len(page):
        token, end = page[at], at + 1
        if token.sort is Sort.START and (token.name in OPAQUE or _NOT_TRANSLATED.search(token.raw)):
            end = _after(page, at)
            raw = "".join(one.raw for one in page[at:end])
            copied = Token(Sort.OTHER, raw, token.name)
            items.append(copied if token.name in BLOCKS else Sealed(raw, word=True))
        elif token.sort is Sort.EMPTY and token.name not in BLOCKS:
            items.append(Sealed(token.raw, word=token.name in ("img", "input")))
        elif token.sort is Sort.OTHER and token.raw.startswith("<!--"):
            items.append(Sealed(token.raw, word=False))
        else:
            items.append(token)
        at = end
    return items


def _after(page: Sequence[Token], start: int) -> int:
    """The place after the end tag that belongs to a start tag; the end of the page where it has none."""
    depth, name = 0, page[start].name
    for at in range(start, len(page)):
        if page[at].name == name:
            depth += (page[at].sort is Sort.START) - (page[at].sort is Sort.END)
            if depth == 0:
                return at + 1
    return len(page)


def _pairs(items: Sequence[Token | Sealed]) -> set[int]:
    """Places of the inline tags that have a partner, and nothing but text and such pairs between."""
    found: set[int] = set()
    waiting: list[int] = []
    for number, item in enumerate(items):
        if isinstance(item, Sealed) or item.sort is Sort.TEXT:
            continue
        inline = item.name not in BLOCKS and len(waiting) <= _DEEPEST
        if inline and item.sort is Sort.START:
            waiting.append(number)
        elif inline and item.sort is Sort.END and waiting and _name(items[waiting[-1]]) == item.name:
            found |= {waiting.pop(), number}
        else:
            waiting = []  # whatever closes later would have this between its tags
    return found


def _name(item: Token | Sealed) -> str:
    return item.name if isinstance(item, Token) else ""


def _texts(raw: str) -> Iterator[Node]:
    """Text with its entities resolved, but for symbols (&copy;, &rarr;): models drop those."""
    text = ""
    for number, part in enumerate(_ENTITY.split(raw)):
        character = unescape(part) if number % 2 else part
        if number % 2 and not character.isalnum() and character not in _KEPT_SYMBOLS and character != part:
            if text:
                yield Text(text)
            yield Sealed(part, word=False)
            text = ""
        else:
            text += character
    if text:
        yield Text(text)


# -- sentences ------------------------------------------------------------------------------------------------------


def sentences(run: Run) -> Iterator[str | Run]:
    """A run as sentences and the white space between them, each a run; as text, tags that enclose several."""
    for breaks, nodes in groupby(run, lambda node: isinstance(node, Sealed) and node.breaks):
        if breaks:
            yield tuple(nodes)
        else:
            yield from _sentences(tuple(nodes))


def _sentences(run: Run) -> Iterator[str | Run]:
    """Those of a run without breaks."""
    flat = re.sub(r"\s", " ", text_of(run))
    ends = list(accumulate(map(len, _segments(flat))))
    current: list[Node] = []
    at = 0
    for node in run:
        length = len(text_of((node,)))
        inside = [end - at for end in ends[bisect_right(ends, at) : bisect_left(ends, at + length)]]
        if isinstance(node, Element) and inside:
            yield tuple(current)
            yield node.start
            yield from sentences(node.nodes)
            yield node.end
            current = []
        elif isinstance(node, Text):
            for start, end in zip([0, *inside], [*inside, length], strict=True):
                if start in inside:
                    yield tuple(current)
                    current = []
                current.append(Text(node.text[start:end]))
        else:
            current.append(node)
        at += length
        if length and ends[bisect_left(ends, at)] == at:
            yield tuple(current)
            current = []
    yield tuple(current)


def _segments(flat: str) -> Iterator[str]:
    for segment in split_paragraph(flat, longest=max(1, len(flat))):
        yield from filter(None, (segment.text, segment.separator))
