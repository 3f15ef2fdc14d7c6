"""Sentence pairs from files and back, one after another. Judges no pair and changes no text: that is cleaning."""

from __future__ import annotations

import glob
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from dragoman.corpus import archives
from dragoman.corpus.formats import Lines, Row, read_csv, read_json, read_table, read_two
from dragoman.corpus.lines import COMPRESSED, lines_of, new_file, open_file, read_lines, unpacked
from dragoman.corpus.tmx import read_tmx
from dragoman.errors import CorpusError
from dragoman.text.languages import base_language, read_tag

_KINDS = {".tsv": "table", ".csv": "csv", ".jsonl": "json", ".json": "json", ".tmx": "tmx", ".zip": "zip"}

_NAMED = 12  # files


@dataclass(frozen=True)
class Pair:
    """A sentence and its translation. `extra` travels with them: a TSV's columns from the third on (attribution)."""

    source: str
    target: str
    extra: str | None = None


def read_corpus(
    paths: Sequence[Path | str],
    source: str,
    target: str,
    *,
    labelled: bool = False,
    may_be_empty: bool = False,
) -> Iterator[Pair]:
    """The pairs of all corpora in `paths`, in order; `source` and `target` are language codes.

    labelled: the first extra column of each pair is the name of its corpus, that of its first file.
    may_be_empty: there need be no pair at all, as in one shard of many.

    A path is a table (.tsv, .csv), JSON Lines (.jsonl, .json), a translation memory (.tmx), an archive as OPUS offers
    them (.zip), one of two text files that follow each other (`train.en train.zh`, in either order), or the common
    beginning of two (`train`). Each may be packed as well (.gz, .zst, .xz, .bz2).
    Raises CorpusError: at once for files that are not there, and while reading for what is wrong inside.
    """
    corpora = grouped(paths, source, target)
    return _read_all(corpora, source, target, labelled, may_be_empty)


def corpus_files(paths: Sequence[Path | str], source: str, target: str) -> list[Path]:
    """The files that read_corpus would read, in order."""
    return [path for corpus in grouped(paths, source, target) for path in corpus]


def fingerprint(paths: Sequence[Path | str], source: str = "", target: str = "") -> str:
    """SHA-256 over the bytes of the corpus files, whatever they are called and wherever they lie."""
    return fingerprint_of(corpus_files(paths, source, target))


def fingerprint_of(files: Iterable[Path]) -> str:
    """The same, of files that are known."""
    total = hashlib.sha256()
    for path in files:
        with open_file(path) as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def grouped(paths: Sequence[Path | str], source: str, target: str) -> list[tuple[Path, ...]]:
    """One tuple for each corpus: a table or JSON file alone, or the two sides of a text corpus in order."""
    corpora: list[tuple[Path, ...]] = []
    lone: Path | None = None
    for path in (shard for one in map(Path, paths) for shard in shards_of(one)):
        files = _expand(path, source, target)
        if lone is not None and len(files) == 1 and kind_of(path) == "text":
            corpora.append(_in_order(lone, path, source, target))
            lone = None
        elif lone is not None:
            raise _without_partner(lone, source, target)
        elif len(files) == 1 and kind_of(path) == "text":
            lone = path
        else:
            corpora.append(files)
    if lone is not None:
        raise _without_partner(lone, source, target)
    if not corpora:
        raise CorpusError("no corpus file was given")
    return corpora


def shards_of(path: Path) -> list[Path]:
    """The files of a directory, or those that a pattern names (shards-*.tsv.gz), in the order of their names.

    Raises CorpusError where there is none, and for a link that leads nowhere: what it stood for would be missed.
    """
    if path.is_dir():
        every = [one for one in path.iterdir() if not one.name.startswith(".")]
        what = "a directory without files"
    elif not path.exists() and glob.has_magic(str(path)):
        every = [Path(one) for one in glob.glob(str(path), recursive=True)]
        what = "a pattern that no file fits"
    else:
        return [path]
    for one in every:
        if one.is_symlink() and not one.exists():
            raise CorpusError(
                f"{one} is a link to {os.readlink(one)}, which is not there: remove it, or mend it"
            )
    found = sorted(one for one in every if one.is_file())
    if not found:
        raise CorpusError(f"{path} is {what}")
    return found


