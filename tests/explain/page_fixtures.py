"""A browser for the tests of the "look inside" page, and traces to open in it. Tests nothing itself.

    def test_a_view(open_page):  # a fixture of every test in this folder: see conftest.py
        page = open_page(made_trace(), view="attention", lang="zh", width=390)

Whatever the browser complains about (a console error, an exception, a dialog, a request to anywhere) fails the test.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from dragoman.explain.page.writing import render
from explain.made_trace import made_trace

BINARIES = ("chromium", "chromium-browser", "google-chrome")
NO_PLAYWRIGHT = "playwright is not installed: pip install playwright, to test the page in a browser"
NO_CHROMIUM = "there is no Chromium here: install it to test the page in a browser"
SLOW = pytest.mark.slow(reason="a browser takes seconds to start; nothing else shows that the page works")

SENTENCE, REFERENCE = "Are you OK ?", "你好吗？"

OpenPage = Callable[..., Any]


# Of the module, not of the session: while Playwright is open its event loop is the thread's, and no other test may
# have one.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A running Chromium. Skips where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason=NO_PLAYWRIGHT)
    binary = next(filter(None, map(shutil.which, BINARIES)), None)
    if binary is None:
        pytest.skip(NO_CHROMIUM)
    with playwright.sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=binary, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Any, tmp_path: Path) -> Iterator[OpenPage]:
    """open_page(trace, comparisons=(), view="start", lang="en", theme="light", width=1280, height=900) -> its page.

    `trace` is a record, its JSON, a Trace, or the path of a page that is written already. Opened from the disk, in a
    fresh profile, as a reader opens it.
    """
    contexts, complaints = [], list[str]()

    def open_page(
        trace: Any,
        comparisons: Sequence[Any] = (),
        *,
        view: str = "start",
        lang: str | None = "en",
        theme: str = "light",
        width: int = 1280,
        height: int = 900,
    ) -> Any:
        file = trace
        if not isinstance(trace, Path):
            file = tmp_path / f"page-{len(contexts)}.html"
            file.write_bytes(render(trace, comparisons, lang).encode())
        context = chromium.new_context(
            locale="en-US", viewport={"width": width, "height": height}, color_scheme=theme
        )
        contexts.append(context)
        context.set_default_timeout(10_000)
        page = context.new_page()
        _listen(page, complaints)
        page.goto(f"{file.as_uri()}#{view}")
        page.wait_for_selector("#dragoman-view h2", timeout=30_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def browser_page(open_page: OpenPage) -> Any:
    """The page of a made trace, at its start."""
    return open_page(made_trace())


def _listen(page: Any, complaints: list[str]) -> None:
    quiet = ("verbose", "info", "debug", "log")
    page.on("console", lambda said: said.type in quiet or complaints.append(f"{said.type}: {said.text}"))
    page.on("pageerror", lambda error: complaints.append(f"exception: {error}"))
    page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}") or dialog.dismiss())
    # The page itself is a file; the empty favicon of a file is asked from nowhere.
    page.on(
        "request",
        lambda asked: asked.url.startswith(("file:", "data:")) or complaints.append(f"request: {asked.url}"),
    )


# -- what is done on every page -----------------------------------------------------------------------------------


def go_to_step(page: Any, t: int) -> float:
    """Moves the slider to step t; the milliseconds that the page took to answer, layout and paint left out."""
    return float(
        page.evaluate(
            """t => {
                const slider = document.querySelector(".player input[type=range]");
                slider.value = t;
                const began = performance.now();
                slider.dispatchEvent(new Event("input"));
                return performance.now() - began;
            }""",
            t,
        )
    )


def pick_mode(page: Any, mode: str) -> None:
    """mode: training or inference."""
    # Not a press at its place: the lesson has no player to be seen.
    page.locator(f".player .modes [data-value={mode}]").dispatch_event("click")


def views(page: Any) -> list[str]:
    """The chapters that the page has, in order."""
    return page.eval_on_selector_all(".tabs [data-view]", "tabs => tabs.map((tab) => tab.dataset.view)")


def go_to_view(page: Any, view: str) -> None:
    page.evaluate("view => { location.hash = view; }", view)
    page.wait_for_selector(f".tabs [data-view={view}][aria-current]")


def too_wide(page: Any) -> int:
    """By how many pixels the page itself can be scrolled sideways: 0 where only parts of it scroll."""
    return int(
        page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    )


# -- real traces --------------------------------------------------------------------------------------------------


@cache
def bundled_trace(text: str = SENTENCE, reference: str | None = REFERENCE) -> Any:
    """A Trace of the bundled model, made once a run."""
    from dragoman.explain import explain
    from dragoman.translate.translator import Translator

    return explain(_bundled(Translator), text, reference)


@cache
def bundled_comparisons(
    text: str = SENTENCE, reference: str | None = REFERENCE, parts: tuple[str, ...] = ("causal_mask", "cache")
) -> tuple[Any, ...]:
    trace = bundled_trace(text, reference)
    return tuple(trace.without(part) for part in parts)


@cache
def _bundled(kind: Any) -> Any:
    return kind.load("en-zh-tiny")


def made_comparison(trace: Mapping[str, Any], removed: str, seed: int = 1) -> dict[str, Any]:
    """What a made trace might have become without a part: other numbers, and another last word but one."""
    pieces = [token["piece"] for token in trace["inference"]["tokens"][:-1]]
    source = [token["piece"] for token in trace["source"]["tokens"][:-1]]
    changed = [*pieces[:-1], "▁X"]
    made = made_trace(source, changed, seed=seed, training=trace["training"] is not None)
    return {**made, "removed": removed}
