"""The tables of sentences: alike in all languages, all of them used, and one more language without a line of code."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from dragoman.cli import main
from dragoman.errors import DragomanError
from dragoman.explain import Trace, sentences
from dragoman.explain.page.writing import ASSETS, render
from dragoman.explain.terminal.drawing import Screen
from dragoman.explain.terminal.overview import overview
from dragoman.server.app import build
from dragoman.server.settings import Engines, Settings
from explain.made_trace import made_trace
from explain.page_fixtures import SLOW, OpenPage
from screen import printed

EXPLAIN = ASSETS.parents[1]
SCRIPTS, MODULES = sorted(ASSETS.rglob("*.js")), sorted(EXPLAIN.rglob("*.py"))
LANGUAGES = sentences.languages()
TABLES = {key.partition(".")[0] for key in sentences.table("en")}
HAN = re.compile("[\u4e00-\u9fa5]")
GAP = re.compile(r"\{\w+\}")


@cache
def source(file: Path) -> str:
    return file.read_text("utf-8")


# -- the tables ---------------------------------------------------------------------------------------------------


def own(language: str) -> dict[str, str]:
    """What stands in the file of a language, without what English lends it."""
    return dict(sentences._read(sentences.FOLDER / f"{language}.toml"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_every_sentence_with_the_same_gaps_and_bars(language: str) -> None:
    english, other = own("en"), own(language)
    assert list(other) == list(english)
    for key, sentence in english.items():
        assert other[key] or key == "language.space", key
        free = {"{count}"} if key.endswith(".one") else set()  # "once" needs no number
        assert set(GAP.findall(other[key])) - free == set(GAP.findall(sentence)) - free, key
        if not key.startswith(
            "map."
        ):  # there a bar is a line in a box, and another language may need more or fewer
            assert other[key].count("|") == sentence.count("|"), key


def test_the_form_for_one() -> None:
    assert sentences.say("terminal.count.times", "en", count=1) == "once"
    assert sentences.say("terminal.count.times", "en", count=2) == "2 times"
    assert sentences.say("terminal.count.times", "zh", count=1) == "1 遍"
    assert sentences.say("lens.one", "en") == sentences.table("en")["lens.one"]  # a name like any other


def test_what_is_filled_in_is_not_read_again() -> None:
    said = sentences.say("terminal.beam.best", "en", counted="{0} {counted} \\1 </s>")
    assert said.startswith("{0} {counted} \\1 </s> ")
    heads = sentences.parts("terminal.attention.heads", "en", last="a|b")
    assert len(heads) == 5 and heads[-1].endswith("a|b")


@pytest.mark.parametrize(
    "name, language",
    [
        ("zh_CN.UTF-8", "zh"),
        ("zh-Hant-TW", "zh"),
        ("EN_us", "en"),
        ("de_DE@euro", None),
        ("C", None),
        ("", None),
    ],
)
def test_the_language_of_a_locale(name: str, language: str | None) -> None:
    assert sentences.closest(name) == language


@pytest.mark.parametrize(
    "text, said", [("[a]\nb = 1\n", "a.b is no text"), ("[a\n", "cannot read the sentences")]
)
def test_a_table_that_is_off_is_named(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sentences, "FOLDER", tmp_path)
    (tmp_path / "en.toml").write_text(text)
    with pytest.raises(DragomanError, match=f"en.toml.*{said}|{said}.*en.toml"):
        sentences.table("en")


# -- the tables and the code --------------------------------------------------------------------------------------


def strings(file: Path) -> Iterator[str]:
    """Every string of a module, as a pattern: what is put into it when it runs may be anything."""
    text = source(file)
    if file.suffix == ".js":
        yield from (re.escape(found) for found in re.findall(r'"((?:[^"\\\n]|\\.)*)"', text))
        yield from templates(text)
        return
    nodes = list(ast.walk(ast.parse(text)))
    pieces = {id(one) for node in nodes if isinstance(node, ast.JoinedStr) for one in node.values}
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in pieces:
            yield re.escape(node.value)
        elif isinstance(node, ast.JoinedStr):
            parts = (one.value if isinstance(one, ast.Constant) else None for one in node.values)
            yield "".join(".*" if part is None else re.escape(str(part)) for part in parts)


def templates(text: str) -> list[str]:
    """Those of a script; one may stand in the gap of another."""
    found: list[str] = []
    open_ones: list[str | None] = []  # a template so far; None for the code in its gap
    for token in re.findall(r"`|\$\{|[{}]|[^`${}]+|\$", text):
        inside = bool(open_ones) and open_ones[-1] is not None
        if token == "`" and inside:
            found.append(str(open_ones.pop()))
        elif token == "`":
            open_ones.append("")
        elif token == "${" and inside:
            open_ones[-1] = f"{open_ones[-1]}.*"
            open_ones.append(None)
        elif inside:
            open_ones[-1] = f"{open_ones[-1]}{re.escape(token)}"
        elif token == "{" and open_ones:
            open_ones.append(None)
        elif token == "}" and open_ones:
            open_ones.pop()
    return found


def test_every_sentence_is_said_somewhere() -> None:
    patterns = {one for file in (*SCRIPTS, *MODULES) for one in strings(file)}
    exact = {re.sub(r"\\(.)", r"\1", one) for one in patterns if ".*" not in one}
    # Two letters and a dot at least: a pattern that fits anything finds nothing.
    open_ones = [
        re.compile(one) for one in patterns if ".*" in one and re.search(r"\w\w.*\\\.|\\\.\w\w", one)
    ]
    dead = [
        key
        for key in sentences.table("en")
        if not {key, key.removesuffix(".one")} & exact and not any(one.fullmatch(key) for one in open_ones)
    ]
    assert dead == []


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.relative_to(ASSETS).as_posix())
def test_what_a_script_says_is_known(file: Path) -> None:
    known = set(sentences.table("en"))
    text = re.sub(r"/\*.*?\*/", "", source(file), flags=re.DOTALL)
    assert set(re.findall(r'\bsay\(\s*"([^"]+)"', text)) <= known
    for prefix in re.findall(r"(?:\bsay\(|\btold\([\w.]+,)\s*`([^`$]*)\$\{", text):
        assert any(key.startswith(prefix) for key in known), prefix
    # Keys that travel before they are said stand in quotes and begin with the name of a table; so do some elements.
    travelling = {
        key
        for key in re.findall(r'(?<!\b[hs]\()"([a-z]+\.[\w.-]+)"', text)
        if key.partition(".")[0] in TABLES
    }
    assert {key for key in travelling if not key.endswith(".")} <= known


@pytest.mark.parametrize(
    "file", [file for file in MODULES if file.parent.name in ("terminal", "page")], ids=str
)
def test_what_a_module_says_is_known(file: Path) -> None:
    known = set(sentences.table("en"))
    for pattern in strings(file):
        if re.match(rf"({'|'.join(TABLES)})\\\.[\w.\\*-]+$", pattern):
            assert any(re.fullmatch(pattern, key) for key in known), pattern


@pytest.mark.parametrize("file", [*SCRIPTS, *MODULES], ids=lambda file: file.relative_to(EXPLAIN).as_posix())
def test_no_sentence_stands_in_code(file: Path) -> None:
    """Chinese shows it best; in notes and docstrings it may be an example."""
    text = source(file)
    if file.suffix == ".py":
        tree = ast.parse(text)
        notes = {
            node.body[0].value
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        found = [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in notes
        ]
        text = "\n".join(found)
    else:
        text = re.sub(r"/\*.*?\*/|^\s*//.*$", "", text, flags=re.DOTALL | re.MULTILINE)
    assert not HAN.search(text)


# -- one more language --------------------------------------------------------------------------------------------


@pytest.fixture
def shouted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A third language, made of one more file: English shouted, and one sentence left to English."""
    for language in LANGUAGES:
        shutil.copy(sentences.FOLDER / f"{language}.toml", tmp_path)
    lines = ["[language]", 'name = "SHOUTED"', 'tag = "en-x-shout"']
    for key, sentence in own("en").items():
        table, _, name = key.partition(".")
        if table == "language" or key == "terminal.lens.title":
            continue
        parts = re.split(r"(\{\w+\})", sentence)
        loud = "".join(part if GAP.fullmatch(part) else part.upper() for part in parts)
        lines.append(f"[{table}]" if f"[{table}]" not in lines else "")
        lines.append(f"{json.dumps(name)} = {json.dumps(loud)}")
    (tmp_path / "xx.toml").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.setattr(sentences, "FOLDER", tmp_path)
    return "xx"