def passed_over(path: Path, but: Path | None = None) -> str:
    """What should be said of the directories within one whose files are read; empty where there are none.

    but: one that nobody would read, such as that of the outputs.
    """
    if not path.is_dir():
        return ""
    names = [one.name for one in sorted(path.iterdir()) if one.is_dir() and not one.name.startswith(".")]
    names = [name for name in names if but is None or (path / name).resolve() != but.resolve()]
    if not names:
        return ""
    some = f"{', '.join(names[:3])}{' and more' * (len(names) > 3)}"
    return f"note: directories within {path} are not read ({some}): name them, or the pattern '{path}/**/*'"


def _expand(path: Path, source: str, target: str) -> tuple[Path, ...]:
    """The path itself, or the two text files that it is the beginning of."""
    if path.exists():
        return (path,)
    sides = [_side(path, code) for code in (source, target) if code]
    if len(sides) == 2 and sides[0] and sides[1]:
        return sides[0], sides[1]
    expected = f", and neither are {path}.{source} and {path}.{target} (or with .gz, .zst)" if sides else ""
    raise CorpusError(f"{path} is not there{expected}")


def _side(prefix: Path, code: str) -> Path | None:
    """The file of a language: called as it was asked for, else by any other tag of the same language."""
    for end in ("", *COMPRESSED):
        if (path := prefix.with_name(f"{prefix.name}.{code}{end}")).is_file():
            return path
    folder = prefix.parent.iterdir() if prefix.parent.is_dir() else iter(())
    named = [path for path in sorted(folder) if path.name.startswith(f"{prefix.name}.") and path.is_file()]
    found = [path for path in named if _tag_after(prefix, path) == base_language(code)]
    if len(found) > 1:
        raise CorpusError(f"{found[0]} and {found[1]} are both {code}: name the files that are meant")
    return found[0] if found else None


def _tag_after(prefix: Path, path: Path) -> str | None:
    """What language a file's name says behind a common beginning; None where it says anything else."""
    rest = path.name.removeprefix(f"{prefix.name}.")
    for end in COMPRESSED:
        rest = rest.removesuffix(end)
    tag = None if "." in rest else read_tag(rest)
    return tag.language if tag else None


def kind_of(path: Path) -> str:
    """What stands in a file by its name: table, csv, json, tmx, zip, or text."""
    return _KINDS.get(ending(path), "text")


def language_of(path: Path) -> str:
    """The code that the name of a text file ends in; empty where it ends otherwise."""
    code = ending(path).removeprefix(".")
    return code if read_tag(code) else ""


def ending(path: Path) -> str:
    """The last suffix that is not a compression's."""
    suffixes = [s.lower() for s in path.suffixes]
    while suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _in_order(first: Path, second: Path, source: str, target: str) -> tuple[Path, Path]:
    """(source side, target side), by the files' suffixes when these are the languages, else as given."""
    codes = [base_language(ending(path).removeprefix(".")) for path in (first, second)]
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
        f"train.{target or 'zh'}); a file with both sides ends in {', '.join(_KINDS)}"
    )


def _read_all(
    corpora: list[tuple[Path, ...]], source: str, target: str, labelled: bool, may_be_empty: bool
) -> Iterator[Pair]:
    empty = not may_be_empty
    for files in corpora:
        for row in _rows(files, source, target):
            empty = False
            pair = Pair(*row)
            yield label(pair, str(files[0])) if labelled else pair
    if empty:
        raise CorpusError(
            f"nothing to read: {names_of([file for files in corpora for file in files])} has no lines"
        )


def _rows(files: tuple[Path, ...], source: str, target: str) -> Iterator[Row]:
    path = files[0]
    if len(files) == 2:
        return read_two(read_lines(path), read_lines(files[1]), (str(path), str(files[1])))
    if kind_of(path) == "zip":
        return _read_archive(path, source, target)
    if kind_of(path) == "tmx":
        return _read_stream(path, source, target)
    return _ROWS[kind_of(path)](read_lines(path), str(path), source, target)


