"""Where what was kept goes in a translation: at the words that stand for it, else by attention, else by proportion.

Whatever the model wrote, each comes out once. Calls no model.

Dimensions: S source tokens and </s>, T target tokens.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from dragoman.text.spans import Kind, Role
from dragoman.translate.protect import Kept, Part, partners

_SIGN = re.compile(r"[A-Za-z0-9]")
_HAN = re.compile("[\u3040-\u30ff\u3400-\u9fff]")
_STOPS = " .,;:!?。．，；：！？…"
_DIGITS = re.compile(r"\d+(?:[.,:]\d+)*%?")
LONGEST = 4  # target tokens of what is replaced because the model looked at a stand-in while it wrote them


@dataclass(frozen=True)
class Written:
    """A translation and how it came about.

    text: as one line. tell: where in it each token ends, and the source token that each looked at most, None where it
    is not known; asked only where something is not found by its words. places: for each part of the source that was
    kept, its first token and the one after its last. length: source tokens.
    """

    text: str
    tell: Callable[[], tuple[Sequence[int], Sequence[int | None]]]
    places: Sequence[tuple[int, int]]
    length: int

    @cached_property
    def _told(self) -> tuple[Sequence[int], Sequence[int | None]]:
        return self.tell()

    @property
    def ends(self) -> Sequence[int]:
        return self._told[0]

    @property
    def looked(self) -> Sequence[int | None]:
        return self._told[1]

    def stretch(self, start: int, end: int) -> tuple[int, int] | None:
        """The tokens that looked at source tokens from `start` to `end`: the largest group with gaps of one at most."""
        found = [at for at, source in enumerate(self.looked) if source is not None and start <= source < end]
        groups: list[list[int]] = []
        for at in found:
            if groups and at - groups[-1][-1] <= 2:
                groups[-1].append(at)
            else:
                groups.append([at])
        best = max(groups, key=len, default=None)
        return (best[0], best[-1] + 1) if best else None

    def begin(self, token: int) -> int:
        """Where a token begins, the space before it left out."""
        at = self.ends[token - 1] if token else 0
        while at < len(self.text) and self.text[at] == " ":
            at += 1
        return at

    def behind(self, source: int) -> int | None:
        """Behind what was written for the nearest source token before `source`."""
        for nearest in range(source - 1, max(-1, source - 6), -1):
            if (found := self.stretch(nearest, nearest + 1)) is not None:
                return self.ends[found[1] - 1]
        return None


@dataclass(frozen=True)
class Edit:
    """What takes the place of a stretch of the translation; `order` among those at one place."""

    start: int
    end: int
    order: tuple[int, int]
    part: Kept | None  # None: left out


def literal(parts: Sequence[Part], text: str) -> tuple[list[Edit], list[int]]:
    """The stretches that are what was shown, and the parts whose are not there, or are there too often."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for number, part in enumerate(parts):
        if isinstance(part, Kept) and part.forms:
            groups.setdefault(part.forms, []).append(number)
    edits: list[Edit] = []
    amiss: list[int] = []
    for forms, numbers in sorted(groups.items(), key=lambda group: -max(map(len, group[0]))):
        free = [span for span in _occurrences(forms, text) if not _taken(*span, edits)]
        own = all(_kept(parts, number).own for number in numbers)
        for (start, end), number in zip(free, numbers, strict=False):
            edits.append(Edit(start, end, (1, number), _kept(parts, number)))
        if len(free) < len(numbers):
            amiss += numbers[len(free) :]
        elif len(free) > len(numbers) and not own:
            amiss += numbers
            edits += [Edit(start, end, (1, 0), None) for start, end in free[len(numbers) :]]
    return edits, amiss


def fill(parts: Sequence[Part], written: Written) -> tuple[tuple[str, Kept | None], ...]:
    """The translation in stretches, each followed by what was kept there; nothing follows the last."""
    edits, amiss = literal(parts, written.text)
    found = {edit.order[1] for edit in edits if edit.part is not None}
    numbers = [number for number, part in enumerate(parts) if isinstance(part, Kept)]
    places = dict(zip(numbers, written.places, strict=True))
    for number in numbers:
        part = _kept(parts, number)
        if part.forms and number not in found:
            if part.kind is Kind.NUMBER and (edit := _misread(number, part, places[number], written, edits)):
                edits.append(edit)
                continue
            edits.append(_replaced(number, part, places[number], written, edits))
    edits += _marks(parts, places, written, edits)
    text, at, filled = written.text, 0, list[tuple[str, Kept | None]]()
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.order)):
        filled.append((text[at : max(at, edit.start)], edit.part))
        at = max(at, edit.end)
    return (*filled, (text[at:], None))


