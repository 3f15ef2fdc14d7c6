"""Files whose texts are translated in place: lines, JSON Lines, tables, Parquet, documents. Knows no model, no process.

What is read is written again with the translation beside it, record for record, so that line n belongs to line n.
A file of plain lines becomes its translation, and so does a document (documents/files.py). Everything else of a record
stays as it was, to the byte where it is text.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from dragoman.bounds import shown
from dragoman.corpus.formats import delimiter_of
from dragoman.corpus.lines import BYTE_ORDER_MARK, is_marked, new_file, read_lines, read_whole
from dragoman.corpus.pairs import ending
from dragoman.documents import files as documents
from dragoman.errors import CorpusError, MissingExtraError, UsageError

Translate = Callable[[Iterator[str]], Iterator[str]]  # as many out as in, in order

_LINE_END = re.compile("\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
# No lines, or lines that are no texts: what would come out were no such file any more.
_OTHERS = {
    **dict.fromkeys((".xlsx", ".ods"), "save it as .csv or as a table with tabs (.tsv)"),
    **dict.fromkeys((".pdf", ".doc", ".epub", ".mobi", ".odt", ".pptx", ".rtf"), "save its text as .txt"),
    **dict.fromkeys((".ass", ".ssa", ".sub"), "save it as .srt or .vtt"),
    **dict.fromkeys((".tmx", ".zip", ".tar"), "unpack its texts to .txt, .tsv or .jsonl"),
    ".json": "write one object a line (.jsonl), such as with  jq -c '.[]'",
    **dict.fromkeys(
        (".xml", ".po", ".pot", ".xlf", ".xliff", ".resx", ".strings", ".ipynb", ".svg", ".ttml"),
        "take its texts out to .txt or .jsonl",
    ),
}
DOCUMENTS = tuple(ending for ending in documents.FORMATS if ending != ".txt")
_PARQUET_ROWS = 8192  # at once


@dataclass(frozen=True)
class Fields:
    """Where a record's text stands, and where its translation goes.

    text: the key of an object, the column of a Parquet file by name, that of a table by number (from 1) or by the
    name in its first row; empty: "text", and column 1 of a table.
    """

    text: str = ""
    translation: str = "translation"

    def __post_init__(self) -> None:
        if not self.translation:
            raise UsageError("--into is empty: name the field that the translation goes to")
        if self.text == self.translation:
            raise UsageError(f"--field and --into are both {self.text}: a translation goes beside its text")


def refuse_unfit(path: Path) -> None:
    """Raises UsageError for a file that is no list of texts."""
    if advice := _OTHERS.get(ending(path)):
        raise UsageError(f"{path}: {ending(path)} is no list of texts: {advice}")
    if ending(path) == ".parquet":
        _pyarrow()


def names_a_file(path: Path, output: Path) -> bool:
    """Whether an output is meant as that of one file: it ends as that does, packed or not, and is no directory.

    Raises UsageError where it ends as another kind of file does.
    """
    if output.is_dir() or not ending(output):
        return False
    if ending(output) != ending(path) and ending(output) in (".txt", ".parquet", *_WRITERS, *DOCUMENTS):
        raise UsageError(
            f"-o {output}: {path.name} becomes a file of its own kind ({ending(path) or 'no ending'}); name one, or a "
            "directory"
        )
    return ending(output) == ending(path)


def translate_file(
    source: Path, target: Path, fields: Fields, translate: Translate, languages: tuple[str, str] = ("", "")
) -> None:
    """Write `target`, of the kind and packing of its name, whole or not at all. Raises CorpusError.

    It is a draft: whoever gives it its name brings it to the disk. languages: of the texts and their translations,
    which documents may name.
    """
    if ending(source) == ".parquet":
        _parquet(source, target, fields, translate)
        return
    with new_file(target, durable=False) as stream:
        if ending(source) in DOCUMENTS:
            stream.write(_document(source, translate, languages))
        else:
            _WRITERS.get(ending(source), _lines)(source, stream, fields, translate)


def _document(source: Path, translate: Translate, languages: tuple[str, str]) -> bytes:
    try:
        return documents.translate_file(
            f"a{ending(source)}", read_whole(source), lambda texts: list(translate(iter(texts))), *languages
        )
    except UsageError as error:
        raise CorpusError(f"{source}: {error}") from error


def in_one_line(text: str, tabs: bool = True) -> str:
    """Whoever counts lines counts on it."""
    text = _LINE_END.sub(" ", text)
    return text if tabs else text.replace("\t", " ")


def _lines(source: Path, stream: BinaryIO, fields: Fields, translate: Translate) -> None:
    for answer in translate(read_lines(source)):
        stream.write(in_one_line(answer).encode() + b"\n")


def _json_lines(source: Path, stream: BinaryIO, fields: Fields, translate: Translate) -> None:
    """The translation is put before the last brace: numbers and spaces of an object stay as they were written."""
    kept: deque[str] = deque()

    def texts() -> Iterator[str]:
        for number, line in enumerate(read_lines(source), 1):
            kept.append(line)
            yield _text_of(line, fields, f"{source}:{number}") if line.strip() else ""

    key = json.dumps(fields.translation, ensure_ascii=False)
    for answer in translate(texts()):
        line = kept.popleft().rstrip()
        if line:
            line = f"{line[:-1].rstrip()}, {key}: {json.dumps(answer, ensure_ascii=False)}}}"
        stream.write(line.encode() + b"\n")


def _text_of(line: str, fields: Fields, where: str) -> str:
    name = fields.text or "text"
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{where}: not JSON: {error}; one object is expected on each line") from error
    if not isinstance(value, dict):
        raise CorpusError(f"{where}: a JSON object is expected, not {type(value).__name__}")
    text = value.get(name)
    if not isinstance(text, str):
        what = f"holds {shown(text)}, which is no text" if name in value else "is not there"
        keys = ", ".join(map(shown, list(value)[:8])) or "none"
        raise CorpusError(f"{where}: {name!r} {what}; the keys are {keys}: name one with --field")
    _refuse_taken(fields, value, where)
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise CorpusError(f"{where}: half of a surrogate pair (\\ud800 to \\udfff), which is no character")
    return text


def _refuse_taken(fields: Fields, names: Sequence[str] | dict[str, Any], where: str) -> None:
    if fields.translation in names:
        raise CorpusError(f"{where}: {fields.translation!r} is already there: name another with --into")


def _table(source: Path, stream: BinaryIO, fields: Fields, translate: Translate) -> None:
    kept: deque[str] = deque()
    rows = read_lines(source)
    asked = fields.text or "1"
    if asked.isascii() and asked.isdigit():
        column, first = int(asked) - 1, 1
        if column < 0:
            raise UsageError(f"--field {asked}: the first column is 1")
    else:
        head = next(rows, "")
        names = head.split("\t")
        if asked not in names:
            raise CorpusError(
                f"{source}:1: no column is called {asked!r}; there are {', '.join(map(shown, names[:8]))}"
            )
        _refuse_taken(fields, names, f"{source}:1")
        column, first = names.index(asked), 2
        stream.write(f"{head}\t{in_one_line(fields.translation, tabs=False)}\n".encode())

    def texts() -> Iterator[str]:
        for number, row in enumerate(rows, first):
            columns = row.split("\t")
            if row.strip() and len(columns) <= column:
                raise CorpusError(f"{source}:{number}: there is no column {column + 1}, only {len(columns)}")
            kept.append(row)
            yield columns[column] if row.strip() else ""

    for answer in translate(texts()):
        row = kept.popleft()
        stream.write((f"{row}\t{in_one_line(answer, tabs=False)}\n" if row.strip() else f"{row}\n").encode())


def _spreadsheet(source: Path, stream: BinaryIO, fields: Fields, translate: Translate) -> None:
    """Records as spreadsheets write them, each as it was, with a column more. The first row names the columns."""
    with closing(read_lines(source)) as lines:
        first = next(lines, None)
    if first is None:
        return  # an empty file stays one
    delimiter = delimiter_of(first)
    records = _records(source, delimiter)
    _, head, names = next(records, (1, "", [""]))
    name = fields.text or ("text" if "text" in names or len(names) > 1 else names[0])
    if name not in names and not (name.isascii() and name.isdigit() and 0 < int(name) <= len(names)):
        raise CorpusError(
            f"{source}:1: no column is called {name!r}; there are {', '.join(map(shown, names[:8]))}: name one with "
            "--field, or its number"
        )
    column = names.index(name) if name in names else int(name) - 1
    _refuse_taken(fields, names, f"{source}:1")
    kept: deque[str] = deque()

    def texts() -> Iterator[str]:
        for number, record, cells in records:
            if record and len(cells) <= column:
                raise CorpusError(f"{source}:{number}: there is no column {column + 1}, only {len(cells)}")
            kept.append(record)
            yield cells[column] if record else ""

    # Without its mark, where it had one, Excel takes UTF-8 for something else.
    stream.write(BYTE_ORDER_MARK if is_marked(source) else b"")
    stream.write(f"{head}{delimiter}{_cell(fields.translation, delimiter)}\n".encode())
    for answer in translate(texts()):
        record = kept.popleft()
        stream.write((f"{record}{delimiter}{_cell(answer, delimiter)}\n" if record else "\n").encode())


def _records(source: Path, delimiter: str) -> Iterator[tuple[int, str, list[str]]]:
    """Each with the number of its first line, as it is written, and its cells: one may have several lines."""
    read: list[str] = []

    def lines() -> Iterator[str]:
        for line in read_lines(source):
            read.append(line)
            yield f"{line}\n"

    reader = csv.reader(lines(), delimiter=delimiter, strict=True)
    first = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise CorpusError(f"{source}:{first}: no CSV: {error}") from error
        if cells is None:
            return
        yield first, "\n".join(read), cells
        first, read[:] = first + len(read), []


def _cell(text: str, delimiter: str) -> str:
    written = io.StringIO(newline="")
    csv.writer(written, delimiter=delimiter).writerow([text])  # what ends a line is quoted, too
    return written.getvalue().removesuffix("\r\n")


_WRITERS = {".csv": _spreadsheet, ".jsonl": _json_lines, ".ndjson": _json_lines, ".tsv": _table}


def _pyarrow() -> Any:
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError(
            ".parquet files need pyarrow: install it with  pip install 'dragoman[parquet]'"
        ) from error
    return pa


def _parquet(source: Path, target: Path, fields: Fields, translate: Translate) -> None:
    """Columns, types and metadata stay. A null has no translation."""
    arrow = _pyarrow()
    name = fields.text or "text"
    try:
        with arrow.parquet.ParquetFile(source) as file:
            schema = file.schema_arrow
            if name not in schema.names:
                names = ", ".join(map(shown, schema.names[:8]))
                raise CorpusError(f"{source}: no column is called {name!r}; there are {names}: see --field")
            kind = schema.field(name).type
            values = kind.value_type if arrow.types.is_dictionary(kind) else kind  # a category of pandas
            if not (arrow.types.is_string(values) or arrow.types.is_large_string(values)):
                raise CorpusError(f"{source}: column {name!r} holds {kind}, which is no text")
            _refuse_taken(fields, schema.names, str(source))
            schema = schema.append(arrow.field(fields.translation, arrow.string()))
            with arrow.parquet.ParquetWriter(target, schema) as writer:
                for batch, answers in _batches(file, name, translate):
                    columns = [*batch.columns, arrow.array(answers, arrow.string())]
                    writer.write_batch(arrow.RecordBatch.from_arrays(columns, schema=schema))
    except arrow.ArrowException as error:
        raise CorpusError(f"{source}: damaged, or no Parquet: {error}") from error


def _batches(file: Any, name: str, translate: Translate) -> Iterator[tuple[Any, list[str | None]]]:
    kept: deque[tuple[Any, list[str | None]]] = deque()

    def texts() -> Iterator[str]:
        for batch in file.iter_batches(_PARQUET_ROWS):
            if batch.num_rows:
                found = batch.column(batch.schema.get_field_index(name)).to_pylist()
                kept.append((batch, found))
                yield from (text or "" for text in found)

    answers: list[str | None] = []
    for answer in translate(texts()):
        batch, found = kept[0]
        answers.append(None if found[len(answers)] is None else answer)
        if len(answers) == len(found):
            kept.popleft()
            yield batch, answers
            answers = []
