"""Corpora as other people keep them: spreadsheets, translation memories, OPUS archives, other packers and encodings."""

from __future__ import annotations

import bz2
import csv
import io
import json
import lzma
import zipfile
from pathlib import Path
from random import Random
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.corpus.lines import read_lines
from dragoman.corpus.pairs import Pair, read_corpus, write_pairs
from dragoman.errors import CorpusError

TEXT = 'Hello, "you".\t你好，“你”。\nTwo\t二\n'
PAIRS = [Pair('Hello, "you".', "你好，“你”。"), Pair("Two", "二")]


def put(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path | list[Path], source: str = "en", target: str = "zh") -> list[Pair]:
    return list(read_corpus(path if isinstance(path, list) else [path], source, target))


def refusal(path: Path | list[Path], source: str = "en", target: str = "zh") -> str:
    with pytest.raises(CorpusError) as caught:
        read(path, source, target)
    return str(caught.value)


# -- packed ----------------------------------------------------------------------------------------------------------

PACKERS = {".xz": lzma.compress, ".bz2": bz2.compress}


@pytest.mark.parametrize("ending", PACKERS)
def test_what_others_packed_is_read_and_can_be_written(tmp_path: Path, ending: str) -> None:
    pack = PACKERS[ending]
    assert read(put(tmp_path / f"a.tsv{ending}", pack(TEXT.encode()))) == PAIRS
    # Two archives one after another are one, as with gzip; and a name may lie.
    twice = pack(TEXT.encode()[:20]) + pack(TEXT.encode()[20:])
    assert read(put(tmp_path / "b.tsv", twice)) == PAIRS
    assert write_pairs(tmp_path / f"c.tsv{ending}", PAIRS) == 2
    assert read(tmp_path / f"c.tsv{ending}") == PAIRS
    assert (tmp_path / f"c.tsv{ending}").read_bytes()[:3] == pack(b"")[:3]


