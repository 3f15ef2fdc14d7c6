"""Text without a partner becomes pairs: no text is lost or doubled, whatever ends the process, and filters are told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dragoman.cli import main
from dragoman.corpus.cleaning import CleaningConfig
from dragoman.corpus.pairs import Pair, read_corpus
from dragoman.errors import ConfigError, CorpusError
from dragoman.translate import synthetic
from dragoman.translate.synthetic import SyntheticConfig, part_of, translated, write
from dragoman.translate.translation import Translation
from dragoman.translate.translator import Translator
from tiny import lines

TEXTS = [line for line in lines(3, 80) if line.isascii()]
ANY = CleaningConfig(max_ratio=0, drop_wrong_script=False)


@pytest.fixture(scope="module")
def translator(tiny_model: Path) -> Iterator[Translator]:
    with Translator.load(tiny_model, workers=1) as found:
        yield found


def pairs_of(path: Path) -> list[Pair]:
    return list(read_corpus([path], "en", "zh"))


def said(text: str, score: float | None = -0.5, *flags: str, source: str = "A dog.") -> Translation:
    return Translation(source, text, score, flags=flags)


def test_a_killed_run_goes_on_and_ends_as_one_that_was_not(
    translator: Translator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each text once and in its order, although the kill fell into the middle of a line."""
    monkeypatch.setattr(synthetic, "AT_ONCE", 8)
    options = translator.options.changed(sample=True, n_best=2, seed=3)
    config = SyntheticConfig(back=True, tag="<bt>", label="back")

    def run(output: Path, most: int | None = None) -> None:
        found = translated(translator, TEXTS, output, options)
        if most is not None:
            for _ in range(most):
                next(found)
            del found  # as a kill: what is in memory is gone
            return
        write(output, found, config, ANY, translator.languages)

    run(tmp_path / "whole.tsv")
    killed = tmp_path / "killed.tsv"
    run(killed, 11)
    part = part_of(killed)
    assert not killed.exists() and len(part.read_bytes().splitlines()) == 1 + 16
    with open(part, "r+b") as file:
        file.truncate(part.stat().st_size - 7)
    run(killed, 20)
    run(killed)
    assert killed.read_bytes() == (tmp_path / "whole.tsv").read_bytes() and not part.exists()
    pairs = pairs_of(killed)
    assert [*dict.fromkeys(p.target for p in pairs)] == [t for t in TEXTS if t in {p.target for p in pairs}]
    assert all(p.source.startswith("<bt> ") and p.extra == "back" for p in pairs)


def test_nothing_is_translated_twice_for_other_filters(
    translator: Translator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out.tsv"
    for _ in translated(translator, TEXTS, output, translator.options):
        pass
    monkeypatch.setattr(translator, "stream", None)  # whoever translates now fails
    found = list(translated(translator, TEXTS, output, translator.options))
    assert [one.source for one in found] == TEXTS


def test_translations_of_another_order_are_not_taken_for_these(
    translator: Translator, other_parts, tmp_path: Path
) -> None:
    output = tmp_path / "out.tsv"
    next(translated(translator, TEXTS, output, translator.options))
    kept = part_of(output).read_bytes()
    another = Translator.load(other_parts.write(tmp_path / "other"), workers=1)
    for model, texts, options, what in (
        (translator, TEXTS[1:], translator.options, "texts"),
        (translator, TEXTS, translator.options.changed(beam_size=2), "decoding"),
        (another, TEXTS, translator.options, "models"),
    ):
        with pytest.raises(CorpusError, match=f"another order .{what}."):
            next(translated(model, texts, output, options))
    assert part_of(output).read_bytes() == kept
    part_of(output).write_bytes(b"notes of somebody\n")
    with pytest.raises(CorpusError, match="another order"):
        next(translated(translator, TEXTS, output, translator.options))
    assert part_of(output).read_bytes() == b"notes of somebody\n"


def test_two_processes_do_not_write_one_file(translator: Translator, tmp_path: Path) -> None:
    running = translated(translator, TEXTS, tmp_path / "out.tsv", translator.options)
    next(running)
    with pytest.raises(CorpusError, match="another process"):
        next(translated(translator, TEXTS, tmp_path / "out.tsv", translator.options))


def test_what_is_left_out_is_counted_by_what_it_broke(tmp_path: Path) -> None:
    found = [
        said("一只狗。"),
        said("狗狗。", -2.0),
        said("", None, "empty"),
        said("A dog.", -0.1),
        said("狗狗狗狗狗狗狗狗。", -0.1, "loop", "low_confidence"),
        said("一只狗。", source="A dog."),
        said("九", None, source="9"),
    ]
    report = write(
        tmp_path / "out.tsv", found, SyntheticConfig(label="x", min_score=-1), CleaningConfig(), ("en", "zh")
    )
    assert pairs_of(tmp_path / "out.tsv") == [Pair("A dog.", "一只狗。", "x"), Pair("9", "九", "x")]
    assert report.removed == {"low_score": 1, "empty": 1, "loop": 1}
    assert report.cleaning.removed["copy"] == report.cleaning.removed["duplicate"] == 1
    assert "7 texts, 7 translations" in str(report) and "low score" in str(report)


def test_scripts_are_those_of_the_sides_that_are_written(tmp_path: Path) -> None:
    """Of back-translation the model's source is the target side."""
    found = [said("一只狗。")]
    write(tmp_path / "back.tsv", found, SyntheticConfig(back=True, label="b"), CleaningConfig(), ("en", "zh"))
    assert pairs_of(tmp_path / "back.tsv") == [Pair("一只狗。", "A dog.", "b")]
    with pytest.raises(CorpusError, match="no pair is left"):
        write(tmp_path / "x.tsv", found, SyntheticConfig(back=True), CleaningConfig(), ("zh", "en"))
    assert not (tmp_path / "x.tsv").exists()


def test_of_several_translations_each_text_is_a_pair_once(tmp_path: Path) -> None:
    other = said("狗。")
    one = Translation("A dog.", "一只狗。", -0.5, alternatives=[other, said("一只狗。"), other])
    write(tmp_path / "out.tsv", [one], SyntheticConfig(), ANY, ("en", "zh"))
    assert [pair.target for pair in pairs_of(tmp_path / "out.tsv")] == ["一只狗。", "狗。"]


@pytest.mark.parametrize("tag", ["a b", " <bt>", "\t"])
def test_a_tag_is_one_word(tag: str) -> None:
    with pytest.raises(ConfigError, match="one word"):
        SyntheticConfig(tag=tag)


def test_the_command_line_writes_pairs_and_refuses_to_write_over(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, output = tmp_path / "mono.en", tmp_path / "back.jsonl"
    text.write_text("\n".join([*TEXTS[:5], "", TEXTS[0]]) + "\n", encoding="utf-8")
    call = [
        "data",
        "translate",
        str(text),
        "-m",
        str(tiny_model),
        "-o",
        str(output),
        "--back",
        "--tag",
        "<bt>",
    ]
    any_pair = ["--max-ratio", "0", "--no-drop-wrong-script"]
    assert main([*call, *any_pair, "--sample", "--n-best", "2"]) == 0
    told = capsys.readouterr()
    assert "6 texts, " in told.out and "--set 'tokenizer.symbols=<bt>'" in told.err
    written = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert {one["target"] for one in written} <= set(TEXTS[:5])
    assert {one["extra"] for one in written} == {f"back:{tiny_model.name}"}
    for words, message in ((call, "already there"), (call[:2], "no text"), (call[:5], "Add -o")):
        assert main(words) == 2
        assert message in capsys.readouterr().err
