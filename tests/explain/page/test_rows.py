"""Rows of docs/lessons.md on the page: the view that a row names says its sentence, in both languages and widths.

One page for each language and width serves all rows. Rows that need more than looking (a click, a drag, a number) have
tests of their own beside this file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from dragoman.explain import sentences
from dragoman.explain.page.writing import render
from explain.made_trace import made_trace
from explain.page_fixtures import SLOW, go_to_view, made_comparison, too_wide

pytestmark = SLOW

# Of each row the view, and a sentence that stands there: what comes before its first gap.
ROWS = {
    3: ("quiz", "quiz.title"), 8: ("text", "text.typed"),
    22: ("loss", "loss.mean"), 27: ("text", "text.target.what"), 41: ("text", "text.lead"),
    43: ("positions", "positions.title"), 45: ("heads", "heads.lead"), 49: ("attention", "stage.masked"),
    51: ("layers", "layers.feed.title"), 53: ("layers", "layers.depth.even"), 55: ("layers", "layers.order"),
    59: ("qkv", "qkv.title"), 62: ("heads", "heads.title"), 66: ("heads", "heads.lead"),
    67: ("qkv", "qkv.why.scale.title"),
    69: ("masks", "masks.title"), 71: ("attention", "attention.lead"), 72: ("proofs", "proofs.title"),
    78: ("start", "start.lead"), 80: ("qkv", "qkv.lead"), 81: ("heads", "heads.title"), 87: ("qkv", "qkv.why.code"),
    95: ("layers", "layers.depth"), 103: ("qkv", "qkv.title"), 105: ("qkv", "qkv.negative"),
    106: ("qkv", "qkv.why.q.title"), 107: ("break", "break.what.training"), 109: ("clocks", "clocks.title"),
    116: ("layers", "layers.title"), 117: ("loss", "loss.class"), 118: ("loss", "loss.tasks.answer"),
    119: ("masks", "masks.lead"), 120: ("qkv", "qkv.why.kv.title"), 129: ("beam", "beam.title"),
}  # fmt: skip
AT = [(lang, width) for lang in ("en", "zh") for width in (390, 1440)]


@pytest.fixture(scope="module")
def opened(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """opened(lang, width) -> a page of a made trace, opened once."""
    trace = made_trace()
    folder: Path = tmp_path_factory.mktemp("rows")

    @cache
    def opened(lang: str, width: int) -> Any:
        file = folder / f"{lang}-{width}.html"
        file.write_bytes(render(trace, [made_comparison(trace, "training")], lang).encode())
        page = chromium.new_page(viewport={"width": width, "height": 900})
        page.goto(f"{file.as_uri()}#start")
        page.wait_for_selector("#dragoman-view h2")
        page.locator(".player .modes [data-value=training]").dispatch_event("click")
        return page

    yield opened


@pytest.mark.parametrize(("lang", "width"), AT)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"row_{row}")
def test_row_is_said_in_its_view(opened: Any, row: int, lang: str, width: int) -> None:
    view, key = ROWS[row]
    page = opened(lang, width)
    go_to_view(page, view)
    said = re.split(r"[{|]", sentences.table(lang)[key])[0].strip()
    shown = " ".join(page.locator("#dragoman-view").inner_text().split())
    assert said and " ".join(said.split()) in shown
    assert too_wide(page) == 0


def test_every_row_here_is_a_row_of_the_lessons_that_names_its_view() -> None:
    table = (Path(__file__).parents[3] / "docs" / "lessons.md").read_text("utf-8")
    for row, (view, _) in ROWS.items():
        (line,) = re.findall(rf"^\| {row} \|.*$", table, re.M)
        assert f"*{sentences.table('en')[f'{view}.tab']}*" in line, row
