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
from dragoman.errors import UsageError

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


def protect(text: str, glossary: Mapping[str, str] | None = None) -> Protected:
    """Raises UsageError for a glossary entry that lacks one of its sides."""
    pattern, targets = _pattern(glossary or {})
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
        lines.append(Line.of(list(_parts(words, pattern, targets))))
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


def _pattern(glossary: Mapping[str, str]) -> tuple[re.Pattern[str], dict[str, str]]:
    """What to look for, terms first and long ones before short ones; and the targets by folded source."""
    targets: dict[str, str] = {}
    for source, target in glossary.items():
        if not source.strip() or not target.strip():
            raise UsageError(f"glossary: {source!r} -> {target!r}: both sides must have words")
        targets[source.strip().casefold()] = target.strip()
    terms = sorted((source.strip() for source in glossary), key=len, reverse=True)
    alternatives = [f"(?P<term>(?i:{'|'.join(map(_whole, terms))}))"] if terms else []
    alternatives += [f"(?P<{name}>{pattern})" for name, pattern in _PATTERNS.items()]
    return re.compile("|".join(alternatives)), targets


def _whole(term: str) -> str:
    """A term as words of their own; Chinese has no spaces to tell where a word ends."""
    before = r"(?<![A-Za-z0-9])" if re.match("[A-Za-z0-9]", term) else ""
    after = r"(?![A-Za-z0-9])" if re.search("[A-Za-z0-9]$", term) else ""
    return before + re.escape(term) + after


def _parts(text: str, pattern: re.Pattern[str], targets: Mapping[str, str]) -> Iterator[str | Placeholder]:
    last = 0
    for match in pattern.finditer(text):
        if match.start() > last:
            yield text[last : match.start()]
        yield _placeholder(str(match.lastgroup), match.group(), targets)
        last = match.end()
    if last < len(text):
        yield text[last:]


def _placeholder(kind: str, found: str, targets: Mapping[str, str]) -> Placeholder:
    if kind == "term":
        target = targets[found.casefold()]
        return Placeholder(target, word=found, forms=(target,))
    if kind == "number":
        return Placeholder(found, Kind.NUMBER, word=found, forms=(found,))
    if kind == "tag":
        return Placeholder(found, Kind.MARK)
    return Placeholder(
        found, Kind.NUMBER if _COUNTED.fullmatch(found) else Kind.WORD, spaced=kind in ("url", "email")
    )
