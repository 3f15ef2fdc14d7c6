"""`dragoman lineage` on the five models that came with the package, as its users meet it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from dragoman.cli import main
from dragoman.lineage.kinds import names
from dragoman.model.directory import BUNDLED
from dragoman.model.languagemodels import list_lms, open_lm

Capture = pytest.CaptureFixture[str]
SENTENCE = "赶紧[ ]号，准备打排位"


def answer(capsys: Capture, *words: str) -> str:
    assert main(["lineage", *words]) == 0
    return capsys.readouterr().out


@pytest.fixture(scope="module")
def asked() -> dict[str, Any]:
    """What they say about one sentence, by kind; asked once."""
    from contextlib import redirect_stdout
    from io import StringIO

    with redirect_stdout(StringIO()) as out:
        assert main(["lineage", SENTENCE, "--format", "json"]) == 0
    said = json.loads(out.getvalue())
    assert said["text"] == SENTENCE
    return {one["kind"]: one for one in said["systems"]}


def test_a_model_of_every_kind_is_there_in_order_and_small() -> None:
    assert list_lms() == [f"lineage/{kind}" for kind in names()]
    sizes = [path.stat().st_size for path in (BUNDLED / "lineage").rglob("*")]
    assert sum(sizes) < 10e6, "a few megabytes together"


def test_each_says_what_it_sees_and_five_guesses(asked: dict[str, Any]) -> None:
    assert [*asked] == [*names()]
    for one in asked.values():
        assert len(one["guesses"]) == 5 and 0 < sum(guess["probability"] for guess in one["guesses"]) <= 1
        assert all(guess["text"] == SENTENCE.replace("[ ]", guess["token"]) for guess in one["guesses"])
    assert asked["bert"]["sees"] == {"left": ["赶", "紧"], "right": [*"号，准备打排位"]}
    assert all(asked[kind]["sees"]["right"] == [] for kind in asked if kind != "bert")


def test_only_who_reads_the_other_side_is_helped_by_it(asked: dict[str, Any]) -> None:
    """A lesson's example: what stands before 号 is told by 号, which one model alone sees."""
    other = {}
    for kind in names():
        assert len(asked[kind]["guesses"]) == 5
        other[kind] = [guess["token"] for guess in asked[kind]["guesses"]]
    assert other["bert"] != other["gpt"]


def test_what_was_measured_is_better_the_more_a_model_sees(asked: dict[str, Any]) -> None:
    first = {kind: one["measured"]["first"] for kind, one in asked.items()}
    assert all(one["measured"]["blanks"] > 1900 for one in asked.values())
    assert max(first, key=lambda kind: first[kind]) == "bert"
    assert first["gpt"] > first["ngram"]


def test_it_is_drawn_for_people(capsys: Capture) -> None:
    said = answer(capsys, "今天晚上吃[ ]了。", "--lang", "en")
    assert (
        "      今天晚上吃[ ]了。" in said and "今→天→晚→上→吃→[ ]····" in said and "······上吃[ ]····" in said
    )
    assert "ticks to read it: 8, one token after another; to write it: 8, one by one" in said
    assert said.count("ticks to read it: 1, all at once; to write it: 8") == 3
    assert "ticks to read it: 1, all at once; it writes no text" in said
    assert all(len(line) < 120 for line in said.splitlines())


def test_it_is_said_in_chinese(capsys: Capture) -> None:
    said = answer(capsys, "鑫晚吃[ ]", "--lang", "zh")
    assert "不认识的：鑫" in said and not re.search(r"(?:\b[a-z]{2,} ){3}", said)
    said = answer(capsys, "--help", "--lang", "zh")
    assert "随便哪里留一个空" in said


