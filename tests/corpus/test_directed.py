"""Which languages a corpus is in, by all that can tell it; and how a pair that is stored once serves two."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dragoman.corpus.directed import Columns, corpora_of, language_pairs, oriented, with_languages
from dragoman.corpus.pairs import Pair
from dragoman.corpus.tags import Tags
from dragoman.errors import ConfigError, CorpusError
from dragoman.text.directions import Direction, read_directions

BOTH = read_directions(["en>zh", "zh>en"])
MORE = read_directions(["en>zh", "zh>en", "de>en", "en>de"])
PAIR = Pair("Hello there.", "你好。")


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def only(paths: list[Path], directions: tuple[Direction, ...], columns: Columns | None = None) -> list[Pair]:
    (corpus,) = corpora_of(paths, directions, columns)
    return list(corpus.pairs(labelled=False))


@pytest.mark.parametrize("directions", [BOTH, MORE])
@pytest.mark.parametrize("order", [("en", "zh"), ("zh", "en")])
def test_whatever_tells_the_languages_the_pair_is_the_same(
    tmp_path: Path, order: tuple[str, str], directions: tuple[Direction, ...]
) -> None:
    """By suffixes, a header, keys, a name, data.columns, and scripts: in either order of the columns."""
    sides = {"en": PAIR.source, "zh": PAIR.target}
    row = "\t".join(sides[code] for code in order) + "\n"
    texts = [written(tmp_path / f"a.{code}", f"{sides[code]}\n") for code in order]
    named = written(tmp_path / "b.tsv", "\t".join(order) + "\n" + row)
    keys = written(tmp_path / "c.jsonl", json.dumps({code: sides[code] for code in order}) + "\n")
    called = written(tmp_path / f"News.{'-'.join(order)}.tsv", row)
    bare = written(tmp_path / "d.tsv", row)
    columns = Columns([f"d={'>'.join(order)}"])
    for paths in (texts, [tmp_path / "a"], [named], [keys], [called], [bare]):
        assert only(paths, directions) == [PAIR]
    assert only([bare], directions, columns) == [PAIR]


def test_of_three_languages_each_corpus_serves_its_two(tmp_path: Path) -> None:
    written(tmp_path / "a.de", "Hallo.\n"), written(tmp_path / "a.en", "Hello.\n")
    written(tmp_path / "b.tsv", "你好。\tHello there.\n")
    found = corpora_of([tmp_path / "a.de", tmp_path / "a.en", tmp_path / "b.tsv"], MORE)
    assert [one.languages for one in found] == [("de", "en"), ("en", "zh")]
    assert [one.columns for one in found] == [("de", "en"), ("zh", "en")]


def test_columns_that_nothing_tells_are_asked_about(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tsv", "Hallo.\tBonjour.\n")
    with pytest.raises(
        CorpusError, match=r"cannot be told: say so, such as with --set 'data.columns=a.tsv=de>en'"
    ):
        corpora_of([path], read_directions(["de>en", "fr>de"]))


def test_a_corpus_between_other_languages_is_refused(tmp_path: Path) -> None:
    sides = [written(tmp_path / "a.fr", "Salut.\n"), written(tmp_path / "a.en", "Hello.\n")]
    with pytest.raises(CorpusError, match="is in fr and en, and no direction goes between these"):
        corpora_of(sides, BOTH)


def test_columns_that_name_no_direction_are_refused() -> None:
    with pytest.raises(ConfigError, match="data.columns: .*no direction"):
        Columns(["mine=en"])


def test_a_pair_is_stored_once_and_read_in_each_direction() -> None:
    stored = list(with_languages([Pair("a", "甲", "corpus\tsource"), Pair("b", "乙")], ("en", "zh")))
    stored += with_languages([Pair("c", "d")], ("de", "en"))
    assert list(oriented(stored, ("en", "zh"))) == [Pair("a", "甲", "corpus\tsource"), Pair("b", "乙")]
    assert list(oriented(stored, ("zh", "en"))) == [Pair("甲", "a", "corpus\tsource"), Pair("乙", "b")]
    assert list(oriented(stored, ("en", "de"))) == [Pair("d", "c")]
    assert language_pairs(MORE) == [("en", "zh"), ("de", "en")]


@pytest.mark.parametrize("given", ["bt", "=<bt>", "mined=", "mined=<b t>", "mined=,"])
def test_what_is_no_tag_is_refused(given: str) -> None:
    with pytest.raises(ConfigError, match="data.tags"):
        Tags([given])
