"""From translated sentences back to running text: spaces and line breaks as the target language writes them.

Translates nothing, and splits nothing: that is sentences.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from dragoman.text.normalize import normalize, scripts_of
from dragoman.text.seals import SIGNS

# Signs that stand next to each other without a space: kana, Han, and the punctuation written with them. Emoji and
# Hangul are as wide, and keep their spaces.
_SOLID = (
    "\u2014\u2018\u2019\u201c\u201d\u2026\u2e80-\u2fdf\u3001-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\ufe10-\ufe1f\ufe30-\ufe4f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff9f\U00020000-\U0003ffff"
)
# Beside one of these stands no space, whatever letter is on its other side.
WIDE = frozenset("，。；：！？、（）《》【】「」『』")
_SPACE_BETWEEN_SOLID = re.compile(
    rf"(?<=[{_SOLID}]) (?=[{_SOLID}])|(?<=\S) (?=[{(wide := ''.join(sorted(WIDE)))}])|(?<=[{wide}]) (?=\S)"
)
_SOLID_SIGN = re.compile(f"[{_SOLID}]")
# Form feeds, file separators, U+2028: a terminal obeys some of them.
_NO_PLAIN_SPACE = re.compile(r"[^\S\r\n\t \u3000]")
_STAYS = re.compile(r"[\t\S]| {3}")
_CELLS = re.compile(r" {3,}|[ ]*[\t|][ ]*|[,;]+")
_SEALED = "".join(map(chr, range(ord(SIGNS[0]), ord(SIGNS[2]) + 1)))
# Each of these stands between two lines, of which the first ends no sentence; possessive, since time is to be linear.
_WRAPPED = re.compile(r"(?<=[^\s.!?…。！？:：])[ \t]*+\r?\n(?=[^\r\n\S]*+\S)[ \t]*+")
_HYPHENATED = re.compile(r"(?<=[a-z][a-z])-\r?\n[ \t]{0,9}(?=[a-z]{2})")
_HAN = re.compile("[\u3400-\u9fff]")
_END_MARKS = "。．.!！?？;；:：…"
_SENTENCE_ENDS = "。．.!！?？…"


@lru_cache(1024)  # asked of every line
def writes_without_spaces(language: str) -> bool:
    """Whether a language sets its sentences solid: Chinese and Japanese do, Korean and Thai do not."""
    return "Han" in scripts_of(language)


def tidy(text: str, language: str) -> str:
    """What a model wrote, fit to print: one line, no control characters, no space where Chinese has none.

    Byte fallback can spell any character, so a line break or an escape sequence could come out of any model.
    """
    text = normalize(text)
    return _SPACE_BETWEEN_SOLID.sub("", text) if writes_without_spaces(language) else text


def touch(left: str, right: str) -> bool:
    """Whether no space belongs between two signs: each is one of those that stand without."""
    return _SOLID_SIGN.match(left) is not None and _SOLID_SIGN.match(right) is not None


def join(sentences: Iterable[tuple[str, str]], language: str, *, whole: bool = False) -> str:
    """Translated sentences, each with the separator that followed its source, as one text.

    A separator with a line break stays what it was. Between sentences on one line stands what
    the language asks for, since the source may not have had it: nothing beside a Chinese sign, a space elsewhere.
    whole: a tab, a sign, the spaces between columns and the white space at the ends stay, too.
    """
    solid = writes_without_spaces(language)
    text: list[str] = []
    gap, last = "", ""
    for sentence, separator in sentences:
        if sentence:
            if "\n" in gap or (whole and (not last or _STAYS.search(gap))):
                text.append(gap and _NO_PLAIN_SPACE.sub("", gap))
            elif last and not (solid and (_SOLID_SIGN.match(last) or _SOLID_SIGN.match(_first(sentence)))):
                text.append(" ")
            text.append(sentence)
            gap, last = "", _last(sentence) or last or sentence[-1]
        gap += separator
    if gap and (whole or "\n" in gap):
        text.append(_NO_PLAIN_SPACE.sub("", gap))
    return "".join(text)


def unwrapped(text: str) -> str:
    """A text in which a line end within a sentence is a space; what ends a sentence or a paragraph stays."""
    return _WRAPPED.sub(" ", _HYPHENATED.sub("", text))


def divides(separator: str) -> bool:
    """Whether what stands between two stretches of text stands between the cells of a table."""
    return _CELLS.fullmatch(separator) is not None


def like_end(source: str, text: str, fixed: int = 0) -> str:
    """A translation that ends as its source does: a model puts a full stop after anything.

    fixed: so many characters at its beginning are nothing that a model wrote, and stay.
    """
    stem = text[:fixed] + text[fixed:].rstrip(_END_MARKS + " ")
    if not stem or source[-1:] in _SENTENCE_ENDS:
        return text
    mark = source[-1:] if source[-1:] in ":：;；" else ""
    widths = {":": "：", ";": "；"} if _HAN.search(stem) else {"：": ":", "；": ";"}
    return stem + widths.get(mark, mark)


def _first(sentence: str) -> str:
    """The first sign that a reader sees."""
    return sentence.lstrip(_SEALED)[:1]


def _last(sentence: str) -> str:
    end = len(sentence.rstrip(_SEALED)) if sentence[-1:] in _SEALED else len(sentence)
    return sentence[end - 1 : end]
