"""What must come out exactly does, once: every kind of the table, in each place of a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from benchmarks.kept import Kind, Log, count, in_python, kinds, ordinary

from dragoman.errors import UsageError


def test_every_kind_comes_out_once_in_each_place() -> None:
    """Codes, numbers and placeholders that no pattern had named were translated: 62 of the first 415 kinds."""
    sentence = ordinary(2)[1]
    asked = [(kind, text) for kind in kinds() for text in kind.within(sentence)]
    with in_python("en-zh") as through:
        found = through([text for _, text in asked])
    lost = [(text, out) for (kind, text), out in zip(asked, found, strict=True) if not kind.is_kept(out)]
    assert lost == []


def test_groups_stand_together_and_no_kind_twice() -> None:
    groups = [kind.group for kind in kinds()]
    assert sorted(range(len(groups)), key=lambda at: groups.index(groups[at])) == list(range(len(groups)))
    assert len({kind.marked for kind in kinds()}) == len(groups)


@pytest.mark.parametrize(
    ("out", "kept"),
    [("他们**粗**洗手。", True), ("他们粗洗手。", False), ("**他**们**粗**洗手", False), ("****洗手", False)],
)
def test_what_stands_around_words_is_counted(out: str, kept: bool) -> None:
    kind = Kind("Markdown", "**⟨bold⟩**")
    assert kind.within("They wash hands.")[0] == "**bold** They wash hands."
    assert kind.is_kept(out) is kept


def test_sentences_are_ordinary() -> None:
    assert len(ordinary(50)) == 50 == len(set(ordinary(50)))
    assert not any(sign in sentence for sentence in ordinary(50) for sign in "0123456789#@%{}")


def test_counts_are_those_of_each_kind_and_place() -> None:
    """A door sees the texts of one sentence together, in another order than they are counted in."""
    asked = [Kind("a", "{x}"), Kind("b", "%s"), Kind("c", "42")]
    texts = [text for kind in asked for sentence in ordinary(4) for text in kind.within(sentence)]

    def through(given: Sequence[str]) -> list[str]:
        assert sorted(given) == sorted(texts) and given[0].split(" ", 1)[1] == given[1].split(" ", 1)[1]
        return [text.replace("%s", "") if text.startswith("%s") else text for text in given]

    assert count(texts, asked, through) == [[4, 4, 4], [0, 4, 4], [4, 4, 4]]


def test_what_was_counted_is_not_counted_again(tmp_path: Path) -> None:
    path, some = tmp_path / "runs/kept.json", kinds()[:2]
    Log(path, "en-zh", 1).take("Python", some[:1], [[1, 0, 1]])
    log = Log(path, "en-zh", 1)
    assert log.of("Python", some[0]) == [1, 0, 1]
    assert log.of("Python", some[1]) is log.of("HTTP", some[0]) is None
    with pytest.raises(UsageError, match="another file"):
        Log(path, "general", 1)
