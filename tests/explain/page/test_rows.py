"""Every row of docs/lessons.md that names a tab: what it claims is seen there, in both languages and widths.

claims.py says of each row what that is. One page a language and width is walked through once, every place of it; the
rows then look at what was seen. A click, a drag and a number have tests of their own beside this file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from dragoman.explain import explain_both, sentences
from dragoman.explain.page.writing import render
from dragoman.explain.trace.trials import Wanted
from dragoman.translate.translator import Translator
from explain.page.claims import CLAIMS
from explain.page_fixtures import REFERENCE, SENTENCE, SLOW, go_to_view, too_wide

pytestmark = SLOW

LESSONS = Path(__file__).parents[3] / "docs" / "lessons.md"
STEPS = ("boxes", "inference", "training", "forcing", "mask", "loss", "forks", "sheet")
AT = [(lang, width) for lang in ("en", "zh") for width in (390, 1440)]
WANTED = Wanted(teach=2, say=(1, "干"), lesson=True, beside="Are you well ?", word="you", boxes=True)
REMOVED = ("training", "positions", "encoder.1", "twice:encoder.1")


def places(row: int) -> Iterator[tuple[str, list[str]]]:
    """Of a row each place, and what has to be seen there."""
    for part in CLAIMS[row].split(" ; "):
        place, _, checks = part.partition(": ")
        yield place.strip(), checks.split()


def selectors(place: str) -> list[str]:
    return [
        selector
        for row in CLAIMS
        for where, checks in places(row)
        if where == place
        for check in checks
        if (selector := _counted(check))
    ]


def _counted(check: str) -> str:
    """The selector of a check that counts, its spaces put back; of another, nothing."""
    return check.rpartition("=")[0].replace("_", " ").replace("|", ", ") if check[0] in ".[" else ""


# What can be seen: text and elements in the view, of a size, not beyond the edge of the page unless it scrolls there.
# The figure stands in the view on a phone, beside it on a wide screen.
LOOK = """selectors => {
    const parts = [document.querySelector("#dragoman-view"), document.querySelector(".side")];
    const reached = (one) => {
        const box = one.getBoundingClientRect();
        const drawn = one.checkVisibility() && (box.width > 0 || box.height > 0);
        return drawn && (box.right <= innerWidth + 1 || one.closest(".scroll, .pushed") !== null);
    };
    const count = (selector) => parts.flatMap((part) => [...part.querySelectorAll(selector)]).filter(reached).length;
    const drawn = parts.flatMap((part) => [...part.querySelectorAll("svg text")]).map((one) => one.textContent);
    return {
        text: [...parts.map((part) => part.innerText), ...drawn].join(" "),
        counts: Object.fromEntries(selectors.map((one) => [one, count(one)])),
    };
}"""


@pytest.fixture(scope="module")
def seen(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """seen(lang, width) -> of every place the text, the counts, and by how many pixels the page was too wide."""
    with Translator.load("en-zh", engine="torch") as translator:
        trace = explain_both(translator, SENTENCE, REFERENCE, wanted=WANTED)
        removed = [trace.without(part, brief=True) for part in REMOVED]
    folder: Path = tmp_path_factory.mktemp("rows")

    @cache
    def seen(lang: str, width: int) -> dict[str, Any]:
        file = folder / f"{lang}-{width}.html"
        file.write_bytes(render(trace, removed, lang).encode())
        page = chromium.new_page(viewport={"width": width, "height": 900})
        page.set_default_timeout(10_000)
        page.goto(f"{file.as_uri()}#start")
        page.wait_for_selector("#dragoman-view h2")
        found = {}
        for place in dict.fromkeys(place for row in CLAIMS for place, _ in places(row)):
            _go(page, place)
            found[place] = page.evaluate(LOOK, selectors(place)) | {"too_wide": too_wide(page)}
        page.close()
        return found

    yield seen


def _go(page: Any, place: str) -> None:
    view, _, picked = place.partition("@")
    if place.startswith("lesson "):
        step, _, clicks = place.removeprefix("lesson ").partition(".")
        go_to_view(page, "lesson")
        page.click(f".dot[data-step={STEPS[int(step) - 1]}]")
        if clicks == "end":
            page.click(".lesson-skip")
        for _ in range(0 if clicks in ("", "end") else int(clicks)):
            page.click(".lesson-on")
        return
    go_to_view(page, view)
    if view == "boxes":
        page.locator("#dragoman-view select").first.select_option(picked or "encoder.1")
    elif picked:
        page.locator(f"#dragoman-view [data-part='{picked}'], #dragoman-view [data-value='{picked}']").click()


@pytest.mark.parametrize(("lang", "width"), AT)
@pytest.mark.parametrize("row", CLAIMS, ids=lambda row: f"row_{row}")
def test_row_is_shown_where_it_says(seen: Callable[..., Any], row: int, lang: str, width: int) -> None:
    for place, checks in places(row):
        found = seen(lang, width)[place]
        assert found["too_wide"] == 0, place
        shown = _bare(found["text"])
        for check in checks:
            if selector := _counted(check):
                wanted, count = check.rpartition("=")[2], found["counts"][selector]
                assert count == int(wanted) if wanted.isdigit() else count >= int(wanted[:-1]), (
                    place,
                    check,
                    count,
                )
            elif check.startswith("~"):
                assert _bare(check[1:].replace("_", " ")) in shown, (place, check)
            else:
                assert any(_says(shown, lang, key) for key in check.split("|")), (place, check)


def _says(shown: str, lang: str, key: str) -> bool:
    """Whether a sentence stands there from end to end, whatever fills its gaps; of a list, each of its parts."""
    told = sentences.table(lang)[key]
    return all(
        re.search("(.{0,400}?)".join(re.escape(_bare(part)) for part in re.split(r"\{[^}]*\}", one)), shown)
        for one in told.split("|")
    )


def _bare(text: str) -> str:
    """Without spaces: a browser breaks lines and joins boxes as the width has it."""
    return "".join(text.split())


def test_every_tab_that_a_row_names_is_looked_at() -> None:
    tabs = sentences.table("en")
    for number, cell in re.findall(r"^\| (\d+) \|.*\| ([^|]*) \|$", LESSONS.read_text("utf-8"), re.M):
        named = re.findall(r"\*([^*`]+)\*(?: (\d))?", re.sub(r"`[^`]*`", "", cell))
        looked = [
            place.split("@")[0].split(".")[0]
            for place, _ in (places(int(number)) if int(number) in CLAIMS else ())
        ]
        wanted = [
            f"lesson {step}"
            if tab == tabs["lesson.tab"]
            else next(k[:-4] for k in tabs if k.endswith(".tab") and tabs[k] == tab)
            for tab, step in named
        ]
        assert sorted(set(looked)) == sorted(set(wanted)), number
