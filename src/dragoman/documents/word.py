"""Word documents (.docx): the text of their paragraphs is translated, all else is copied byte for byte.

The XML is cut into tokens and joined again, never rebuilt: a rebuilt tree loses the namespace prefixes that Word
insists on. No entity is expanded, since document types are refused; what a packed file may grow to is limited, and
how deep paragraphs may stand in each other.
"""

from __future__ import annotations

import io
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import unescape
from itertools import groupby

from dragoman.documents.filling import Translate
from dragoman.documents.inline import Element, Node, Run, Sealed, Text, has_letters, text_of
from dragoman.documents.markup import translate_runs
from dragoman.documents.tags import Sort, Token, tokens
from dragoman.errors import UsageError

UNPACKED = 100_000_000  # bytes of all entries together; a 10 MB document with pictures unpacks to 15 MB
TEXT = 20_000_000  # bytes of a part that is read for its words; a novel of a thousand pages has half of them
ENTRIES = 5_000
TOLD = 120  # characters of what is wrong with it
DEEPEST = 16  # paragraphs within each other: a text box in a text box is the fourth
# Whatever zipfile and the unpackers behind it raise for bytes that are not what they should be.
DAMAGED = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    OverflowError,
)
_PARTS = re.compile(r"word/(?:document|header\d*|footer\d*|footnotes|endnotes)\.xml")
_DROPPED = frozenset({"w:prooferr", "w:lastrenderedpagebreak"})  # about text that is gone
_BREAKS = frozenset({"w:br", "w:tab", "w:cr"})
_TRANSPARENT = frozenset({"w:hyperlink", "w:ins", "w:smarttag"})
_EMPTY = re.compile(
    r'<w:r>(?:<w:rPr>(?:(?!</?w:r[ >]).)*?</w:rPr>)?<w:t xml:space="preserve"></w:t></w:r>', re.DOTALL
)


def translate_docx(data: bytes, translate: Translate) -> bytes:
    """Raises UsageError for what is no Word document, or unpacks to more than UNPACKED bytes."""
    packed = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(packed, "w") as target:
            entries = source.infolist()
            _check(entries)
            for entry in entries:
                if _PARTS.fullmatch(entry.filename) and entry.file_size > TEXT:
                    raise UsageError(
                        f"{entry.filename} unpacks to {entry.file_size:,} bytes, and at most {TEXT:,} are read"
                    )
                content = source.read(entry)
                if _PARTS.fullmatch(entry.filename):
                    content = _part(content, translate)
                target.writestr(entry, content, zipfile.ZIP_DEFLATED)
    except DAMAGED as error:
        # Some name the whole of what they found in place of a name.
        raise UsageError(f"the file is no Word document, or a damaged one: {str(error)[:TOLD]}") from None
    return packed.getvalue()


def _check(entries: Sequence[zipfile.ZipInfo]) -> None:
    names = [entry.filename for entry in entries]
    if "word/document.xml" not in names:
        raise UsageError("the file is no Word document: it has no word/document.xml")
    if len(set(names)) < len(names) or any(entry.flag_bits & 1 for entry in entries):
        raise UsageError(
            "the document is encrypted, or has two parts of one name: save it again without a password"
        )
    if len(names) > ENTRIES or sum(entry.file_size for entry in entries) > UNPACKED:
        raise UsageError(f"the document unpacks to more than {ENTRIES:,} parts or {UNPACKED:,} bytes")


def _part(content: bytes, translate: Translate) -> bytes:
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
    written = iter(translate_runs([p.run for p in paragraphs if p.speaks], translate))
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
        nodes = [_node(child, look) for child in body]
        return cls(row[0].raw + "".join(map(_raw, head)), look, tuple(_merged(nodes)), row[-1].raw)

    @property
    def speaks(self) -> bool:
        return has_letters(text_of(self.run))

    def page(self, text: str) -> str:
        inner = _open(self.look) + text.replace("&nbsp;", "\xa0") + _CLOSED
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


def _open(look: str) -> str:
    return f'<w:r>{look}<w:t xml:space="preserve">'


def _node(child: Sequence[Token], look: str) -> Node:
    """A part of a paragraph as text, as text that looks otherwise, or as something that is copied."""
    if child[0].name == "w:r" and (found := _text(child)) is not None:
        own, text = found
        return (
            Text(text) if own == look else Element(_CLOSED + _open(own), (Text(text),), _CLOSED + _open(look))
        )
    if child[0].name in _TRANSPARENT and child[0].sort is Sort.START:
        inner = [_text(run) for run in _children(child[1:-1]) if run[0].name not in _DROPPED]
        if inner and all(inner):
            whole = "".join(found[1] for found in inner if found)
            start = _CLOSED + child[0].raw + _open(inner[0][0] if inner[0] else "")
            return Element(start, (Text(whole),), _CLOSED + child[-1].raw + _open(look))
    breaks = child[0].name == "w:r" and any(token.name in _BREAKS for token in child)
    return Sealed(_CLOSED + _raw(child) + _open(look), word=False, breaks=breaks)


def _merged(nodes: Sequence[Node]) -> Iterator[Node]:
    """Word splits a word in two where somebody corrected it: neighbours that look alike become one."""
    for _, alike in groupby(enumerate(nodes), _look):
        group = [node for _, node in alike]
        first, last = group[0], group[-1]
        if isinstance(first, Text):
            yield Text(text_of(group))
        elif isinstance(first, Element) and isinstance(last, Element):
            yield Element(first.start, (Text(text_of(group)),), last.end)
        else:
            yield first


def _look(placed: tuple[int, Node]) -> object:
    """The same for neighbours that become one, and another for each part that stays by itself."""
    number, node = placed
    return (
        number if isinstance(node, Sealed) else (type(node), node.start if isinstance(node, Element) else "")
    )


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
