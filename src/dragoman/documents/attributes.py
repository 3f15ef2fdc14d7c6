"""What people read of a tag's attributes: names of images, hints in fields, words on buttons. Finds it, puts it back.

Translates nothing. An attribute of which the content is for programs (an address, a class, a number) is never touched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from html import escape, unescape

from dragoman.documents.dialect import NOT_TRANSLATED, Dialect
from dragoman.documents.runs import has_letters
from dragoman.documents.tags import Sort, Token
from dragoman.text.joining import like_end

_READ = frozenset(
    "alt title placeholder aria-label aria-description aria-placeholder aria-roledescription aria-valuetext".split()
)
_LABELLED = frozenset("option optgroup track".split())
_BUTTONS = frozenset("submit button reset".split())
_META = frozenset(
    "description og:title og:description og:image:alt twitter:title twitter:description twitter:image:alt dc.title "
    "dc.description".split()
)
# Each begins behind white space or a quote, so that a long word is not read once for each of its letters.
_ATTRIBUTE = re.compile(r"""(?<=[\s"'/])([^\s=>"'/]++)\s*+=\s*+("[^"]*+"|'[^']*+'|[^\s"'>]++)""")


def with_attributes(
    page: Sequence[Token], dialect: Dialect, translate: Callable[[list[str]], Sequence[str]]
) -> list[Token]:
    """The page with what people read translated, and with the language it is then in. Of XML only the language."""
    tokens, places = list(page), list(_places(page, dialect))
    found = [(at, match) for at in places for match in _read(tokens[at], dialect)]
    texts = [unescape(_value(match)) for _, match in found]
    written = translate(texts) if texts else ()
    changes: dict[int, list[tuple[int, int, str]]] = {}
    for (at, match), text in zip(found, written, strict=True):
        changes.setdefault(at, []).append((*match.span(2), _quoted(match[2], _ended(match, text))))
    for at in places:
        for match in _languages(tokens[at], dialect):
            changes.setdefault(at, []).append((*match.span(2), _quoted(match[2], dialect.target)))
    for at, edits in changes.items():
        raw = tokens[at].raw
        for start, end, value in sorted(edits, reverse=True):
            raw = raw[:start] + value + raw[end:]
        tokens[at] = replace(tokens[at], raw=raw)
    return tokens


def _places(page: Sequence[Token], dialect: Dialect) -> Iterator[int]:
    """The tags that have attributes and are not within an element that is to stay as it is."""
    kept, depth = "", 0
    for at, token in enumerate(page):
        if depth:
            if token.name == kept:
                depth += (token.sort is Sort.START) - (token.sort is Sort.END)
        elif token.sort in (Sort.START, Sort.EMPTY):
            stays = token.name in dialect.ignored or NOT_TRANSLATED.search(token.raw)
            if not stays and "=" in token.raw:
                yield at
            if token.sort is Sort.START and (stays or dialect.is_kept(token)):
                kept, depth = token.name, 1


def _read(token: Token, dialect: Dialect) -> Iterator[re.Match[str]]:
    if dialect.xml:
        return
    matches = list(_ATTRIBUTE.finditer(token.raw))
    values = {match[1].lower(): _value(match).strip().lower() for match in matches}
    wanted = set(_READ)
    if token.name in _LABELLED:
        wanted.add("label")
    if token.name == "input" and values.get("type") in _BUTTONS:
        wanted.add("value")
    if token.name == "meta" and (values.get("name") or values.get("property")) in _META:
        wanted.add("content")
    for match in matches:
        if match[1].lower() in wanted and has_letters(unescape(_value(match))):
            yield match


def _languages(token: Token, dialect: Dialect) -> Iterator[re.Match[str]]:
    """The attributes that say that words are in the language of the source."""
    if not (dialect.source and dialect.target):
        return
    names = ("xml:lang",) if dialect.xml else ("lang", "xml:lang")
    for match in _ATTRIBUTE.finditer(token.raw):
        if match[1].lower() in names and _base(_value(match)) == _base(dialect.source):
            yield match


def _base(language: str) -> str:
    return re.split("[-_]", language.strip(), maxsplit=1)[0].lower()


def _value(match: re.Match[str]) -> str:
    value = match[2]
    return value[1:-1] if value[:1] in ("'", '"') else value


def _ended(match: re.Match[str], text: str) -> str:
    return like_end(unescape(_value(match)).rstrip(), text)


def _quoted(before: str, text: str) -> str:
    """A value in the quotes that it had; in double ones where it had none."""
    quote = before[0] if before[0] in ("'", '"') else '"'
    value = escape(text, quote=False).replace("\xa0", "&nbsp;")
    return quote + value.replace(quote, "&quot;" if quote == '"' else "&#x27;") + quote
