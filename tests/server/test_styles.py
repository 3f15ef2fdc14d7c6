"""Two style sheets on one page: that of the server and that of the look. Neither may reach into the other."""

from __future__ import annotations

import re
from pathlib import Path

from dragoman.explain.page.writing import ASSETS, STYLE, styles

STATIC = Path(__file__).parents[2] / "src/dragoman/server/static"
OWN = re.sub(r"/\*.*?\*/", "", (STATIC / "style.css").read_text("utf-8"), flags=re.DOTALL)
LOOK = re.sub(r"/\*.*?\*/", "", styles(STYLE), flags=re.DOTALL)
# These hold for a whole document, whoever wrote it.
EVERYWHERE = {"*", "body", "[hidden]", ":focus-visible"}


def selectors(sheet: str) -> list[str]:
    found = (part for part in re.findall(r"([^{}]+)\{", sheet) if not part.strip().startswith("@"))
    return [one.strip() for part in found for one in re.split(r",(?![^(]*\))", part)]


def classes(found: list[str]) -> set[str]:
    return {name for one in found for name in re.findall(r"\.([A-Za-z][\w-]*)", one)}


def test_no_class_of_one_sheet_occurs_in_the_other() -> None:
    """Its .tabs lay behind the views on a phone, and its .side moved the figure out of the first screen."""
    assert classes(selectors(OWN)) & classes(selectors(LOOK)) == set()


def test_no_class_that_the_look_gives_an_element_is_styled_by_the_server() -> None:
    given = set()
    for script in ASSETS.rglob("*.js"):
        text = script.read_text("utf-8")
        for dotted in re.findall(r"\b[hs]\(\s*[`\"][a-z0-9]+((?:\.[\w-]+)+)", text):
            given |= set(dotted[1:].split("."))
        for names in re.findall(r"class: [`\"]([^`\"]+)", text):
            given |= set(names.split())
    assert {"tabs", "side", "word"} <= given
    assert given & classes(selectors(OWN)) == set()


def test_what_the_server_says_of_elements_ends_where_the_look_begins() -> None:
    for one in selectors(OWN):
        if one.startswith(":root") or one in EVERYWHERE or re.search(r"[.#](?!look)[A-Za-z]", one):
            continue
        assert ":where(:not(#look *))" in one or one.endswith("%"), one


def test_the_look_styles_nothing_outside_itself() -> None:
    assert all(".dragoman-look" in one for one in selectors(LOOK))
