"""A paragraph as sentences and what stood between them. Translates nothing, and loses no character.

Rules, not a model: an end mark, what closes after it, then a space (none is needed after a full-width mark). Where
the rules are in doubt they do not split: a translator survives two sentences at once better than half of one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dragoman.text.kinds import Kind, Role, Span
from dragoman.text.languages import base_language
from dragoman.text.seals import is_within
from dragoman.text.spans import find

# Sentences longer than this are cut at a pause: translators trained on sentences do badly on pages.
LONGEST = 500  # characters

_LINE_ENDS = r"\n\r\v\f\x85\u2028\u2029"
_CLOSERS = r"[\"'”’»›)\]}）】》〉」』]*+"
_HAN = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"
# What stands for a span while sentences are looked for, as long as the span: private signs, so that no rule takes
# them for words.
_WORD, _OPENS, _CLOSES, _ALONE, _NUMBER, _BREAK = "\ue000", "\ue001", "\ue002", "\ue003", "0", "\n"
_CAPITAL = "A-Z\u00c0-\u00d6\u00d8-\u00de\u0391-\u03ab\u0410-\u042f"
_MARKS = f"[{_CLOSES}{_ALONE}]"
# Possessive, and anchored to the start of each run: a million full stops must not be tried a million times.
_ENDS = re.compile(
    rf"[{_LINE_ENDS}]\s*+"
    rf"|[。！？｡।॥]++[。！？｡।॥…]*+{_CLOSERS}\s*+(?:{_MARKS}++\s*+)*+"
    rf"|(?<![.!?…؟۔])(?P<mark>[.!?…؟۔]++){_CLOSERS}(?P<after>{_MARKS}*+)"
    rf"(?P<space>\s++(?:{_MARKS}++\s*+)*+|(?<=[{_CLOSES}{_ALONE}])|(?=[{_OPENS}])|(?<=[?!])(?=[{_HAN}])|(?=[{_CAPITAL}]))"
    rf"|(?<=\s)(?P<lone>{_ALONE}++)\s++(?=[{_CAPITAL}])"
    rf"|(?<=[a-z,;])(?P<glued>{_ALONE}++)\s*+(?=[{_CAPITAL}])"
)
# What each of them begins with: quick to look for, and in most lines the last sign is the first of them.
_MAY_END = re.compile(f"[{_LINE_ENDS}.!?…。！？｡।॥؟۔{_ALONE}]")
_KINDS = {Kind.BREAK: _BREAK, Kind.NUMBER: _NUMBER}
_ROLES = {Role.ALONE: _ALONE, Role.OPENS: _OPENS, Role.CLOSES: _CLOSES}
_HAN_SIGN = re.compile(f"[{_HAN}]")
_CLOSING = frozenset("\"'”’»›)]}）】》〉」』")
_PAUSES = (re.compile(r"[;；:：]\s*"), re.compile(r"[,，、،]\s*"), re.compile(r"\s+"))

# What a full stop follows without ending a sentence. Single letters (J. Smith) and e.g., U.S. are found by shape.
_TITLES = frozenset(
    "mr mrs ms messrs dr prof st rev hon gov sen rep gen col sgt capt lt maj cmdr pres supt vs v cf approx dept e.g "
    "i.e hr nr bzw evtl ggf usw vgl mme mlle env".split()
)
# These may stand last, too: then the next word is one that sentences begin with.
_ABBREVIATIONS = frozenset("jr sr etc al inc ltd co corp ed est bros ave blvd rd mt ft ca vol".split())
_BEFORE_NUMBERS = frozenset(
    "no nos nr fig figs vol vols p pp ch chap sec secs eq art arts para paras ed max min approx ca c cir ext apt rm "
    "bldg fl flr tel app est pl ver str reg cl abs ziff num".split()
)
_DATES = frozenset(
    "Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec Mon Tue Tues Wed Thu Thur Thurs Fri Sat Sun".split()
)
_STARTERS = frozenset(
    "the a an he she it we you they this that these those there here his her its our your their my what who whose when "
    "where why how which if but and so then however although because since after before while in on at for from with "
    "by as to no not yes all some many most both each every one two another please let do does did is are was were has "
    "have had can could will would may might should must now later today yesterday tomorrow finally also".split()
)
_WORD_BEFORE = re.compile(r"(?:^|[\s(\[\"'“‘„«])((?:\w\.)*\w+)$")
_VERSUS = re.compile(rf"[{_CAPITAL}][\w.'’]* v$")  # Smith v. Jones
_OPEN = re.compile(r"(?:^|[\s(\[])((?:\w\.)*\w+)\.\s*$")
_NUMBERED = re.compile(rf"[A-Z]{{1,3}}[ -]?[\d{_NUMBER}]")  # VAT No. GB 123 4567 89
_WORD_AFTER = re.compile(r"[\"'“‘(\[«]*([^\W\d_]+)")
_JOINED = re.compile(r"[^\W\d_](?:[^\W\d_A-Z]|['’]|\s|$)")
_SAID = re.compile(
    r"[A-Z]\w{1,30} (?:said|asked|cried|shouted|replied|answered|whispered|yelled|exclaimed|added)\b"
)
_ORDINALS = frozenset({"de", "da", "nb", "nn", "cs", "sk", "sl", "hr", "hu", "fi", "et", "lv", "pl", "tr"})


class Segment(NamedTuple):
    """A sentence, and the white space up to the next one."""

    text: str
    separator: str


def split_paragraph(
    text: str, language: str = "", longest: int = LONGEST, spans: Sequence[Span] | None = None
) -> list[Segment]:
    """Sentences of `text`; their texts and separators, joined, are `text` again. Linear in its length.

    A segment without text carries white space that stood first. Line ends always separate, and so do spans of kind
    BREAK, which stand in a separator. `language` is a code: in some languages "3." is "third" and ends nothing. Those
    without end marks (Thai) are cut by length alone. spans: what is no word (spans.py); looked for where not given.
    """
    shown = _masked(text, find(text) if spans is None else spans)
    segments: list[Segment] = []
    at = 0
    for part in _sentences(shown, base_language(language) in _ORDINALS):
        short = len(part) <= longest
        for piece in (part,) if short else _short_enough(part, text[at : at + len(part)], longest):
            first, last, end = (
                at + len(piece) - len(piece.lstrip()),
                at + len(piece.rstrip()),
                at + len(piece),
            )
            if first == end:
                segments.append(Segment("", text[at:end]))
            else:
                if first > at:
                    segments.append(Segment("", text[at:first]))
                segments.append(Segment(text[first:last], text[last:end]))
            at = end
    return segments


def goes_on(text: str) -> bool:
    """Whether a text ends with an abbreviation that a number or a name has to follow: i.e., max., No."""
    found = _OPEN.search(text[-40:])
    return found is not None and found.group(1).lower() in _TITLES | _BEFORE_NUMBERS


def _masked(text: str, spans: Sequence[Span]) -> str:
    """The text with a sign in place of each sign of a span, so that nothing in it ends a sentence."""
    if not spans:
        return text
    parts: list[str] = []
    at = 0
    for span in spans:
        sign = _ROLES[span.role] if span.kind is Kind.MARK else _KINDS.get(span.kind, _WORD)
        parts += (text[at : span.start], sign * (span.end - span.start))
        at = span.end
    return "".join((*parts, text[at:]))


def _sentences(text: str, ordinals: bool) -> Iterator[str]:
    start = 0
    mark = _MAY_END.search(text)
    for end in _ENDS.finditer(text, mark.start()) if mark else ():
        if _is_end(text, start, end, ordinals):
            yield text[start : end.end()]
            start = end.end()
    if start < len(text):
        yield text[start:]


def _is_end(text: str, start: int, end: re.Match[str], ordinals: bool) -> bool:
    """Whether a mark ends the sentence from `start`; a full-width mark and a line end always do."""
    mark, space = end.group("mark", "space")
    if mark is None or re.search(f"[{_LINE_ENDS}]", space):
        return True
    following = text[end.end() : end.end() + 40].lstrip(_OPENS + _CLOSES + _ALONE)
    if following[:1].islower():  # "Why?" she asked. Wait... what?
        return False
    glued = not space and not end.group("after")
    if glued and not _HAN_SIGN.match(following) and not _JOINED.match(following):
        return False
    # Forty characters hold any abbreviation; the whole sentence would make this quadratic.
    before = text[max(start, end.start() - 40) : end.start()]
    found = _WORD_BEFORE.search(before)
    word = found.group(1) if found else ""
    after = _WORD_AFTER.match(following)
    following_word = after.group(1) if after else ""
    if mark == "." and _VERSUS.search(before):
        return False
    if mark != ".":
        stutter = mark[-1] in ".…" and word != "" and word == following_word
        quoted = text[end.start() + len(mark) : end.start() + len(mark) + 1] in _CLOSING
        return not stutter and not (quoted and _SAID.match(following))
    if text[end.start() + 1 : end.start() + 2] in _CLOSING:  # He came (from the U.S.)
        return True
    last = text[end.start() - 1 : end.start()]
    if glued and not (last in (_WORD, _NUMBER) or (len(word) > 1 and last.islower())):
        return False
    alone = bool(word) and not text[start : end.start() - len(word)].strip()  # the "A." of a list
    return not word or not _is_abbreviation(word, following, following_word, ordinals, alone)


def _is_abbreviation(word: str, following: str, following_word: str, ordinals: bool, alone: bool) -> bool:
    """Whether a full stop after `word` is part of it. `alone`: the sentence has no other word yet."""
    lower = word.lower()
    begins = following_word.lower() in _STARTERS and following_word[:1].isupper()
    if lower in _TITLES:
        return True
    if lower in _BEFORE_NUMBERS and (len(word) > 1 or lower == "c") or lower.endswith("str"):  # Hauptstr. 5
        return following[:1].isdigit() or following[:1] == _WORD or _NUMBERED.match(following) is not None
    if len(word) == 1 and word.islower() and word.isascii():  # 9.58 s
        return False
    if len(word) == 1 and word.isalpha():
        return word != "I" and (alone or not begins)
    if ordinals and word.isdigit() and len(word) <= 2:
        return True
    if word in _DATES:
        return not begins
    return (lower in _ABBREVIATIONS or "." in word) and not begins and following != ""


def _short_enough(part: str, text: str, longest: int) -> Iterator[str]:
    """A sentence in pieces of at most `longest` characters: cut at a pause, else a space, else anywhere.

    `text` is what `part` shows without its spans.
    """
    start = 0
    while len(part) - start > longest:
        middle, end = start + longest // 2, start + longest
        cut = _last_pause(part, middle, end) or _between_characters(text, max(start, middle, end - 16), end)
        yield part[start:cut]
        start = cut
    yield part[start:]


def _last_pause(part: str, start: int, end: int) -> int | None:
    for pause in _PAUSES:
        found = [match.end() for match in pause.finditer(part, start, end)]
        if found:
            return found[-1]
    return None


def _between_characters(text: str, start: int, end: int) -> int:
    """The last place after `start` that tears no accent from its letter, no emoji and no seal; `end` if none is."""
    for place in range(end, start, -1):
        if is_within(text[place]):
            continue
        if text[place - 1] != "\u200d" and not _joins(text[place]):
            return place
    return end


def _joins(character: str) -> bool:
    return (
        character == "\u200d" or unicodedata.category(character).startswith("M") or character in "🏻🏼🏽🏾🏿"
    )
