"""Corpora of several languages: which two each is in, and its pairs for every direction they serve. Judges no pair.

A pair is stored once, whatever the number of directions: its first extra column names its two languages, in the order
of the first direction between them. `oriented` turns it to the direction in which it is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from dragoman.corpus.lines import read_lines
from dragoman.corpus.named import Named, parsed
from dragoman.corpus.pairs import (
    Pair,
    corpus_files,
    kind_of,
    language_of,
    names_of,
    read_corpus,
    sides_of,
)
from dragoman.errors import ConfigError, CorpusError
from dragoman.text.directions import Direction, all_told, read_direction, written
from dragoman.text.languages import base_language
from dragoman.text.normalize import dominant_script, scripts_of

_LOOKED_AT = 50  # pairs whose script tells the languages of columns without names
_NAMED = re.compile(r"(?<![A-Za-z])([A-Za-z]{2,3})[-_>]([A-Za-z]{2,3})(?![A-Za-z])")  # Tatoeba.en-zh.tsv
_CELL = re.compile(r"[\t,;|]")


class Columns(Named[Direction | None]):
    """The languages of the columns of corpora that do not say it themselves."""

    def __init__(self, given: Sequence[str]) -> None:
        """`given`: "NAME=en>zh" each. Raises ConfigError."""

        def direction(text: str) -> Direction | None:
            try:
                return read_direction(text)
            except ConfigError as error:
                raise ConfigError(f"data.columns: {error}") from None

        meant = "NAME=LANGUAGE>LANGUAGE, such as mine.tsv=en>zh"
        super().__init__("data.columns", parsed(given, "data.columns", direction, meant), None)


@dataclass(frozen=True)
class Corpus:
    """The files of one corpus, the languages of its first and second column, and the pair of languages it serves."""

    files: tuple[Path, ...]
    columns: Direction
    languages: Direction  # as the first direction between the two has them

    def pairs(self, labelled: bool) -> Iterator[Pair]:
        """In the order of `languages`."""
        found = read_corpus(self.files, *self.columns, labelled=labelled)
        return found if self.columns == self.languages else map(exchanged, found)

    def __str__(self) -> str:
        return f"{names_of(self.files)} ({'-'.join(self.columns)})"


def exchanged(pair: Pair) -> Pair:
    """The same pair the other way round."""
    return Pair(pair.target, pair.source, pair.extra)


def language_pairs(directions: Sequence[Direction]) -> list[Direction]:
    """The pairs of languages that directions go between, each once, as the first of its directions has it."""
    found: dict[frozenset[str], Direction] = {}
    for direction in directions:
        found.setdefault(frozenset(map(base_language, direction)), direction)
    return list(found.values())


def corpora_of(
    paths: Sequence[Path | str], directions: Sequence[Direction], columns: Columns | None = None
) -> list[Corpus]:
    """The corpora in `paths` (see read_corpus), each with its languages.

    These are, in this order: what `columns` says; the suffixes of two text files; the header of a table, the keys of
    JSON, the languages of a translation memory; a part of the name such as en-zh; the only two that there are; the
    scripts of the columns. Raises CorpusError where none of these tells, and for languages between which nothing is to
    be learnt.
    """
    found = list(map(Path, paths))
    corpora, at = [], 0
    while at < len(found):
        count = 2 if kind_of(found[at]) == "text" and found[at].exists() else 1
        corpora.append(_corpus(found[at : at + count], directions, columns or Columns(())))
        at += count
    if not corpora:
        raise CorpusError("no corpus file was given")
    return corpora


def _corpus(paths: Sequence[Path], directions: Sequence[Direction], columns: Columns) -> Corpus:
    pairs = language_pairs(directions)
    named = columns.of_corpus(str(paths[0])) or _named(paths)
    if named is not None:
        order = _order(named, pairs)
        if order is None:
            raise CorpusError(
                f"{' '.join(map(str, paths))} is in {' and '.join(named)}, and no direction goes between these "
                f"({all_told(directions)}): leave it out, or add a direction"
            )
    else:
        order = _by_content(paths, pairs) or _by_name(paths[0], pairs)
        order = order or (pairs[0] if len(pairs) == 1 and kind_of(paths[0]) not in _IN_COLUMNS else None)
        order = order or _by_script(paths, pairs) or (pairs[0] if len(pairs) == 1 else None)
    if order is None:
        raise CorpusError(
            f"which languages {' '.join(map(str, paths))} is in cannot be told: say so, such as with "
            f"--set 'data.columns={paths[0].name}={written(pairs[0])}'"
        )
    (languages,) = (pair for pair in pairs if {*pair} == {*order})
    return Corpus(tuple(corpus_files(paths, *order)), order, languages)


_IN_COLUMNS = ("table", "csv")


def _order(codes: Direction, pairs: Sequence[Direction]) -> Direction | None:
    """Columns in these languages, by the codes that the directions have for them; None where none is between them."""
    bases = tuple(map(base_language, codes))
    for pair in pairs:
        own = tuple(map(base_language, pair))
        if bases == own:
            return pair
        if bases == own[::-1]:
            return pair[1], pair[0]
    return None


def _named(paths: Sequence[Path]) -> Direction | None:
    """By the suffixes of two text files."""
    if len(paths) < 2:
        return None
    codes = [language_of(path) for path in paths]
    return (codes[0], codes[1]) if codes[0] and codes[1] else None


def _by_name(path: Path, pairs: Sequence[Direction]) -> Direction | None:
    for match in _NAMED.finditer(path.name):
        if order := _order((match[1], match[2]), pairs):
            return order
    return None


def _by_content(paths: Sequence[Path], pairs: Sequence[Direction]) -> Direction | None:
    """By what a file says of itself; also the common beginning of two names (train, for train.en and train.zh)."""
    path = paths[0]
    if not path.exists():
        for pair in pairs:
            with suppress(CorpusError):
                corpus_files(paths, *pair)
                return pair
    elif kind_of(path) in _IN_COLUMNS:
        cells = [base_language(cell.strip(' "')) for cell in _CELL.split(next(read_lines(path), ""))]
        return next((pair for pair in pairs if {*map(base_language, pair)} <= {*cells}), None)
    elif kind_of(path) != "text":
        for pair in pairs:
            with suppress(CorpusError):
                next(read_corpus(paths, *pair))
                return pair
    return None


def _by_script(paths: Sequence[Path], pairs: Sequence[Direction]) -> Direction | None:
    """By the scripts of the two columns, where only one order of one pair of languages is written in them."""
    rows = list(islice(read_corpus(paths, *pairs[0]), _LOOKED_AT))
    scripts = [
        dominant_script(" ".join(sides)) for sides in zip(*((r.source, r.target) for r in rows), strict=True)
    ]
    orders = [order for pair in pairs for order in (pair, (pair[1], pair[0]))]
    found = [
        order
        for order in orders
        if all(script in scripts_of(code) for script, code in zip(scripts, order, strict=True))
    ]
    return found[0] if len(found) == 1 else None


# -- stored once, read in each direction ------------------------------------------------------------------------


def with_languages(pairs: Iterable[Pair], languages: Direction) -> Iterator[Pair]:
    """Pairs that say which languages they are in, before whatever else travels with them."""
    name = written(languages)
    for pair in pairs:
        yield replace(pair, extra=name if pair.extra is None else f"{name}\t{pair.extra}")


def oriented(pairs: Iterable[Pair], direction: Direction) -> Iterator[Pair]:
    """Those of `pairs`, stored with their languages, that serve a direction: its source first, that name left out."""
    forth, back = written(direction), written((direction[1], direction[0]))
    for pair in pairs:
        name, _, rest = (pair.extra or "").partition("\t")
        if name in (forth, back):
            one, other = sides_of(pair) if name == forth else (pair.target, pair.source)
            yield Pair(one, other, rest or None)