def _replaced(
    number: int, part: Kept, place: tuple[int, int], written: Written, edits: Sequence[Edit]
) -> Edit:
    """In place of what the model wrote while it looked at a stand-in; between words where there is no such thing."""
    stretch = written.stretch(*place)
    if stretch is not None and stretch[1] - stretch[0] <= max(LONGEST, place[1] - place[0]):
        start, end = written.begin(stretch[0]), written.ends[stretch[1] - 1]
        while start < end and written.text[end - 1] in _STOPS:
            end -= 1
        if (
            start < end
            and not _taken(start, end, edits)
            and _between(written.text, start)
            and _between(written.text, end)
        ):
            return Edit(start, end, (1, number), part)
    at = _free(_near(place[0], written), written.text, edits)
    return Edit(at, at, (1, number), part)


def _misread(
    number: int, part: Kept, place: tuple[int, int], written: Written, edits: Sequence[Edit]
) -> Edit | None:
    """In place of a number that stands nowhere in the source: what the model made of this one, nearest to its place."""
    free = [m.span() for m in _DIGITS.finditer(written.text) if not _taken(*m.span(), edits)]
    if not free:
        return None
    at = _near(place[0], written)
    start, end = min(free, key=lambda span: min(abs(span[0] - at), abs(span[1] - at)))
    return Edit(start, end, (1, number), part)


def _near(source: int, written: Written) -> int:
    at = written.behind(source)
    return round(len(written.text) * source / max(1, written.length)) if at is None else at


# -- marks ---------------------------------------------------------------------------------------------------------


def _marks(
    parts: Sequence[Part], places: dict[int, tuple[int, int]], written: Written, edits: Sequence[Edit]
) -> list[Edit]:
    """What the model did not see. What a pair of marks enclosed, its translation encloses."""
    pairs = partners(parts)
    closings = set(pairs.values())
    found: list[Edit] = []
    inside: list[tuple[int, int, int]] = []  # of the pairs that are open: the closing part, and the stretch
    last = 0  # pairs beside each other keep their order, and do not overlap
    for number, part in enumerate(parts):
        if not isinstance(part, Kept) or part.forms or number in closings:
            continue
        while inside and inside[-1][0] < number:
            last = max(last, inside.pop()[2])
        low, high = (inside[-1][1], inside[-1][2]) if inside else (0, len(written.text))
        if number in pairs and not _encloses(parts, number, pairs[number]):
            at = _alone(parts, number, places[number][0], written, edits)
            found.append(Edit(at, at, (1, number), part))
            found.append(Edit(at, at, (1, pairs[number]), _kept(parts, pairs[number])))
        elif number in pairs:
            start, end = _enclosed(
                places[number][0], places[pairs[number]][0], written, edits, max(low, last), high
            )
            found.append(Edit(start, start, (2, number), part))
            found.append(Edit(end, end, (0, -number), _kept(parts, pairs[number])))
            inside.append((pairs[number], start, end))
            last = start
        else:
            at = _alone(parts, number, places[number][0], written, edits)
            found.append(Edit(at, at, (0 if part.role is Role.CLOSES else 1, number), part))
    return found


def _encloses(parts: Sequence[Part], opening: int, closing: int) -> bool:
    """Whether there is anything between two marks that comes out between them."""
    between = parts[opening + 1 : closing]
    return any(part.strip() if isinstance(part, str) else part.forms for part in between)


def _enclosed(
    start: int, end: int, written: Written, edits: Sequence[Edit], low: int, high: int
) -> tuple[int, int]:
    """The stretch of the translation between `low` and `high` for source tokens from `start` to `end`."""
    length = len(written.text)
    stretch = written.stretch(start, end)
    if stretch is not None:
        first, last = written.begin(stretch[0]), written.ends[stretch[1] - 1]
    else:
        first, last = (round(length * at / max(1, written.length)) for at in (start, end))
    for edit in edits:  # what replaces a word is inside or outside, as a whole
        if edit.start < last < edit.end:
            last = edit.end
        if edit.start < first < edit.end:
            first = edit.start
    while first < last and written.text[last - 1] in _STOPS:
        last -= 1
    first, last = min(max(first, low), high), min(max(last, low), high)
    return (first, last) if first < last else _some_word(first, low, high, written.text, edits)


