"""Sentence pairs from files and back, one after another. Judges no pair and changes no text: that is cleaning."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from dragoman.corpus.lines import COMPRESSED, new_file, open_file, read_lines
from dragoman.errors import CorpusError
from dragoman.text.normalize import base_language, count_words, script_counts

_TABLES = (".tsv",)
_JSON = (".jsonl", ".json")


@dataclass(frozen=True)
class Pair:
    """A sentence and its translation. `extra` travels with them: a TSV's columns from the third on (attribution)."""

    source: str
    target: str
    extra: str | None = None


def read_corpus(
    paths: Sequence[Path | str], source: str, target: str, *, labelled: bool = False
) -> Iterator[Pair]:
    """The pairs of all corpora in `paths`, in order; `source` and `target` are language codes.

    labelled: the first extra column of each pair is the name of its corpus, that of its first file.

    A path is a table (.tsv), JSON Lines (.jsonl, .json), one of two text files that follow each other
    (`train.en train.zh`, in either order), or the common beginning of two (`train`). Each may end in .gz or .zst.
    Raises CorpusError: at once for files that are not there, and while reading for what is wrong inside.
    """
    corpora = _group(paths, source, target)
    return _read_all(corpora, source, target, labelled)


def corpus_files(paths: Sequence[Path | str], source: str, target: str) -> list[Path]:
    """The files that read_corpus would read, in order."""
    return [path for corpus in _group(paths, source, target) for path in corpus]


def fingerprint(paths: Sequence[Path | str], source: str = "", target: str = "") -> str:
    """SHA-256 over the bytes of the corpus files, whatever they are called and wherever they lie."""
    total = hashlib.sha256()
    for path in corpus_files(paths, source, target):
        with open_file(path) as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def _group(paths: Sequence[Path | str], source: str, target: str) -> list[tuple[Path, ...]]:
    """One tuple for each corpus: a table or JSON file alone, or the two sides of a text corpus in order."""
    corpora: list[tuple[Path, ...]] = []
    lone: Path | None = None
    for path in map(Path, paths):
        files = _expand(path, source, target)
        if lone is not None and len(files) == 1 and _kind(path) == "text":
            corpora.append(_in_order(lone, path, source, target))
            lone = None
        elif lone is not None:
            raise _without_partner(lone, source, target)
        elif len(files) == 1 and _kind(path) == "text":
            lone = path
        else:
            corpora.append(files)
    if lone is not None:
        raise _without_partner(lone, source, target)
    if not corpora:
        raise CorpusError("no corpus file was given")
    return corpora


def _expand(path: Path, source: str, target: str) -> tuple[Path, ...]:
    """The path itself, or the two text files that it is the beginning of."""
    if path.is_dir():
        raise CorpusError(f"{path} is a directory: give the corpus files in it")
    if path.exists():
        return (path,)
    sides = [
        next(
            (p for end in ("", *COMPRESSED) if (p := path.with_name(f"{path.name}.{code}{end}")).is_file()),
            None,
        )
        for code in (source, target)
        if code
    ]
    if len(sides) == 2 and sides[0] and sides[1]:
        return sides[0], sides[1]
    expected = f", and neither are {path}.{source} and {path}.{target} (or with .gz, .zst)" if sides else ""
    raise CorpusError(f"{path} is not there{expected}")


def _kind(path: Path) -> str:
    ending = _ending(path)
    return "table" if ending in _TABLES else "json" if ending in _JSON else "text"


def _ending(path: Path) -> str:
    """The last suffix that is not a compression's."""
    suffixes = [s.lower() for s in path.suffixes]
    while suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _in_order(first: Path, second: Path, source: str, target: str) -> tuple[Path, Path]:
    """(source side, target side), by the files' suffixes when these are the languages, else as given."""
    codes = [base_language(_ending(path).removeprefix(".")) for path in (first, second)]
    wanted = [base_language(source), base_language(target)]
    if codes[0] == codes[1] and codes[0] in wanted and wanted[0] != wanted[1]:
        raise CorpusError(
            f"{first} and {second} are the same side of a corpus: give one {source} and one {target} file"
        )
    if wanted[0] != wanted[1] and (codes[0] == wanted[1] or codes[1] == wanted[0]):
        return second, first
    return first, second


