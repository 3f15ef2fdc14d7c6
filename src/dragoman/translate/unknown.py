"""What a model's tokenizer cannot spell, or spells letter by letter, and no model translates. Finds no patterns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from dragoman.text.kinds import Kind, Role, Span
from dragoman.text.normalize import dominant_script, scripts_of
from dragoman.text.solid import HIDDEN, hidden
from dragoman.text.tokenizer import Tokenizer
from dragoman.translate.wording import AND_OR, either

_BYTE = re.compile(r"<0x[0-9A-F]{2}>|<unk>")  # which stands for no sign at all
_ACRONYM = re.compile(r"(?<![\w.])[A-Z]{2,8}(?![\w.]*\w)")
# In a language of other letters, words of Latin ones are names, or another language's.
_LATIN = re.compile(
    r"(?<![\w.])(?:[AI] )?[A-Za-z][A-Za-z'’.-]*[A-Za-z](?:[ ,]{1,2}[A-Za-z](?:[A-Za-z'’.-]*[A-Za-z])?)*(?!\w)"
)
# Japanese within Chinese, which has the same Han signs: a lone の is a fashion of Chinese.
_KANA = re.compile(
    "(?:(?<=[「『“《（(])[\u4e00-\u9fff]{1,6}(?=[\u3041-\u3096\u30a1-\u30fa]))?"
    "(?:[\u3041-\u3096\u30a1-\u30fa\u30fc]{2,}|[\u3041-\u3096\u30a1-\u30fa](?=[\u4e00-\u9fff]{1,3}[\u3041-\u3096]))"
    "(?:[\u4e00-\u9fff]{1,3}[\u3041-\u3096\u30a1-\u30fa\u30fc]+)*"
)
# Of so many letters that models lose some on the way.
_ENDLESS = re.compile(r"(?<![\w-])[A-Za-z]{25,}(?![\w-])")
_SOLID_SLASH = re.compile("(?<=\ue010)/(?=\ue010)")
_CODE = re.compile(r"[A-Z]{1,4}\d{5,}")
_BEFORE_NUMBER = re.compile(r"(?<![\w.])[A-Z]{2,8}(?:: ?| #| )$")
_SLASHED = re.compile(r"(?<![\w/.-])(?P<left>[A-Za-z][a-z]+)(?P<slash>/)(?P<right>[A-Za-z][a-z]+)(?![\w/])")
_SUSPECT = re.compile(rf"{_ACRONYM.pattern}|[A-Za-z]{{25}}|[a-z]/[a-z]|(?:^|[\])>] )[a-z][\w.-]{{1,20}}:[ ]")
_SPEAKER = re.compile(r"[ ]?(?P<label>(?P<name>[a-z][\w.-]{1,20}):)(?=[ ]\S)")
# What stands before a colon and is no person.
_LABELS = frozenset(
    "address answer attention author caution danger date default description email error example expected fix"
    " from hint "
    "important info input label legend message name note options output phone price problem ps question reason"
    " remark "
    "result see solution source status step subject summary tip title to todo total type usage version"
    " warning".split()
)
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


# Signs that a language is written with, and translations exchange for their own. Of other languages it is not known.
_OWN_SIGNS = {
    "en": re.compile("[“”‘’–—…]"),
    "zh": re.compile("[“”‘’—…·\u3000-\u303f\uff00-\uffef]"),
}


# Words of English that kept their accents; any other that begins with a capital is a name.
_BORROWED = frozenset(
    "café cliché crème décor déjà entrée exposé façade fiancé fiancée jalapeño matinée naïve piñata protégé résumé"
    " sauté soufflé".split()
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
        if not foreign and not _SUSPECT.search(text):
            return list(spans)
        own = scripts_of(self.language)
        shape = hidden(text) if "Han" in own else text
        japanese = shape is not text and "Kana" not in own
        found: list[Span] = []
        at = 0
        for span in [*spans, Span(len(text), len(text), Kind.MARK)]:
            between = list(self._between(shape, at, span.start, foreign))
            if japanese:
                between += [Span(*one.span(), Kind.WORD) for one in _KANA.finditer(text, at, span.start)]
            for one in sorted(between, key=lambda one: (one.start, -one.end)):
                if found and one.role is Role.OPENS and len(found) == 1:  # [12:34] alice:
                    one = replace(one, start=found.pop().start)
                if not found or one.start >= found[-1].end:
                    found.append(one)
            at = span.end
            if span.kind in (Kind.NUMBER, Kind.WORD) and (start := _label(shape, found, span)) is not None:
                span = Span(start, span.end, Kind.WORD)
                found = [one for one in found if one.end <= start]
            found.append(span)
        return found[:-1]

    def _between(self, text: str, start: int, end: int, foreign: bool) -> Iterator[Span]:
        if foreign:
            yield from self._unspelled(text, start, end)
        own = scripts_of(self.language)
        if own and "Latin" not in own:
            yield from (Span(*match.span(), Kind.WORD) for match in _LATIN.finditer(text, start, end))
            yield from (Span(*match.span(), Kind.WORD) for match in _SOLID_SLASH.finditer(text, start, end))
            return
        if not text[:start].strip(" \t") or text[start - 1 : start] in "])>":
            speaker = _SPEAKER.match(text, start, end)
            if speaker and self._is_name(speaker["name"]):
                yield Span(*speaker.span("label"), Kind.MARK, Role.OPENS)
        if either(self.language):
            yield from self._slashed(text, start, end)
        yield from (Span(*match.span(), Kind.WORD) for match in _ENDLESS.finditer(text, start, end))
        # Capitals that were not lowered by recasing.py are those of acronyms.
        for match in _ACRONYM.finditer(text, start, end):
            if match.group() not in _WORDS and self._is_spelled(match.group()):
                yield Span(*match.span(), Kind.WORD)

    def _is_name(self, word: str) -> bool:
        return word not in _LABELS and len(self.tokenizer.encode(word)) > 1

    def _slashed(self, text: str, start: int, end: int) -> Iterator[Span]:
        """A slash between two words of the language is read as "or"; what is none of it stays whole."""
        for match in _SLASHED.finditer(text, start, end):
            if match.group() in AND_OR:
                yield Span(*match.span(), Kind.WORD)
            elif all(len(self.tokenizer.encode(match[side])) <= 4 for side in ("left", "right")):
                yield Span(*match.span("slash"), Kind.WORD)
            else:
                yield Span(*match.span(), Kind.WORD)

    def _unspelled(self, text: str, start: int, end: int) -> Iterator[Span]:
        """Words with letters, and signs, that have no piece of their own; those of the language's script are"
        " words."""
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
            return script == "Latin" and (self._has_bytes(word) or self._has_rare_letters(word))
        return script is not None or self._has_bytes(word)

    def _signs(self, text: str, start: int, end: int) -> Iterator[Span]:
        for at in range(start, end):
            sign = text[at]
            if not sign.isascii() and sign not in HIDDEN and not sign.isspace() and self._is_strange(sign):
                yield Span(at, at + 1, Kind.MARK, Role.ALONE)

    def _is_strange(self, sign: str) -> bool:
        """A sign may have a piece, and still have been read too seldom to be copied."""
        own = _OWN_SIGNS.get(self.language)
        return self._has_bytes(sign) or (own is not None and not own.match(sign))

    def _has_rare_letters(self, word: str) -> bool:
        """Whether it is a name with letters that no longer piece holds, so hardly ever read: Zoë, Müller."""
        if not word[0].isupper() or word.lower().rstrip("s") in _BORROWED:
            return False
        pieces = self.tokenizer.pieces(self.tokenizer.encode(word))
        return any(len(piece) == 1 and piece.isalpha() and not piece.isascii() for piece in pieces)

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


def _label(text: str, found: Sequence[Span], number: Span) -> int | None:
    """Where the capitals begin that stand before a number as a part of its name: RFC 5646, PO 4500012345, VAT DE12345.

    Before what has only digits they may be a word of their own (NATO 1949), unless they are spelled.
    """
    label = _BEFORE_NUMBER.search(text, max(0, number.start - 12), number.start)
    if label is None:
        return None
    spelled = any(one.start == label.start() and one.kind is Kind.WORD for one in found)
    is_code = number.kind is Kind.WORD and _CODE.fullmatch(text, number.start, number.end)
    if not spelled and (not is_code or label.group().rstrip(": #") in _WORDS):
        return None
    return label.start()