# Of what comes in lines.
_ROWS: dict[str, Callable[[Lines, str, str, str], Iterator[Row]]] = {
    "table": read_table,
    "csv": read_csv,
    "json": read_json,
}


def _read_stream(path: Path, source: str, target: str) -> Iterator[Row]:
    with open_file(path) as file, unpacked(path, file) as stream:
        yield from read_tmx(stream, str(path), source, target)


def _read_archive(path: Path, source: str, target: str) -> Iterator[Row]:
    with archives.opened(path) as archive, ExitStack() as open_members:
        names = archives.members(path, archive, source, target)
        inside = tuple(f"{path}/{name}" for name in names)
        streams = [open_members.enter_context(archives.stream(archive, name)) for name in names]
        if len(inside) == 2:
            first, second = (lines_of(*one) for one in zip(streams, inside, strict=True))
            yield from read_two(first, second, (inside[0], inside[1]))
        elif kind_of(Path(names[0])) == "tmx":
            yield from read_tmx(streams[0], inside[0], source, target)
        else:
            yield from _ROWS[kind_of(Path(names[0]))](
                lines_of(streams[0], inside[0]), inside[0], source, target
            )


def label(pair: Pair, corpus: str) -> Pair:
    """The pair with the name of its corpus as its first extra column."""
    return replace(pair, extra=corpus if pair.extra is None else f"{corpus}\t{pair.extra}")


def sides_of(pair: Pair) -> tuple[str, str]:
    """Source and target."""
    return pair.source, pair.target


def labels_of(pair: Pair) -> tuple[str, str]:
    """(corpus, source within it) of a labelled pair: a table's third column may name where each line is from."""
    corpus, _, rest = (pair.extra or "").partition("\t")
    return corpus, rest.partition("\t")[0]


def names_of(files: Sequence[Path]) -> str:
    """Of many, the first ones and how many more there are."""
    more = f" and {len(files) - _NAMED:,} more" if len(files) > _NAMED else ""
    return ", ".join(map(str, files[:_NAMED])) + more


def write_pairs(path: Path | str, pairs: Iterable[Pair]) -> int:
    """Write .tsv or .jsonl (packed: .gz, .zst, .xz, .bz2) in one step and return the number of pairs.

    A reader sees the old file or the whole new one. In a table, tabs and line ends within a text become spaces.
    """
    count = 0
    with pair_writer(path) as write:
        for count, pair in enumerate(pairs, 1):  # noqa: B007 - the last number is asked for
            write(pair)
    return count


@contextmanager
def pair_writer(path: Path | str) -> Iterator[Callable[[Pair], None]]:
    """What writes one pair after another to such a file, which is there when all of them are written."""
    path = Path(path)
    if kind_of(path) not in ("table", "json"):
        raise CorpusError(
            f"{path}: pairs are written to a file that ends in .tsv or .jsonl (or these with {', '.join(COMPRESSED)})"
        )
    line_of = _json_line if kind_of(path) == "json" else _table_line
    with new_file(path) as stream:

        def write(pair: Pair) -> None:
            stream.write(line_of(pair))

        yield write


def _table_line(pair: Pair) -> bytes:
    columns = [_unbroken(text).replace("\t", " ") for text in (pair.source, pair.target)]
    if pair.extra is not None:
        columns.append(_unbroken(pair.extra))
    return ("\t".join(columns) + "\n").encode(errors="replace")  # a corpus may have a name that is no Unicode


def _unbroken(text: str) -> str:
    return text.replace("\n", " ").replace("\r", " ")


def _json_line(pair: Pair) -> bytes:
    fields = {"source": pair.source, "target": pair.target}
    if pair.extra is not None:
        fields["extra"] = pair.extra
    return (json.dumps(fields, ensure_ascii=False) + "\n").encode(errors="replace")
