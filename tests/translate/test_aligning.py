"""Links between words: the arithmetic by hand, the whole against pairs that a person linked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dragoman.cli import main
from dragoman.errors import UsageError
from dragoman.text.words import tokens_of_words, word_spans, words_of
from dragoman.translate.aligning import (
    Aligned,
    Aligner,
    Gold,
    Reading,
    Words,
    _strongest,
    _word_weights,
    error_rate,
    grown_diagonal,
)
from dragoman.translate.translator import Translator
from tiny import parts

GOLD = Path(__file__).parent / "gold"


def test_words_by_hand() -> None:
    assert words_of("Don't say 3.5 to Tom-Tom, OK?") == [
        "Don't",
        "say",
        "3.5",
        "to",
        "Tom-Tom",
        ",",
        "OK",
        "?",
    ]
    assert words_of("我在Windows上跑，好吗？") == ["我", "在", "Windows", "上", "跑", "，", "好", "吗", "？"]
    assert words_of("don't , 你好", spaces=True) == ["don't", ",", "你好"]
    assert words_of(" \t") == []


def test_a_token_may_belong_to_several_words_and_a_word_to_several_tokens() -> None:
    words = word_spans("dogs 你好")  # dogs, 你, 好
    assert tokens_of_words(words, [(0, 3), (3, 4), None, (5, 7)]) == [[0, 1], [3], [3]]


def test_what_both_directions_find_grows_along_the_diagonal() -> None:
    assert grown_diagonal({(0, 0), (1, 1), (5, 2)}, {(0, 0), (1, 1)}) == {(0, 0), (1, 1)}
    assert grown_diagonal({(0, 0), (1, 1)}, {(0, 0)}) == {(0, 0), (1, 1)}
    assert grown_diagonal({(0, 0), (1, 0)}, {(0, 0)}) == {(0, 0), (1, 0)}
    assert grown_diagonal({(0, 0)}, {(3, 3)}) == set()


def test_error_rate_by_hand() -> None:
    """Sure (0,0), possible (1,1); found both and (2,2): 1 - (1 + 2) / (3 + 1)."""
    gold = Gold.read("0-0 1p1", "gold:1")
    assert error_rate([{(0, 0), (1, 1), (2, 2)}], [gold]) == pytest.approx(0.25)
    assert error_rate([{(0, 0)}], [gold]) == 0.0
    with pytest.raises(UsageError, match="gold:3: '0:1' is no link"):
        Gold.read("0-0 0:1", "gold:3")
    with pytest.raises(UsageError, match="gold:4: '1111"):  # Python makes no number of so many digits
        Gold.read(f"{'1' * 5000}-0", "gold:4")


def test_a_link_to_a_word_that_is_not_there_is_refused() -> None:
    """Links that were counted in other words made an error rate of 1.0, and nobody was told why."""
    pair = Aligned(["a", "b"], ["c"], [])
    Gold.read("0-0 1p0", "gold:1").refuse_beyond(pair, "gold:1")
    with pytest.raises(
        UsageError, match="gold:2: 1-1 links a word that is not there: the pair has 2 and 1 words"
    ):
        Gold.read("0-0 1-1", "gold:2").refuse_beyond(pair, "gold:2")


def aligner_of(directory: Path) -> tuple[Translator, Aligner]:
    translator = Translator.load(directory, engine="torch").toward("en", "zh")
    return translator, Aligner(translator)


def test_the_tag_of_a_direction_is_no_word(tmp_path: Path) -> None:
    """Its column is cut off: the first word of the text is word 0."""
    _, aligner = aligner_of(parts(directions=("en>zh", "zh>en")).write(tmp_path / "both"))
    (found,) = aligner.align([("The dog sees a cat.", "狗看见猫。")])
    assert found.source == ["The", "dog", "sees", "a", "cat", "."] and found.target == [
        "狗",
        "看",
        "见",
        "猫",
        "。",
    ]
    assert found.links and all(s < 6 and t < 5 for s, t in found.links)


def test_weights_of_tokens_are_summed_to_words(tmp_path: Path) -> None:
    _, aligner = aligner_of(parts().write(tmp_path / "model"))
    one = aligner._read(aligner.translator, "The dog", "狗看")
    source, target = map(len, one.ids)
    weights = np.zeros((1, target + 1, source + 1))
    for place in one.tokens[1][0]:
        weights[0, place, one.tokens[0][1]] = 0.3
        weights[0, place, one.tokens[0][0][:1]] = 0.4
    words = _word_weights(weights, one, Reading(0, 0))
    assert words[0].tolist() == pytest.approx([0.4, 0.3 * len(one.tokens[0][1])])
    assert _strongest(words)  # the other word looked at nothing


def test_empty_and_long_pairs_have_no_links_and_keep_their_places(tmp_path: Path) -> None:
    _, aligner = aligner_of(parts(positions="learned", max_length=32).write(tmp_path / "model"))
    found = aligner.align([("", "狗"), ("The dog.", "狗。"), ("dog " * 100, "狗")])
    assert [bool(one.links) for one in found] == [False, True, False]


def test_each_text_is_aligned_in_its_direction(tmp_path: Path) -> None:
    directory = parts(directions=("en>zh", "zh>en")).write(tmp_path / "both")
    words = Words(Translator.load(directory, engine="torch"))
    assert words.of("The dog.", "狗。").source == ["The", "dog", "."]
    assert words.of("狗。", "The dog.").source == ["狗", "。"]


def test_the_reading_that_is_chosen_is_the_best_on_pairs_linked_by_hand(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing of the hand-made links is known when it is chosen. The diagonal is at 0.52."""
    assert (
        main(
            [
                "align",
                str(GOLD / "en-zh.tsv"),
                "-m",
                "en-zh-tiny",
                "--gold",
                str(GOLD / "en-zh.align"),
                "--engine",
                "torch",
            ]
        )
        == 0
    )
    said = capsys.readouterr()
    assert float(said.out.split()[3]) < 0.28
    assert "decoder layer 2 of 2, in the row that writes a word" in said.err


@pytest.mark.parametrize("verb", ["align", "score"])
def test_of_a_model_of_both_directions_the_corpus_tells_which(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It had to be named although the columns are in two scripts; mixed files still need it."""
    mine, yours = tmp_path / "mine.tsv", tmp_path / "yours.tsv"
    mine.write_text("The dog.\t狗。\nA cat.\t猫。\n", encoding="utf-8")
    yours.write_text("狗。\tThe dog.\n猫。\tA cat.\n", encoding="utf-8")
    for corpus in (mine, yours):
        assert main([verb, str(corpus)]) == 0
        assert len(capsys.readouterr().out.splitlines()) == 2
    assert main([verb, str(mine), str(yours)]) == 2
    assert "name one with --source-lang and --target-lang" in capsys.readouterr().err


def test_a_line_for_each_pair_and_the_words_in_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(parts().write(tmp_path / "model"))
    corpus = tmp_path / "corpus.tsv"
    corpus.write_text("The dog.\t狗。\nA cat.\t猫。\n", encoding="utf-8")
    assert main(["align", str(corpus), "-m", model]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert main(["align", str(corpus), "-m", model, "--format", "json"]) == 0
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert first["source"] == ["The", "dog", "."] and first["target"] == ["狗", "。"]
    assert main(["translate", "The dog.", "-m", model, "--word-alignments", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["source_words"] == ["The", "dog", "."] and found["word_alignment"]