@pytest.mark.parametrize("ending", PACKERS)
def test_a_damaged_archive_is_told(tmp_path: Path, ending: str) -> None:
    packed = PACKERS[ending](TEXT.encode() * 1000)
    assert "damaged or cut off" in refusal(put(tmp_path / f"cut.tsv{ending}", packed[: len(packed) // 2]))
    draw = Random(1)
    for seed in range(60):
        broken = bytearray(packed)
        broken[draw.randrange(4, len(broken))] ^= 1 << draw.randrange(8)
        try:
            assert read(put(tmp_path / f"{seed}.tsv{ending}", bytes(broken))) == PAIRS * 1000
        except CorpusError as error:
            assert "damaged" in str(error) or "not UTF-8" in str(error)


def test_an_archive_that_asks_for_much_memory_is_refused(tmp_path: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 2**29}]
    packed = lzma.compress(b"a\tb\n", filters=filters)
    assert "damaged" in refusal(put(tmp_path / "a.tsv.xz", packed))


# -- tables ----------------------------------------------------------------------------------------------------------


def test_blank_lines_at_the_end_are_none_and_others_are_told(tmp_path: Path) -> None:
    assert read(put(tmp_path / "a.tsv", TEXT + "\n  \n")) == PAIRS
    assert "b.tsv:2: an empty line" in refusal(put(tmp_path / "b.tsv", "a\tb\n\nc\td\n"))
    one, two = put(tmp_path / "t.en", "a\nb\n\n\n"), put(tmp_path / "t.zh", "甲\n乙\n")
    assert read([one, two]) == [Pair("a", "甲"), Pair("b", "乙")]
    assert read([one, two], "zh", "en") == [Pair("甲", "a"), Pair("乙", "b")]
    put(two, "甲\n乙\n\n\n\n丙\n")
    assert "has 4 lines" in refusal([one, two])
    assert "t.zh has 6;" in refusal([one, two])


@pytest.mark.parametrize(
    ("head", "languages"),
    [
        ("en\tzh\tfrom", "en zh"),
        ("zh_CN\ten-US", "zh en"),
        ("Source\tTarget", "en zh"),
        ("id\ten\tzh", "en zh"),
        ("Chinese\tEnglish", "zh en"),
        ("trg\tsrc", "zh en"),
    ],
)
def test_a_header_is_no_pair_and_may_change_the_order(tmp_path: Path, head: str, languages: str) -> None:
    columns = head.lower().split("\t")
    english = dict.fromkeys(["en", "source", "en-us", "english", "src"], "Hi")
    cells = english | dict.fromkeys(["zh", "target", "zh_cn", "chinese", "trg"], "嗨")
    line = "\t".join(cells.get(name, "7") for name in columns)
    (pair,) = read(put(tmp_path / "a.tsv", f"{head}\n{line}\n"))
    assert (pair.source, pair.target) == ("Hi", "嗨")
    assert (pair.extra is None) == (len(columns) == 2)


@pytest.mark.parametrize(
    "keys",
    [("src", "tgt"), ("SOURCE", "Target"), ("English", "Chinese"), ("eng_Latn", "zho_Hans"), ("en", "trg")],
)
def test_keys_are_named_as_columns_are(tmp_path: Path, keys: tuple[str, str]) -> None:
    """Those of a table were understood, and the same ones of an object refused."""
    inner = dict(zip(keys, ("Hi", "嗨"), strict=True))
    for value in (inner, {"translation": inner}):
        (pair,) = read(put(tmp_path / "a.jsonl", json.dumps(value)))
        assert (pair.source, pair.target) == ("Hi", "嗨")


@pytest.mark.parametrize("late", [False, True])
def test_the_name_of_a_language_says_more_than_source(tmp_path: Path, late: bool) -> None:
    """`source` beside it is where the line is from."""
    named, origin = {"en": "Hi", "zh": "嗨"}, {"source": "tatoeba"}
    value = origin | named if late else named | origin
    (pair,) = read(put(tmp_path / "a.jsonl", json.dumps(value)))
    assert (pair.source, pair.target) == ("Hi", "嗨")


def test_an_export_with_numbers_is_refused_with_the_command_that_helps(tmp_path: Path) -> None:
    assert "cut -f2,4" in refusal(put(tmp_path / "a.tsv", "1\tHi.\t2\t嗨。\n3\tYes.\t4\t是。\n"))
    # Four columns of which only some are numbers are what they always were.
    assert len(read(put(tmp_path / "b.tsv", "1\tHi.\t2\t嗨。\nOne\t一\t3\t4\n"))) == 2


@given(
    st.lists(st.tuples(*[st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1).filter(str.strip)] * 2),
             min_size=1, max_size=5),
    st.sampled_from(",;\t"),
)  # fmt: skip
def test_a_csv_reads_back_what_a_spreadsheet_wrote(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], delimiter: str
) -> None:
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter).writerows([("source", "target"), *rows])
    path = put(tmp_path_factory.mktemp("csv") / "a.csv", written.getvalue())
    assert [(pair.source, pair.target) for pair in read(path)] == rows


def test_a_csv_may_have_line_breaks_within_quotes_and_errors_have_lines(tmp_path: Path) -> None:
    assert read(put(tmp_path / "a.csv", 'en,zh\n"two\nlines","两\n行"\n')) == [Pair("two\nlines", "两\n行")]
    assert "b.csv:3: one column" in refusal(put(tmp_path / "b.csv", "a,b\nc,d\ne\n"))
    assert "no CSV" in refusal(put(tmp_path / "c.csv", 'a,b\nc,"' + "d" * 200_000 + "\n"))


# -- translation memories --------------------------------------------------------------------------------------------


def tmx(*units: str, head: str = "") -> str:
    body = "".join(f"<tu>{unit}</tu>" for unit in units)
    return (
        f'<?xml version="1.0" encoding="utf-8"?>{head}<tmx version="1.4"><header/><body>{body}</body></tmx>'
    )


