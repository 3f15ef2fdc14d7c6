"""Runs: text of a document with what stands in it, and how a translator reads and returns one. Knows no format.

A translator gets one text for each run, with a seal (text/seals.py) for each tag, and has to return every seal once.
One that does not is not believed: the run stays as it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape

from dragoman.text.joining import like_end
from dragoman.text.seals import SEAL, SIGNS, Sort, read, seal, without
from dragoman.text.sentences import split_paragraph

LONGEST = 4_000  # characters of a run that are translated at once; a long paragraph has 2,000
_SPACE = re.compile(r"[ \t\r\n\f]+")
_LETTER = re.compile(r"[^\W\d_]")
_FOREIGN = re.compile(f"[{SIGNS}]")

Translate = Callable[[list[str]], Sequence[str]]


@dataclass(frozen=True)
class Text:
    """Characters as a reader sees them, and as they are written."""

    text: str
    raw: str


@dataclass(frozen=True)
class Sealed:
    """Copied as it is; `sort` is what it is to the sentence. What opens and what closes are nested."""

    raw: str
    sort: Sort


Node = Text | Sealed
Run = tuple[Node, ...]


def raw_of(nodes: Sequence[Node]) -> str:
    return "".join(node.raw for node in nodes)


def text_of(nodes: Sequence[Node]) -> str:
    return "".join(node.text for node in nodes if isinstance(node, Text))


def has_letters(text: str) -> bool:
    return _LETTER.search(text) is not None


def written(text: str) -> str:
    """Text as markup."""
    return escape(text, quote=False).replace("\xa0", "&nbsp;")


def translate_runs(
    found: Sequence[Run],
    translate: Translate,
    write: Callable[[str], str] = written,
    lines: bool = False,
) -> list[str]:
    """Runs translated, as markup, all at once. write: text as the format writes it. lines: line ends end sentences."""
    plans = [_Line(run, lines) for run in found]
    texts = [text for plan in plans for text in plan.texts]
    done = iter(translate(texts) if texts else ())
    return [plan.page([next(done) for _ in plan.texts], write) for plan in plans]


@dataclass(frozen=True)
class _Line:
    """A run on its way."""

    run: Run
    lines: bool

    @cached_property
    def _seals(self) -> list[str]:
        """Of each node; "" for text. What closes has the number of what it closes."""
        found: list[str] = []
        opened: list[int] = []
        for number, node in enumerate(self.run):
            if isinstance(node, Text):
                found.append("")
                continue
            if node.sort is Sort.OPEN:
                opened.append(number)
            found.append(seal(node.sort, opened.pop() if node.sort is Sort.CLOSE and opened else number))
        return found

    @cached_property
    def _ends(self) -> tuple[str, str, str]:
        """White space before the words, the run as a translator reads it, and white space after it."""
        texts = [
            self._seen(node.text) if isinstance(node, Text) else sealed
            for node, sealed in zip(self.run, self._seals, strict=True)
        ]
        whole = "".join(texts)
        words = whole.strip(" \n")
        first = self.run[0].text if self.run and isinstance(self.run[0], Text) else ""
        last = self.run[-1].text if self.run and isinstance(self.run[-1], Text) else ""
        before = first[: len(first) - len(first.lstrip())] if whole[:1].isspace() else ""
        return before, words, last[len(last.rstrip()) :] if whole[-1:].isspace() else ""

    def _seen(self, text: str) -> str:
        """White space as a browser shows it."""
        text = text.replace("\xa0", " ")
        if not self.lines:
            return _SPACE.sub(" ", text)
        return "\n".join(_SPACE.sub(" ", line) for line in text.split("\n"))

    @property
    def speaks(self) -> bool:
        return has_letters(text_of(self.run))

    @cached_property
    def texts(self) -> list[str]:
        """What is to be translated: one text, or several where it is long."""
        words = self._ends[1]
        if not self.speaks:
            return []
        if len(words) <= LONGEST:
            return [words]
        found = [""]
        for segment in split_paragraph(words, longest=len(words)):
            if len(found[-1]) + len(segment.text) > LONGEST:
                found.append("")
            found[-1] += segment.text + segment.separator
        return found

    def page(self, translated: Sequence[str], write: Callable[[str], str]) -> str:
        """The run as markup, with its translation where that can be believed."""
        if not self.texts:
            return raw_of(self.run)
        before, words, after = self._ends
        text = "".join(translated)
        if not self._is_whole(text):
            return raw_of(self.run)
        text = _like_ends(words, text)
        contents = {sealed: node.raw for node, sealed in zip(self.run, self._seals, strict=True) if sealed}
        found: list[str] = []
        at = 0
        for match in SEAL.finditer(text):
            found += (write(text[at : match.start()]), contents[match.group()])
            at = match.end()
        return write(before) + "".join(found) + write(text[at:] + after)

    def _is_whole(self, text: str) -> bool:
        """Whether every seal is there once, what opens and closes nested, and no sign is left over."""
        found = SEAL.findall(text)
        if sorted(found) != sorted(filter(None, self._seals)) or _FOREIGN.search(without(text)):
            return False
        opened: list[int] = []
        for sort, number in map(read, found):
            if sort is Sort.OPEN:
                opened.append(number)
            elif sort is Sort.CLOSE and (not opened or opened.pop() != number):
                return False
        return True


def _like_ends(source: str, text: str) -> str:
    """What stands between breaks ends as its source does."""
    sources, texts = _broken(source), _broken(text)
    if len(sources) != len(texts):
        return text
    found: list[str] = []
    for one, other in zip(sources, texts, strict=True):
        end = _trail(other)
        found.append(like_end(without(one).rstrip(), other[:end]) + other[end:])
    return "".join(found)


def _broken(text: str) -> list[str]:
    """The stretches between breaks, each with the break after it."""
    found, at = list[str](), 0
    for match in SEAL.finditer(text):
        if match.group()[0] == Sort.BREAK:
            found.append(text[at : match.end()])
            at = match.end()
    return [*found, text[at:]]


def _trail(text: str) -> int:
    """Where the seals and the white space at the end begin."""
    end = len(text)
    while end and (text[end - 1].isspace() or _FOREIGN.match(text[end - 1])):
        end -= 1
    return end


def texts_of(text: str, raw: str) -> Iterator[Node]:
    """Text as nodes; signs that seals are made of, which nobody else writes, as something that is copied."""
    if _FOREIGN.search(text) is None:
        yield Text(text, raw)
        return
    for part in re.split(f"([{SIGNS}]+)", text):
        if part:
            yield Sealed(part, Sort.ALONE) if _FOREIGN.match(part) else Text(part, written(part))
