"""Corpora that are wrong as a whole: each fault made from true pairs; of the true pairs nothing is said."""

from __future__ import annotations

import html
from pathlib import Path
from random import Random

import pytest

from dragoman.cli import main
from dragoman.corpus.cleaning import CleaningConfig, CleaningReport, clean
from dragoman.corpus.heldout import leaks
from dragoman.corpus.pairs import Pair, read_corpus

CORPORA = Path(__file__).parents[2] / "corpus"
TRUE = [
    pair
    for _, pair in zip(range(6000), read_corpus([CORPORA / "tatoeba/train.tsv.gz"], "en", "zh"), strict=False)
]


def notes(pairs: list[Pair], source: str = "en", target: str = "zh") -> str:
    report = CleaningReport()
    list(clean(pairs, CleaningConfig(drop_wrong_script=False), source, target, report))
    return "\n".join(report.notes)


@pytest.mark.parametrize("name", ["tatoeba/train", "tatoeba/dev", "captions/train", "captions/val"])
def test_nothing_is_suspected_of_a_good_corpus(name: str) -> None:
    assert notes(list(read_corpus([CORPORA / f"{name}.tsv.gz"], "en", "zh"))) == ""
    assert notes([]) == ""


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("side", ["source", "target"])
def test_a_line_that_one_side_lacks_is_noticed_near_its_place(seed: int, side: str) -> None:
    draw = Random(seed)
    pairs = draw.sample(TRUE, 4000)
    at = draw.randrange(300, 3000)
    sources, targets = [one.source for one in pairs], [one.target for one in pairs]
    del (sources if side == "source" else targets)[at]
    said = notes([Pair(*sides) for sides in zip(sources, targets, strict=False)])
    assert "seem not to belong together from about pair" in said
    found = int(said.split("about pair ")[1].split(" on")[0].replace(",", ""))
    assert abs(found - at) <= 600


def test_names_of_columns_are_no_line_that_is_missing() -> None:
    """One line unlike all others decided, where these are nearly as long as each other."""
    alike = [Pair(f"Hello number {number}", f"你好{number}") for number in range(299)]
    for odd in (Pair("english", "chinese"), Pair("a" * 900, "b")):
        assert "belong together" not in notes([odd, *alike])
        assert "belong together" not in notes([*alike, odd])


def test_text_that_was_cut_or_escaped_before_is_noticed() -> None:
    cut = [Pair(one.source.replace("ing", "@@ ing"), one.target) for one in TRUE]
    assert "subword marks" in notes(cut)
    assert "subword marks" in notes(
        [Pair("\u2581" + one.source.replace(" ", " \u2581"), one.target) for one in TRUE]
    )
    escaped = [Pair(html.escape(one.source), one.target) for one in TRUE]
    assert "HTML entities" in notes(escaped)
    assert "tokenised already" in notes([Pair(one.source.replace(".", " ."), one.target) for one in TRUE])
    # An entity here and there is somebody talking about entities.
    assert notes([Pair("Write &amp; here.", "在这里写&amp;。"), *TRUE]) == ""


def test_exchanged_sides_are_noticed() -> None:
    assert "the sides seem to be exchanged" in notes([Pair(one.target, one.source) for one in TRUE])
    # Where both are written in one script nobody can tell.
    assert "exchanged" not in notes([Pair("ein Hund", "a dog")] * 100, "en", "de")


def test_a_corpus_of_which_little_is_left_is_noticed() -> None:
    assert "removed 67% of the pairs" in notes(TRUE[:100] * 3)


def test_leaks_are_counted_whatever_case_and_stops() -> None:
    held_out = [Pair("Hello.", "你好。"), Pair("Bye", "再见"), Pair("New", "新")]
    assert leaks([Pair("hello", "你好"), Pair("BYE!", "再见！"), Pair("New", "旧")], held_out) == 2
    assert leaks([], held_out) == 0


def test_what_cleaning_removes_can_be_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus, rejects = tmp_path / "a.tsv", tmp_path / "rejects.tsv"
    corpus.write_text("Hi.\t嗨。\tx\nHi.\t嗨。\ty\nsame\tsame\n\t空\n", encoding="utf-8")
    call = ["data", "clean", str(corpus), "--source-lang", "en", "--target-lang", "zh", "--dry-run"]
    assert main([*call, "--rejects", str(rejects)]) == 0
    assert rejects.read_text(encoding="utf-8").splitlines() == [
        "Hi.\t嗨。\tduplicate\ty",
        "same\tsame\tcopy",
        "\t空\tempty",
    ]
    assert "kept" in capsys.readouterr().out
    call.remove("--dry-run")
    assert main([*call, "-o", str(rejects), "--rejects", str(rejects)]) == 2


def test_a_column_of_numbers_that_is_taken_for_a_side_is_noticed() -> None:
    numbered = [Pair(str(number), one.source, one.target) for number, one in enumerate(TRUE)]
    assert "a column of numbers seems to be taken for a side" in notes(numbered)
    assert "number" not in notes([Pair(str(number), str(number)) for number in range(100)])
