"""Reading pairs from every accepted form of a corpus; what is wrong is named with file and line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dragoman.corpus.pairs import Pair, corpus_files, fingerprint, read_corpus, write_pairs
from dragoman.corpus.stats import stats
from dragoman.errors import CorpusError

PAIRS = [Pair("Hello.", "你好。"), Pair("Good night.", "晚安。")]
EN, ZH = "Hello.\nGood night.\n", "你好。\n晚安。\n"


def write(path: Path, text: str) -> Path:
    data = text.encode()
    if path.suffix == ".gz":
        data = gzip.compress(data)
    if path.suffix == ".zst":
        data = zstandard.ZstdCompressor().compress(data)
    path.write_bytes(data)
    return path


def read(*paths: Path) -> list[Pair]:
    return list(read_corpus(paths, "en", "zh"))


@pytest.fixture
def sides(tmp_path: Path) -> tuple[Path, Path]:
    return write(tmp_path / "train.en", EN), write(tmp_path / "train.zh", ZH)


# -- forms ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", ["", ".gz", ".zst"])
def test_two_text_files(tmp_path: Path, packed: str) -> None:
    en, zh = write(tmp_path / f"t.en{packed}", EN), write(tmp_path / f"t.zh{packed}", ZH)
    assert read(en, zh) == PAIRS
    assert read(zh, en) == PAIRS, "the suffix says which side is which"
    assert read(tmp_path / "t") == PAIRS, "their common beginning names both"


def test_names_without_a_language_keep_their_order(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a.txt", EN), write(tmp_path / "b.txt", ZH)) == PAIRS


def test_variants_of_a_language_code_are_that_language(tmp_path: Path) -> None:
    assert read(write(tmp_path / "t.zh-Hans", ZH), write(tmp_path / "t.en", EN)) == PAIRS


@pytest.mark.parametrize("name", ["t.tsv", "t.tsv.gz", "t.TSV.zst"])
def test_tables_keep_what_follows_the_second_column(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, "Hello.\t你好。\tCC BY\t#1\nGood night.\t晚安。\n")
    assert read(path) == [Pair("Hello.", "你好。", "CC BY\t#1"), PAIRS[1]]


@pytest.mark.parametrize(
    "record",
    [
        {"en": "Hello.", "zh": "你好。"},
        {"zh_CN": "你好。", "en-GB": "Hello."},
        {"source": "Hello.", "target": "你好。", "id": 7},
        {"translation": {"en": "Hello.", "zh": "你好。"}, "id": 7},
    ],
)
def test_json_lines(tmp_path: Path, record: dict[str, object]) -> None:
    path = write(tmp_path / "t.jsonl", json.dumps(record) + "\n\n")
    assert read(path) == [PAIRS[0]]


def test_corpora_of_all_forms_are_read_one_after_another(tmp_path: Path, sides: tuple[Path, Path]) -> None:
    table = write(tmp_path / "t.tsv", "a\tb\n")
    assert read(table, *sides, table) == [Pair("a", "b"), *PAIRS, Pair("a", "b")]
    assert corpus_files([table, tmp_path / "train"], "en", "zh") == [table, *sides]


def test_odd_line_ends_never_shift_the_pairs(tmp_path: Path) -> None:
    """U+2028 in one side made str.splitlines count one line more, and every later pair was wrong."""
    en = write(tmp_path / "t.en", "\ufeffone\u2028\x0b\x85one\r\ntwo\r\n\r\nfour")
    zh = write(tmp_path / "t.zh", "一\n二\n三\n四\n")
    assert [(p.source[:3], p.target) for p in read(en, zh)] == [
        ("one", "一"),
        ("two", "二"),
        ("", "三"),
        ("fou", "四"),
    ]


# -- what is wrong ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("extra_side", ["en", "zh"])
def test_sides_of_different_length_are_refused_with_both_counts(tmp_path: Path, extra_side: str) -> None:
    en = write(tmp_path / "t.en", EN + "extra\n" * 5 * (extra_side == "en"))
    zh = write(tmp_path / "t.zh", ZH + "extra\n" * 5 * (extra_side == "zh"))
    counts = (7, 2) if extra_side == "en" else (2, 7)
    with pytest.raises(CorpusError, match=rf"t\.en has {counts[0]} lines and .*t\.zh has {counts[1]}"):
        read(en, zh)


def test_missing_files_are_named_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(
        CorpusError, match=r"nowhere is not there, and neither are .*nowhere\.en and .*nowhere\.zh"
    ):
        read_corpus([tmp_path / "nowhere"], "en", "zh")
    with pytest.raises(CorpusError, match="a directory without files"):
        read_corpus([tmp_path], "en", "zh")
    with pytest.raises(CorpusError, match="a pattern that no file fits"):
        read_corpus([tmp_path / "part-*.tsv"], "en", "zh")
    with pytest.raises(CorpusError, match="no corpus file"):
        read_corpus([], "en", "zh")


def test_a_directory_or_a_pattern_is_its_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write(tmp_path / f"{name}.en", f"{name} one\n")
        write(tmp_path / f"{name}.zh", f"{name} 一\n")
    write(tmp_path / ".hidden", "no pair\n")
    (tmp_path / "inner").mkdir()
    wanted = [("a one", "a 一"), ("b one", "b 一")]
    for asked in ([tmp_path], [tmp_path / "*.*"], [tmp_path / "a.*", tmp_path / "b.*"]):
        assert [(pair.source, pair.target) for pair in read_corpus(asked, "en", "zh")] == wanted


def test_a_lone_side_is_refused(tmp_path: Path, sides: tuple[Path, Path]) -> None:
    table = write(tmp_path / "t.tsv", "a\tb\n")
    for paths in ([sides[0]], [*sides, sides[0]], [sides[0], table, sides[1]]):
        with pytest.raises(CorpusError, match=r"train\.en is one side of a corpus"):
            read_corpus(paths, "en", "zh")
    with pytest.raises(CorpusError, match="the same side"):
        read_corpus([sides[0], sides[0]], "en", "zh")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.tsv", "a\tb\nlonely\n", r"t\.tsv:2: one column"),
        ("t.tsv", "", r"t\.tsv has no lines"),
        ("t.jsonl", "\n\n", r"t\.jsonl has no lines"),
        ("t.jsonl", '{"en": "a", "zh": "b"}\n{"en": \n', r"t\.jsonl:2: not JSON"),
        ("t.jsonl", "[1, 2]", r"t\.jsonl:1: a JSON object is expected, not list"),
        ("t.jsonl", '{"translation": 3}', r"t\.jsonl:1: a JSON object is expected, not int"),
        (
            "t.jsonl",
            '{"en": "a", "de": "b"}',
            r"t\.jsonl:1: no text under 'zh' or 'target'; the keys are 'en', 'de'",
        ),
        ("t.jsonl", '{"en": "a", "zh": null}', r"t\.jsonl:1: no text under 'zh'"),
        ("t.jsonl", '{"en": "a", "zh": "\\ud800"}', r"t\.jsonl:1: half of a surrogate pair"),
        ("t.jsonl", "[" * 100_000, r"t\.jsonl:1: not JSON"),
        ("t.jsonl", '{"en": ' + "1" * 10_000 + "}", r"t\.jsonl:1: not JSON"),
    ],
)
def test_what_is_wrong_inside_is_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = write(tmp_path / name, text)
    with pytest.raises(CorpusError, match=message):
        read(path)


def test_two_empty_sides_are_an_empty_corpus(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no lines"):
        read(write(tmp_path / "t.en", ""), write(tmp_path / "t.zh", ""))


# -- writing ----------------------------------------------------------------------------------------------------


WORDS = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\t\n\r\ufeff"))


@pytest.mark.parametrize("name", ["t.tsv", "t.tsv.gz", "t.tsv.zst", "t.jsonl", "t.jsonl.gz"])
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.builds(Pair, WORDS, WORDS, st.none() | WORDS), min_size=1))
def test_what_is_written_is_read_again(tmp_path: Path, name: str, pairs: list[Pair]) -> None:
    path = tmp_path / name
    assert write_pairs(path, pairs) == len(pairs)
    assert read(path) == pairs


def test_a_table_has_no_room_for_tabs_and_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    write_pairs(path, [Pair("a\tb\nc", "d\r\ne", "f\tg\nh")])
    assert read(path) == [Pair("a b c", "d  e", "f\tg h")]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    write_pairs(path, PAIRS)
    with pytest.raises(ZeroDivisionError):
        write_pairs(path, (Pair("x", str(1 // n)) for n in (1, 0)))
    assert read(path) == PAIRS
    assert list(tmp_path.iterdir()) == [path]


def test_pairs_are_not_written_where_they_could_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"ends in \.tsv or \.jsonl"):
        write_pairs(tmp_path / "t.txt", PAIRS)


# -- numbers ----------------------------------------------------------------------------------------------------


def test_the_fingerprint_is_of_content_and_order_and_not_of_names(
    tmp_path: Path, sides: tuple[Path, Path]
) -> None:
    (tmp_path / "moved").mkdir()
    copies = [write(tmp_path / "moved" / "x.en", EN), write(tmp_path / "moved" / "x.zh", ZH)]
    assert fingerprint(sides, "en", "zh") == fingerprint(copies, "en", "zh")
    assert fingerprint([tmp_path / "train"], "en", "zh") == fingerprint(sides, "en", "zh")
    assert fingerprint(sides, "zh", "en") != fingerprint(sides, "en", "zh")
    write(copies[0], "H" + EN[1:] + " ")
    assert fingerprint(sides, "en", "zh") != fingerprint(copies, "en", "zh")


def test_stats() -> None:
    found = stats([*PAIRS, PAIRS[0], Pair("Good night.", "睡个好觉 OK")])
    assert (found.pairs, found.duplicates) == (4, 1)
    assert (found.source.characters, found.source.words, found.source.distinct) == (34, 6, 2)
    assert (found.target.characters, found.target.words, found.target.distinct) == (16, 11, 3)
    assert found.target.percentiles[100] == 7
    assert found.target.scripts == {"Han": 10, "Latin": 2}
    assert "4 pairs, 1 of them read before" in str(found)
    assert "Han 83%, Latin 17%" in str(found)


def test_stats_of_nothing() -> None:
    assert "0 pairs" in str(stats([]))
