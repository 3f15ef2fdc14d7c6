"""What Word writes its words in: the text of paragraphs is translated, all else is copied byte for byte.

The XML is cut into tokens and joined again, never rebuilt: a rebuilt tree loses the namespace prefixes that Word
insists on. No entity is expanded, since document types are refused; how deep paragraphs may stand in each other is
limited. The packed file is docx.py's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape, unescape
from itertools import groupby

from dragoman.documents.runs import (
    Node,
    Run,
    Sealed,
    Text,
    Translate,
    has_letters,
    raw_of,
    text_of,
    texts_of,
    translate_runs,
)
from dragoman.documents.tags import Sort, Token, tokens
from dragoman.errors import UsageError
from dragoman.text.seals import Sort as Seal

DEEPEST = 16  # paragraphs within each other: a text box in a text box is the fourth
_DROPPED = frozenset({"w:prooferr", "w:lastrenderedpagebreak"})  # about text that is gone
_BREAKS = frozenset({"w:br", "w:tab", "w:cr"})
_TRANSPARENT = frozenset(
    {"w:hyperlink", "w:ins", "w:smarttag", "w:moveto", "w:customxml", "w:fldsimple", "w:bdo", "w:dir"}
)
_NOTES = frozenset({"w:footnotereference", "w:endnotereference"})
_FIELD = "field"  # of a part that several runs make together
_KIND = re.compile('w:fldCharType="([a-zA-Z]+)"')
LONGEST_FIELD = 200  # parts of a paragraph
_EMPTY = re.compile(
    r'<w:r>(?:<w:rPr>(?:(?!</?w:r[ >]).)*?</w:rPr>)?<w:t xml:space="preserve"></w:t></w:r>', re.DOTALL
)


def translate_part(content: bytes, translate: Translate) -> bytes:
    """The words of a part of a document. Raises UsageError for one that Word does not write."""
    try:
        page = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError("the document is not written in UTF-8: open it in Word and save it again") from None
    if "<!DOCTYPE" in page or "<!ENTITY" in page:
        raise UsageError("the document defines entities of its own, which no Word document does")
    row = list(tokens(page))
    _check_depth(row)
    while (folded := _innermost(row, translate)) is not None:  # text boxes are paragraphs within paragraphs
        row = folded
    return "".join(token.raw for token in row).encode()


def _check_depth(row: Sequence[Token]) -> None:
    """Each level is gone over once more: 356 bytes of nested paragraphs once took a minute and a half."""
    depth = 0
    for token in row:
        if token.name == "w:p":
            depth = max(0, depth + (token.sort is Sort.START) - (token.sort is Sort.END))
            if depth > DEEPEST:
                raise UsageError(
                    f"the document has more than {DEEPEST} paragraphs within each other, which Word never writes"
                )


def _innermost(row: Sequence[Token], translate: Translate) -> list[Token] | None:
    """The tokens with each paragraph that has no other within as one token, translated; None if there is none."""
    spans, start = [], None
    for at, token in enumerate(row):
        if token.name == "w:p" and token.sort is Sort.START:
            start = at
        elif token.name == "w:p" and token.sort is Sort.END and start is not None:
            spans.append((start, at + 1))
            start = None
    if not spans:
        return None
    paragraphs = [_Paragraph.read(row[start:end]) for start, end in spans]
    written = iter(translate_runs([p.run for p in paragraphs if p.speaks], translate, _written))
    folded: list[Token] = []
    last = 0
    for (start, end), paragraph in zip(spans, paragraphs, strict=True):
        raw = paragraph.page(next(written)) if paragraph.speaks else "".join(t.raw for t in row[start:end])
        folded += [*row[last:start], Token(Sort.OTHER, raw)]
        last = end
    return [*folded, *row[last:]]


@dataclass(frozen=True)
class _Paragraph:
    """A paragraph whose text is formatted as `look` says, except for the elements and sealed parts in `run`.

    Between them the text stands in one run of Word's, which each of them closes and opens again.
    """

    start: str
    look: str
    run: Run
    end: str

    @classmethod
    def read(cls, row: Sequence[Token]) -> _Paragraph:
        children = [child for child in _children(row[1:-1]) if child[0].name not in _DROPPED]
        head = [child for child in children if child[0].name == "w:ppr"]
        body = [part for child in children if child[0].name != "w:ppr" for part in _parts_of_run(child)]
        texts = [found for child in body if child[0].name == "w:r" and (found := _text(child)) is not None]
        weights: dict[str, int] = {}
        for look, text in texts:
            weights[look] = weights.get(look, 0) + len(text)
        look = max(weights, key=weights.__getitem__, default="")
        nodes = [node for child in _with_fields(body) for node in _nodes(child, look)]
        return cls(row[0].raw + "".join(map(_raw, head)), look, tuple(_merged(nodes)), row[-1].raw)

    @property
    def speaks(self) -> bool:
        return has_letters(text_of(self.run))

    def page(self, text: str) -> str:
        inner = _open(self.look) + text + _CLOSED
        return self.start + _EMPTY.sub("", inner) + self.end


def _parts_of_run(child: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """A run that has breaks or tabs beside its text as several, each with text alone or with one of those."""
    inner = list(_children(child[1:-1])) if child[0].name == "w:r" and len(child) > 2 else []
    look = [part for part in inner if part[0].name == "w:rpr"]
    rest = [part for part in inner if part[0].name not in ("w:rpr", *_DROPPED)]
    names = {part[0].name for part in rest}
    if not (names & _BREAKS and names <= _BREAKS | {"w:t"} and len(rest) > 1):
        yield child
        return
    for breaks, alike in groupby(rest, lambda part: part[0].name in _BREAKS):
        for group in [[part] for part in alike] if breaks else [list(alike)]:
            yield [child[0], *(token for part in (*look, *group) for token in part), child[-1]]


_CLOSED = "</w:t></w:r>"


def _written(text: str) -> str:
    return escape(text, quote=False)


def _open(look: str) -> str:
    return f'<w:r>{look}<w:t xml:space="preserve">'


def _nodes(child: Sequence[Token], look: str) -> list[Node]:
    """A part of a paragraph as text, as text that looks otherwise, or as something that is copied."""
    if child[0].name == "w:r" and (found := _text(child)) is not None:
        own, text = found
        alike = [*texts_of(text, _written(text))]
        return alike if own == look else _around(_CLOSED + _open(own), alike, _CLOSED + _open(look))
    if child[0].name in _TRANSPARENT and child[0].sort is Sort.START:
        inner = [part for one in _children(child[1:-1]) for part in _parts_of_run(one)]
        return _within(child[0].raw, inner, child[-1].raw, look)
    if (
        child[0].name == "w:sdt" and child[0].sort is Sort.START
    ):  # a content control: what it is, what it holds
        parts = [[token] for token in child[:1]] + list(_children(child[1:-1]))
        if parts[-1][0].name == "w:sdtcontent" and parts[-1][0].sort is Sort.START:
            start = "".join(map(_raw, parts[:-1])) + parts[-1][0].raw
            inner = [part for one in _children(parts[-1][1:-1]) for part in _parts_of_run(one)]
            return _within(start, inner, parts[-1][-1].raw + child[-1].raw, look)
    if child[0].name == _FIELD:
        return _field(child, look)
    breaks = child[0].name == "w:r" and any(token.name in _BREAKS for token in child)
    after = any(token.name in _NOTES for token in child)
    sort = Seal.BREAK if breaks else Seal.AFTER if after else Seal.ALONE
    return [Sealed(_CLOSED + _raw(child) + _open(look), sort)]


def _within(start: str, inner: Sequence[Sequence[Token]], end: str, look: str) -> list[Node]:
    """What an element of a paragraph holds, between its tags; it is text as the paragraph's is."""
    kept = [one for one in inner if one[0].name not in _DROPPED]
    nodes = _merged([node for one in kept for node in _nodes(one, look)])
    return _around(_CLOSED + start + _open(look), nodes, _CLOSED + end + _open(look))