def unit(**sides: str) -> str:
    return "".join(
        f'<tuv xml:lang="{code.replace("_", "-")}"><seg>{seg}</seg></tuv>' for code, seg in sides.items()
    )


def test_a_memory_gives_the_languages_that_are_asked_for(tmp_path: Path) -> None:
    path = put(tmp_path / "a.tmx", tmx(unit(en_US="A &amp; B", de="A und B", zh_CN="甲"), unit(de="nur"),
                                       unit(zh="乙", en="B")))  # fmt: skip
    assert read(path) == [Pair("A & B", "甲"), Pair("B", "乙")]
    assert read(path, "de", "en") == [Pair("A und B", "A & B")]
    assert "no unit has both fr and en; there are de, en, zh" in refusal(path, "fr", "en")


def test_a_memory_is_of_languages_that_somebody_names(tmp_path: Path) -> None:
    """It said that no unit had both  and ; there were en, zh."""
    assert "which of its languages?" in refusal(put(tmp_path / "a.tmx", tmx(unit(en="a", zh="b"))), "", "")


def test_of_a_segment_the_words_are_kept_and_the_markup_of_a_program_is_not(tmp_path: Path) -> None:
    said = 'Click <bpt i="1">&lt;b&gt;</bpt><hi>here</hi><ept i="1">&lt;/b&gt;</ept><ph>\\n</ph>.'
    assert read(put(tmp_path / "a.tmx", tmx(unit(en=said, zh="点")))) == [Pair("Click here.", "点")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig"])
def test_a_memory_in_the_encoding_it_names(tmp_path: Path, encoding: str) -> None:
    text = tmx(unit(en="a", zh="甲")).replace("utf-8", "utf-16" if encoding == "utf-16" else "utf-8")
    assert read(put(tmp_path / "a.tmx", text.encode(encoding))) == [Pair("a", "甲")]


def test_what_is_no_memory_is_told_and_no_entity_is_resolved(tmp_path: Path) -> None:
    assert "a.tmx:1: not TMX" in refusal(put(tmp_path / "a.tmx", "<tmx><body>"))
    assert "not TMX" in refusal(put(tmp_path / "e.tmx", ""))
    bomb = '<!DOCTYPE tmx [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    assert "entities of its own" in refusal(put(tmp_path / "b.tmx", tmx(unit(en="&b;", zh="x"), head=bomb)))
    plain = '<!DOCTYPE tmx SYSTEM "tmx14.dtd">'
    assert len(read(put(tmp_path / "c.tmx", tmx(unit(en="a", zh="b"), head=plain)))) == 1


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=4), st.integers(0, 2**32))
def test_no_damage_to_a_memory_ends_in_anything_but_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], seed: int
) -> None:
    draw = Random(seed)
    data = bytearray(tmx(*(unit(en=escape(a), zh=escape(b)) for a, b in rows)).encode("utf-8", "replace"))
    for _ in range(3):
        data[draw.randrange(len(data))] = draw.randrange(256)
    try:
        read(put(tmp_path_factory.mktemp("tmx") / "a.tmx", bytes(data)))
    except CorpusError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<tmx a='" + "x" * 2_000_000, "a tag or comment of more than"),
        ("<tmx><!--" + "x" * 2_000_000, "a tag or comment of more than"),
        ("<tmx>" + "<a>" * 10_000, "more than 100 elements within each other"),
        (
            f'<tmx><body><tu><tuv xml:lang="{"x" * 1_000}"><seg>a</seg></tuv></tu></body></tmx>',
            "there are xxxx",
        ),
    ],
)
def test_what_is_out_of_all_proportion_is_no_tmx(tmp_path: Path, text: str, said: str) -> None:
    # A packed file of 2 MB holds a tag of 500: the parser kept it, and looked through all of it with each chunk.
    refused = refusal(put(tmp_path / "a.tmx", text))
    assert said in refused
    assert len(refused) < 250 + len(str(tmp_path))


