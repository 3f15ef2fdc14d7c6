"""Plain text whose placeholders, numbers, addresses, white space and glossary terms survive. Calls no model.

    guard = protect(text, glossary)
    while there is again(guard, translation of guard.text): that is the next guard
    restore(guard, translation)

A term of the glossary is translated freely first: if its target comes out, nothing is lost. If not, a name stands in
for it, and the target takes the place of that name in the translation (placeholders.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from dragoman.documents.filling import read_back
from dragoman.documents.placeholders import ROUNDS, Kind, Line, Placeholder
from dragoman.translate.terms import Terms

# Lengths are bounded and repetitions possessive: time stays linear in the length of any text.
_URL_SIGN = r"[^\s<>\"'“”‘’（）()\[\]{}|\\^`，。；：！？、]"
_PATTERNS = {
    "braces": r"\{\{[^{}\n]{1,200}\}\}|\{%[^{}\n]{1,200}%\}|\$?\{[^{}\s]{0,200}\}",
    "percent": (
        r"%\([\w. ]{1,100}\)[-+ #0]{0,5}\d{0,5}(?:\.\d{1,5})?[a-zA-Z]"
        r"|%(?:\d{1,3}\$)?[-+#0]{0,5}\d{0,5}(?:\.\d{1,5})?(?:hh|h|ll|l|z)?[diouxXeEfFgGcrsa@](?![A-Za-z])"
    ),
    "tag": r"(?:</?[A-Za-z][^<>\n]{0,500}>)+",
    "url": rf"(?:(?:https?|ftp)://|www\.){_URL_SIGN}{{1,2000}}(?<![.,;:!?…*_])",
    "email": r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}",
    "number": r"(?<![A-Za-z0-9_.])\d{1,60}(?:[.,:/-]\d{1,60}){0,8}(?!\d|st\b|nd\b|rd\b|th\b|s\b)",
}
_PATTERN = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _PATTERNS.items()))
_COUNTED = re.compile(r"%.*[diufFg]|\{\{?\s*(?:n|num\w*|count\w*|total|amount|size)\s*\}?\}", re.IGNORECASE)
_LINE_END = re.compile("(\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029])")


@dataclass(frozen=True)
class Protected:
    """A text as it goes to a model, with what it takes to undo that."""

    lines: tuple[Line, ...]
    gaps: tuple[str, ...]  # before the first line, between two, and after the last
    attempt: int = 0

    @property
    def text(self) -> str:
        """What is to be translated; its lines have to come back in the same number."""
        return "\n".join(text for line in self.lines for text in line.texts)


def protect(text: str, glossary: Mapping[str, str] | Terms | None = None) -> Protected:
    """Whoever has many texts makes the Terms of their glossary once. Raises UsageError for what is no glossary."""
    terms = glossary if isinstance(glossary, Terms) else Terms(glossary or {})
    lines: list[Line] = []
    gaps = [""]
    for part in _LINE_END.split(text):
        words = part.strip()
        if not words:
            gaps[-1] += part
            continue
        before, _, after = part.partition(words)
        gaps[-1] += before
        gaps.append(after)
        lines.append(Line.of(list(_parts(words, terms))))
    return Protected(tuple(lines), tuple(gaps))


def restore(guard: Protected, translated: str) -> str:
    """A translation of `guard.text` with everything put back, as far as it came through."""
    return _restored(guard, translated)[0]


def again(guard: Protected, translated: str) -> Protected | None:
    """What to translate instead, because something did not come through; None if nothing is amiss.

    The fourth attempt cannot fail: by then a line that resists is translated in pieces.
    """
    missing = _restored(guard, translated)[1]
    if guard.attempt >= ROUNDS - 1 or not any(missing):
        return None
    lines = (
        line.harder(lost, guard.attempt) if lost else line
        for line, lost in zip(guard.lines, missing, strict=True)
    )
    return Protected(tuple(lines), guard.gaps, guard.attempt + 1)


def survived(guard: Protected, translated: str) -> bool:
    """Whether a translation, an alternative for example, has kept everything."""
    return not any(_restored(guard, translated)[1])


def beginning(guard: Protected, prefix: str) -> str:
    """What a translation of `guard.text` has to begin with, so that after `restore` it begins with `prefix`."""
    for line in guard.lines[:1]:
        for piece in line.pieces:
            for place in getattr(piece, "parts", ()):
                if not isinstance(place, str) and place.forms and place.shown != place.placeholder.word:
                    prefix = prefix.replace(
                        place.placeholder.content, place.forms[-1 if prefix.isascii() else 1]
                    )
    return prefix


def _restored(guard: Protected, translated: str) -> tuple[str, list[list[int]]]:
    written = iter(translated.split("\n") if translated else ())
    text, missing = guard.gaps[0], []
    for line, gap in zip(guard.lines, guard.gaps[1:], strict=True):
        filled, lost = read_back(line, list(islice(written, len(line.texts))))
        text += filled + gap
        missing.append(lost)
    return text, missing


def _parts(text: str, terms: Terms) -> Iterator[str | Placeholder]:
    """Terms before what else begins at the same place."""
    last, search = 0, terms.within(text)
    term, match = search.after(0), _PATTERN.search(text)
    while term or match:
        if term and (match is None or term.start <= match.start()):
            start, end = term.start, term.end
            placeholder = Placeholder(term.target, word=text[start:end], forms=(term.target,))
        elif match:
            start, end = match.span()
            placeholder = _placeholder(str(match.lastgroup), match.group())
        if start > last:
            yield text[last:start]
        yield placeholder
        last = end
        if term and term.start < last:
            term = search.after(last)
        if match and match.start() < last:
            match = _PATTERN.search(text, last)
    if last < len(text):
        yield text[last:]


def _placeholder(kind: str, found: str) -> Placeholder:
    if kind == "number":
        return Placeholder(found, Kind.NUMBER, word=found, forms=(found,))
    if kind == "tag":
        return Placeholder(found, Kind.MARK)
    return Placeholder(
        found, Kind.NUMBER if _COUNTED.fullmatch(found) else Kind.WORD, spaced=kind in ("url", "email")
    )
