"""What a model's tokenizer cannot spell, or spells letter by letter, and no model translates. Finds no patterns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from dragoman.text.normalize import dominant_script, scripts_of
from dragoman.text.spans import Kind, Role, Span
from dragoman.text.tokenizer import Tokenizer

_BYTE = re.compile(r"<0x[0-9A-F]{2}>|<unk>")  # which stands for no sign at all
_ACRONYM = re.compile(r"(?<![\w.])[A-Z]{2,8}(?![\w.]*\w)")
# \w lacks the vowel signs of many scripts, and the signs that join letters or keep them apart.
_SIGNS = (
    "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0dff\u0e31-\u0ecd"
    "\u0f18-\u0fbc\u102b-\u109d\u1712-\u17dd"
)
_SHAPED = rf"[^\W_](?:[^\W_]|[{_SIGNS}]|[\u200c\u200d](?=\w))*"
_WORD = re.compile(f"{_SHAPED}(?:[-'’]{_SHAPED})*")
_FOREIGN = re.compile(r"[^\x00-\x7f]")
# Words of English that are written so; models know them.
_WORDS = frozenset(
    "USA US UK UN EU UAE TV CD DVD OK AM PM AD BC II III IV VI VII VIII IX XI XII MR MRS DR".split()
)


@dataclass(frozen=True)
class Lexicon:
    """What a source tokenizer knows of a language."""

    tokenizer: Tokenizer
    language: str
    _spelled: dict[str, bool] = field(default_factory=dict)

    def more(self, text: str, spans: Sequence[Span]) -> list[Span]:
        """The spans of a sentence, and between them those that only this tokenizer tells."""
        foreign = _FOREIGN.search(text) is not None
        if not foreign and not _ACRONYM.search(text):
            return list(spans)
        found: list[Span] = []
        at = 0
        for span in [*spans, Span(len(text), len(text), Kind.MARK)]:
            found += sorted(self._between(text, at, span.start, foreign), key=lambda one: one.start)
            at = span.end
            if found and span.kind is Kind.NUMBER and _is_label(text, found[-1], span):  # RFC 5646, USD 20
                span = Span(found.pop().start, span.end, Kind.WORD)
            found.append(span)
        return found[:-1]

    def _between(self, text: str, start: int, end: int, foreign: bool) -> Iterator[Span]:
        if foreign:
            yield from self._unspelled(text, start, end)
        # Capitals that were not lowered by recasing.py are those of acronyms.
        for match in _ACRONYM.finditer(text, start, end):
            if match.group() not in _WORDS and self._is_spelled(match.group()):
                yield Span(*match.span(), Kind.WORD)

    def _unspelled(self, text: str, start: int, end: int) -> Iterator[Span]:
        """Words with letters, and signs, that have no piece of their own; those of the language's script are words."""
        own = scripts_of(self.language)
        at = start
        for match in _WORD.finditer(text, start, end):
            yield from self._signs(text, at, match.start())
            word = match.group()
            at = match.end()
            if not word.isascii() and self._is_foreign(word, own):
                yield Span(*match.span(), Kind.WORD)
        yield from self._signs(text, at, end)

    def _is_foreign(self, word: str, own: frozenset[str]) -> bool:
        """Whether it is in letters that the language does not use, or in Latin ones that have no piece."""
        script = dominant_script(word)
        if script in own or not own:
            return script == "Latin" and self._has_bytes(word)
        return script not in (None, "Latin") or self._has_bytes(word)

    def _signs(self, text: str, start: int, end: int) -> Iterator[Span]:
        for at in range(start, end):
            sign = text[at]
            if not sign.isascii() and not sign.isspace() and self._has_bytes(sign):
                yield Span(at, at + 1, Kind.MARK, Role.ALONE)

    def _has_bytes(self, word: str) -> bool:
        if word not in self._spelled:
            if len(self._spelled) > 500:
                self._spelled.clear()
            self._spelled[word] = any(
                map(_BYTE.fullmatch, self.tokenizer.pieces(self.tokenizer.encode(word)))
            )
        return self._spelled[word]

    def _is_spelled(self, acronym: str) -> bool:
        """Whether it is written letter by letter, so that the model has never seen it as a word."""
        pieces = self.tokenizer.pieces(self.tokenizer.encode(acronym))
        return all(len(piece.strip("▁")) <= 1 for piece in pieces)


def _is_label(text: str, label: Span, number: Span) -> bool:
    """Whether capitals stand before a number as a part of its name."""
    return (
        label.kind is Kind.WORD
        and text[label.end : number.start] == " "
        and _ACRONYM.fullmatch(text[label.start : label.end]) is not None
    )