def _without_partner(path: Path, source: str, target: str) -> CorpusError:
    return CorpusError(
        f"{path} is one side of a corpus: give its other side next to it (such as train.{source or 'en'} "
        f"train.{target or 'zh'}); a file with both sides ends in .tsv or .jsonl"
    )


def _read_all(corpora: list[tuple[Path, ...]], source: str, target: str, labelled: bool) -> Iterator[Pair]:
    empty = True
    for files in corpora:
        if len(files) == 2:
            pairs = _read_two(files[0], files[1])
        elif _kind(files[0]) == "json":
            pairs = _read_json(files[0], source, target)
        else:
            pairs = _read_table(files[0])
        for pair in pairs:
            empty = False
            yield label(pair, str(files[0])) if labelled else pair
    if empty:
        raise CorpusError(f"nothing to read: {_names(corpora)} has no lines")


def label(pair: Pair, corpus: str) -> Pair:
    """The pair with the name of its corpus as its first extra column."""
    return replace(pair, extra=corpus if pair.extra is None else f"{corpus}\t{pair.extra}")


def labels_of(pair: Pair) -> tuple[str, str]:
    """(corpus, source within it) of a labelled pair: a table's third column may name where each line is from."""
    corpus, _, rest = (pair.extra or "").partition("\t")
    return corpus, rest.partition("\t")[0]


def _names(corpora: list[tuple[Path, ...]]) -> str:
    return ", ".join(str(path) for files in corpora for path in files)


def _read_two(first: Path, second: Path) -> Iterator[Pair]:
    left, right = read_lines(first), read_lines(second)
    with closing(left), closing(right):
        for count, (a, b) in enumerate(zip_longest(left, right)):
            if a is None or b is None:
                rest = count + 1 + sum(1 for _ in (right if a is None else left))
                counts = (count, rest) if a is None else (rest, count)
                raise CorpusError(
                    f"the two sides differ: {first} has {counts[0]:,} lines and {second} has {counts[1]:,}; "
                    "line n of one must translate line n of the other"
                )
            yield Pair(a, b)


def _read_table(path: Path) -> Iterator[Pair]:
    for number, line in enumerate(read_lines(path), 1):
        columns = line.split("\t", 2)
        if len(columns) < 2:
            raise CorpusError(
                f"{path}:{number}: one column, where source and target stand with a tab between them"
            )
        yield Pair(columns[0], columns[1], columns[2] if len(columns) > 2 else None)


