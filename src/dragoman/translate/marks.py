"""Where marks go that no model sees: the tags around words, and what stands between words. Calls no model.

What a pair of marks enclosed, its translation encloses: the words that the model wrote while it looked at them. Marks
come out nested as they were, each pair that held words holds some, and pairs beside each other may change places, as
words do. Of a pair that encloses the end of one sentence and the start of the next, each sentence has one half.

Dimensions: S source tokens and </s>, T target tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from dragoman.text.kinds import Kind, Role
from dragoman.text.seals import Sort
from dragoman.translate.protect import Kept, Part, partners
from dragoman.translate.written import Edit, Written, between

_STOPS = " .,;:!?。．，；：！？…"
# A unit is what a mark does not stand within: a Chinese sign, a word of letters.
_UNIT = re.compile(
    "[\u3040-\u30ff\u3400-\u9fff]|(?:(?![\u3040-\u30ff\u3400-\u9fff])\\w)+(?:['’](?=[a-z])[a-z]+)?"
)
_TAGS = ("<", Sort.OPEN, Sort.CLOSE)
_NEAR = 4  # characters between what a pair encloses and a word that was kept within it


@dataclass
class _Node:
    """A mark, or a pair with what is in it. start, end: where it goes in the translation."""

    number: int
    closing: int | None = None
    inner: list[_Node] = field(default_factory=list)
    start: int = 0
    end: int = 0

    @property
    def last(self) -> int:
        """The number of its last part."""
        return self.number if self.closing is None else self.closing


@dataclass(frozen=True)
class _Sentence:
    """What is known of a sentence and its translation. points: where words go that nothing stands for."""

    parts: Sequence[Part]
    places: Mapping[int, tuple[int, int]]
    written: Written
    wide: Sequence[Edit]  # what takes the place of something, in order
    points: Mapping[int, int]
    pairs: Mapping[int, int]

    def kept(self, number: int) -> Kept:
        part = self.parts[number]
        assert isinstance(part, Kept)
        return part

    def says(self, start: int, end: int) -> bool:
        """Whether parts from `start` to `end` have anything that comes out as words."""
        return any(
            any(map(str.isalnum, part)) if isinstance(part, str) else bool(part.forms)
            for part in self.parts[start:end]
        )

    def needs_words(self, node: _Node) -> bool:
        """Whether it stands around words of the translation, and not only around what nothing stands for there."""
        return any(
            any(map(str.isalnum, part)) if isinstance(part, str) else part.forms and number not in self.points
            for number, part in enumerate(self.parts[node.number : node.last], node.number)
        )

    def source(self, start: int, end: int) -> str:
        words = (part if isinstance(part, str) else "" for part in self.parts[start:end])
        return "".join(words).strip()

    def is_half(self, number: int) -> bool:
        """Whether it opens or closes something whose other half is in another sentence."""
        part = self.kept(number)
        return part.kind is Kind.MARK and part.role is not Role.ALONE and part.raw[0] in _TAGS


def marked(
    parts: Sequence[Part],
    places: Mapping[int, tuple[int, int]],
    written: Written,
    edits: Sequence[Edit],
) -> list[Edit]:
    """The edits of a translation with those for all marks. places: first token and the one after the last, by part."""
    points = {edit.order[1]: edit.start for edit in edits if edit.part is not None and edit.end == edit.start}
    wide = sorted((edit for edit in edits if edit.end > edit.start), key=lambda edit: edit.start)
    sentence = _Sentence(parts, places, written, wide, points, partners(parts))
    nodes = _nodes(sentence)
    if not nodes:
        return list(wide)
    found: list[Edit] = []
    order = count()
    _lay(nodes, 0, len(written.text), sentence)
    _emit(nodes, sentence, order, found)
    return [*wide, *found]


def _nodes(sentence: _Sentence) -> list[_Node]:
    """Marks, and words that nothing stands for, as they enclose each other."""
    replaced = {edit.order[1] for edit in sentence.wide if edit.part is not None}
    top: list[_Node] = []
    stack: list[_Node] = []
    for number, part in enumerate(sentence.parts):
        if isinstance(part, str) or number in replaced:
            continue
        if stack and stack[-1].closing == number:
            stack.pop()
            continue
        node = _Node(number, sentence.pairs.get(number))
        (stack[-1].inner if stack else top).append(node)
        if node.closing is not None:
            stack.append(node)
    return top


# -- places ----------------------------------------------------------------------------------------------------------


def _lay(nodes: Sequence[_Node], low: int, high: int, sentence: _Sentence) -> None:
    """Give each node its place between `low` and `high`. Nothing passes the half of a pair."""
    group: list[_Node] = []
    for node in nodes:
        if node.closing is None and sentence.is_half(node.number):
            node.start = node.end = _half(node, low, high, sentence)
            _lay_group(group, low, node.start, sentence)
            low, group = node.start, []
        else:
            group.append(node)
    _lay_group(group, low, high, sentence)


def _half(node: _Node, low: int, high: int, sentence: _Sentence) -> int:
    """With words on each side of it that had words."""
    at = min(max(_alone(node.number, sentence), low), high)
    units = _units(low, high, sentence)
    if units and sentence.says(node.number + 1, len(sentence.parts)):
        at = min(at, units[-1][0])
    if units and len(units) > 1 and sentence.says(0, node.number):
        at = max(at, units[0][1])
    return at


def _lay_group(nodes: Sequence[_Node], low: int, high: int, sentence: _Sentence) -> None:
    pairs = [node for node in nodes if node.closing is not None and sentence.needs_words(node)]
    _lay_pairs(pairs, low, high, sentence)
    placed = sorted(pairs, key=lambda node: (node.start, node.number))
    for node in nodes:
        if node in pairs:
            _lay(node.inner, node.start, node.end, sentence)
            continue
        at = next(
            (sentence.points[n] for n in range(node.number, node.last + 1) if n in sentence.points), None
        )
        at = min(max(_alone(node.number, sentence) if at is None else at, low), high)
        for pair in placed:
            if pair.start <= at < pair.end:
                at = pair.start if node.number < pair.number else pair.end
        node.start = node.end = at
        _lay(node.inner, at, at, sentence)


def _lay_pairs(pairs: Sequence[_Node], low: int, high: int, sentence: _Sentence) -> None:
    """Each around the units that were written for its words, no two around the same, none around nothing."""
    units = _units(low, high, sentence)
    wanted = sorted(((*_wanted(node, units, sentence), node) for node in pairs), key=lambda one: one[:2])
    done = 0  # units
    for left, (first, last, node) in enumerate(wanted):
        rest = len(wanted) - left - 1
        first = min(max(first, done), len(units) - rest - 1)
        last = min(max(last, first + 1), len(units) - rest)
        if first < done or first < 0:  # more pairs than units
            node.start = node.end = units[done - 1][1] if done else low
            continue
        node.start, node.end = units[first][0], units[last - 1][1]
        done = last


def _wanted(node: _Node, units: Sequence[tuple[int, int]], sentence: _Sentence) -> tuple[int, int]:
    """The first unit of what was written for the words in a pair, and the one after the last."""
    assert node.closing is not None
    written, (opened, closed) = sentence.written, (node.number, node.closing)
    start, end = sentence.places[opened][1], sentence.places[closed][0]
    stretch = written.stretch(start, end)
    if stretch is not None:
        first, last = written.begin(stretch[0]), written.ends[stretch[1] - 1]
    else:
        length = len(written.text)
        first, last = (round(length * at / max(1, written.length)) for at in (start, end))
    kept = [e for e in sentence.wide if e.part is not None and opened < e.order[1] < closed]
    if kept and (stretch is None or not sentence.source(opened, closed)):
        first, last = min(e.start for e in kept), max(e.end for e in kept)
    for edit in kept:
        if edit.end >= first - _NEAR and edit.start <= last + _NEAR:
            first, last = min(first, edit.start), max(last, edit.end)
    inside = [n for n, (a, b) in enumerate(units) if a < last and first < b]
    if inside:
        return inside[0], inside[-1] + 1
    nearest = min(range(len(units)), key=lambda n: abs(units[n][0] - first), default=0)
    return nearest, nearest + 1


def _units(low: int, high: int, sentence: _Sentence) -> list[tuple[int, int]]:
    """What a mark does not stand within, from `low` to `high`; what is kept is one."""
    found: list[tuple[int, int]] = []
    at = low
    for edit in [*sentence.wide, Edit(high, high + 1, (0, 0), None)]:
        if edit.end <= low or edit.start > high:
            continue
        found += (match.span() for match in _UNIT.finditer(sentence.written.text, at, max(at, edit.start)))
        if edit.part is not None and edit.end <= high:
            found.append((edit.start, edit.end))
        at = max(at, edit.end)
    return found


def _alone(number: int, sentence: _Sentence) -> int:
    """Behind the words that it stood behind; before the stop where nothing but the stop followed."""
    text, parts = sentence.written.text, sentence.parts
    rest = "".join(part if isinstance(part, str) else part.shown for part in parts[number + 1 :])
    if not any(map(str.isalnum, rest)):
        return len(text.rstrip(_STOPS)) if rest.strip() else len(text)
    source = sentence.places[number][0]
    return free(sentence.written.near(source), text, sentence.wide) if source else 0


def free(at: int, text: str, edits: Sequence[Edit]) -> int:
    """The next place that is neither within a word nor within what is replaced."""
    for edit in sorted(edits, key=lambda edit: edit.start):
        if edit.start < at < edit.end:
            at = edit.end
    while 0 < at < len(text) and not between(text, at):
        at += 1
    return min(at, len(text))


# -- order -----------------------------------------------------------------------------------------------------------


def _emit(nodes: Sequence[_Node], sentence: _Sentence, order: Iterator[int], found: list[Edit]) -> None:
    """The edits of nodes, numbered so that those at one place come nested."""
    for node in sorted(nodes, key=lambda one: (one.start, one.end, one.number)):
        found.append(Edit(node.start, node.start, (next(order), node.number), sentence.kept(node.number)))
        if node.closing is None:
            continue
        inside = any(sentence.says(one.number, one.last) for one in node.inner)
        words = sentence.source(node.number, node.closing)
        if node.start == node.end and words and not inside:
            lost = replace(sentence.kept(node.number), content=(words,))
            found.append(Edit(node.start, node.start, (next(order), node.number), lost))
        _emit(node.inner, sentence, order, found)
        found.append(Edit(node.end, node.end, (next(order), node.closing), sentence.kept(node.closing)))