def _some_word(at: int, low: int, high: int, text: str, edits: Sequence[Edit]) -> tuple[int, int]:
    """The word nearest to a place, so that a pair of marks that enclosed words does not come out empty."""
    signs = [place for place in range(low, high) if text[place].isalnum()]
    first = last = min(signs, key=lambda place: abs(place - at), default=min(max(at, low), high))
    while first > low and not _between(text, first):
        first -= 1
    last = min(high, last + 1)
    while last < high and not _between(text, last):
        last += 1
    for edit in edits:
        if edit.start < last and first < edit.end:
            first, last = min(first, edit.start), max(last, edit.end)
    return first, last


def _alone(parts: Sequence[Part], number: int, source: int, written: Written, edits: Sequence[Edit]) -> int:
    """Behind the words that it stood behind; before the stop where nothing but the stop followed."""
    text = written.text
    rest = "".join(part if isinstance(part, str) else part.shown for part in parts[number + 1 :])
    if not any(map(str.isalnum, rest)):
        return len(text.rstrip(_STOPS)) if rest.strip() else len(text)
    if source == 0:
        return 0
    return _free(_near(source, written), text, edits)


# -- between words -------------------------------------------------------------------------------------------------


def _free(at: int, text: str, edits: Sequence[Edit]) -> int:
    """The next place that is neither within a word nor within what is replaced."""
    for edit in sorted(edits, key=lambda edit: edit.start):
        if edit.start < at < edit.end:
            at = edit.end
    while 0 < at < len(text) and not _between(text, at):
        at += 1
    return min(at, len(text))


def _between(text: str, at: int) -> bool:
    """Whether no word of letters goes on here; Chinese has no such words."""
    if at <= 0 or at >= len(text):
        return True
    before, after = text[at - 1], text[at]
    return not (before.isalnum() and after.isalnum()) or bool(_HAN.match(before) or _HAN.match(after))


def _taken(start: int, end: int, edits: Sequence[Edit]) -> bool:
    return any(start < edit.end and edit.start < end for edit in edits)


def _kept(parts: Sequence[Part], number: int) -> Kept:
    part = parts[number]
    assert isinstance(part, Kept)
    return part


def _occurrences(forms: Sequence[str], text: str) -> list[tuple[int, int]]:
    """Where any of some forms stands, as a word of its own where its letters are those of words with spaces between.

    Without a regular expression: there would be one for each number of a book.
    """
    folded, found = text.lower(), list[tuple[int, int]]()
    if len(folded) != len(text):
        folded = text
    for form in sorted(forms, key=len, reverse=True):
        at = folded.find(sought := form.lower())
        while at >= 0:
            end = at + len(sought)
            if _stands_alone(text, at, end) and not any(at < other and one < end for one, other in found):
                found.append((at, end))
            at = folded.find(sought, at + 1)
    return sorted(found)


def _stands_alone(text: str, start: int, end: int) -> bool:
    first, last, before, after = (
        text[start],
        text[end - 1],
        text[max(0, start - 2) : start],
        text[end : end + 2],
    )
    if first.isdigit() and (
        before[-1:].isdigit() or (before[-1:] in (".", ",", ":") and before[:1].isdigit())
    ):
        return False
    if last.isdigit() and (
        after[:1].isdigit() or after[:1] == "%" or (after[:1] in (".", ",", ":") and after[1:].isdigit())
    ):
        return False
    return not (
        first.isascii() and first.isalpha() and before[-1:].isascii() and before[-1:].isalpha()
    ) and not (last.isascii() and last.isalpha() and after[:1].isascii() and after[:1].isalpha())


def joined(filled: Sequence[tuple[str, str, bool]]) -> str:
    """Stretches of a translation, each with what follows it, and whether any letter would be taken for a part of it."""
    text, content, apart = "", "", False
    for words, following, is_apart in filled:
        text += _gap(content[-1:], words[:1], apart) + words
        text += _gap(following[:1], text[-1:], is_apart) + following
        content, apart = following, is_apart
    return text


def _gap(kept: str, letter: str, apart: bool) -> str:
    """What stands between something that is kept and a letter of the translation beside it."""
    touches = letter.isalnum() if apart else _SIGN.match(letter) and _SIGN.match(kept)
    return " " if kept and touches else ""