def _around(start: str, nodes: list[Node], end: str) -> list[Node]:
    if any(map(str.isalnum, text_of(nodes))):
        return [Sealed(start, Seal.OPEN), *nodes, Sealed(end, Seal.CLOSE)]
    return [Sealed(start + raw_of(nodes) + end, Seal.ALONE)]


def _with_fields(body: Sequence[Sequence[Token]]) -> list[Sequence[Token]]:
    """With each link that is a field of Word's as one part: what begins it, what a reader sees, what ends it."""
    found: list[Sequence[Token]] = []
    at = 0
    while at < len(body):
        end = _end_of_field(body, at)
        if end > at:
            inner = [token for child in body[at:end] for token in child]
            found.append([Token(Sort.OTHER, "", _FIELD), *inner])
            at = end
        else:
            found.append(body[at])
            at += 1
    return found


def _end_of_field(body: Sequence[Sequence[Token]], start: int) -> int:
    """The part after the end of a link that begins here, within LONGEST_FIELD parts; else `start`."""
    if _mark(body[start]) != "begin":
        return start
    separated, link = False, False
    for at in range(start + 1, min(len(body), start + LONGEST_FIELD)):
        mark = _mark(body[at])
        if mark == "begin":
            return start
        if mark == "separate":
            separated = True
        elif mark == "end":
            return at + 1 if separated and link else start
        elif not separated:
            link = link or "HYPERLINK" in _raw(body[at])
    return start