def _read_json(path: Path, source: str, target: str) -> Iterator[Pair]:
    for number, line in enumerate(read_lines(path), 1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CorpusError(f"{where}: not JSON: {error}; one object is expected on each line") from error
        yield _pair_of(value, source, target, where)


def _pair_of(value: Any, source: str, target: str, where: str) -> Pair:
    """{"en": ..., "zh": ...}, {"source": ..., "target": ...}, or either inside {"translation": ...}."""
    inner = value.get("translation", value) if isinstance(value, dict) else value
    if not isinstance(inner, dict):
        raise CorpusError(f"{where}: a JSON object is expected, not {type(inner).__name__}")
    by_language = {base_language(key): text for key, text in inner.items()}
    sides = []
    for code, name in ((base_language(source), "source"), (base_language(target), "target")):
        text = by_language.get(code, inner.get(name))
        if not isinstance(text, str):
            raise CorpusError(
                f"{where}: no text under {' or '.join(repr(key) for key in (code, name) if key)}; "
                f"the keys are {', '.join(map(repr, list(inner)[:8]))}"
            )
        sides.append(text)
    extra = value.get("extra")
    pair = Pair(sides[0], sides[1], extra if isinstance(extra, str) else None)
    if not all(map(_encodable, (pair.source, pair.target, pair.extra or ""))):
        raise CorpusError(f"{where}: half of a surrogate pair (\\ud800 to \\udfff), which is no character")
    return pair


def _encodable(text: str) -> bool:
    """JSON can spell half of a surrogate pair; UTF-8 cannot."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


@dataclass(frozen=True)
class SideStats:
    """One side of a corpus. `percentiles` are lengths in characters; a word is a Han character or a run of letters."""

    characters: int
    words: int
    distinct: int
    percentiles: dict[int, int]
    scripts: dict[str, int]


@dataclass(frozen=True)
class CorpusStats:
    pairs: int
    duplicates: int
    source: SideStats
    target: SideStats

    def __str__(self) -> str:
        sides = (self.source, self.target)
        rows = [
            ("", "source", "target"),
            *(
                (name, *(f"{getattr(side, name):,}" for side in sides))
                for name in ("characters", "words", "distinct")
            ),
            *((_length_name(p), *(f"{side.percentiles[p]:,}" for side in sides)) for p in PERCENTILES),
            ("letters", *(_shares(side.scripts) for side in sides)),
        ]
        width = max(len(row[1]) for row in rows)
        table = "\n".join(f"{name:<16}{a:>{width}}  {b:>{width}}".rstrip() for name, a, b in rows)
        return f"{self.pairs:,} pairs, {self.duplicates:,} of them read before\n{table}"


PERCENTILES = (1, 50, 90, 99, 100)


def stats(pairs: Iterable[Pair]) -> CorpusStats:
    """What a corpus is made of, in one pass. Memory: about 200 bytes for each different pair."""
    sources, targets, seen = _Side(), _Side(), set[int]()
    for pair in pairs:
        sources.add(pair.source)
        targets.add(pair.target)
        seen.add(hash((pair.source, pair.target)))
    count = len(sources.lengths)
    return CorpusStats(count, count - len(seen), sources.stats(), targets.stats())


class _Side:
    def __init__(self) -> None:
        self.lengths, self.words = array("L"), 0
        self.seen: set[int] = set()
        self.scripts: Counter[str] = Counter()

    def add(self, text: str) -> None:
        self.lengths.append(len(text))
        self.words += count_words(text)
        self.seen.add(hash(text))
        self.scripts.update(script_counts(text))

    def stats(self) -> SideStats:
        ordered = sorted(self.lengths) or [0]
        percentiles = {p: ordered[round(p / 100 * (len(ordered) - 1))] for p in PERCENTILES}
        return SideStats(
            sum(ordered), self.words, len(self.seen), percentiles, dict(self.scripts.most_common())
        )


def _length_name(percentile: int) -> str:
    return {50: "median length", 100: "longest"}.get(percentile, f"{percentile} % length")


def _shares(scripts: dict[str, int]) -> str:
    total = sum(scripts.values())
    return (
        ", ".join(f"{name} {count / total:.0%}" for name, count in scripts.items() if count / total >= 0.005)
        or "-"
    )


def write_pairs(path: Path | str, pairs: Iterable[Pair]) -> int:
    """Write .tsv or .jsonl (.gz, .zst) in one step and return the number of pairs.

    A reader sees the old file or the whole new one. In a table, tabs and line ends within a text become spaces.
    """
    path = Path(path)
    if _kind(path) == "text":
        raise CorpusError(
            f"{path}: pairs are written to a file that ends in .tsv or .jsonl (or these with .gz, .zst)"
        )
    line_of = _json_line if _kind(path) == "json" else _table_line
    count = 0
    with new_file(path) as stream:
        for pair in pairs:
            stream.write(line_of(pair))
            count += 1
    return count


def _table_line(pair: Pair) -> bytes:
    fold = {ord("\n"): " ", ord("\r"): " "}
    columns = [text.translate({**fold, ord("\t"): " "}) for text in (pair.source, pair.target)]
    if pair.extra is not None:
        columns.append(pair.extra.translate(fold))
    return ("\t".join(columns) + "\n").encode()


def _json_line(pair: Pair) -> bytes:
    fields = {"source": pair.source, "target": pair.target}
    if pair.extra is not None:
        fields["extra"] = pair.extra
    return (json.dumps(fields, ensure_ascii=False) + "\n").encode()