def test_the_terminal_speaks_a_language_that_was_added(shouted: str) -> None:
    trace = Trace.from_json(json.dumps(made_trace()))
    text = "\n".join(printed(overview(trace, Screen(language=shouted)), 100))
    assert "1  THE ENCODER READS" in text and "2  THE DECODER WRITES" in text
    assert "4  How each word forms, layer by layer" in text  # what is not translated is said in English


def test_the_command_line_offers_it(
    shouted: str, tiny_model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    call = ["explain", "The big dog sees my cat.", "-m", str(tiny_model), "--beam-size", "1"]
    assert main([*call, "--lang", shouted]) == 0
    assert "1  THE ENCODER READS" in capsys.readouterr().out
    monkeypatch.setenv("LC_ALL", "xx_YY.UTF-8")
    assert main(call) == 0
    assert "1  THE ENCODER READS" in capsys.readouterr().out
    assert main([*call, "--lang", "de"]) == 2
    assert "--lang de: there is en, xx, zh" in capsys.readouterr().err


def test_the_server_serves_it(shouted: str, tiny_model: Path) -> None:
    with TestClient(build(Settings(Engines((str(tiny_model),), threads=1))), "http://localhost") as client:
        answer = client.get("/assets/sentences.js")
        assert answer.headers["content-type"].startswith("text/javascript")
        assert answer.text == sentences.as_script()
        assert client.get("/assets/qkv/view.js").status_code == 200
        page = client.get("/static/sentences.js").text
    (own,) = re.findall(r"^export const TABLES = (.*);$", page)
    offered = {code: words["language.name"] for code, words in json.loads(own).items()}
    assert offered == {"en": "English", "xx": "SHOUTED", "zh": "中文"}
    assert json.loads(own)[shouted]["tab.translate"] == "Translate"  # its own words are not translated yet
    (tables,) = re.findall(r"^export const TABLES = (.*);$", answer.text)
    assert json.loads(tables)[shouted]["qkv.title"] == "WHO ASKS (Q), WHO ANSWERS (K, V)?"


def test_the_page_holds_it(shouted: str) -> None:
    html = render(made_trace(), language=shouted)
    assert "WHO ASKS (Q), WHO ANSWERS (K, V)?" in html
    assert '"lang":"xx"' in html and "THIS PAGE DRAWS A TRANSLATION WITH JAVASCRIPT." in html


@SLOW
def test_the_page_offers_it(shouted: str, open_page: OpenPage) -> None:
    page = open_page(made_trace(), lang=None)
    offered = page.locator("button.language")
    assert offered.all_text_contents() == ["SHOUTED", "中文"]
    offered.first.click()
    assert page.locator("h2").text_content() == "LOOK INSIDE THIS TRANSLATION"
    assert page.locator(".dragoman-look").get_attribute("lang") == "en-x-shout"
    assert page.locator("button.language").all_text_contents() == ["English", "中文"]


def test_the_page_takes_the_language_of_the_browser_as_the_terminal_that_of_the_locale(
    tmp_path: Path,
) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: it runs the choice that the page makes")
    shutil.copy(ASSETS / "frame/words.js", tmp_path / "words.mjs")
    text = (tmp_path / "words.mjs").read_text("utf-8").replace("../sentences.js", "./sentences.mjs")
    (tmp_path / "words.mjs").write_text(text, encoding="utf-8")
    (tmp_path / "sentences.mjs").write_text(sentences.as_script(), encoding="utf-8")
    tags = ["zh-CN", "zh", "en-GB", "de-DE"]
    script = f"import {{ closest }} from './words.mjs'; console.log(JSON.stringify({json.dumps(tags)}.map(closest)));"
    (tmp_path / "run.mjs").write_text(script)
    ran = subprocess.run([node, str(tmp_path / "run.mjs")], capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == [sentences.closest(tag) or sentences.FIRST for tag in tags]
