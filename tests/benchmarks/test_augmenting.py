"""What each change teaches: models that differ in one setting, texts that differ by one change."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.augmenting import CHANGES, EVERY, NONE, Asked, Found, main, system, texts

from dragoman.corpus.pairs import Pair
from dragoman.errors import UsageError

PAIRS = [
    Pair("Tom lives in Boston, and he works here.", "Tom 住在 Boston，他在这里工作。"),
    Pair("He asked that we be silent.", "他要求我们安静。"),
    Pair("ok", "好"),
]


def settings(name: str) -> set[str]:
    words = system(name).command(Path("runs"), 1.0)
    return {word for word in words if "=" in word}


@pytest.mark.parametrize("change", CHANGES)
def test_a_model_differs_from_the_one_that_read_all_in_one_setting(change: str) -> None:
    assert settings(change) - settings(EVERY) == {f"augment.{change}=0.0"}
    assert settings(EVERY) <= settings(change)


def test_one_model_read_no_change_at_all() -> None:
    assert settings(NONE) - settings(EVERY) == {f"augment.{change}=0.0" for change in CHANGES}


@pytest.mark.parametrize("change", CHANGES)
def test_the_texts_of_a_change_are_those_that_it_makes_others_of(change: str) -> None:
    made = texts(change, PAIRS)
    assert made
    assert not set(made) & set(PAIRS)
    assert len(texts(change, PAIRS, most=1)) == 1


def test_placeholders_are_written_as_people_write_them() -> None:
    assert any("{" in pair.source and "{" in pair.target for pair in texts("placeholders", PAIRS))


def test_a_row_without_a_model_of_its_own_has_an_empty_cell() -> None:
    assert str(Found("as they stand", 3, 1.0, None, 2.0)) == "| as they stand | 3 | 1.0 |  | 2.0 |"


def test_an_unknown_change_is_refused_by_name_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--only shout: there are upper, title"):
        main(Asked(("shout",), tmp_path))
    assert not list(tmp_path.iterdir())
