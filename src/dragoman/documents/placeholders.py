"""Text with placeholders: what a model must not change stands aside while the rest is translated. Knows no syntax.

A placeholder stands for a variable, a number, a term of a glossary, a link. The model reads, and is asked to write
back, either the words in it or a name in its place. Small models drop invented markers ("[1]", "X1") nearly always,
and keep well-known names nearly always (in 20 sentences: "[1]" 0, "X" 0, "Tom" 18, "Boston" 19, with an
English-Chinese model of 6 M weights). Where the model keeps neither, the text is cut at the placeholder and its pieces
are translated apart, which cannot fail. Names in place of terms: Crego et al. 2016, "SYSTRAN's pure neural machine
translation systems", section 5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from functools import cached_property

# A name, and what it comes back as in Chinese (simplified, traditional); elsewhere it stays what it is.
NAMES = (
    ("Tom", "汤姆", "湯姆"),
    ("Boston", "波士顿", "波士頓"),
    ("Japan", "日本"),
    ("Mary", "玛丽", "瑪麗", "玛莉"),
    ("Australia", "澳大利亚", "澳洲", "澳大利亞"),
    ("John", "约翰", "約翰"),
    ("Paris", "巴黎"),
    ("Canada", "加拿大"),
    ("London", "伦敦", "倫敦"),
)
NUMERALS = (("7", "七"), ("15", "十五"), ("30", "三十"), ("5", "五"), ("20", "二十"), ("9", "九"))
MOST = 60  # placeholders in a line that are looked for in its translation; at what comes after them it is cut
ROUNDS = 4  # translations of one text at most: as it is, with names, with other names, in pieces

_COLONS = (":", "：")
HAN = re.compile("[\u3400-\u9fff]")
_LETTER = re.compile(r"[^\W\d_]")


class Kind(StrEnum):
    """What a placeholder is to the sentence."""

    WORD = "word"
    NUMBER = "number"
    MARK = "mark"  # no word at all: an anchor, a tag that stands alone


class Way(IntEnum):
    """How a placeholder is shown to the model; the later, the surer and the less fluent."""

    SEEN = 0
    NAMED = 1
    RENAMED = 2
    CUT = 3


@dataclass(frozen=True)
class Placeholder:
    """Something that has to come out exactly.

    content: what stands there in the end. word: what the model may read, None where it must not see it.
    forms: how a translation of `word` may look. spaced: whether a letter beside it would be taken for a part of it.
    around: tags to put around the words that the translation itself has, where most of a form is found in it.
    """

    content: str
    kind: Kind = Kind.WORD
    word: str | None = None
    forms: tuple[str, ...] = ()
    spaced: bool = False
    around: tuple[str, str] | None = None


@dataclass(frozen=True)
class Place:
    """A placeholder in a piece. `forms` is empty for a mark, which the model does not see."""

    number: int  # of the placeholder in its line
    placeholder: Placeholder
    shown: str
    forms: tuple[str, ...]


@dataclass(frozen=True)
class Piece:
    """What is translated at once, or, if it has no words of its own, copied."""

    parts: tuple[str | Place, ...]

    @cached_property
    def words(self) -> bool:
        return any(_LETTER.search(part) for part in self.parts if isinstance(part, str))

    @property
    def text(self) -> str:
        """What the model reads."""
        return "".join(part if isinstance(part, str) else part.shown for part in self.parts)


@dataclass(frozen=True)
class Line:
    """Text and placeholders in turn, and how each of these is shown; where one is CUT, pieces on both its sides."""

    parts: tuple[str | Placeholder, ...]
    ways: tuple[Way, ...]

    @classmethod
    def of(cls, parts: Sequence[str | Placeholder]) -> Line:
        return cls(tuple(parts), tuple(_first_ways(parts)))

    @cached_property
    def pieces(self) -> list[Piece | Placeholder]:
        """Pieces, and between them the placeholders at which the line is cut."""
        found: list[Piece | Placeholder] = []
        current: list[str | Place] = []
        places = iter(_places(self))
        for part in self.parts:
            place = part if isinstance(part, str) else next(places)
            if isinstance(place, Placeholder):
                found += [Piece(tuple(current)), place]
                current = []
            else:
                current.append(place)
        return [*found, Piece(tuple(current))]

    @property
    def texts(self) -> list[str]:
        """What is to be translated."""
        pieces = [piece.text for piece in self.pieces if isinstance(piece, Piece) and piece.words]
        return [apart(piece)[1] for piece in pieces] if len(self.pieces) > 1 else pieces

    def harder(self, missing: Sequence[int], attempt: int) -> Line:
        """The placeholders that did not come back, shown in a surer way; after the third attempt, all of them cut."""
        ways = [
            Way.CUT if attempt == ROUNDS - 2 else Way(min(way + 1, Way.CUT)) if number in missing else way
            for number, way in enumerate(self.ways)
        ]
        return replace(self, ways=tuple(ways))


# -- showing --------------------------------------------------------------------------------------------------------


def _first_ways(parts: Sequence[str | Placeholder]) -> Iterator[Way]:
    """What the model can read is shown first; what stands before or after a colon, at an end, is cut off."""
    placeholders = 0
    for number, part in enumerate(parts):
        if isinstance(part, str):
            continue
        placeholders += 1
        before = _text_at(parts, number - 1).rstrip()
        after = _text_at(parts, number + 1).lstrip()
        first, last = number == 0, number == len(parts) - 1
        colon = (last and before[-1:] in _COLONS) or (first and after[:1] in _COLONS)
        if part.kind is Kind.WORD and colon or placeholders > MOST and part.kind is not Kind.MARK:
            yield Way.CUT
        else:
            yield Way.SEEN if part.word is not None else Way.NAMED


def _text_at(parts: Sequence[str | Placeholder], number: int) -> str:
    part = parts[number] if 0 <= number < len(parts) else ""
    return part if isinstance(part, str) else ""


def _places(line: Line) -> Iterator[Place | Placeholder]:
    """Each placeholder as the model sees it; the placeholder itself where the line is cut."""
    own = " ".join(part for part in line.parts if isinstance(part, str))
    taken = " ".join(
        [
            own,
            *(
                f
                for placeholder in _placeholders(line)
                for f in (placeholder.content, placeholder.word or "", *placeholder.forms)
            ),
        ]
    )
    chinese = bool(HAN.search(own))
    free: dict[Kind, list[tuple[str, ...]]] = {
        Kind.WORD: [name for name in NAMES if not any(form in taken for form in name)],
        Kind.NUMBER: [numeral for numeral in NUMERALS if not re.search(rf"(?<!\d){numeral[0]}(?!\d)", taken)],
    }
    for number, (placeholder, way) in enumerate(zip(_placeholders(line), line.ways, strict=True)):
        if placeholder.kind is Kind.MARK:
            yield Place(number, placeholder, "", ())
        elif way is Way.SEEN and placeholder.word is not None:
            yield Place(number, placeholder, placeholder.word, placeholder.forms)
        elif way is Way.CUT or not free[placeholder.kind]:
            yield placeholder
        else:
            # Another name than before, if the first was dropped.
            forms = free[placeholder.kind].pop(
                1 if way is Way.RENAMED and len(free[placeholder.kind]) > 1 else 0
            )
            shown = forms[1] if chinese and placeholder.kind is Kind.WORD else forms[0]
            yield Place(number, placeholder, shown, forms)


def _placeholders(line: Line) -> list[Placeholder]:
    return [part for part in line.parts if isinstance(part, Placeholder)]


def apart(text: str) -> tuple[str, str, str]:
    """What precedes the words of a piece, the words, and the white space after them."""
    words = text.lstrip(" \t\u3000,;:.!?，。；：！？、)）")
    return text[: len(text) - len(words)], words.rstrip(), words[len(words.rstrip()) :]
