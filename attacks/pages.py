"""Text that would be a script, through every place where a page draws text.

The page of the server and those that `dragoman explain -o` writes are opened in a real browser. Nothing may run,
nothing may be asked of another host, and no element may come of a text.
"""

from __future__ import annotations

import importlib.util
import json
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from attacks.attack import Fault, Trials, Try
from attacks.commands import fault_of
from attacks.product import Product
from attacks.service import serving

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE = 60_000  # milliseconds for what a page shows next: looking inside takes long on a busy machine
KEPT = 2500  # milliseconds after which a translation is in the history

RUN = "window.__pwned=1"
PAYLOADS = (
    f'<img data-pwned src=x onerror="{RUN}">',
    f"<script data-pwned>{RUN}</script>",
    f"<svg data-pwned onload={RUN}>",
    f'"><b data-pwned onmouseover={RUN} autofocus onfocus={RUN} tabindex=1>',
    f"'-({RUN})-'",
    f"javascript:{RUN}",
    f"</title><script data-pwned>{RUN}</script>",
    f"</script><script data-pwned>{RUN}</script>",
    f"--><script data-pwned>{RUN}</script><!--",
    f"{{{{{RUN}}}}}",
    f"${{{RUN}}}",
    f"<iframe data-pwned srcdoc='<script>parent.{RUN}</script>'>",
    f"<a data-pwned href=javascript:{RUN}>a dog</a>",
    "<link data-pwned rel=stylesheet href=//127.0.0.1:9/x>",
    f"<base data-pwned href=//127.0.0.1:9/>{RUN}",
    "<form data-pwned action=//127.0.0.1:9/><button>a</form>",
    f"<math><mtext></form><form><mglyph><style></math><img data-pwned src=x onerror={RUN}>",
    f"<details data-pwned open ontoggle={RUN}>",
    f"\\u003cscript data-pwned>{RUN}\\u003c/script>",
    f"\u2028{RUN}\u2029//",
    "__proto__",
    "constructor",
    f"<template data-pwned><script>{RUN}</script></template>",
    f"]]><script data-pwned>{RUN}</script>",
    f'" style="background:url(//127.0.0.1:9/)" onclick="{RUN}',
    "<meta data-pwned http-equiv=refresh content=0;url=//127.0.0.1:9/>",
)
LOOK = (
    "() => [window.__pwned, document.querySelectorAll('[data-pwned], img[src=x], base[href]').length, "
    "({}).polluted, document.querySelectorAll('[onclick], [onerror], [onload]').length]"
)


@dataclass(frozen=True)
class Script:
    """A payload, and the place where it is drawn: a key of PLACES."""

    place: str
    payload: str

    def __str__(self) -> str:
        return f"{self.place}: {self.payload}"


# -- places -----------------------------------------------------------------------------------------------------


def typed(page: Any, payload: str) -> None:
    with page.expect_response("**/api/translate"):
        page.fill("#source", f"A dog. {payload}")
    page.locator("#output [role=button]").first.wait_for()


def in_glossary(page: Any, payload: str) -> None:
    page.click("summary")
    page.fill("#glossary", f"dog = {payload}\n{payload} = cat")
    typed(page, "A cat.")


def in_file_name(page: Any, payload: str) -> None:
    for suffix in (".txt", ".mp3"):
        name = payload.replace("/", "-") + suffix
        page.set_input_files("#file", {"name": name, "mimeType": "text/plain", "buffer": b"A dog."})
    page.locator("#files li").nth(1).wait_for()


def in_own_words(page: Any, payload: str) -> None:
    typed(page, "")
    page.locator("#output [role=button]").first.click()
    page.locator("#menu input").fill(payload)
    with page.expect_response("**/api/translate"):
        page.locator("#menu input").press("Enter")


def in_history(page: Any, payload: str) -> None:
    typed(page, payload)
    page.wait_for_timeout(KEPT)
    page.click("#open-history")
    page.locator("#past li").first.wait_for()


def in_what_was_kept(page: Any, payload: str) -> None:
    """Whatever stands in the browser's storage: it may come from an older version, or from another program."""
    kept = json.dumps(
        [{"source": payload, "target": payload, "text": payload, "translation": payload, "from": payload}]
    )
    page.evaluate("kept => localStorage.setItem('dragoman.history', kept)", kept)
    page.reload()
    page.locator("#to option").first.wait_for(state="attached")
    page.click("#open-history")
    page.wait_for_timeout(200)


def inside(page: Any, payload: str) -> None:
    typed(page, payload)
    page.click("#tab-inside")
    page.locator("#look h2, #look .error, #trouble:not([hidden])").first.wait_for()
    page.wait_for_timeout(300)


def in_a_refusal(page: Any, payload: str) -> None:
    refusal = json.dumps({"error": payload})
    page.route(
        "**/api/translate**",
        lambda route: route.fulfill(status=400, content_type="application/json", body=refusal),
    )
    page.fill("#source", "A dog.")
    page.wait_for_timeout(1000)


