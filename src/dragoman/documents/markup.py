"""HTML or XML in, the same out: the text between the tags is translated, every tag comes out once. Calls no model.

A paragraph goes to the translator as one text, with a seal for each tag in it (runs.py). Code, scripts, styles and
whatever says translate="no" are copied; of attributes, those that people read are translated (attributes.py).
"""

from __future__ import annotations

from dataclasses import replace

from dragoman.documents.attributes import with_attributes
from dragoman.documents.dialect import Dialect
from dragoman.documents.inline import runs
from dragoman.documents.runs import Run, Text, Translate, translate_runs
from dragoman.documents.tags import CDATA, Sort, tokens

HTML = Dialect()


def translate_html(page: str, translate: Translate, dialect: Dialect = HTML) -> str:
    """A page or a part of one. `translate` gets text with seals, and may be called a few times with many texts."""
    read = [
        replace(token, foreign=True) if dialect.is_foreign(token) else token
        for token in tokens(page, dialect.xml)
    ]
    row = with_attributes(read, dialect, translate)
    parts: list[str | Run] = []
    for part in runs(row, dialect):
        if isinstance(part, str) and dialect.xml and part.startswith(CDATA[0]) and part.endswith(CDATA[1]):
            parts += (CDATA[0], part[len(CDATA[0]) : -len(CDATA[1])], CDATA[1])
        else:
            parts.append(part)
    inner = _in_cdata(parts, translate, dialect)
    wanted = [part for part in parts if not isinstance(part, str)]
    found = iter(translate_runs(wanted, translate, lines=dialect.lines))
    return "".join(
        inner[at] if at in inner else part if isinstance(part, str) else next(found)
        for at, part in enumerate(parts)
    )


def _in_cdata(parts: list[str | Run], translate: Translate, dialect: Dialect) -> dict[int, str]:
    """What stands in CDATA, translated, by its place: a page where it has tags, else text without entities."""
    places = [at + 1 for at, part in enumerate(parts) if part == CDATA[0]]
    found: dict[int, str] = {}
    plain: list[int] = []
    for at in places:
        text = parts[at]
        assert isinstance(text, str)
        if any(token.sort is not Sort.TEXT for token in tokens(text)):
            found[at] = translate_html(text, translate, replace(dialect, xml=False))
        else:
            plain.append(at)
    texts = [(Text(text, text),) for at in plain if isinstance(text := parts[at], str)]
    found |= zip(plain, translate_runs(texts, translate, str, dialect.lines), strict=True)
    return {at: text.replace("]]>", "]]]]><![CDATA[>") for at, text in found.items()}
