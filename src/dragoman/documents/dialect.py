"""What the tags of a page mean: which divide sentences, which keep what they hold, in HTML and in XML. Reads no text.

What a client may say of its own tags is named as in the API of DeepL. XML has no names that mean something everywhere:
an element beside text belongs to the sentence, one among elements divides the page.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from dragoman.documents.tags import Sort, Token
from dragoman.text.languages import base_language, read_tag

# Tags of the HTML standard that do not belong to a sentence. Any other name (<b>, <b0>, <my-word>) does.
BLOCKS = frozenset(
    "html head body title base link meta style script noscript template main section article aside header footer nav "
    "hgroup h1 h2 h3 h4 h5 h6 address p div center blockquote pre ol ul menu li dl dt dd figure figcaption hr br table "
    "caption colgroup col tbody thead tfoot tr td th form fieldset legend select optgroup option datalist textarea "
    "button details summary dialog slot iframe object embed video audio source track canvas map area frameset frame "
    "noframes".split()
)
OPAQUE = frozenset(
    "code kbd samp var pre svg math canvas object video audio template iframe ruby tt xmp".split()
) | {
    "script",
    "style",
    "textarea",
}
NOT_TRANSLATED = re.compile(
    r"""\stranslate\s*=\s*["']?no\b|\sclass\s*=\s*(?:"[^"]*\bnotranslate\b|'[^']*\bnotranslate\b|notranslate\b)""",
    re.I,
)
_LANGUAGE = re.compile(r"""\s(?:xml:)?lang\s*=\s*(?:"([^"]{2,35})"|'([^']{2,35})'|([^\s"'>]{2,35}))""", re.I)
# In XML: names that people use as HTML does.
_INLINE = frozenset(
    "a abbr b bdo big cite code del dfn em font g i ins it kbd mark mrk ph q s samp small span strike strong sub sup "
    "tt u var x bpt ept".split()
)
_DIVIDING = frozenset("p par para div br hr li ul ol table tr td th h1 h2 h3 h4 h5 h6 blockquote".split())
_OPAQUE_IN_XML = frozenset("code kbd samp var pre script style svg math".split())


@dataclass(frozen=True)
class Dialect:
    """How a page is to be read.

    ignored: names of elements whose content is copied. splitting, non_splitting: of those that divide sentences, and
    that do not. outline: whether elements among elements divide an XML page. lines: whether a line end ends a sentence.
    source, target: codes of languages, "" where not known; a `lang` that says the one comes out as the other.
    """

    xml: bool = False
    ignored: frozenset[str] = frozenset()
    splitting: frozenset[str] = frozenset()
    non_splitting: frozenset[str] = frozenset()
    outline: bool = True
    lines: bool = False
    source: str = ""
    target: str = ""

    def is_kept(self, token: Token) -> bool:
        """Whether an element is copied with all that is in it."""
        opaque = _OPAQUE_IN_XML if self.xml else OPAQUE
        return (
            token.name in self.ignored
            or token.name in opaque
            or bool(NOT_TRANSLATED.search(token.raw))
            or token.foreign
        )

    def is_foreign(self, token: Token) -> bool:
        """Whether an element says of its words that they are in another language than the source.

        What is said of a whole page is not believed: templates say it of any.
        """
        if not self.source or token.sort is not Sort.START or token.name in ("html", "body"):
            return False
        said = _LANGUAGE.search(token.raw)
        tag = read_tag(said[1] or said[2] or said[3]) if said else None
        return tag is not None and tag.language != base_language(self.source)

    def blocks(self, page: Sequence[Token]) -> set[int]:
        """The places of the tags that divide sentences."""
        found = self._outline(page) if self.xml and self.outline else set[int]()
        for at, token in enumerate(page):
            if not token.name:
                continue
            named = token.name in self.splitting or self._divides(token.name)
            if named or at in found:
                found.add(at)
            if token.name in self.non_splitting and token.name not in self.splitting:
                found.discard(at)
        return found

    def _divides(self, name: str) -> bool:
        if not self.xml:
            return name in BLOCKS
        return self.outline and name.lower() in _DIVIDING

    def _outline(self, page: Sequence[Token]) -> set[int]:
        """Both tags of each element that has no text beside it."""
        found: set[int] = set()
        stack = [_Open(-1, "")]
        for at, token in enumerate(page):
            if token.sort is Sort.TEXT:
                stack[-1].speaks = stack[-1].speaks or not token.raw.isspace()
            elif token.sort is Sort.START:
                stack.append(_Open(at, token.name))
            elif token.sort is Sort.EMPTY:
                stack[-1].children.append((at, at))
            elif token.sort is Sort.END and len(stack) > 1 and stack[-1].name == token.name:
                closed = stack.pop()
                found |= closed.dividing(page)
                stack[-1].children.append((closed.at, at))
        for left in stack:
            found |= left.dividing(page)
        return found


@dataclass
class _Open:
    """An element of which the end has not been read."""

    at: int
    name: str
    speaks: bool = False  # whether text stands in it beside its children
    children: list[tuple[int, int]] = field(default_factory=list)

    def dividing(self, page: Sequence[Token]) -> set[int]:
        if self.speaks:
            return set()
        return {at for pair in self.children for at in pair if page[pair[0]].name.lower() not in _INLINE}
