"""Pairs as people type them: capitals, slips, lost stops, placeholders, emoji, joined and cut sentences. Reads no file.

A corpus is tidier than what a model will be sent. Here some of its pairs are made less tidy, each epoch others, on both
sides alike where the translation must follow, and on the source alone where it must not. What becomes of a pair is a
pure function of seed, epoch and index, so a resumed run reads what the first one read.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import chain, islice, product, takewhile
from typing import Annotated

from dragoman.bounds import Within, refuse_out_of_bounds
from dragoman.corpus.pairs import Pair
from dragoman.errors import ConfigError
from dragoman.text.joining import writes_without_spaces
from dragoman.text.names import NAMES
from dragoman.text.normalize import dominant_script

_STOPS = ".!?。！？…"
_FULL_STOPS = ".。"
_CLAUSES = re.compile(r"[,，;；]\s*")
# What may be the same on both sides: addresses, numbers, names in Latin letters.
_SPAN = re.compile(
    r"https?://[^\s\u3000-\u9fff]+|[\w.+-]+@[\w-]+\.[\w.]+|\d+(?:[.,:/-]\d+)*|[A-Za-z][\w'-]*[A-Za-z0-9]",
    re.ASCII,
)
_NAMED = {form: forms for forms in NAMES for form in forms}
_NAME = re.compile("|".join(rf"\b{form}\b" if form.isascii() else form for form in _NAMED))
_BESIDE = 0.1  # of the pairs that have nothing to put a placeholder in place of
_WORD = re.compile(r"[^\W\d_]{4,}")
_CASED_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")  # don't is one word: Don't, not Don'T
_SIGNS = [
    *"™©®°→←↑↓★☆♪♥✓✗•§¶†…",
    *(chr(code) for ends in ((0x1F300, 0x1F5FF), (0x1F600, 0x1F64F), (0x1F680, 0x1F6C5), (0x1F90D, 0x1F9FF))
      for code in range(ends[0], ends[1] + 1)),
]  # fmt: skip
_CUT_ALIKE = 0.15  # a comma stands at the same place of both sides to within this share of their lengths
_NEIGHBOURS = 2  # pairs that may be joined to one
PART = Within(0, 1)
_CASED = {"Latin", "Cyrillic", "Greek", "Armenian"}


@dataclass(frozen=True)
class AugmentConfig:
    """Shares of the pairs that are changed in each epoch, each in its own way; 0 = never."""

    upper: Annotated[float, "share of pairs in CAPITALS, on both sides where both have them", PART] = 0.02
    title: Annotated[float, "share of pairs with the Source In Title Case", PART] = 0.02
    lower: Annotated[float, "share of pairs with the source in lower case", PART] = 0.02
    typos: Annotated[float, "share of pairs with a slip of the fingers in a word of the source", PART] = 0.02
    stops: Annotated[
        float, "share of pairs whose final stop is lost on both sides, or doubled in the source", PART
    ] = 0.04
    placeholders: Annotated[
        float,
        "share of pairs with reserved placeholders for what is equal on both sides, or a well-known name",
        PART,
    ] = 0.05
    tags: Annotated[
        float, "share of pairs with a pair of placeholders, as tags, around what is equal", PART
    ] = 0.01
    symbols: Annotated[float, "share of pairs with an emoji or a sign on both sides", PART] = 0.02
    joined: Annotated[float, "share of pairs that the next one or two follow in the same line", PART] = 0.03
    cut: Annotated[float, "share of pairs that end at a comma that both sides have", PART] = 0.02

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self, "augment")
        if self.upper + self.title + self.lower > 1:
            raise ConfigError(
                "augment.upper, augment.title and augment.lower exclude each other, and sum to more than 1"
            )

    @classmethod
    def off(cls) -> AugmentConfig:
        """Every pair stays as it is."""
        return cls(**{one.name: 0.0 for one in fields(cls)})

    @property
    def active(self) -> bool:
        """Whether any pair may be changed."""
        return any(getattr(self, one.name) for one in fields(self))


@dataclass(frozen=True)
class Setting:
    """What the changes depend on beside the pair: the languages, the reserved words, the longest side."""

    source: str
    target: str
    placeholders: Sequence[str] = ()
    symbols: Collection[str] = ()  # that a source may begin with: tags, which stay what and where they are
    longest: int = 200  # characters of a side that is joined from several: pieces are never more


def augmented(
    pairs: Iterable[Pair], config: AugmentConfig, setting: Setting, seed: int, epoch: int
) -> Iterator[Pair]:
    """The pairs, as many and in the same order, some of them changed."""
    if not config.active:
        yield from pairs
        return
    coming = iter(pairs)
    window = list(islice(coming, _NEIGHBOURS + 1))
    draw = random.Random(0)
    for index, new in enumerate(chain(coming, [None] * len(window))):
        pair, *after = window
        draw.seed(f"{seed} {epoch} {index}")
        yield _augmented(pair, after, config, setting, draw)
        window = after if new is None else [*after, new]
        if not window:
            return


def _augmented(
    pair: Pair, after: Sequence[Pair], config: AugmentConfig, setting: Setting, draw: random.Random
) -> Pair:
    """What stands behind the tags of a source is changed, and only pairs of the same tags are joined."""
    if not setting.symbols:
        return _changed(pair, after, config, setting, draw)
    tags, pair = _untagged(pair, setting.symbols)
    others = (_untagged(one, setting.symbols) for one in after)
    changed = _changed(
        pair, (other for _, other in takewhile(lambda other: other[0] == tags, others)), config, setting, draw
    )
    return Pair(tags + changed.source, changed.target, changed.extra)


def _untagged(pair: Pair, symbols: Collection[str]) -> tuple[str, Pair]:
    """The tags before a source, with the spaces after each, and the pair without them."""
    rest = pair.source
    while tag := next((one for one in symbols if rest.startswith(one)), ""):
        rest = rest[len(tag) :].lstrip(" ")
    tags = pair.source[: len(pair.source) - len(rest)]
    return tags, Pair(rest, pair.target, pair.extra) if tags else pair


def _changed(
    pair: Pair, after: Iterable[Pair], config: AugmentConfig, setting: Setting, draw: random.Random
) -> Pair:
    """The order matters: sentences are joined and cut while their commas and stops stand where they stood, and what
    is put in for a span is put in last, so that no capital or slip falls on it."""

    if draw.random() < config.cut:
        pair = _cut(pair, draw)
    if draw.random() < config.joined:
        pair = _joined(pair, after, setting, draw)
    if draw.random() < config.stops:
        pair = _stops(pair, draw)
    if draw.random() < config.typos:
        pair = replace(pair, source=_slip(pair.source, draw))
    pair = _in_other_case(pair, draw.random(), config)
    if draw.random() < config.symbols:
        pair = _with_sign(pair, draw)
    if len(setting.placeholders) > 1:
        if draw.random() < config.placeholders:
            pair = _with_placeholders(pair, setting.placeholders, draw)
        if draw.random() < config.tags:
            pair = _tagged(pair, setting.placeholders, draw)
    return pair


def _cut(pair: Pair, draw: random.Random) -> Pair:
    """Both sides up to one comma. Sides with their clauses in another order have the comma elsewhere, and stay."""
    commas = [list(_CLAUSES.finditer(side)) for side in (pair.source, pair.target)]
    if not commas[0] or len(commas[0]) != len(commas[1]):
        return pair
    alike = [
        (one.start(), other.start())
        for one, other in zip(*commas, strict=True)
        if abs(one.start() / len(pair.source) - other.start() / len(pair.target)) < _CUT_ALIKE
        and min(one.start(), other.start()) > 1
    ]
    if not alike:
        return pair
    source, target = draw.choice(alike)
    return replace(pair, source=pair.source[:source], target=pair.target[:target])


def _joined(pair: Pair, after: Iterable[Pair], setting: Setting, draw: random.Random) -> Pair:
    count = draw.randint(1, _NEIGHBOURS)
    for other in islice(after, count):
        sides = [
            one if not two else two if not one else f"{one}{_gap(one, language)}{two}"
            for one, two, language in (
                (pair.source, other.source, setting.source),
                (pair.target, other.target, setting.target),
            )
        ]
        if max(map(len, sides)) > setting.longest or not _ends(pair):
            return pair  # without a stop nobody could tell where one sentence ends
        pair = replace(pair, source=sides[0], target=sides[1])
    return pair


def _ends(pair: Pair) -> bool:
    return pair.source[-1:] in set(_STOPS) and pair.target[-1:] in set(_STOPS)


def _gap(text: str, language: str) -> str:
    return "" if writes_without_spaces(language) and ord(text[-1]) > 0x2FFF else " "


def _stops(pair: Pair, draw: random.Random) -> Pair:
    """The final stop, lost on both sides or set twice or thrice in the source, whose translation has it once."""
    last = pair.source[-1:]
    if not last or last not in _STOPS:
        return pair
    if draw.random() < 0.5:
        return replace(pair, source=pair.source + last * draw.randint(1, 2))
    if (
        last in _FULL_STOPS
        and pair.target[-1:] in set(_FULL_STOPS)
        and min(len(pair.source), len(pair.target)) > 1
    ):
        return replace(pair, source=pair.source[:-1], target=pair.target[:-1])
    return pair


def _slip(text: str, draw: random.Random) -> str:
    """A letter of one word lost, doubled, or exchanged with the next. Words written in signs (Han) are left alone."""
    words = [word for word in _WORD.finditer(text) if word[0].lower() != word[0].upper()]
    if not words:
        return text
    word = draw.choice(words)
    at = draw.randint(word.start() + 1, word.end() - 2)
    one, two = text[at], text[at + 1]
    return text[:at] + draw.choice((two, one + one + two, two + one)) + text[at + 2 :]


def _in_other_case(pair: Pair, drawn: float, config: AugmentConfig) -> Pair:
    """Capitals are a tone of voice, and the translation keeps it if it can; the other two are habits of writing."""
    if drawn >= config.upper + config.title + config.lower or dominant_script(pair.source) not in _CASED:
        return pair  # a few Latin letters among Chinese signs say nothing about the case of the sentence
    if drawn < config.upper:
        return replace(pair, source=pair.source.upper(), target=pair.target.upper())
    if drawn < config.upper + config.title:
        return replace(
            pair, source=_CASED_WORD.sub(lambda word: word[0][0].upper() + word[0][1:], pair.source)
        )
    if drawn < config.upper + config.title + config.lower:
        return replace(pair, source=pair.source.lower())
    return pair


def _with_sign(pair: Pair, draw: random.Random) -> Pair:
    sign = draw.choice(_SIGNS)
    if draw.random() < 0.3:
        sign += sign if draw.random() < 0.5 else draw.choice(_SIGNS)
    return _beside(pair, sign, draw)


def _beside(pair: Pair, sign: str, draw: random.Random) -> Pair:
    """Something that is the same in all languages, before both sides, behind both, or before both final stops."""
    place = draw.randrange(3)
    if place == 0:
        return replace(pair, source=f"{sign} {pair.source}", target=f"{sign} {pair.target}")
    if place == 1 or not _ends(pair):
        return replace(pair, source=f"{pair.source} {sign}", target=f"{pair.target} {sign}")
    sides = [f"{side[:-1]} {sign}{side[-1]}" for side in (pair.source, pair.target)]
    return replace(pair, source=sides[0], target=sides[1])


def _spans(pair: Pair) -> list[tuple[str, str]]:
    """What stands once in the source and once in the target, and within nothing else: equal, or one well-known name."""
    sides = [[found[0] for found in _SPAN.finditer(side)] for side in (pair.source, pair.target)]
    equal = [
        (span, span)
        for span in sides[0]
        if span in sides[1] and pair.source.count(span) == pair.target.count(span) == 1
    ]
    named = (
        [form for form in _NAME.findall(side) if side.count(form) == 1] for side in (pair.source, pair.target)
    )
    return equal + [
        (one, other) for one, other in product(*named) if one != other and _NAMED[one] == _NAMED[other]
    ]


def _with_placeholders(pair: Pair, symbols: Sequence[str], draw: random.Random) -> Pair:
    """Reserved symbols for what is the same, or, where nothing is, now and then one symbol beside both sides.

    Seldom: whoever mostly sees them beside whole sentences takes one that is a subject for such a thing, too ("⟦0⟧是
    一个网站" became "⟦0⟧ It is a website").
    """
    spans = _spans(pair)
    if not spans:
        return _beside(pair, draw.choice(symbols), draw) if draw.random() < _BESIDE else pair
    chosen = draw.sample(spans, min(len(spans), draw.randint(1, 3)))
    for (one, other), symbol in zip(
        chosen, draw.sample(symbols, min(len(chosen), len(symbols))), strict=False
    ):
        pair = replace(
            pair, source=pair.source.replace(one, symbol), target=pair.target.replace(other, symbol)
        )
    return pair


def _tagged(pair: Pair, symbols: Sequence[str], draw: random.Random) -> Pair:
    """Two symbols around what is the same, or around both whole sides."""
    opening, closing = draw.sample(symbols, 2)
    spans = _spans(pair)
    if not spans:
        return replace(
            pair, source=f"{opening} {pair.source} {closing}", target=f"{opening} {pair.target} {closing}"
        )
    one, other = draw.choice(spans)
    return replace(
        pair,
        source=pair.source.replace(one, f"{opening} {one} {closing}"),
        target=pair.target.replace(other, f"{opening} {other} {closing}"),
    )
