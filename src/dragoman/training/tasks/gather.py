"""Corpus files into train.tsv and dev.tsv of a run: cleaned, held out, a pair once for all its directions. No tokens.

Of a run in several directions each line names its two languages in the third column; see corpus/directed.py.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any
from zlib import crc32

from dragoman.corpus.cleaning import CleaningReport, clean
from dragoman.corpus.directed import (
    Columns,
    Corpus,
    corpora_of,
    language_pairs,
    oriented,
    with_languages,
)
from dragoman.corpus.heldout import leaks
from dragoman.corpus.pairs import (
    Pair,
    corpus_files,
    labels_of,
    names_of,
    passed_over,
    read_corpus,
    write_pairs,
)
from dragoman.corpus.tags import Tags
from dragoman.corpus.weights import Weights
from dragoman.errors import CorpusError
from dragoman.text.directions import Direction, all_told, simplified_sides, written
from dragoman.training.settings import DataConfig
from dragoman.training.tasks.origin import Recipe
from dragoman.training.tasks.texts import share_to_hold_out

TRAIN, DEV = "train.tsv", "dev.tsv"
MOST_SOURCES = 10_000  # a third column with more than that is an attribution

Say = Callable[[str], None]


def corpora(paths: Sequence[Path], data: DataConfig) -> list[Corpus]:
    """The corpora in `paths` with their languages. Raises CorpusError for what is not there, or in none of them."""
    if len(data.directions) > 1:
        return corpora_of(paths, data.ways, Columns(data.columns))
    way = data.ways[0]
    return [Corpus(tuple(corpus_files(paths, *way)), way, way)]


def stored(path: Path, data: DataConfig) -> Iterator[Pair]:
    """The pairs of train.tsv or dev.tsv, each once."""
    return read_corpus([path], data.source, data.target)


def directed(path: Path, data: DataConfig, direction: Direction) -> Iterator[Pair]:
    """Those that serve a direction, its source first."""
    return oriented(stored(path, data), direction) if data.several else stored(path, data)


def gather(
    corpus: Sequence[Path],
    dev: Sequence[Path],
    directory: Path,
    recipe: Recipe,
    say: Say,
    report: CleaningReport,
) -> int:
    """Write train.tsv and dev.tsv; how many pairs there are to train on, counted in each direction they serve.

    `report` is filled. Raises CorpusError when nothing is left to train on.
    """
    found = corpora(corpus, recipe.data)
    say(f"corpus: {_names(found, recipe.data)}")
    for note in filter(None, map(passed_over, corpus)):
        say(note)
    counts = Counter[Direction]()
    kept = write_pairs(directory / TRAIN, _cleaned(found, recipe, report, counts, directory))
    if kept == 0:
        raise CorpusError(f"cleaning removed all {report.read:,} pairs of the corpus:\n{report}")
    for languages in language_pairs(recipe.data.ways):
        if not counts[languages]:
            raise CorpusError(
                f"no pair of the corpus is in {' and '.join(languages)}: name one, or leave out this direction"
            )
    if dev:
        held = corpora(dev, recipe.data)
        every = chain.from_iterable(_stored_of(one, recipe.data, labelled=False) for one in held)
        count = write_pairs(directory / DEV, every)
        say(f"dev set: {count:,} pairs of {_names(held, recipe.data)}")
        unmeasured = [
            pair for pair in language_pairs(recipe.data.ways) if pair not in {c.languages for c in held}
        ]
        if unmeasured:
            report.notes.append(f"the dev set has no pairs in {all_told(unmeasured)}: these are not measured")
        trained, held_out = (stored(directory / name, recipe.data) for name in (TRAIN, DEV))
        if known := leaks(trained, held_out, processes=None):
            report.notes.append(
                f"{known:,} pairs of the dev set stand in the training corpus too, but for case and stops: its scores "
                "will be too good. Leave them out of one of the two (dragoman data split holds out without leaks)"
            )
    else:
        _hold_out(directory, recipe, counts, say)
    return sum(
        count * sum({*way} == {*languages} for way in recipe.data.ways) for languages, count in counts.items()
    )


def _names(found: Sequence[Corpus], data: DataConfig) -> str:
    if data.several:
        return ", ".join(map(str, found))
    return names_of([file for one in found for file in one.files])


def _stored_of(corpus: Corpus, data: DataConfig, labelled: bool) -> Iterator[Pair]:
    pairs = corpus.pairs(labelled)
    return with_languages(pairs, corpus.languages) if data.several else pairs


def _cleaned(
    found: Sequence[Corpus],
    recipe: Recipe,
    report: CleaningReport,
    counts: Counter[Direction],
    scratch: Path,
) -> Iterator[Pair]:
    """Labelled with their corpora, whose names must fit those in data.weights and data.tags."""
    data = recipe.data
    named = [one for one in (Weights(data.weights), Tags(data.tags)) if one]
    asked = {name for one in named for name in one.by_name}
    labels, sources = Counter[str](), Counter[str]()
    for languages in language_pairs(data.ways):
        own = CleaningReport() if data.several else report
        simplify: Any = simplified_sides(recipe.cleaning.simplify, data.ways[0], languages)
        pairs = chain.from_iterable(one.pairs(labelled=True) for one in found if one.languages == languages)
        cleaned = clean(
            pairs,
            replace(recipe.cleaning, simplify=simplify),
            *languages,
            own,
            processes=None,
            scratch=scratch,
        )
        for pair in cleaned:
            counts[languages] += 1
            if named:
                name, source = labels_of(pair)
                labels[name] += 1
                if source in asked or source in sources or len(sources) < MOST_SOURCES:
                    sources[source] += 1
            yield next(with_languages([pair], languages)) if data.several else pair
        if data.several:
            _add(report, own, languages)
    # A column that tells each pair's author is no name of a source: those have a share worth naming.
    share = max(1, report.kept // 1000)
    known = [one for one, n in sources.most_common() if one and (one in asked or n > share)]
    every = dict.fromkeys([*labels, *(str(file) for one in found for file in one.files)])
    for one in named:
        one.check(every, known)


def _add(report: CleaningReport, own: CleaningReport, languages: Direction) -> None:
    report.read, report.kept = report.read + own.read, report.kept + own.kept
    for rule, count in own.removed.items():
        report.removed[rule] += count
    report.notes += [f"{'-'.join(languages)}: {note}" for note in own.notes]


def _hold_out(directory: Path, recipe: Recipe, counts: Counter[Direction], say: Say) -> None:
    """Move some of the pairs from train.tsv to dev.tsv, and leave out every pair that shares a side with one.

    They are chosen by a hash of their source, so that one pass and little memory do for any corpus. At most a tenth of
    each two languages: of a small corpus more is needed to learn from. `counts` is brought down to what is left.
    """
    train, data, asked = directory / TRAIN, recipe.data, recipe.data.held_out
    kept, wanted = sum(counts.values()), {one: share_to_hold_out(asked, n) for one, n in counts.items()}
    held: list[Pair] = []
    for languages, most in wanted.items():
        some = (pair for pair in stored(train, data) if not data.several or _is_in(pair, languages))
        held += heapq.nsmallest(most, some, key=lambda pair: crc32(f"{recipe.seed} {pair.source}".encode()))
    sources, targets = {pair.source for pair in held}, {pair.target for pair in held}
    if data.several:  # a sentence that is a source in one direction is a target in another
        sources = targets = sources | targets
    counts.clear()
    rest = directory / "rest.tsv"

    def left_over() -> Iterator[Pair]:
        for pair in stored(train, data):
            if pair.source not in sources and pair.target not in targets:
                counts[next(one for one in wanted if not data.several or _is_in(pair, one))] += 1
                yield pair

    left = write_pairs(rest, left_over())
    if missing := [one for one in wanted if not counts[one]]:
        of = f" in {' and '.join(missing[0])}" if data.several else ""
        raise CorpusError(
            f"the corpus has too few pairs{of} to hold out {wanted[missing[0]]:,} of them for validation: give a dev "
            "set with --dev"
        )
    write_pairs(directory / DEV, held)
    rest.replace(train)
    less = any(most < asked for most in wanted.values())
    tenth = f", a tenth, since data.held_out = {asked:,} would be more" if less else ""
    shared = kept - len(held) - left
    same = f"; {shared:,} that share a sentence with one of them are left out" if shared else ""
    say(
        f"no dev set given: {len(held):,} pairs of the corpus are held out for validation{tenth}, and {left:,} are "
        f"trained on{same}"
    )


def _is_in(pair: Pair, languages: Direction) -> bool:
    return (pair.extra or "").partition("\t")[0] == written(languages)
