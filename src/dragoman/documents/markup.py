"""HTML in, HTML out: the text between the tags is translated, every tag comes out once and in place. Calls no model.

A sentence is translated whole. Where the translation of a link's words is found in it, there the link goes; where it
is not, the sentence is translated again with a name in place of the link, and at last in pieces (placeholders.py).
Code, scripts, styles and whatever says translate="no" are copied; so are attributes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape, unescape

from dragoman.documents.filling import Translate, complete, like_end
from dragoman.documents.inline import Element, Node, Run, Sealed, Text, has_letters, runs, sentences, text_of
from dragoman.documents.placeholders import Kind, Line, Placeholder
from dragoman.documents.tags import tokens
from dragoman.text.joining import join

_SPACE = re.compile(r"[ \t\r\n\f]+")
_TAGS = re.compile(r"<[^>]*>")
# Noncharacters, which no text may contain, enclose the number of what goes back in after all text is escaped.
_OPEN, _CLOSE = "\ufdd0", "\ufdd1"
_BACK = re.compile(f"{_OPEN}(\\d+){_CLOSE}")


def translate_html(html: str, translate: Translate) -> str:
    """A page or a part of one. `translate` gets plain text, and may be called a few times with many texts at once."""
    parts = list(runs(list(tokens(html))))
    found = iter(translate_runs([part for part in parts if not isinstance(part, str)], translate))
    return "".join(part if isinstance(part, str) else next(found) for part in parts)


def translate_runs(found: Sequence[Run], translate: Translate) -> list[str]:
    """Runs translated, as markup. What is inside of inline tags first, all at once, then the sentences around it."""
    plans = [[part for part in sentences(run) if part] for run in found]
    drafts = [_Draft(part) for plan in plans for part in plan if not isinstance(part, str) and _speaks(part)]
    inner = [element for draft in drafts for element in draft.elements]
    if inner:
        done = dict(zip(map(id, inner), translate_runs([e.nodes for e in inner], translate), strict=True))
        for draft in drafts:
            draft.inner = [done[id(element)] for element in draft.elements]
    lines = [draft.line() for draft in drafts]
    written = complete(lines, translate)
    pages = iter([draft.page(text) for draft, text in zip(drafts, written, strict=True)])
    return [
        _joined(
            [part if isinstance(part, str) else next(pages) if _speaks(part) else _raw(part) for part in plan]
        )
        for plan in plans
    ]


def _speaks(run: Run) -> bool:
    return has_letters(text_of(run))


@dataclass
class _Draft:
    """A sentence on its way: its tags taken out, and put back at the end."""

    run: Run
    inner: list[str] = field(default_factory=list)  # HTML of its elements that have words, translated
    kept: list[str] = field(default_factory=list)

    @property
    def elements(self) -> list[Element]:
        return [node for node in self.run if isinstance(node, Element) and has_letters(node.text)]

    def line(self) -> Line:
        """Text and placeholders, white space as a browser shows it."""
        inner = iter(self.inner)
        parts: list[str | Placeholder] = []
        for node in self.run:
            if isinstance(node, Text):
                text = node.text.replace(_OPEN, "").replace(_CLOSE, "").replace("\xa0", " ")
                parts.append(_SPACE.sub(" ", text))
            elif isinstance(node, Element) and has_letters(node.text):
                parts.append(self._element(node, next(inner)))
            else:
                parts.append(self._sealed(node))
        return Line.of(parts)

    def _element(self, node: Element, inner: str) -> Placeholder:
        words = _SPACE.sub(" ", node.text).strip()
        seen = " ".join(_visible(inner).split())
        forms = [form for form in (seen, seen.removesuffix("的")) if form]
        if "\ufffc" in words or not forms:
            return Placeholder(self._keep(node.start + inner + node.end))
        plain = all(isinstance(part, Text) for part in node.nodes)
        around = (self._keep(node.start), self._keep(node.end)) if plain else None
        content = self._keep(node.start + inner + node.end)
        return Placeholder(content, word=words, forms=tuple(dict.fromkeys(forms)), around=around)

    def _sealed(self, node: Node) -> Placeholder:
        content = self._keep(_raw((node,)))
        words = text_of((node,)).strip()
        if words.isdecimal() and not (isinstance(node, Element) and re.match("<su[bp]", node.start, re.I)):
            return Placeholder(content, Kind.NUMBER, word=words, forms=(words,))
        edge = node is self.run[0] or node is self.run[-1]
        word = isinstance(node, Sealed) and node.word and not (edge and node.raw.startswith("<i"))
        return Placeholder(content, Kind.WORD if word else Kind.MARK)

    def _keep(self, content: str) -> str:
        self.kept.append(content)
        return f"{_OPEN}{len(self.kept) - 1}{_CLOSE}"

    def page(self, text: str) -> str:
        """The translated line as HTML."""
        escaped = escape(like_end(text_of(self.run).rstrip(), text), quote=False).replace("\xa0", "&nbsp;")
        return _BACK.sub(lambda number: self.kept[int(number[1])], escaped)


def _raw(run: Run) -> str:
    return "".join(_raw_parts(run))


def _raw_parts(run: Run) -> Iterator[str]:
    for node in run:
        if isinstance(node, Text):
            yield escape(node.text, quote=False).replace("\xa0", "&nbsp;")
        elif isinstance(node, Sealed):
            yield node.raw
        else:
            yield from (node.start, _raw(node.nodes), node.end)


def _joined(parts: Sequence[str]) -> str:
    """Sentences with the white space between them; none beside a Chinese sign, where Chinese has none."""
    page = ""
    for number, part in enumerate(parts):
        if part.strip() or number in (0, len(parts) - 1):
            page += part
            continue
        before, after = _visible(page[-300:])[-1:], _visible(parts[number + 1])[:1]
        solid = before and after and " " not in join([(before, part), (after, "")], "zh")
        page += "" if solid and "\n" not in part else part
    return page


def _visible(page: str) -> str:
    return unescape(_TAGS.sub("", page)).strip()
