"""What stands in a text and is no word of a language: addresses, placeholders, codes, numbers, marks."
" Translates none.

Two ways lead to a span: a pattern (patterns.py) for what is written by a rule, and the look of a run
of signs (codes.py; symbols), for what nobody thought of.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from dragoman.text import seals, solid, steps, technical
from dragoman.text.codes import TOKEN, before_sentence, is_code, is_function_word
from dragoman.text.commands import commands, may_have
from dragoman.text.kinds import Kind, Role, Span
from dragoman.text.messages import branches_of
from dragoman.text.neighbours import merged
from dragoman.text.patterns import NUMBERS, PATTERNS, UNITS
from dragoman.text.records import SUSPECT as RECORDED
from dragoman.text.records import records
from dragoman.text.rows import cells

_KINDS = {
    **dict.fromkeys(("break", "escape"), Kind.BREAK),
    **dict.fromkeys(
        (
            "hyphen",
            "comment",
            "override",
            "tag",
            "image",
            "link",
            "target",
            "footnote",
            "face",
            "emoji",
            "quote",
            "unquote",
            "escaped",
            "command",
            "entity",
            "heading",
            "label",
            "stamp",
        ),
        Kind.MARK,
    ),
    **dict.fromkeys(("area", "issue", "number", "fraction"), Kind.NUMBER),
    "day": Kind.DAY,
}


def _compiled(patterns: Mapping[str, str]) -> re.Pattern[str]:
    either = "|".join(f"(?P<{name}>{pattern})" for name, pattern in patterns.items())
    # None begins with a hidden sign, or within a word in small letters, where most places of a text are.
    return re.compile(f"(?![{solid.HIDDEN}])(?!(?<=[a-z])[a-z])(?:{either})")


_PATTERN, _NUMBER = _compiled(PATTERNS), _compiled(NUMBERS)
_ENCLOSED = _compiled({name: PATTERNS[name] for name in ("fence", "object", "comment")})
# A text without any of these has nothing to keep. Asked of every text, so one look in C.
_SUSPECT = re.compile(
    r"[^A-Za-z \n.,;!?'\"()’“”‘…—–&:/\-]|[a-z][A-Z]|[A-Z][A-Z][a-z]|[^\W.][.&][^\W.]|(?:^|\s)[-–—/.~]|--|:[^\s]"
    r"|/[^/\s]{0,300}[/.]|[A-Z]/|&#?\w{1,31};|[;:]-?[()DPp]|!=|&&|\w\((?:\)|[a-z][,)])|\([a-zA-Z]{1,5}\)|-_-"
    r"|localhost|SIG[A-Z]{3}|-\n|''|(?<=\w)/\w|-[A-Z](?![a-z]{2})|-Fi\b|o/|[A-Z]–|&[a-z]|\?\?| \? \w|\([a-z] l|;$|; "
    r"|\w\?\.[a-z]|(?<!\w)![a-z]"
    r"|(?m:^[ ]*:[A-Za-z]|(?:^|[.:;,] )[a-zA-Z]{1,5}\)|^[IVX]{1,5}\.|^(?:[a-z]|[ivx]{2,5})\. |^[QA]:"
    r"|^[a-z]{2,8}[:(!]|-by:)"
    rf"|\w[,;][\w,;\"]|{RECORDED}"
    r"|[a-z]-[a-z0-9]{1,20}-[a-z]|^(?:import|from) [a-z][\w.]{1,80} (?:as|import) "
    r"|(?:[Ss]cene|[Pp]ages?|[Pp]p\.|[Cc]hapter|[Pp]art) [ivx]|BIC|SWIFT"
    r"|(?:package|branch|plugin|module|library|called|named|install|crate) [a-z][a-z0-9]+-[a-z]"
    rf"|[A-Z]\. [a-z]{{3}}|{technical.FILE}"
)
# Words, single spaces, commas, a last mark: of these _SUSPECT finds one word that it names. Most lines are like this.
_IN_PLAIN = re.compile(rf" [ivx]{{1,5}}\b|localhost|{technical.FILE}|^(?:import|from) ")
_PLAIN_WORD = r"(?:[A-Z]?[a-z]++(?:'[a-z]++)?+|[A-Z](?:'[a-z]++)?+)"
_PLAIN = re.compile(rf"{_PLAIN_WORD}(?:,?+ {_PLAIN_WORD})++[.!?]?+")
# Signs that are no part of a sentence, whatever Unicode calls them; and ASCII ones that are.
_SIGNS = frozenset("#*_~^@%\\[]{}|`+=<>$§¶†‡•‣※·‰′″⁂")
_COUNTED = re.compile(
    r"%.*[diufFg]|[#%$]?\{\{?\s*(?:n|num\w*|count\w*|total|amount|size)\s*\}?\}|__(?:count|num|n)__",
    re.IGNORECASE,
)
_RUN = re.compile(r"[^\w\s.,;:!?'\"()&/\-]+|_+")


def find(text: str, terms: Sequence[Span] = ()) -> list[Span]:
    """What has to be kept in a text, in order, no two overlapping; neighbours that touch are one.

    terms: what was found before anything else but code, in order.
    """
    if not terms and not _is_suspect(text) and not may_have(text):
        return []
    shape = solid.hidden(text)
    found = _filled(shape, _filled(text, [], _sealed), _enclosed)
    found = _with(_with(found, [*cells(text), *records(text)]), terms)
    apart = frozenset((term.start, term.end) for term in terms)
    if shape is not text:
        found = _filled(text, found, _solid_tags)
    if may_have(text):  # asked once, not between any two spans
        found = _filled(shape, found, commands)
    found = _filled(shape, found, _by_pattern)
    found = list(_grown(shape, found, apart))
    for more in (_by_look, _numbers, _symbols):
        found = _filled(shape, found, more)
    return list(merged(shape, found, apart))


def without(text: str, spans: Sequence[Span]) -> str:
    """A text with a space in place of each of its spans that is a word, an address or code."""
    parts: list[str] = []
    at = 0
    for span in spans:
        if span.kind is Kind.WORD:
            parts += (text[at : span.start], " ")
            at = span.end
    return "".join((*parts, text[at:]))


def _is_suspect(text: str) -> bool:
    plain = _PLAIN.fullmatch(text) and not _IN_PLAIN.search(text)
    return not plain and steps.first(_SUSPECT, text) is not None


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


def _with(found: Sequence[Span], more: Sequence[Span]) -> list[Span]:
    """Those found, and of others those that overlap none of them; of two that overlap, the first and longest."""
    spans: list[Span] = []
    number = at = 0
    for span in sorted(more, key=lambda one: (one.start, -one.end)):
        while number < len(found) and found[number].end <= span.start:
            spans.append(found[number])
            number += 1
        if span.start >= at and (number == len(found) or span.end <= found[number].start):
            spans.append(span)
            at = span.end
    return [*spans, *found[number:]]


_SEALS = {
    seals.Sort.OPEN: (Kind.MARK, Role.OPENS),
    seals.Sort.CLOSE: (Kind.MARK, Role.CLOSES),
    seals.Sort.ALONE: (Kind.MARK, Role.ALONE),
    seals.Sort.AFTER: (Kind.MARK, Role.CLOSES),
    seals.Sort.WORD: (Kind.WORD, Role.ALONE),
    seals.Sort.BREAK: (Kind.BREAK, Role.ALONE),
}


def _sealed(text: str, start: int, end: int) -> Iterator[Span]:
    """What stands for the markup of a document: found first, since an address ends there."""
    for match in seals.SEAL.finditer(text, start, end):
        yield Span(*match.span(), *_SEALS[seals.Sort(match.group()[0])])


def _solid_tags(text: str, start: int, end: int) -> Iterator[Span]:
    for match in solid.TAG.finditer(text, start, end):
        yield Span(*match.span(), Kind.WORD)


# -- by pattern -------------------------------------------------------------------------------------------------------


def _enclosed(text: str, start: int, end: int) -> Iterator[Span]:
    """Code and comments, in which everything else belongs to them."""
    for match in steps.each(_ENCLOSED, text, start, end):
        yield Span(*match.span(), _KINDS.get(str(match.lastgroup), Kind.WORD))


def _by_pattern(text: str, start: int, end: int) -> Iterator[Span]:
    at = start
    while (match := steps.first(_PATTERN, text, at, end)) is not None:
        span = _matched(text, match, end)
        at = max(span.end, at + 1)
        if match.lastgroup == "label" and _closes_a_bracket(text, match):
            continue
        yield span


def _matched(text: str, match: re.Match[str], limit: int) -> Span:
    name, (start, end) = str(match.lastgroup), match.span()
    kind = _KINDS.get(name, Kind.WORD)
    if name == "message":
        message = branches_of(text, start)
        if message is None or message[0] > limit:
            return Span(start, start + 1, Kind.MARK)
        return Span(start, message[0], kind, branches=message[1])
    if name == "label" and match.group()[-1] == ")" and text[start] != "(" and text[start - 1 : start] == " ":
        kind = Kind.BREAK  # of a list within a line: each item is by itself, or the labels change places
    if name == "url":
        end = start + len(_without_stops(before_sentence(match.group())))
    if kind is Kind.WORD and _COUNTED.fullmatch(match.group()):
        kind = Kind.NUMBER
    return Span(start, end, kind, _role_of(name, match.group()))


def _closes_a_bracket(text: str, match: re.Match[str]) -> bool:
    """Whether what looks like a label is the end of something in brackets: (see part 2) and."""
    before = text[max(0, match.start() - 200) : match.start()]
    return match.group()[0] != "(" and before.rfind("(") > before.rfind(")")


def _role_of(name: str, raw: str) -> Role:
    if name in ("quote", "stamp", "link", "heading", "label", "command") or (
        name == "tag" and raw[1] not in "/!" and not raw.endswith("/>")
    ):
        return Role.OPENS
    if name in ("unquote", "target", "footnote") or (name == "tag" and raw[1] == "/"):
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
    for match in steps.each(_NUMBER, text, start, end):
        yield Span(*match.span(), _KINDS.get(str(match.lastgroup), Kind.WORD))


# What is glued to a placeholder is a part of the same address, path or file name: user@{host}, {host}:{port}, %s.txt.
_GLUE = re.compile(r"[/\\_=@&.:+–-]{1,2}")
_GLUED_BEFORE = re.compile(r"(?<![\w.~/-])[\w.~-]{1,60}[/\\_=@]$")
_GLUED_AFTER = re.compile(
    r"(?:[/\\_=@][\w.~*%-]*[\w*]|\?\w[\w.~%-]{0,60}=[\w.~%&={}*+-]{0,200}(?<!\.)|:\d{1,5}(?!\d)|\.[a-z][a-z0-9]{0,5}(?![\w'’]))(?:[/\\_=@.:-]\w{1,60})*"
    r"|\s(?:[€£¥₹%]|[kKMGT]i?B|[ckm]m|k?g|ms|px)(?!\w)"
)


def _grown(text: str, found: Sequence[Span], apart: Collection[tuple[int, int]]) -> Iterator[Span]:
    """With what is glued to words that are no words, at most as far as their neighbours; not to terms."""
    grown: Span | None = None
    for number, span in enumerate(found):
        if span.kind in (Kind.MARK, Kind.BREAK, Kind.DAY) or (span.start, span.end) in apart:
            if grown is not None:
                yield grown
            grown = None
            yield span
            continue
        low = grown.end if grown is not None else found[number - 1].end if number else 0
        if grown is not None and _GLUE.fullmatch(text, grown.end, span.start):
            span = Span(grown.start, span.end, span.kind, branches=(*grown.branches, *span.branches))
        else:
            if grown is not None:
                yield grown
            begin = span.start + (text[span.start] == "@")
            before = _GLUED_BEFORE.search(text, max(low, span.start - 64), begin)
            span = replace(span, start=before.start() if before else span.start)
        high = found[number + 1].start if number + 1 < len(found) else len(text)
        after = _GLUED_AFTER.match(text, span.end, high)
        grown = replace(span, end=after.end() if after else span.end)
    if grown is not None:
        yield grown


# -- by look ----------------------------------------------------------------------------------------------------------


_UNIT = re.compile(UNITS)
_VERSION = re.compile(
    rf" \d{{1,6}}(?:\.\d{{1,5}}){{0,3}}(?![\w%]|[.,:/-]\d| ?(?:{UNITS})(?!\w)| (?:million|billion|percent|people))"
)
_MODEL = re.compile(r"(?: (?:Pro|Max|Plus|Ultra|Mini|Lite|SE|Ti|XL)(?!\w))+")  # iPhone 15 Pro Max
_LOUD = re.compile(r"(?:![a-z0-9][\w@#$^&*-]{0,40})+")  # p@ssW0rd!23
_HIDDEN = re.compile(r"\.(?:[a-z][\w-]*|[A-Z]{2,9})")  # .gitignore, .NET


def _by_look(text: str, start: int, end: int) -> Iterator[Span]:
    for match in TOKEN.finditer(text, start, end):
        token = match.group()
        core = before_sentence(token).strip(".'’:-/&")
        if not core or _NUMBER.fullmatch(token.strip(".'’:/&")):
            continue
        at = match.start() + token.index(core)
        if _UNIT.fullmatch(core) and text[max(0, at - 2) : at - 1].isdigit() and text[at - 1].isspace():
            continue
        named = at == match.start() + 1 and _HIDDEN.fullmatch(token[: len(core) + 1])
        if (
            named
            and not text[match.start() - 1 : match.start()].strip(f" \t\n{solid.HIDDEN}")
            and not is_function_word(core)
        ):
            yield Span(at - 1, at + len(core), Kind.WORD)
        elif is_code(core):
            last = at + len(core)
            more = core[-1:].isalnum() and (_VERSION.match(text, last, end) or _LOUD.match(text, last, end))
            last = more.end() if more else last
            model = _MODEL.match(text, last, end) if text[last - 1].isdigit() else None
            yield Span(at, model.end() if model else last, Kind.WORD)


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
    if character == "\u200d":  # between letters it spells Hindi and Persian
        return not before.isalpha() and (before == "\ufe0f" or unicodedata.category(before or "a")[0] != "M")
    return category[0] == "S" or "\U000e0020" <= character <= "\U000e007f"


def _role(text: str, start: int, end: int) -> Role:
    """By the space around it: `**bold**` opens and closes, a lone arrow does neither."""
    before, after = text[start - 1 : start], text[end : end + 1]
    left = before == "" or before.isspace() or before in "([{\"'“‘（「"
    right = after == "" or after.isspace() or after in ".,;:!?)]}\"'”’，。；：！？）」…"
    if left == right:
        return Role.ALONE
    return Role.OPENS if left else Role.CLOSES
