"""Records and their translations: which text is taken, what stays as it was, and what is refused."""

from __future__ import annotations

import gzip
import json
import lzma
from collections.abc import Iterator
from pathlib import Path

import pytest

from dragoman.corpus.lines import read_lines
from dragoman.errors import CorpusError, UsageError
from dragoman.scale.files import Fields, refuse_unfit, translate_file


def upper(texts: Iterator[str]) -> Iterator[str]:
    """Reads ahead, as a translator does."""
    for text in list(texts):
        yield text.upper()


def done(source: Path, content: bytes, fields: Fields = Fields()) -> bytes:  # noqa: B008 - frozen
    source.write_bytes(content)
    target = source.parent / "out" / source.name
    target.parent.mkdir(exist_ok=True)
    translate_file(source, target, fields, upper)
    return target.read_bytes()


def test_a_line_becomes_a_line(tmp_path: Path) -> None:
    assert done(tmp_path / "a.txt", "a\n\nb\u2028c\r\nd".encode()) == b"A\n\nB C\nD\n"


def test_an_object_stays_as_it_was_written(tmp_path: Path) -> None:
    """Numbers written anew lose digits, and a key that comes twice loses one of them."""
    line = b'{ "n": 1.10, "big": 12345678901234567890.0,"text":"a\\nb", "n": 2 }\n\n'
    found = done(tmp_path / "a.jsonl", line)
    assert (
        found
        == b'{ "n": 1.10, "big": 12345678901234567890.0,"text":"a\\nb", "n": 2, "translation": "A\\nB"}\n\n'
    )
    assert json.loads(found.splitlines()[0])["translation"] == "A\nB"


def test_the_field_and_where_it_goes_have_names(tmp_path: Path) -> None:
    found = done(tmp_path / "a.jsonl", b'{"de": "ja"}\n', Fields("de", "en"))
    assert json.loads(found) == {"de": "ja", "en": "JA"}


def test_a_column_by_number_and_by_name(tmp_path: Path) -> None:
    assert done(tmp_path / "a.tsv", b"x\ta\n\ny\tb\n", Fields("2")) == b"x\ta\tA\n\ny\tb\tB\n"
    assert done(tmp_path / "a.tsv", b"id\tde\n1\ta\n", Fields("de", "en")) == b"id\tde\ten\n1\ta\tA\n"


SHEET = 'id,text,note\r\n1,"Hello, you",\r\n2,"two\r\nlines","5"" pipe"\r\n\r\n3,plain,é\r\n'


def test_a_spreadsheet_has_a_column_more_and_stays_as_it_was(tmp_path: Path) -> None:
    written = (
        'id,text,note,translation\n1,"Hello, you",,"HELLO, YOU"\n2,"two\nlines","5"" pipe","TWO\nLINES"\n\n'
    )
    assert done(tmp_path / "a.csv", SHEET.encode()).decode() == f"{written}3,plain,é,PLAIN\n"
    marked = done(tmp_path / "b.csv", SHEET.encode("utf-8-sig"), Fields("2", "de"))
    assert marked.startswith(b"\xef\xbb\xbfid,text,note,de\n")  # Excel reads it as UTF-8 by that alone
    assert done(tmp_path / "c.csv", b"Satz\nja; nein\n") == b"Satz,translation\nja; nein,JA; NEIN\n"
    assert (
        done(tmp_path / "d.csv", b'n;text\n1;a,b\n2;5" c\n')
        == b'n;text;translation\n1;a,b;A,B\n2;5" c;"5"" C"\n'
    )
    assert done(tmp_path / "empty.csv", b"") == b""
    assert done(tmp_path / "e.csv", b"text\n") == b"text,translation\n"


