"""In which language the command line speaks, and its sentences in that language. Holds no sentence itself.

A sentence is written in English where it is said, and looked up as it stands there in the table of the language, a file
beside this one: said/zh.toml. What is not in the table is said in English.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.help.formatters.default import DefaultFormatter

from dragoman.errors import UsageError
from dragoman.explain import sentences

if TYPE_CHECKING:
    from cyclopts.help import HelpPanel
    from rich.console import Console, ConsoleOptions

FOLDER = Path(__file__).parent / "said"
Say = Callable[..., str]

LangFlag = Annotated[
    str | None,
    Parameter(
        help=f"language of what is said ({', '.join(sentences.languages())}); that of the locale by default"
    ),
]


def chosen(asked: str | None) -> str:
    """The language asked for with --lang, or that of the locale. Raises UsageError for one that is not there."""
    if asked is not None and asked not in sentences.languages():
        raise UsageError(f"--lang {asked}: there is {', '.join(sentences.languages())}")
    return asked or _of_the_locale()


def of_the_call(arguments: Sequence[str]) -> str:
    """The same, read off a command line that is not parsed: where its help is asked for, it never will be."""
    for place, word in enumerate(arguments):
        value = word.partition("=")[2] if word.startswith("--lang=") else ""
        if word == "--lang":
            value = "".join(arguments[place + 1 : place + 2])
        if value in sentences.languages():
            return value
    return _of_the_locale()


def _of_the_locale() -> str:
    """As gettext does: the first of these that is set decides."""
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    set_to = next((os.environ[name] for name in names if os.environ.get(name)), "")
    return sentences.closest(set_to) or sentences.FIRST


def speaker(language: str) -> Say:
    """say("{n} words", n=3): the sentence in that language, its gaps filled."""
    table = _table(language)

    def say(sentence: str, **values: object) -> str:
        return table.get(sentence, sentence).format(**values) if values else table.get(sentence, sentence)

    return say


@cache
def _table(language: str) -> Mapping[str, str]:
    path = FOLDER / f"{language}.toml"
    if not path.exists():
        return {}
    parts = tomllib.loads(path.read_text(encoding="utf-8"))
    return {english: said for part in parts.values() for english, said in part.items()}


class Help(DefaultFormatter):
    """What cyclopts draws, its sentences exchanged for those of a language."""

    def __init__(self, language: str) -> None:
        super().__init__()
        self.say = speaker(language)

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        panel.title = self._said(panel.title)
        panel.description = self._said(panel.description)
        for entry in panel.entries:
            self._said(entry.description)  # in its place
        super().__call__(console, options, panel)

    def render_description(self, console: Console, options: ConsoleOptions, description: Any) -> None:
        super().render_description(console, options, self._said(description))

    def _said(self, shown: Any) -> Any:
        """Of a text, or of what cyclopts wraps around one."""
        from rich.text import Text

        from dragoman.cli.wrapping import Wrapped

        if isinstance(shown, str):
            return self.say(" ".join(shown.split()))
        inner = getattr(shown, "primary_renderable", None)
        if isinstance(inner, Text) and inner.plain.strip():
            paragraphs = (" ".join(one.split()) for one in inner.plain.split("\n\n"))
            shown.primary_renderable = Wrapped("\n\n".join(map(self.say, paragraphs)))
        return shown