def _mark(child: Sequence[Token]) -> str:
    """What a run says of a field: begin, separate, end; "" for nothing."""
    for token in child if child[0].name == "w:r" else ():
        if token.name == "w:fldchar" and (found := _KIND.search(token.raw)):
            return found[1]
    return ""


def _field(child: Sequence[Token], look: str) -> list[Node]:
    parts = list(_children(child[1:]))
    first = next(at for at, part in enumerate(parts) if _mark(part) == "separate") + 1
    start, end = "".join(map(_raw, parts[:first])), _raw(parts[-1])
    inner = [part for one in parts[first:-1] for part in _parts_of_run(one)]
    return _within(start, inner, end, look)


def _merged(nodes: Sequence[Node]) -> list[Node]:
    """Word splits a word in two where somebody corrected it: neighbours that look alike become one."""
    found: list[Node] = []
    for node in nodes:
        last = found[-1] if found else None
        if isinstance(node, Text) and isinstance(last, Text):
            found[-1] = Text(last.text + node.text, last.raw + node.raw)
        elif _opens_again(found, node):
            found.pop()
        else:
            found.append(node)
    return found


def _opens_again(found: Sequence[Node], node: Node) -> bool:
    """Whether a run begins that looks as the one before it, which ended just now."""
    if not (isinstance(node, Sealed) and node.sort is Seal.OPEN and found):
        return False
    last = found[-1]
    if not (isinstance(last, Sealed) and last.sort is Seal.CLOSE and last.raw.startswith(_CLOSED + "<w:r>")):
        return False
    opened = next((one for one in reversed(found) if isinstance(one, Sealed) and one.sort is Seal.OPEN), None)
    return opened is not None and opened.raw == node.raw and node.raw.startswith(_CLOSED + "<w:r>")


def _text(run: Sequence[Token]) -> tuple[str, str] | None:
    """How a run looks and what it says; None if there is anything else in it, or no text."""
    if run[0].name != "w:r" or run[0].sort is not Sort.START:
        return None
    look, text, any_text = "", "", False
    for child in _children(run[1:-1]):
        if child[0].name == "w:rpr":
            look = _raw(child)
        elif child[0].name == "w:t":
            text += "".join(unescape(token.raw) for token in child if token.sort is Sort.TEXT)
            any_text = True
        elif child[0].name not in _DROPPED:
            return None
    return (look, text) if any_text else None


def _children(row: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """The elements of a row of tokens, each with all that is in it; stray tokens by themselves."""
    start, depth = 0, 0
    for at, token in enumerate(row):
        depth += (token.sort is Sort.START) - (token.sort is Sort.END)
        if depth <= 0:
            yield row[start : at + 1]
            start, depth = at + 1, 0
    if start < len(row):
        yield row[start:]


def _raw(row: Sequence[Token]) -> str:
    return "".join(token.raw for token in row)
