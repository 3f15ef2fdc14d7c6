"""docs/lessons.md: every claim stands there once, in both languages, and what it names can be run and opened."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

from dragoman.cli import main
from dragoman.explain import sentences
from dragoman.explain.page.writing import ASSETS

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {"en": DOCS / "lessons.md", "zh": DOCS / "lessons.zh-CN.md"}
CLAIMS = 129
CHAPTERS = re.findall(r'\{ id: "(\w+)"', (ASSETS / "chapters.js").read_text("utf-8"))


@dataclass(frozen=True)
class Row:
    """`places` is the cell that says where the claim is shown; `missing` that which says what is not, if any."""

    number: int
    claim: str
    places: str
    missing: str

    @property
    def commands(self) -> list[str]:
        return re.findall(r"`(dragoman [^`]+)`", self.places)


def rows(language: str) -> list[Row]:
    found = []
    for line in PAGES[language].read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and cells[0].isdigit():
            found.append(Row(int(cells[0]), cells[2], cells[3], cells[4] if len(cells) > 4 else ""))
    return found


ALL = rows("en")
COMMANDS = sorted({command for row in ALL for command in row.commands})


@pytest.mark.parametrize("language", PAGES)
def test_every_claim_stands_there_once(language: str) -> None:
    assert sorted(row.number for row in rows(language)) == list(range(1, CLAIMS + 1))
    assert all(row.claim for row in rows(language))


def test_both_languages_name_the_same_places() -> None:
    tables = {language: sentences.table(language) for language in PAGES}
    for english, chinese in zip(ALL, rows("zh"), strict=True):
        assert english.number == chinese.number
        assert bool(english.missing) == bool(chinese.missing), english.number
        places = english.places.replace(".md", ".zh-CN.md")
        for chapter in CHAPTERS:
            places = places.replace(
                f"*{tables['en'][f'{chapter}.tab']}*", f"*{tables['zh'][f'{chapter}.tab']}*"
            )
        assert places == chinese.places, english.number


@pytest.mark.parametrize("language", PAGES)
def test_every_tab_and_page_that_is_named_exists(language: str) -> None:
    tabs = {sentences.table(language)[f"{chapter}.tab"] for chapter in CHAPTERS}
    for row in rows(language):
        assert row.missing or row.places, row.number
        named = re.findall(r"\*([^*]+)\*", re.sub(r"`[^`]*`", "", row.places))
        assert set(named) <= tabs, row.number
        for link in re.findall(r"\]\(([^)]+)\)", row.places):
            assert (DOCS / link).is_file(), row.number


def test_the_number_of_those_that_are_shown_is_counted() -> None:
    for language, path in PAGES.items():
        shown = sum(not row.missing for row in rows(language))
        assert re.search(rf"\b{shown}\b", path.read_text("utf-8").split("\n| ")[0]), language


@pytest.mark.slow(reason="translates and traces with the bundled model, a second a command")
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_runs(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert main(shlex.split(command)[1:]) == 0
    assert len(capsys.readouterr().out.split()) > 0
