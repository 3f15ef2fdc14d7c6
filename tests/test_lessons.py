"""docs/lessons.md: every claim stands there once, in both languages, and what it names can be run and opened."""

from __future__ import annotations

import re
import shlex
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path

import pytest

from dragoman.cli import main
from dragoman.explain import sentences
from dragoman.explain.page.writing import ASSETS
from explain.terminal.claims import CLAIMS

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {"en": DOCS / "lessons.md", "zh": DOCS / "lessons.zh-CN.md"}
COUNT = 129
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


@pytest.mark.parametrize("language", PAGES)
def test_every_claim_stands_there_once(language: str) -> None:
    assert sorted(row.number for row in rows(language)) == list(range(1, COUNT + 1))
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


# -- what the commands print ----------------------------------------------------------------------------------------


@cache
def printed(command: str, language: str) -> str:
    """What a command of the table says in a language, at the usual width, without its spaces. Run once."""
    said = {"LC_ALL": {"en": "C.UTF-8", "zh": "zh_CN.UTF-8"}[language], "COLUMNS": "100"}
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as out:
        for name, value in said.items():
            patch.setenv(name, value)
        assert main(shlex.split(command)[1:]) == 0
    return bare(out.getvalue())


def bare(text: str) -> str:
    """Without spaces: where a line of prose is broken hangs on the width."""
    return "".join(text.split())


def stands(check: str, language: str, shown: str) -> bool:
    if check.startswith("~"):
        return any(one in shown for one in check[1:].split("|"))
    return any(filled(sentences.table(language)[key], shown) for key in check.split("|"))


def filled(sentence: str, shown: str) -> bool:
    """The sentence with anything in its gaps; of a row of a table, whose cells are broken each by itself, one cell."""
    cell = next(cell for cell in sentence.split("|") if cell)
    parts = [re.escape(bare(part)) for part in re.split(r"\{[^}]*\}", cell)]
    return re.search("(.{0,400}?)".join(parts), shown) is not None


def test_every_row_with_a_command_says_what_is_to_be_seen() -> None:
    assert set(CLAIMS) == {row.number for row in ALL if row.commands}


@pytest.mark.slow(reason="translates and traces with the bundled model, a second a command")
@pytest.mark.parametrize("language", PAGES)
@pytest.mark.parametrize("row", [row for row in ALL if row.commands], ids=lambda row: f"row{row.number}")
def test_what_a_row_claims_stands_in_what_its_commands_print(row: Row, language: str) -> None:
    shown = "\n".join(printed(command, language) for command in row.commands)
    missing = [check for check in CLAIMS[row.number].split() if not stands(check, language, shown)]
    assert not missing
