"""Fills the guide with what its commands print: each ```text block that follows a command. Writes no prose.

    python docs/guide/generate.py           run them all and write the pages anew
    python docs/guide/generate.py --check   tell which are out of date, and write nothing

The pages in Chinese show the same commands with the explanations in Chinese. Two outputs count as equal when they say
the same in words and their numbers differ by no more than the last digit shown; times and rounding errors, which
belong to the machine, may differ.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

GUIDE = Path(__file__).parent
ROOT = GUIDE.parents[1]
_TOPICS = ("explain", "beyond-text", "lineage/README", "lineage/rnn", "lineage/bert")
PAGES = [GUIDE / f"{topic}{language}.md" for topic in _TOPICS for language in ("", ".zh-CN")]

WIDE = "100"  # cells, whatever the terminal of who writes the pages

_BLOCK = re.compile(r"^```\n((?:dragoman|python) [^\n]+)\n```\n\n```text\n(.*?)^```$", re.M | re.S)
_NUMBER = re.compile(r"\d+(?:\.(\d+))?(?:e-?\d+)?( ms)?")
# Shades and bars follow from numbers, and a sign or a space may come and go with them.
_FOLLOWS = re.compile(r"[\s.:=+*#%@░▒▓█-]+")


@dataclass(frozen=True)
class Output:
    """A command of a page, and what the page says that it prints."""

    page: Path
    command: str
    shown: str

    def printed(self) -> str:
        """What it prints now."""
        program, *words = shlex.split(self.command)
        return self._of_dragoman(words) if program == "dragoman" else self._of_python(words)

    def _of_dragoman(self, words: list[str]) -> str:
        from dragoman.cli import main

        chinese = self.page.name.endswith(".zh-CN.md")
        said = {"LC_ALL": "zh_CN.UTF-8" if chinese else "C.UTF-8", "COLUMNS": WIDE}
        before = {name: os.environ.get(name) for name in said}
        os.environ.update(said)
        out = io.StringIO()
        try:
            with contextlib.redirect_stdout(out):
                code = main(words)
        finally:
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value
        if code:
            raise SystemExit(f"{self.page.name}: {self.command}: exit code {code}")
        return out.getvalue()

    def _of_python(self, words: list[str]) -> str:
        return subprocess.run(
            [sys.executable, *words], cwd=ROOT, check=True, capture_output=True, text=True, encoding="utf-8"
        ).stdout


def outputs(page: Path) -> Iterator[Output]:
    for found in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        yield Output(page, found[1], found[2])


def same(shown: str, printed: str) -> bool:
    """Whether two outputs say the same, up to what belongs to the machine."""
    return _words(shown) == _words(printed) and all(
        abs(value - other) <= 1.01 * step
        for (value, step), (other, _) in zip(_numbers(shown), _numbers(printed), strict=True)
    )


def _words(text: str) -> str:
    return _FOLLOWS.sub("", _NUMBER.sub("0", text))


def _numbers(text: str) -> list[tuple[float, float]]:
    """Each number with the worth of its last digit; times and powers of ten are any number."""
    return [
        (0.0, 0.0) if found[2] or "e" in found[0] else (float(found[0]), 10.0 ** -len(found[1] or ""))
        for found in _NUMBER.finditer(text)
    ]


def renew(page: Path) -> None:
    """Run the commands of a page and write it with what they print."""
    text = page.read_text(encoding="utf-8")
    for output in outputs(page):
        old = f"```\n{output.command}\n```\n\n```text\n{output.shown}```"
        text = text.replace(old, f"```\n{output.command}\n```\n\n```text\n{output.printed()}```")
    page.write_text(text, encoding="utf-8")


def main() -> None:
    if "--check" not in sys.argv[1:]:
        for page in PAGES:
            renew(page)
        return
    stale = [o for page in PAGES for o in outputs(page) if not same(o.shown, o.printed())]
    for output in stale:
        print(f"{output.page.name}: out of date: {output.command}")
    sys.exit(bool(stale))


if __name__ == "__main__":
    main()