@pytest.mark.parametrize(
    "words, message",
    [(["今天"], "there is no blank in '今天'"), (["[ ][ ]"], "there are 2 blanks"),
     (["吃" * 70 + "[ ]"], "positions"), (["吃[ ]", "--best", "0"], "--best 0: must be at least 1"),
     (["吃[ ]", "-m", "nowhere"], "nowhere"), (["吃[ ]", "-m", "en-zh"], "en-zh"),
     (["吃[ ]", "--lang", "xx"], "there is en, zh")],
)  # fmt: skip
def test_a_slip_is_told_in_one_line(words: list[str], message: str, capsys: Capture) -> None:
    assert main(["lineage", *words]) in (1, 2)
    output, errors = capsys.readouterr()
    assert not output and errors.count("\n") == 1 and message in errors


def test_bundled_ones_answer_the_verbs_of_lm_by_name(capsys: Capture) -> None:
    assert main(["lm", "next", "赶紧上号", "准备打排位", "-m", "lineage/bert"]) == 0
    assert 0 <= float(capsys.readouterr().out) <= 1
    assert main(["lm", "sample", "-m", "lineage/gpt", "--prompt", "今天"]) == 0
    assert capsys.readouterr().out.startswith("今天")


def test_every_card_says_data_licence_command_and_what_was_measured(capsys: Capture) -> None:
    for name in list_lms():
        assert main(["models", name]) == 0
        card = capsys.readouterr().out
        kind = name.removeprefix("lineage/")
        size = "n-grams in 2.0 MB" if kind == "ngram" else "parameters, float16"
        for words in ("CC BY 2.0 FR", "tatoeba", "captions", f"--kind {kind} ", "right at the first", size):
            assert words in card, (name, words)
        measured = open_lm(name).config["measured"]
        assert f"{measured['first']:.1%}" in card


def test_row_65_and_103_each_token_is_a_sum_of_the_others(capsys: Capture) -> None:
    said = answer(capsys, "我想吃汉[ ]", "--attention", "-m", "lineage/bert", "-m", "lineage/gpt")
    assert said.count("[7, 128]") + said.count("[5, 128]") == 6  # with <s>, and BERT's </s>
    sums = re.findall(r"吃 = (.*)", said)
    assert len(sums) == 2
    for one in sums:
        assert 0.5 < sum(map(float, re.findall(r"(\d\.\d\d)·", one))) < 1.05
    zh = answer(capsys, "我想吃汉[ ]", "--attention", "-m", "lineage/bert", "--lang", "zh")
    assert "第一层的自注意力" in zh and "head" not in zh


def test_row_76_what_was_pre_trained_learns_faster_than_from_scratch(capsys: Capture) -> None:
    words = ("今天晚上吃[ ]", "--tune", "今天晚上吃火锅。", "-m", "lineage/gpt", "-m", "lineage/ngram")
    gpt, ngram = json.loads(answer(capsys, *words, "--format", "json"))["systems"]
    assert gpt["tuned"]["pretrained"][-1] < 2 < 20 < gpt["tuned"]["scratch"][-1] and "tuned" not in ngram
    said = answer(capsys, *words)
    assert "火" in said.split("it would now write")[1] and "counted, not learnt" in said


def test_rows_77_and_94_the_systems_by_year(capsys: Capture) -> None:
    rows = json.loads(answer(capsys, "--years", "--format", "json"))["years"]
    assert [row["year"] for row in rows] == sorted(row["year"] for row in rows)
    here = {row["here"]: row["weights_here"] for row in rows if row["here"]}
    assert {*names()} <= {*here} and all(n > 100_000 for n in here.values())
    said = answer(capsys, "--years", "--lang", "zh")
    assert "2018  GPT-1" in said and "2018  BERT" in said and "同出一源" in said


@pytest.mark.parametrize(
    "words",
    [
        ("--years", "今[ ]"),
        ("--years", "--steps"),
        (),
        ("今[ ]", "--tune", ""),
        ("今[ ]", "--tune", "好" * 80),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(words: tuple[str, ...], capsys: Capture) -> None:
    assert main(["lineage", *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1
