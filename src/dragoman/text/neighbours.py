"""Stretches of a text that belong together: what touches, an expression, what a bracket holds. Finds none anew."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from dragoman.text import seals
from dragoman.text.kinds import Kind, Role, Span

_BRACKETS = {
    "(": ")", "[": "]", "<": ">", '"': '"', "“": "”", "（": "）",
    "「": "」", "『": "』", "《": "》", "〈": "〉", "【": "】",
}  # fmt: skip
_PAIRED = frozenset({seals.Sort.OPEN, seals.Sort.CLOSE})
_OPERATOR = re.compile(r"[-−+*/×÷=<>≤≥≠≈±→⇌∈∪∩·^]{1,2}")
_OPERAND = (Kind.WORD, Kind.NUMBER)
_RANGE = re.compile("[–—~～-]")
_PLACEHOLDERS = frozenset({"{{", "%%", "$$"})  # how two of them begin
_MARKERS = frozenset({"*", "**", "***", "~~", "==", "__", "'''", "''"})


def merged(text: str, found: Sequence[Span], terms: Collection[tuple[int, int]] = ()) -> Iterator[Span]:
    """Spans that touch as one where they are one word, expressions as one, and brackets that hold nothing else.

    terms: first and last place of those that stay by themselves.
    """
    apart = frozenset(terms)
    return iter(
        _paired(
            text,
            [_bracketed(text, span) for span in _expressions(text, _touching(text, found, apart), apart)],
        )
    )


def _touching(text: str, found: Sequence[Span], apart: frozenset[tuple[int, int]]) -> Sequence[Span]:
    spans: list[Span] = []
    for number, span in enumerate(found):
        last = spans[-1] if spans else None
        if (
            last is not None
            and last.end == span.start
            and not {text[last.start], text[span.start]} & _PAIRED
            and not {(last.start, last.end), (span.start, span.end)} & apart
            and _one(text, last, span, found[number + 1 : number + 2])
        ):
            spans[-1] = _both(last, span)
        else:
            spans.append(span)
    return spans


def _both(left: Span, right: Span) -> Span:
    kind = left.kind if left.kind not in (Kind.MARK, Kind.BREAK) else right.kind
    role = Role.ALONE if kind is not Kind.MARK else left.role
    return Span(left.start, right.end, kind, role, (*left.branches, *right.branches))


def _one(text: str, left: Span, right: Span, then: Sequence[Span]) -> bool:
    kinds = {left.kind, right.kind}
    if Kind.BREAK in kinds:
        return False
    if Kind.MARK not in kinds:
        return True
    if kinds == {Kind.MARK}:  # not <1><0>: each has a partner of its own
        return left.role == right.role and (left.role is Role.ALONE or text[right.start] not in "<[")
    if left.kind is Kind.MARK and left.role is Role.OPENS:  # <b>{name}</b>, but not <b>{name} and more</b>
        return bool(then) and then[0].start == right.end and then[0].role is Role.CLOSES
    return right.kind is not Kind.MARK or right.role is not Role.OPENS


def _expressions(text: str, found: Sequence[Span], apart: frozenset[tuple[int, int]]) -> Sequence[Span]:
    """With those as one that a space, a dash or an operator stands between."""
    spans: list[Span] = []
    at = 0
    while at < len(found):
        span = found[at]
        left = spans[-1] if spans else None
        if left is not None and not {(span.start, span.end), (left.start, left.end)} & apart:
            if _belong(text, left, span):
                spans[-1] = replace(_both(left, span), kind=left.kind)
                at += 1
                continue
            if at + 1 < len(found) and _is_operation(text, left, span, found[at + 1]):
                right = found[at + 1]
                spans[-1] = Span(left.start, right.end, Kind.WORD, branches=(*left.branches, *right.branches))
                at += 2
                continue
        spans.append(span)
        at += 1
    return spans


def _belong(text: str, left: Span, right: Span) -> bool:
    between = text[left.end : right.start]
    if left.kind is right.kind is Kind.NUMBER:
        return _RANGE.fullmatch(between) is not None
    if between != " ":
        return False
    if left.kind is right.kind is Kind.WORD:
        return True
    if (
        left.kind in _OPERAND
        and right.kind in _OPERAND
        and text[left.start] + text[right.start] in _PLACEHOLDERS
    ):
        return True
    return left.kind is right.kind is Kind.MARK and all(
        one.role is Role.ALONE and text[one.start] not in "<[&:|" and not seals.SEAL.match(text, one.start)
        for one in (left, right)
    )


def _is_operation(text: str, left: Span, sign: Span, right: Span) -> bool:
    return (
        left.kind in _OPERAND
        and right.kind in _OPERAND
        and sign.kind is not Kind.BREAK
        and text[left.end : sign.start] == text[sign.end : right.start] == " "
        and _OPERATOR.fullmatch(text, sign.start, sign.end) is not None
    )


def _bracketed(text: str, span: Span) -> Span:
    """With the brackets and quotes around it, if they hold nothing else."""
    before, after = text[span.start - 1 : span.start], text[span.end : span.end + 1]
    if span.kind is Kind.WORD and before and after and _BRACKETS.get(before) == after:
        return replace(span, start=span.start - 1, end=span.end + 1)
    return span


def _paired(text: str, found: Sequence[Span]) -> Sequence[Span]:
    """Marks of Markdown between solid signs, where no space tells which opens and which closes: in turn."""
    markers: dict[str, list[int]] = {}
    for number, span in enumerate(found):
        raw = text[span.start : span.end]
        if span.kind is Kind.MARK and raw in _MARKERS and not _is_alone(text, span):
            markers.setdefault(raw, []).append(number)
    spans = list(found)
    for numbers in markers.values():
        if len(numbers) % 2 == 0 and any(found[number].role is Role.ALONE for number in numbers):
            for turn, number in enumerate(numbers):
                spans[number] = replace(spans[number], role=Role.CLOSES if turn % 2 else Role.OPENS)
    return spans


def _is_alone(text: str, span: Span) -> bool:
    return not text[span.start - 1 : span.start].strip() and not text[span.end : span.end + 1].strip()
