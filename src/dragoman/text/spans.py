"""What stands in a text and is no word of a language: addresses, placeholders, codes, numbers, marks. Translates none.

Two ways lead to a span: a pattern for what is written by a rule (an address, a format string), and the look of a run
of signs (codes.py; symbols), for what nobody thought of.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from dragoman.text import seals
from dragoman.text.codes import TOKEN, before_sentence, is_code
from dragoman.text.messages import branches_of


class Kind(StrEnum):
    """What a span is to the sentence that it stands in."""

    WORD = "word"
    NUMBER = "number"
    DAY = "day"
    MARK = "mark"  # no word at all: an emoji, a tag, a sign of Markdown
    BREAK = "break"  # between two sentences, whatever stands around it


class Role(StrEnum):
    """Where a mark belongs."""

    ALONE = "alone"
    OPENS = "opens"  # to what follows
    CLOSES = "closes"  # to what precedes


@dataclass(frozen=True)
class Span:
    """A stretch of a text that has to come out as it went in, except for `branches`: texts within it."""

    start: int
    end: int
    kind: Kind
    role: Role = Role.ALONE
    branches: tuple[tuple[int, int], ...] = ()


# Lengths are bounded and repetitions possessive: time stays linear in the length of any text.
_ADDRESS = r"(?:[^()\s]|\([^()\s]{0,200}\)){1,2000}(?:\s\"[^\"\n]{0,200}\")?"
_PATTERNS: dict[str, tuple[Kind, str]] = {
    "placeholder": (Kind.WORD, r"⟦\d{1,2}⟧"),
    "fence": (Kind.WORD, r"```[^`]{0,20000}```|``[^`\n]{1,500}``|`[^`\n]{1,500}`"),
    "message": (Kind.WORD, r"\{\s{0,9}\w{1,64}\s{0,9},\s{0,9}(?:plural|select|selectordinal)\s{0,9},"),
    "braces": (
        Kind.WORD,
        r"\{\{\{[^{}\n]{1,200}\}\}\}|\{\{[^{}\n]{1,200}\}\}|\{%[^{}\n]{1,200}%\}"
        r"|[$#%@]?\{[^{}\s]{0,200}\}|\$\{[^{}\n]{0,200}\}"
        r"|\{\s{0,9}\w{1,64}\s{0,9},\s{0,9}(?:number|date|time|spellout|ordinal|duration)\b[^{}\n]{0,200}\}"
        r"|\{ ?[A-Za-z_][\w.]{0,64} ?\}|\[\[[^\[\]\n]{1,100}\]\]|<<[^<>\n]{1,100}>>"
        r"|\$t\([^()\n]{1,200}\)|\\\([^()\n]{1,100}\)|@:[\w.]{1,100}",
    ),
    "percent": (
        Kind.WORD,
        r"%%|%\([\w. ]{1,100}\)[-+ #0]{0,5}\d{0,5}(?:\.\d{1,5})?[a-zA-Z]"
        r"|%(?:\d{1,3}\$)?[-+#0]{0,5}\d{0,5}(?:\.\d{1,5})?(?:hh|h|ll|l|z)?[diouxXeEfFgGcrsa@](?![A-Za-z])"
        r"|(?<![\w%])%[A-Za-z_]\w{1,60}%|(?<![\w%])%\d(?!\d)",
    ),
    "autolink": (Kind.WORD, r"<(?:[^<>\s]{1,64}@[^<>\s]{1,255}|[a-z]{2,9}:[^<>\s]{1,2000})>"),
    "break": (Kind.BREAK, r"(?i:<br\s{0,9}/?>)|\t|(?<!\S)\|(?!\S)|(?m:^\||\|$)"),
    "comment": (Kind.MARK, r"<!--[^\n]{0,20000}?-->|<%[^\n]{0,500}?%>|<\?[^\n]{0,500}?\?>"),
    "tag": (
        Kind.MARK,
        r"</?(?:[A-Za-z][^<>\n]{0,500}|\d{1,4}\s?/?)>"
        r"|\[/?(?:b|i|u|s|url|img|color|size|quote|code|list)(?:=[^\]\n]{0,200})?\]",
    ),
    "image": (Kind.MARK, r"!\[[^\[\]\n]{0,300}\]\([^()\s]{1,2000}\)"),
    "link": (Kind.MARK, rf"(?<!\\)\[(?=[^\[\]\n]{{1,500}}\]\({_ADDRESS}\))"),
    "target": (Kind.MARK, rf"\]\({_ADDRESS}\)"),
    "footnote": (
        Kind.MARK,
        r"\[(?:\d{1,3}|\^\w{1,20}|[ xX])\]|(?<=[.!?。！？])[\u00b9\u00b2\u00b3\u2070-\u2079]{1,3}",
    ),
    "url": (
        Kind.WORD,
        r"(?<!\w)(?:[a-zA-Z][a-zA-Z0-9+.-]{1,20}://|www\.|mailto:|tel:(?=[+\d]))"
        r"[^\s<>\"“”‘’（）{}|\\^`，。；：！？、]{1,2000}",
    ),
    "email": (Kind.WORD, r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}"),
    "mention": (
        Kind.WORD,
        r"(?<![\w.@/])@[A-Za-z0-9_][\w-]{0,63}(?:\.[\w-]{1,63}){0,5}(?:@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8})?",
    ),
    "emoji": (Kind.MARK, r"(?<![\w:]):(?=[\w+-]{0,63}[A-Za-z_])[\w+-]{1,64}:(?![\w:])|[0-9#*]\ufe0f?\u20e3"),
    "colon": (Kind.WORD, r"(?<![\w:]):[A-Za-z_]\w{0,63}(?:\.\w{1,63}){0,5}(?![\w:])"),
    "entity": (Kind.MARK, r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"),
    "escape": (Kind.BREAK, r"(?:\\[nrt](?![a-z]))+|(?:\\u[0-9A-Fa-f]{4})+"),
    "area": (Kind.NUMBER, r"(?<![\w.])[-+]?\d{1,30}(?:[.,]\d{1,30}){0,4}\s?[kcmnµμ]?m[²³](?!\w)"),
    "issue": (Kind.NUMBER, r"(?<![\w&#])#\d{1,12}(?!\w)"),
    "hashtag": (Kind.WORD, r"(?<![\w&#])#\w[\w-]{0,99}"),
    "variable": (Kind.WORD, r"(?<![\w$])\$[A-Za-z_]\w{0,63}(?![\w$])|(?<!\w)__\w{1,64}__(?!\w)"),
    "path": (
        Kind.WORD,
        r"(?<![\w/.~<])(?:~|\.{1,2})?/[\w@+~-][\w@+~.-]{0,254}(?:/[\w@+~.*-]{0,255}){0,50}(?<![.])"
        r"|(?<!\w)[A-Za-z]:\\[^\s\"<>|?*]{0,1000}(?<![.,;:!])|\\\\[\w.$-]{1,100}\\[^\s\"<>|?*]{1,1000}",
    ),
    "option": (
        Kind.WORD,
        r"(?<![\w-])--[A-Za-z][\w-]{0,60}(?:=[^\s,;]{1,200})?|(?<!\S)-[A-Za-z](?=[\s,.;:!?)]|$)",
    ),
    "heading": (
        Kind.MARK,
        r"(?m:^[ ]{0,9}(?:#{1,6}|>{1,5}|[-*+•‣▪●–—]|\d{1,4}[.)])(?=[ ]))(?:[ ]{1,4}\[[ xX]\])?",
    ),
}
_NUMBERS: dict[str, tuple[Kind, str]] = {
    "day": (
        Kind.DAY,
        r"(?<![\w./-])(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})"
        r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?(?![\w/-]|[.:]\d)",
    ),
    "formula": (
        Kind.WORD,
        r"(?<![\w.])[-+]?\d{1,30}(?:[.,]\d{1,30})*+(?:\s?[x×*+=<>≤≥÷^]\s?[-+]?\d{1,30}(?:[.,]\d{1,30})*+)"
        r"(?:\s?[x×*/+=<>≤≥÷^-]\s?[-+]?\d{1,30}(?:[.,]\d{1,30})*+){0,20}(?!\w|[.,]\d)",
    ),
    "number": (
        Kind.NUMBER,
        r"(?<![A-Za-z0-9_.])(?:(?:(?<![\w)])[-−]|[+±~≈<>≤≥])?(?:(?:US|CA|A|HK|NT)?[$€£¥₹₽₩₿]\s?)?)"
        r"(?<!\d)\d{1,60}(?:[.,:/’-]\d{1,60}){0,8}"
        r"(?:\s?(?:%|‰|°\s?[CFK]?(?![A-Za-z])|[€£¥₹₽₩](?!\d)|(?:km/h|mph|m/s|[kMGT]bps|kWh?|[KMGTk]i?B"
        r"|[kcmnµμ]?m[²³]|[kcmnµμ]m|kg|mg|µg|lbs?|oz|m[lL]|[kMG]?Hz|mAh|dB|rpm|fps|px|pt|[ap]\.m|[ap]m|[AP]M)(?!\w)"
        r"|[mgLl](?![\w'’])))?(?!\d|st\b|nd\b|rd\b|th\b|['’]?s\b)",
    ),
}


def _compiled(patterns: dict[str, tuple[Kind, str]]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?P<{name}>{pattern})" for name, (_, pattern) in patterns.items()))


_PATTERN, _NUMBER = _compiled(_PATTERNS), _compiled(_NUMBERS)
# A text without any of these has nothing to keep. Asked of every text, so one look in C.
_SUSPECT = re.compile(
    r"[^A-Za-z \n.,;!?'\"()’“”‘…—–&:/\-]|[a-z][A-Z]|[A-Z][A-Z][a-z]|[^\W.][.&][^\W.]|(?:^|\s)[-–—/.~]|--|:[^\s]"
    r"|/[^/\s]{0,300}[/.]|[A-Z]/|&#?\w{1,31};"
)
# Signs that are no part of a sentence, whatever Unicode calls them; and ASCII ones that are.
_SIGNS = frozenset("#*_~^@%\\[]{}|`+=<>$§¶†‡•‣※·‰′″⁂")
_COUNTED = re.compile(
    r"%.*[diufFg]|[#%$]?\{\{?\s*(?:n|num\w*|count\w*|total|amount|size)\s*\}?\}|__(?:count|num|n)__",
    re.IGNORECASE,
)
_BRACKETS = {"(": ")", "[": "]", "<": ">", '"': '"', "“": "”", "（": "）", "「": "」"}
_RUN = re.compile(r"[^\w\s.,;:!?'\"()&/\-]+|_+")


def find(text: str, terms: Sequence[Span] = ()) -> list[Span]:
    """What has to be kept in a text, in order, no two overlapping; neighbours that touch are one.

    terms: what was found before anything else, in order.
    """
    if not terms and not _SUSPECT.search(text):
        return []
    found = list(terms)
    for more in (_sealed, _by_pattern, _by_look, _numbers, _symbols):
        found = _filled(text, found, more)
    return list(_merged(text, found))


def _filled(text: str, found: Sequence[Span], more: Callable[[str, int, int], Iterator[Span]]) -> list[Span]:
    """Those found, and what another way finds between them."""
    spans: list[Span] = []
    at = 0
    for span in [*found, Span(len(text), len(text), Kind.MARK)]:
        if span.start > at:
            spans += more(text, at, span.start)
        spans.append(span)
        at = span.end
    return spans[:-1]


_SEALS = {
    seals.Sort.OPEN: (Kind.MARK, Role.OPENS),
    seals.Sort.CLOSE: (Kind.MARK, Role.CLOSES),
    seals.Sort.ALONE: (Kind.MARK, Role.ALONE),
    seals.Sort.AFTER: (Kind.MARK, Role.CLOSES),
    seals.Sort.WORD: (Kind.WORD, Role.ALONE),
    seals.Sort.BREAK: (Kind.BREAK, Role.ALONE),
}
_PAIRED = frozenset({seals.Sort.OPEN, seals.Sort.CLOSE})


def _sealed(text: str, start: int, end: int) -> Iterator[Span]:
    """What stands for the markup of a document: found first, since an address ends there."""
    for match in seals.SEAL.finditer(text, start, end):
        yield Span(*match.span(), *_SEALS[seals.Sort(match.group()[0])])


# -- by pattern -------------------------------------------------------------------------------------------------------


def _by_pattern(text: str, start: int, end: int) -> Iterator[Span]:
    at = start
    while (match := _PATTERN.search(text, at, end)) is not None:
        span = _matched(text, match, end)
        yield span
        at = max(span.end, at + 1)


def _matched(text: str, match: re.Match[str], limit: int) -> Span:
    name, (start, end) = str(match.lastgroup), match.span()
    kind = _PATTERNS[name][0]
    if name == "message":
        message = branches_of(text, start)
        if message is None or message[0] > limit:
            return Span(start, start + 1, Kind.MARK)
        return Span(start, message[0], kind, branches=message[1])
    if name == "url":
        end = start + len(_without_stops(before_sentence(match.group())))
    if kind is Kind.WORD and _COUNTED.fullmatch(match.group()):
        kind = Kind.NUMBER
    return Span(start, end, kind, _role_of(name, match.group()))


def _role_of(name: str, raw: str) -> Role:
    if name in ("link", "heading") or (name == "tag" and raw[1] not in "/!" and not raw.endswith("/>")):
        return Role.OPENS
    if name in ("target", "footnote") or (name == "tag" and raw[1] == "/"):
        return Role.CLOSES
    return Role.ALONE


def _without_stops(url: str) -> str:
    """An address without the punctuation of the sentence: a closing bracket belongs to it if it opens one."""
    while url:
        last = url[-1]
        opener = {")": "(", "]": "["}.get(last)
        if last in ".,;:!?…*_'~" or (opener and url.count(last) > url.count(opener)):
            url = url[:-1]
        else:
            break
    return url


def _numbers(text: str, start: int, end: int) -> Iterator[Span]:
    for match in _NUMBER.finditer(text, start, end):
        yield Span(*match.span(), _NUMBERS[str(match.lastgroup)][0])


# -- by look ----------------------------------------------------------------------------------------------------------


def _by_look(text: str, start: int, end: int) -> Iterator[Span]:
    for match in TOKEN.finditer(text, start, end):
        token = match.group()
        core = before_sentence(token).strip(".'’:-/&")
        if core and is_code(core) and not _NUMBER.fullmatch(token.strip(".'’:/&")):
            at = match.start() + token.index(core)
            last = at + len(core)
            yield Span(at, last + 2 * (text[last : last + 2] == "()"), Kind.WORD)


# -- symbols ----------------------------------------------------------------------------------------------------------


def _symbols(text: str, start: int, end: int) -> Iterator[Span]:
    for run in _RUN.finditer(text, start, end):
        begun = None
        for at in range(run.start(), run.end() + 1):
            if at < run.end() and _is_sign(text[at], text[at - 1 : at]):
                begun = at if begun is None else begun
            elif begun is not None:
                yield Span(begun, at, Kind.MARK, _role(text, begun, at))
                begun = None


def _is_sign(character: str, before: str) -> bool:
    """Whether a sign is kept: a symbol, an emoji and what shapes it; not what sentences are written with."""
    if character in _SIGNS:
        return True
    category = unicodedata.category(character)
    if category[0] == "M":  # an accent belongs to its letter, a selector to its emoji
        return not before.isalpha() and unicodedata.category(before or "a")[0] != "M" or character == "\ufe0f"
    return category[0] == "S" or character == "\u200d" or "\U000e0020" <= character <= "\U000e007f"


def _role(text: str, start: int, end: int) -> Role:
    """By the space around it: `**bold**` opens and closes, a lone arrow does neither."""
    before, after = text[start - 1 : start], text[end : end + 1]
    left = before == "" or before.isspace() or before in "([{\"'“‘（「"
    right = after == "" or after.isspace() or after in ".,;:!?)]}\"'”’，。；：！？）」…"
    if left == right:
        return Role.ALONE
    return Role.OPENS if left else Role.CLOSES


# -- neighbours -------------------------------------------------------------------------------------------------------


def _merged(text: str, found: Sequence[Span]) -> Iterator[Span]:
    """Spans that touch as one where they are one word, and with the brackets that hold nothing else."""
    current: Span | None = None
    for number, span in enumerate(found):
        if current is None:
            current = span
        elif (
            current.end == span.start
            and not {text[current.start], text[span.start]} & _PAIRED
            and _one(current, span, found[number + 1 : number + 2])
        ):
            kind = current.kind if current.kind not in (Kind.MARK, Kind.BREAK) else span.kind
            role = Role.ALONE if kind is not Kind.MARK else current.role
            current = Span(current.start, span.end, kind, role, (*current.branches, *span.branches))
        else:
            yield _bracketed(text, current)
            current = span
    if current is not None:
        yield _bracketed(text, current)


def _one(left: Span, right: Span, then: Sequence[Span]) -> bool:
    kinds = {left.kind, right.kind}
    if Kind.BREAK in kinds:
        return False
    if Kind.MARK not in kinds:
        return True
    if kinds == {Kind.MARK}:
        return left.role == right.role
    if left.kind is Kind.MARK and left.role is Role.OPENS:  # <b>{name}</b>, but not <b>{name} and more</b>
        return bool(then) and then[0].start == right.end and then[0].role is Role.CLOSES
    return right.kind is not Kind.MARK or right.role is not Role.OPENS


def _bracketed(text: str, span: Span) -> Span:
    """With the brackets and quotes around it, if they hold nothing else."""
    before, after = text[span.start - 1 : span.start], text[span.end : span.end + 1]
    if span.kind is Kind.WORD and before and after and _BRACKETS.get(before) == after:
        return replace(span, start=span.start - 1, end=span.end + 1)
    return span
