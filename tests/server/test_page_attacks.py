"""What others wrote, through every place of the page that shows it, in a real browser: it stays text.

Each payload tries another way to run; one that runs sets `window.taken`, or makes the browser ask for /taken.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dragoman.model.directory import find_model
from server.live import Server, serving
from server.test_page import CHROMIUM, playwright

pytestmark = [
    pytest.mark.skipif(
        CHROMIUM is None, reason="there is no Chromium here: install it to test the page in a browser"
    ),
    pytest.mark.slow(
        reason="a browser and a server take seconds to start; nothing else shows what a browser runs"
    ),
]

RUN = "window.taken=1"
PAYLOADS = (
    f"<script>{RUN}</script>",
    f"<img src=x onerror={RUN}>",
    f'"><svg onload={RUN}>',
    f"'><body onload={RUN}>",
    f"</textarea><script>{RUN}</script>",
    f"</title></style><script>{RUN}</script>",
    f"<iframe srcdoc='<script>parent.{RUN}</script>'></iframe>",
    f"<a href=javascript:{RUN}>dog</a>",
    f"javascript:{RUN}//",
    f"<details open ontoggle={RUN}>dog</details>",
    f"<math><mtext><mglyph><style><img src onerror={RUN}>",
    f"<svg><animate onbegin={RUN} attributeName=x dur=1s>",
    f"<input autofocus onfocus={RUN}>",
    '<link rel=stylesheet href=/taken><img src="/taken"><object data=/taken></object>',
    "<base href=//taken.test/><meta http-equiv=refresh content='0;url=/taken'>",
    f"&lt;script&gt;{RUN}&lt;/script&gt; &#60;img src=x onerror={RUN}&#62;",
    f"${{{RUN}}} {{{{constructor.constructor('{RUN}')()}}}} `;{RUN}//",
    f"\\u003cscript\\u003e{RUN}\\u003c/script\\u003e",
    f"\u2028{RUN}\u2029\u202e<script>{RUN}</script>",
    "__proto__[taken]=1 constructor prototype",
)
TOGETHER = [" ".join(PAYLOADS[at : at + 4]) for at in range(0, len(PAYLOADS), 4)]
COUNTED = (
    "() => document.querySelectorAll('script, iframe, object, embed, base, meta[http-equiv], [src=x]').length"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(find_model("en-zh-tiny"), tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as tools:
        chromium = tools.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(server: Server, browser: Any) -> Iterator[Any]:
    """The page; whatever runs that should not, is asked for, or is stopped by the policy alone, fails the test."""
    context = browser.new_context(locale="en-US", accept_downloads=True)
    context.set_default_timeout(30_000)
    opened, wrong = context.new_page(), []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("dialog", lambda dialog: wrong.append(dialog.message) or dialog.dismiss())
    opened.on("console", lambda said: "Content Security Policy" in said.text and wrong.append(said.text))
    opened.on("request", lambda request: request.url.endswith("/taken") and wrong.append(request.url))
    opened.goto(f"{server.url}/")
    opened.locator("#to option").first.wait_for(state="attached")
    nodes = opened.evaluate(COUNTED)
    yield opened
    assert opened.evaluate("() => window.taken ?? ({}).taken ?? null") is None
    assert opened.evaluate(COUNTED) == nodes
    assert opened.title() == "Dragoman"
    assert wrong == []
    context.close()


def answering(page: Any, path: str, body: Any, status: int = 200) -> None:
    """Let the server answer something that it never would."""
    kind = "application/json"
    page.route(
        f"**{path}", lambda route: route.fulfill(status=status, content_type=kind, body=json.dumps(body))
    )


def alternative(text: str) -> dict[str, Any]:
    tokens = [f"▁{text}", text, "▁dog"]
    one = {
        "text": text,
        "score": -1.0,
        "source_tokens": tokens,
        "tokens": tokens,
        "token_scores": [-0.1] * 3,
        "alignment": [[0, 0], [1, 1], [2, 2]],
        "flags": ["loop", text],
        "alternatives": [{"text": f"{text} b", "score": -2.0}],
    }
    detected = {"language": text, "confidence": 50.0}
    return {"translations": [one], "model": text, "source": "en", "target": "zh", "detected": detected}


@pytest.mark.parametrize("payload", TOGETHER)
def test_texts_glossary_files_and_history(page: Any, payload: str) -> None:
    page.click("summary")
    page.fill("#glossary", f"dog = {payload}\n{payload} = cat")
    with page.expect_response("**/api/translate"):
        page.fill("#source", f"I love my dog. {payload}")
    page.locator("#output .term").first.wait_for()
    playwright.expect(page.locator("#terms li").first).to_contain_text(payload.strip()[:12])
    for name in (f"{payload[:200].replace('/', '-')}.txt", f"{payload[:200].replace('/', '-')}.mp3"):
        page.set_input_files("#file", {"name": name, "mimeType": "text/html", "buffer": payload.encode()})
    playwright.expect(page.locator("#files li")).to_have_count(2)
    page.locator("#files a").first.wait_for()
    with page.expect_download() as download:
        page.locator("#files a").first.click()
    assert "/" not in download.value.suggested_filename
    page.locator("#output .term").first.click()
    page.locator("#menu input").fill(payload)
    page.locator("#menu input").press("Enter")
    page.evaluate(
        "(text) => localStorage.setItem('dragoman.history', JSON.stringify([{ source: text, target: text,"
        " text, from: text, to: text, at: text, translation: text }]))",
        payload,
    )
    page.reload()
    page.locator("#to option").first.wait_for(state="attached")
    page.click("#open-history")
    page.wait_for_timeout(100)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_a_server_answers(page: Any, payload: str) -> None:
    """Translations, alternatives, flags, languages and refusals come from models and files of others."""
    answering(page, "/api/translate", alternative(payload))
    page.route("**/api/translate/stream", lambda route: route.abort())
    page.fill("#source", "I love my dog.")
    page.locator("#output .term").first.wait_for()
    page.locator("#output .term").first.hover()
    page.locator("#output .term").first.click()
    page.locator("#menu button, #menu input").first.wait_for()
    page.keyboard.press("Escape")
    answering(page, "/translate_file", {"error": payload}, 400)
    page.set_input_files("#file", {"name": "a.txt", "mimeType": "x", "buffer": b"a dog"})
    playwright.expect(page.locator("#files li").last).to_contain_text(payload.strip()[-6:])
    answering(page, "/api/translate", {"error": payload}, 400)
    page.fill("#source", "I love my cat.")
    playwright.expect(page.locator("#trouble")).to_be_visible()
    answering(page, "/translate_file", {"translatedFileUrl": f"javascript:{RUN}"})
    page.set_input_files("#file", {"name": "b.txt", "mimeType": "x", "buffer": b"a dog"})
    page.wait_for_timeout(100)


@pytest.fixture(scope="module")
def trace(server: Server) -> Any:
    """A trace whose every word is marked, so that it can be made another."""
    pytest.importorskip("torch", reason="torch is not installed: looking inside needs it")
    status, body = server.ask("POST", "/api/explain", {"text": "The dog sees it."})
    assert status == 200, body
    return json.loads(body)


TOLD = (
    "text",
    "piece",
    "prepared",
    "why",
    "note",
    "name",
    "statement",
    "reference",
    "fingerprint",
    "says",
    "label",
)


def poisoned(value: Any, payload: str, key: str = "") -> Any:
    """With the payload in each text that a person reads; what is looked up by its name stays."""
    if isinstance(value, dict):
        return {name: poisoned(inner, payload, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [poisoned(inner, payload, key) for inner in value]
    spoken = key in TOLD and isinstance(value, str) and "." not in value
    return f"{value}{payload}" if spoken else value


@pytest.mark.parametrize("payload", TOGETHER)
def test_look_inside(page: Any, trace: Any, payload: str) -> None:
    answering(page, "/api/explain", poisoned(trace, payload))
    page.fill("#source", payload)
    page.click("#tab-inside")
    page.locator("#look h2").first.wait_for()
    shown = ""
    for number in range(page.locator("#look [data-view]").count()):
        page.locator("#look [data-view]").nth(number).click()
        page.wait_for_timeout(30)
        shown += page.text_content("#look")
    assert RUN in shown, "what was to be an attack was not drawn at all"


def test_the_page_of_a_trace(trace: Any, browser: Any, tmp_path: Path) -> None:
    """The file that `explain -o` writes has the trace within it, and no server whose policy would help."""
    from dragoman.explain import explain
    from dragoman.explain.page.writing import render
    from dragoman.translate.translator import Translator

    translator = Translator.load("en-zh-tiny")
    for number, payload in enumerate(TOGETHER):
        file = tmp_path / f"{number}.html"
        file.write_text(render(explain(translator, f"The dog. {payload}")), "utf-8")
        wrong: list[str] = []
        opened = browser.new_page()
        opened.on("dialog", lambda dialog, wrong=wrong: wrong.append(dialog.message) or dialog.dismiss())
        opened.on(
            "request", lambda asked, wrong=wrong: asked.url.startswith("file:") or wrong.append(asked.url)
        )
        opened.goto(file.as_uri())
        opened.locator("h1, h2").first.wait_for()
        assert opened.evaluate("() => window.taken ?? null") is None
        assert [url for url in wrong if not url.startswith(("data:", "blob:"))] == []
        opened.close()