def test_a_long_segment_is_words(tmp_path: Path) -> None:
    assert read(put(tmp_path / "a.tmx", tmx(unit(en="x" * 3_000_000, zh="甲"))))[0].target == "甲"


# -- archives --------------------------------------------------------------------------------------------------------


def archive(path: Path, **members: str | bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name.replace("_dot_", "."), content)
    return path


def test_an_archive_of_opus_is_read_as_it_is(tmp_path: Path) -> None:
    path = archive(tmp_path / "en-zh.txt.zip", README="read me", LICENSE="free", Books_dot_en_dash_zh_dot_en="a\nb\n",
                   Books_dot_en_dash_zh_dot_zh="甲\n乙\n", Books_dot_en_dash_zh_dot_ids="1\n2\n")  # fmt: skip
    assert read(path) == [Pair("a", "甲"), Pair("b", "乙")]
    assert read(path, "zh", "en") == [Pair("甲", "a"), Pair("乙", "b")]


def test_an_archive_of_one_table_or_memory(tmp_path: Path) -> None:
    assert read(archive(tmp_path / "a.zip", README="x", c_dot_tsv=TEXT)) == PAIRS
    assert read(archive(tmp_path / "b.zip", c_dot_tmx=tmx(unit(en="a", zh="甲")))) == [Pair("a", "甲")]


def test_what_an_archive_holds_is_told_where_it_is_no_corpus(tmp_path: Path) -> None:
    said = refusal(archive(tmp_path / "a.zip", c_dot_en="a\n", d_dot_fr="b\n"))
    assert "it holds c.en, d.fr" in said
    assert "holds nothing" in refusal(archive(tmp_path / "b.zip"))
    whole = archive(tmp_path / "c.zip", c_dot_tsv=TEXT * 100).read_bytes()
    assert "damaged" in refusal(put(tmp_path / "d.zip", whole[:-30]))
    draw = Random(1)
    for seed in range(80):
        broken = bytearray(whole)
        broken[draw.randrange(len(broken))] ^= 1 << draw.randrange(8)
        try:
            read(put(tmp_path / f"{seed}.zip", bytes(broken)))
        except CorpusError as error:
            assert "\n" not in str(error)


# -- encodings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "text", "said"),
    [
        ("gb18030", "你好，世界。这是一个句子", "iconv -f GB18030"),
        ("big5", "這是一個測試的句子，謝謝您", "iconv -f "),
        ("cp1252", "Il était une fois à Noël", "iconv -f Windows-1252"),
        ("utf-16", "hello", "iconv -f UTF-16"),
    ],
)
def test_an_encoding_that_can_be_guessed_is_named(
    tmp_path: Path, encoding: str, text: str, said: str
) -> None:
    path = put(tmp_path / "a.tsv", f"{text}\tx\n".encode(encoding))
    with pytest.raises(CorpusError, match=said):
        list(read_lines(path))


def test_the_line_ends_of_an_old_mac_are_named(tmp_path: Path) -> None:
    assert "line ends of an old Mac" in refusal(put(tmp_path / "a.tsv", "a\tb\rc\td\re\tf\r"))
    # One that stands within a text is a character like any other.
    assert len(read(put(tmp_path / "b.tsv", "a\rx\tb\nc\td\n"))) == 2


def test_archives_packed_by_other_methods_are_refused_where_they_are_damaged(tmp_path: Path) -> None:
    # lzma has an error of its own, which nobody caught.
    for method in (zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2):
        path = tmp_path / "a.zip"
        with zipfile.ZipFile(path, "w", method) as file:
            file.writestr("a.tsv", TEXT * 300)
        whole = bytearray(path.read_bytes())
        assert len(read(path)) == 600
        for at in range(60, len(whole) // 2):
            whole[at] = 0xFF
        assert str(path) in refusal(put(path, bytes(whole)))


def test_a_first_row_that_no_spreadsheet_wrote_is_refused(tmp_path: Path) -> None:
    assert "no CSV" in refusal(put(tmp_path / "a.csv", "x" * 200_000 + ",b\n"))
