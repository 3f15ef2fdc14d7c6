"""The page as a file: what is folded into it, what it may do, and what it must never contain. Opens no browser."""

from __future__ import annotations

import errno
import hashlib
import json
import re
from base64 import b64encode
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from dragoman.errors import DragomanError
from dragoman.explain import Trace, sentences
from dragoman.explain.page import image
from dragoman.explain.page import writing as page
from dragoman.explain.page.writing import (
    ASSETS,
    PACKAGE,
    beside,
    bundle,
    places,
    render,
    styles,
    write_page,
)
from dragoman.explain.watch.broken import PARTS
from explain.made_trace import made_trace
from explain.page_fixtures import bundled_comparisons, bundled_trace, made_comparison

SCRIPTS, SHEETS = sorted(ASSETS.rglob("*.js")), sorted(ASSETS.rglob("*.css"))
MOST_BYTES = 3_000_000  # of the page of a sentence of 20 tokens
NASTY = "</script><script>alert(1)</script><!-- <b> & \u2028 \u2029 \ud800 \"'\\"


class Elements(HTMLParser):
    """The texts of a page's elements by their names, and all attributes."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: dict[str, list[str]] = {}
        self.attributes: list[tuple[str, str | None]] = []
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        self._open.append(tag)
        self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        self._open.remove(tag)

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open[-1]][-1] += data


@cache
def source(file: Path) -> str:
    return file.read_text("utf-8")


def named(file: Path) -> str:
    """As the other assets call it: qkv/view.js."""
    return file.relative_to(ASSETS).as_posix()


def embedded(html: str) -> Any:
    """The trace and the options of a page, what both passes share put back as the page itself does."""
    data = json.loads(Elements(html).texts["script"][0])
    for path in data["shared"]:
        run = data["trace"]["inference"]["pass"], data["trace"]["training"]["pass"]
        for name in path[:-1]:
            run = run[0][name], run[1][name]
        run[1][path[-1]] = run[0][path[-1]]
    return data


# -- folding ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", SCRIPTS, ids=named)
def test_a_module_imports_what_its_neighbours_export_and_keeps_to_what_can_be_folded(file: Path) -> None:
    text = source(file)
    imports = page._IMPORT.findall(text)
    assert len(imports) == len(re.findall(r"^\s*import\b", text, re.MULTILINE))
    assert len(page._EXPORT.findall(text)) == len(re.findall(r"^\s*export\b", text, re.MULTILINE))
    for names, path in imports:
        wanted = {name.strip() for name in names.split(",")} - {""}
        other = beside(named(file), path)
        exporting = sentences.as_script() if other == page.SENTENCES else source(ASSETS / other)
        assert wanted <= set(page._EXPORT.findall(exporting)), other


def test_every_module_and_every_style_sheet_is_in_a_page_and_in_none_twice() -> None:
    pages = (page.ENTRY, page.STYLE), (image.ENTRY, image.STYLE)
    scripts, sheets = zip(*((bundle(entry), styles(style)) for entry, style in pages), strict=True)
    for file in SCRIPTS:
        counts = {script.count(f"const {page._constant(named(file))} = (() => {{") for script in scripts}
        assert 1 in counts and counts <= {0, 1}, file
    for script in scripts:
        assert script.count(f"const {page._constant(page.SENTENCES)} = (() => {{") == 1
        assert not re.search(r"^\s*(import|export)\b", script, re.MULTILINE)
    for file in SHEETS:
        rules = page._STYLE_IMPORT.sub("", source(file)).strip()
        counts = {sheet.count(rules) for sheet in sheets}
        assert 1 in counts and counts <= {0, 1}, file
    assert not any("@import" in sheet for sheet in sheets)


def test_a_circle_of_imports_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for one, other in ("ab", "bc", "ca"):
        (tmp_path / f"{one}.js").write_text(f'import {{ x }} from "./{other}.js";\n')
    monkeypatch.setattr(page, "ASSETS", tmp_path)
    with pytest.raises(DragomanError, match=r"a\.js imports itself through a\.js -> b\.js -> c\.js"):
        bundle("a.js")


def test_a_page_is_made_of_a_trace_its_json_or_its_record() -> None:
    record = made_trace()
    of_record = render(record)
    assert render(json.dumps(record)) == of_record
    trace = Trace.from_json(json.dumps(record))
    assert embedded(render(trace))["trace"] == trace.to_dict()


# -- what it may do -----------------------------------------------------------------------------------------------


def test_the_policy_lets_its_own_script_and_style_run_and_nothing_else() -> None:
    html = render(made_trace())
    found = Elements(html)
    policy = next(
        value or "" for name, value in found.attributes if name == "content" and "src" in str(value)
    )

    def hashed(text: str) -> str:
        return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules == {
        "default-src": "'none'",
        "script-src": hashed(found.texts["script"][1]),
        "style-src": hashed(found.texts["style"][0]),
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_nothing_is_fetched() -> None:
    html = render(made_trace(), [made_comparison(made_trace(), "cache")])
    assert set(re.findall(r"https?://[^\s\"'`<>)]+", html)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\burl\(|@import|\bsrc=|\bhref=|<link|<iframe|<img", html)
    assert not {name for name, _ in Elements(html).attributes} & {"src", "href", "style", "onload"}


@pytest.mark.parametrize("file", SCRIPTS, ids=named)
def test_no_module_writes_markup_runs_text_or_asks_the_network(file: Path) -> None:
    markup = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|srcdoc"
    running = r"\beval\(|new Function|setTimeout\(\s*[\"'`]|\"style\"|javascript:"
    network = r"\bfetch\(|XMLHttpRequest|WebSocket|EventSource|sendBeacon|\bimport\("
    found = re.findall(f"{markup}|{running}|{network}|Math\\.random", source(file))
    assert found == []
    assert not re.search(r"</(script|style)|<!--", source(file), re.IGNORECASE)


def test_the_record_cannot_leave_its_element() -> None:
    record = made_trace((NASTY,), (NASTY, "x"))
    record["source"]["text"] = NASTY
    html = render(record, [made_comparison(record, NASTY)], "zh").encode().decode()
    assert html.count("</script>") == 2 and html.count("<script") == 2 and "<!--" not in html
    data = embedded(html)
    assert data["trace"] == record
    assert data["options"]["comparisons"][0]["removed"] == NASTY
    assert data["options"]["lang"] == "zh"
    (title,) = Elements(html).texts["title"]
    assert title.startswith("</script><script>alert(1)</script>")


def test_what_both_passes_share_stands_once_and_what_differs_twice() -> None:
    record = made_trace()
    once, again = (record[mode]["pass"] for mode in ("inference", "training"))
    whole = render(record)
    assert embedded(whole)["shared"] == []
    again |= {"encoder": once["encoder"], "memory": once["memory"]}
    again["embedding"]["source"] = once["embedding"]["source"]
    before = json.dumps(record)
    html = render(record)
    assert json.dumps(record) == before
    assert embedded(html)["trace"] == record
    assert embedded(html)["shared"] == [["encoder"], ["memory"], ["embedding", "source"]]
    assert len(whole) - len(html) > len(json.dumps(once["encoder"]))


def test_a_long_sentence_does_not_make_a_long_title() -> None:
    record = made_trace(["▁word"] * 50)
    (title,) = Elements(render(record)).texts["title"]
    assert len(title) < 100


# -- code that is pointed at --------------------------------------------------------------------------------------


def test_every_place_in_the_code_is_where_the_thing_is_defined() -> None:
    for part, (_, name) in page._PLACES.items():
        file, _, line = places()[part].partition(":")
        text = (PACKAGE / file).read_text("utf-8").splitlines()[int(line) - 1]
        assert re.match(rf"\s*(class|def) {name.rpartition('.')[2]}\b", text), part


def test_the_modules_ask_for_places_that_there_are() -> None:
    asked = {
        part
        for file in SCRIPTS
        for part in re.findall(
            r"codeLine\(\s*[\w.]+,\s*\"(\w+)\"|\.code\.(\w+)|\bcode\[\"(\w+)\"\]", source(file)
        )
    }
    assert {name for found in asked for name in found} - {""} <= set(places())


# -- words --------------------------------------------------------------------------------------------------------


def chapters() -> list[str]:
    return re.findall(r'\{ id: "(\w+)"', source(ASSETS / "chapters.js"))


def test_every_chapter_has_a_tab_and_a_title_and_is_opened_by_its_name() -> None:
    known = set(sentences.table("en"))
    assert {f"{chapter}.{what}" for chapter in chapters() for what in ("tab", "title")} <= known
    opened = {view for file in SCRIPTS for view in re.findall(r'\bopen(?::|\() ?\[?"(\w+)"', source(file))}
    assert opened <= set(chapters())


def test_the_parts_that_can_be_removed_are_those_of_the_program() -> None:
    (listed,) = re.findall(
        r"^export const PARTS = \[(.*?)\];", source(ASSETS / "break/view.js"), re.MULTILINE
    )
    assert tuple(re.findall(r'"(\w+)"', listed)) == PARTS
    known = set(sentences.table("en"))
    assert {f"break.{what}.{part}" for part in (*PARTS, "head") for what in ("part", "what")} <= known


def test_the_page_tells_the_losses_without_a_mask_that_the_guide_tells() -> None:
    guide = (PACKAGE.parents[1] / "docs/guide/trace.md").read_text("utf-8")
    losses = re.findall(r"taught_on_noise\(.*# (\d\.\d\d):", guide)
    assert len(losses) == 3
    for language in ("en", "zh"):
        text = sentences.say("break.learnt.what", language)
        assert set(losses) <= set(re.findall(r"\d\.\d\d", text))


# -- comparisons, and size ----------------------------------------------------------------------------------------


def test_a_comparison_is_slim_and_holds_what_its_view_reads() -> None:
    record = made_trace(decoder_layers=3)
    before = json.dumps(record)
    html = render(record, [{**record, "removed": "causal_mask"}])
    assert json.dumps(record) == before
    (slim,) = embedded(html)["options"]["comparisons"]
    assert slim["removed"] == "causal_mask" and slim["proofs"] == record["proofs"]
    assert slim["inference"]["tokens"] == record["inference"]["tokens"]
    assert [step["loss"] for step in slim["training"]["steps"]] == [
        step["loss"] for step in record["training"]["steps"]
    ]
    for mode in ("inference", "training"):
        (last,) = slim[mode]["pass"]["decoder"]
        assert last["self"]["name"] == "decoder.3.self"
        assert last["cross"]["weights"] == record[mode]["pass"]["decoder"][-1]["cross"]["weights"]
        assert "q" not in last["cross"]
    assert len(json.dumps(slim)) < len(before) / 4


def test_a_comparison_of_a_model_that_only_tells_where_it_looked() -> None:
    record = made_trace(training=False)
    record["inference"]["pass"]["decoder"] = [{**record["inference"]["pass"]["decoder"][0], "self": None}]
    (slim,) = embedded(render(record, [{**record, "removed": "cache"}]))["options"]["comparisons"]
    assert slim["training"] is None and slim["inference"]["pass"]["decoder"][0]["self"] is None


TWENTY = "The old man and the young woman saw a big black dog in the garden of their neighbour yesterday ."
OF_TWENTY = "昨天那位老人和那个年轻女人在邻居的花园里看到了一只大黑狗。"


@pytest.mark.slow(reason="eight traces of twenty tokens; the size is promised of what is really computed")
def test_the_page_of_twenty_tokens_with_all_comparisons_is_small_enough() -> None:
    trace = bundled_trace(TWENTY, OF_TWENTY)
    assert len(trace.source.tokens) >= 20
    size = len(render(trace, bundled_comparisons(TWENTY, OF_TWENTY, PARTS)).encode())
    assert size <= MOST_BYTES, f"{size:,} bytes"


# -- writing ------------------------------------------------------------------------------------------------------


def test_a_page_is_written_and_read_again(tmp_path: Path) -> None:
    write_page(made_trace(), tmp_path / "page.html", language="zh")
    html = (tmp_path / "page.html").read_text("utf-8")
    assert html == render(made_trace(), language="zh")


@pytest.mark.parametrize("path", ["missing/page.html", "."])
def test_a_path_that_cannot_be_written_is_said_in_one_line(tmp_path: Path, path: str) -> None:
    with pytest.raises(DragomanError, match="cannot write the page .*choose another -o path") as refused:
        write_page(made_trace(), tmp_path / path)
    assert "\n" not in str(refused.value)


def test_a_page_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "page.html"
    target.write_text("the page before")

    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("dragoman.files.os.write", full)
    with pytest.raises(DragomanError, match="No space left on device"):
        write_page(made_trace(), target)
    assert [file.name for file in tmp_path.iterdir()] == ["page.html"]
    assert target.read_text() == "the page before"


# -- what these tests are made of ---------------------------------------------------------------------------------


@pytest.mark.parametrize("training", [True, False])
def test_a_made_trace_has_the_fields_of_a_real_one_and_no_other(training: bool) -> None:
    record = made_trace(training=training)
    read = Trace.from_json(json.dumps(record)).to_dict()

    def shape(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: shape(inner) for name, inner in value.items()}
        return [shape(inner) for inner in value] if isinstance(value, list) else None

    assert shape(read) == shape(record)