@pytest.mark.parametrize(
    "name, content, fields, said",
    [
        ("a.csv", b"id,en\n1,a\n", Fields(), "a.csv:1: no column is called 'text'; there are 'id', 'en'"),
        ("a.csv", b"id,en\n1,a\n", Fields("3"), "a.csv:1: no column is called '3'"),
        ("a.csv", b"text,x\na,b\n\nc\n", Fields("x"), "a.csv:4: there is no column 2, only 1"),
        ("a.csv", b'text\n"a\nb\n', Fields(), "a.csv:2: no CSV: unexpected end of data"),
        ("a.csv", b"text,translation\na,b\n", Fields(), "'translation' is already there"),
        ("a.csv", b"text\n\xff\n", Fields(), "a.csv:2: byte 1"),
        ("a.jsonl", b'{"text": "a"}\n[1]\n', Fields(), "a.jsonl:2: a JSON object is expected, not list"),
        ("a.jsonl", b'{"de": "a"}\n', Fields(), "'text' is not there; the keys are 'de'"),
        ("a.jsonl", b'{"text": 3}\n', Fields(), "'text' holds 3, which is no text"),
        ("a.jsonl", b'{"text": "a", "translation": ""}\n', Fields(), "'translation' is already there"),
        ("a.jsonl", b'{"text": "\\ud800"}\n', Fields(), "half of a surrogate pair"),
        ("a.jsonl", b"{nothing\n", Fields(), "not JSON"),
        ("a.tsv", b"a\n", Fields("2"), "there is no column 2, only 1"),
        ("a.tsv", b"id\ten\n", Fields("de"), "no column is called 'de'; there are 'id', 'en'"),
        ("a.tsv", b"id\tde\ten\n", Fields("de", "en"), "'en' is already there"),
        ("a.txt", b"a\n\xff\n", Fields(), "a.txt:2: byte 1"),
    ],
)
def test_what_cannot_be_read_is_told_by_its_place(
    tmp_path: Path, name: str, content: bytes, fields: Fields, said: str
) -> None:
    with pytest.raises(CorpusError) as caught:
        done(tmp_path / name, content, fields)
    assert said in str(caught.value)
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("end, packed", [(".gz", gzip.compress), (".xz", lzma.compress)])
def test_what_was_packed_is_packed_again(tmp_path: Path, end: str, packed: object) -> None:
    source = tmp_path / f"a.txt{end}"
    done(source, packed(b"a\nb\n"))  # type: ignore[operator]
    assert list(read_lines(tmp_path / "out" / source.name)) == ["A", "B"]


@pytest.mark.parametrize(
    "name", ["a.po", "a.XLSX", "a.json.gz", "a.pdf", "a.tmx", "a.zip", "a.ass", "a.rtf", "a.ipynb"]
)
def test_what_is_no_list_of_texts_is_refused_with_advice(name: str) -> None:
    with pytest.raises(UsageError, match="is no list of texts: "):
        refuse_unfit(Path(name))


def test_a_parquet_file_keeps_its_columns_and_its_nulls(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is an extra")
    pytest.importorskip("pyarrow.parquet")
    table = arrow.table({"n": [1, 2, 3], "text": ["a", None, ""]})
    arrow.parquet.write_table(table, tmp_path / "a.parquet")
    done(tmp_path / "a.parquet", (tmp_path / "a.parquet").read_bytes())
    found = arrow.parquet.read_table(tmp_path / "out" / "a.parquet")
    assert found.to_pydict() == {"n": [1, 2, 3], "text": ["a", None, ""], "translation": ["A", None, ""]}
    with pytest.raises(CorpusError, match="no column is called 'de'"):
        done(tmp_path / "a.parquet", (tmp_path / "a.parquet").read_bytes(), Fields("de"))
    with pytest.raises(CorpusError, match="damaged, or no Parquet"):
        done(tmp_path / "a.parquet", b"PAR1")


def test_a_category_of_a_data_frame_is_text_as_well(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is an extra")
    pytest.importorskip("pyarrow.parquet")
    for values in (["a", None, "a"], [1, 2, 1]):
        table = arrow.table({"text": arrow.array(values).dictionary_encode()})
        arrow.parquet.write_table(table, tmp_path / "a.parquet")
        content = (tmp_path / "a.parquet").read_bytes()
        if values[0] == 1:
            with pytest.raises(CorpusError, match="which is no text"):
                done(tmp_path / "a.parquet", content)
        else:
            done(tmp_path / "a.parquet", content)
            found = arrow.parquet.read_table(tmp_path / "out" / "a.parquet").to_pydict()
            assert found == {"text": values, "translation": ["A", None, "A"]}


def test_a_document_becomes_its_translation(tmp_path: Path) -> None:
    page = b"<html lang='en'><p>my <b>dog</b></p><script>x</script><p translate=no>cat</p></html>"
    done(tmp_path / "a.html", page)
    found = (tmp_path / "out" / "a.html").read_bytes()
    assert found == b"<html lang='en'><p>MY <b>DOG</b></p><script>x</script><p translate=no>cat</p></html>"
    done(tmp_path / "a.srt.gz", gzip.compress(b"1\n00:00:01,000 --> 00:00:02,000\nhello\n"))
    assert gzip.decompress((tmp_path / "out" / "a.srt.gz").read_bytes()).endswith(b"\nHELLO\n")


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.docx", b"PK"), ("a.html.gz", gzip.compress(b"<p>a</p>" * 99, mtime=0)[:-12])],
    ids=["docx", "html.gz"],
)
def test_a_document_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(CorpusError, match=name):
        done(tmp_path / name, content)
    assert not list((tmp_path / "out").iterdir())