def in_an_answer(page: Any, payload: str) -> None:
    """What a model writes may be anything."""

    def answer(route: Any) -> None:
        response = route.fetch()
        found = response.json()
        for one in found["translations"]:
            one.update(text=f"{payload} {one['text']}", tokens=[payload, *one["tokens"]], flags=[payload])
            one["alternatives"] = [{"text": payload, "score": -1.0}]
        route.fulfill(response=response, json=found)

    page.route("**/api/translate", answer)
    typed(page, "")


PLACES: dict[str, Callable[[Any, str], None]] = {
    "text": typed, "glossary": in_glossary, "name of a file": in_file_name, "own words": in_own_words,
    "history": in_history, "kept history": in_what_was_kept, "look inside": inside, "refusal": in_a_refusal,
    "answer": in_an_answer,
}  # fmt: skip
EXPLAINED = "explain -o"


def drawn(rng: random.Random) -> Script:
    payload = rng.choice(PAYLOADS)
    if rng.random() < 0.3:
        payload = rng.choice(("", '"', "'", "`", "\\", "&lt;", "</p>", "<!--", "\u202e")) + payload
    return Script(rng.choice((*PLACES, EXPLAINED)), payload)


# -- a browser --------------------------------------------------------------------------------------------------


def no_browser() -> str:
    if importlib.util.find_spec("playwright") is None:
        return "playwright is not installed"
    return "" if CHROMIUM else "there is no Chromium here"


@contextmanager
def draw_scripts(product: Product) -> Iterator[Try[Script]]:
    from playwright.sync_api import sync_playwright

    with serving(product) as service, sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])

        def try_(script: Script) -> Fault | None:
            if script.place == EXPLAINED:
                with product.passing_folder() as folder:
                    path, fault = explained(product, script.payload, folder)
                    return fault or (
                        opened(browser, path.as_uri(), script, lambda page, payload: None) if path else None
                    )
            return opened(browser, f"{service.url}/", script, PLACES[script.place])

        yield try_
        browser.close()


def explained(product: Product, payload: str, folder: Path) -> tuple[Path | None, Fault | None]:
    """A page with the payload as text and as reference; None if it was refused, and what is wrong with how."""
    path = folder / "page.html"
    ended = product.commands.run(
        "explain",
        f"A dog. {payload}",
        "--reference",
        payload,
        "-m",
        str(product.model),
        "-o",
        str(path),
        seconds=90,
    )
    return (path if path.exists() else None), fault_of(ended)


def opened(browser: Any, address: str, script: Script, draw: Callable[[Any, str], None]) -> Fault | None:
    """What a browser says once the payload is drawn."""
    from playwright.sync_api import TimeoutError

    context = browser.new_context(locale="en-US")
    context.set_default_timeout(PATIENCE)
    context.add_init_script("Object.prototype.polluted = undefined")
    page, events = context.new_page(), list[str]()
    _watch(page, address, events.append)
    try:
        page.goto(address)
        if script.place != EXPLAINED:
            page.locator("#to option").first.wait_for(state="attached")
        draw(page, script.payload)
        page.wait_for_timeout(100)
        ran, elements, polluted, handlers = page.evaluate(LOOK)
    except TimeoutError as error:
        return Fault(f"the page does not come so far: {error}", where=script.place)
    finally:
        context.close()
    if ran is not None:
        return Fault("it ran", where=script.place)
    if events:
        return Fault(events[0], where=script.place)
    if elements or handlers or polluted is not None:
        return Fault(f"{elements + handlers} elements came of a text", where=script.place)
    return None


def _watch(page: Any, address: str, note: Callable[[str], None]) -> None:
    """Note whatever a page may not do; also what only its policy kept it from."""

    def dialog(opened: Any) -> None:
        note(f"a dialog: {opened.message}")
        opened.dismiss()

    def asked(request: Any) -> None:
        if not _is_ours(request.url, address):
            note(f"asked for {request.url}")

    def said(message: Any) -> None:
        if "Content Security Policy" in message.text:
            note(f"only the policy kept it off: {message.text[:150]}")

    page.on("dialog", dialog)
    page.on("request", asked)
    page.on("console", said)
    page.on("popup", lambda popup: note("another window"))


def _is_ours(url: str, address: str) -> bool:
    found, ours = urlparse(url), urlparse(address)
    return found.scheme in ("data", "blob", "about") or (found.scheme, found.netloc) == (
        ours.scheme,
        ours.netloc,
    )


SCRIPTS: Trials[Product, Script] = Trials(
    "scripts",
    "what a page draws is text: nothing in it runs, becomes an element, or is asked of another host",
    draw_scripts,
    drawn,
    tuple(Script(place, PAYLOADS[0]) for place in (*PLACES, EXPLAINED)),
    show=str,
    missing=no_browser,
    share=3.0,
)
