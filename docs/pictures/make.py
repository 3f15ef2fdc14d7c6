"""Makes the pictures of both READMEs: the terminal, the page, the look inside. Measures nothing.

    python docs/pictures/make.py            all of them, in both languages, light and dark
    python docs/pictures/make.py terminal   only those whose name begins so

What is shown is what the program prints and draws today with the bundled model. It takes Chromium and the packages of
the extra `dev`; a minute on two cores.
"""

from __future__ import annotations

import io
import os
import pty
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from rich.cells import cell_len
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

HERE = Path(__file__).parent
LANGUAGES, THEMES = ("en", "zh"), ("light", "dark")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PROGRAM = [sys.executable, "-m", "dragoman"]
COLUMNS = 90
SIZE = {"width": 1120, "height": 760}  # CSS pixels
QUALITY = 78  # of WebP: letters stay sharp, a file has 30 to 110 kB

TYPED = {"en": "Click the button below to reset your password.", "zh": "今天早上我把雨伞落在公交车上了。"}
LOOKED_AT = ("Where did you buy that book?", "你在哪儿买的那本书？")

COMMANDS = {
    "en": (
        'dragoman translate "Hello {name}, open https://example.org/a_(b) to reset your password"',
        'dragoman translate "您没有权限删除此文件夹。"',
        'dragoman explain "Where is my book?" --attention decoder.2.cross --head 2',
    ),
    "zh": (
        'dragoman translate "您没有权限删除此文件夹。"',
        'dragoman translate "Hello {name}, open https://example.org/a_(b) to reset your password"',
        'dragoman explain "Where is my book?" --attention decoder.2.cross --head 2 --lang zh',
    ),
}

PALETTES = {
    "light": TerminalTheme(
        (252, 252, 250), (30, 34, 42),
        [(30, 34, 42), (190, 60, 40), (60, 130, 60), (160, 110, 20), (40, 100, 180), (140, 70, 150), (20, 130, 140),
         (120, 124, 130)],
    ),
    "dark": TerminalTheme(
        (24, 26, 31), (222, 224, 228),
        [(70, 74, 82), (240, 120, 100), (130, 200, 130), (230, 190, 100), (120, 170, 240), (210, 150, 220),
         (100, 200, 205), (200, 203, 208)],
    ),
}  # fmt: skip

# Chinese is set two cells wide, as a terminal does, whatever the font.
SHEET = """<style>
body {{ margin: 0; background: {background}; }}
pre {{ margin: 0; padding: 20px 24px; color: {foreground}; display: inline-block;
      font: 15px/1.42 "DejaVu Sans Mono", Menlo, Consolas, monospace; }}
i {{ display: inline-block; width: 2ch; font-style: normal; }}
</style><pre>{code}</pre>"""


def printed(command: str) -> str:
    """What a command prints into a terminal, with its colours."""
    leader, follower = pty.openpty()
    words = [*PROGRAM, *shlex.split(command)[1:]]
    there = {**os.environ, "COLUMNS": str(COLUMNS), "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    with subprocess.Popen(words, stdin=follower, stdout=follower, stderr=follower, env=there) as running:
        os.close(follower)
        found = io.BytesIO()
        with suppress(OSError):  # Linux tells so that the other end is closed
            while read := os.read(leader, 65536):
                found.write(read)
        os.close(leader)
    if running.returncode:
        raise SystemExit(f"{command}: exit code {running.returncode}\n{found.getvalue().decode()}")
    return found.getvalue().decode().replace("\r\n", "\n")


def terminals(browser: Browser) -> Iterator[tuple[str, bytes]]:
    """The commands of each language and what they print."""
    for language in LANGUAGES:
        outputs = [(command, printed(command)) for command in COMMANDS[language]]
        for theme in THEMES:
            console = Console(record=True, width=COLUMNS, file=io.StringIO(), highlight=False)
            for command, output in outputs:
                console.print(Text.assemble(("$ ", "dim"), (command, "bold")))
                console.print(Text.from_ansi(output.rstrip("\n")))
                console.print()
            drawn = console.export_html(theme=PALETTES[theme], code_format=SHEET, inline_styles=True)
            page = opened(browser, language, theme)
            page.set_content(wide_apart(drawn))
            yield f"terminal-{language}-{theme}.webp", webp(page.locator("pre").screenshot())
            page.close()


def wide_apart(html: str) -> str:
    """Each character that is two cells wide as an element of its own."""
    return "".join(f"<i>{one}</i>" if cell_len(one) == 2 else one for one in html)


@contextmanager
def served() -> Iterator[str]:
    """The address of a server of the bundled model."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    running = subprocess.Popen([*PROGRAM, "serve", "--port", str(port)], stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with suppress(OSError), urllib.request.urlopen(f"{address}/health") as answer:
                if answer.status == 200:
                    break
            time.sleep(0.1)
        yield address
    finally:
        running.terminate()
        running.wait()


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def opened(browser: Browser, language: str, theme: str) -> Page:
    """A fresh page in one of the looks, with one and a half times the pixels."""
    looks: Any = {"locale": {"en": "en-US", "zh": "zh-CN"}[language], "color_scheme": theme}
    return browser.new_page(viewport=SIZE, device_scale_factor=1.5, **looks)  # type: ignore[arg-type]


def taken(page: Page, height: int) -> bytes:
    """The upper part of what the page shows."""
    shot = page.screenshot(clip={"x": 0, "y": 0, "width": SIZE["width"], "height": height})
    page.close()
    return webp(shot)


def webp(shot: bytes) -> bytes:
    """PNG -> WebP."""
    made = io.BytesIO()
    Image.open(io.BytesIO(shot)).save(made, "WEBP", quality=QUALITY, method=6)
    return made.getvalue()


def pages(browser: Browser) -> Iterator[tuple[str, bytes]]:
    """The page of `dragoman serve`, with a sentence in it."""
    with served() as address:
        for language in LANGUAGES:
            for theme in THEMES:
                page = opened(browser, language, theme)
                page.goto(address)
                page.fill("#source", TYPED[language])
                page.wait_for_selector("#copy:not([hidden])", timeout=60_000)
                page.mouse.click(5, 740)  # no caret
                yield f"page-{language}-{theme}.webp", taken(page, 520)


def looks(browser: Browser) -> Iterator[tuple[str, bytes]]:
    """The attention of the last decoder layer, as `dragoman explain -o` draws it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "look.html"
        source, reference = LOOKED_AT
        subprocess.run([*PROGRAM, "explain", source, "--reference", reference, "-o", str(file)], check=True)
        for language in LANGUAGES:
            for theme in THEMES:
                page = opened(browser, language, theme)
                page.goto(f"{file.as_uri()}#attention")
                page.wait_for_selector("#dragoman-view h2", timeout=60_000)
                page.wait_for_timeout(500)
                yield f"look-{language}-{theme}.webp", taken(page, SIZE["height"])


DRAWN: dict[str, Callable[[Browser], Iterator[tuple[str, bytes]]]] = {
    "terminal": terminals,
    "page": pages,
    "look": looks,
}


def main(only: str = "") -> None:
    binary = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=binary, args=["--no-sandbox"])
        for name in [name for name in DRAWN if name.startswith(only)]:
            for file, content in DRAWN[name](browser):
                (HERE / file).write_bytes(content)
                print(f"{file}: {len(content) / 1000:.0f} kB")
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
