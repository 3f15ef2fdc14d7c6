"""Every sentence that explains, one table a language, for the terminal and the page alike. Holds no text of a trace.

A language is a file beside this one: en.toml says how it is written. Nothing else has to know of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from dragoman.errors import DragomanError

FOLDER = Path(__file__).parent
FIRST = "en"  # the language that lends the sentences which another one lacks

Table = Mapping[str, str]

_GAP = re.compile(r"\{(\w+)\}")


def languages() -> tuple[str, ...]:
    """Codes of the languages that have a table, English first."""
    return FIRST, *sorted({path.stem for path in FOLDER.glob("*.toml")} - {FIRST})


def table(language: str, folder: Path | None = None) -> Table:
    """The sentences of a language by their keys, such as "beam.title". Raises DragomanError for a file that is off.

    folder: where other tables stand than those of this package.
    """
    return _table(folder or FOLDER, language)


def as_script(folder: Path | None = None) -> str:
    """The tables of all languages as a JavaScript module; those of another folder get the names of the languages."""
    named = {one: {key: table(one)[key] for key in ("language.name", "language.tag")} for one in languages()}
    tables = {one: {**names, **table(one, folder)} for one, names in named.items()}
    # In a page's own script a "<" could end it or open a comment.
    text = json.dumps(tables, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return f"export const TABLES = {text};\n"


def closest(name: str) -> str | None:
    """The language of a locale or a tag: "zh_CN.UTF-8" is zh, unless there is a zh-CN."""
    tag = re.split(r"[.@]", name)[0].replace("_", "-").lower()
    known = {code.lower(): code for code in languages()}
    return known.get(tag) or known.get(tag.partition("-")[0])


def known(key: str) -> bool:
    """Whether there is such a sentence."""
    return key in table(FIRST)


def say(key: str, language: str, /, **values: object) -> str:
    """A sentence with its gaps filled. Where `count` is 1, the one that is called KEY.one, if there is one."""
    return _filled(_sentence(key, language, values), values)


def parts(key: str, language: str, /, **values: object) -> list[str]:
    """The parts of a sentence between its bars, such as the heads of a table; a value may hold a bar itself."""
    return [_filled(part, values) for part in _sentence(key, language, values).split("|")]


def _sentence(key: str, language: str, values: Mapping[str, object]) -> str:
    sentences = table(language)
    one = sentences.get(f"{key}.one") if values.get("count") == 1 else None
    return one or sentences[key]


def _filled(text: str, values: Mapping[str, object]) -> str:
    return _GAP.sub(lambda gap: str(values[gap[1]]), text)


@cache
def _table(folder: Path, language: str) -> Table:
    if language == FIRST:
        return _read(folder / f"{FIRST}.toml")
    path = folder / f"{language}.toml"
    return {**_table(folder, FIRST), **(_read(path) if path.exists() else {})}


def _read(path: Path) -> dict[str, str]:
    import tomllib  # here, since most of what is run says nothing of this

    try:
        return dict(_flat(tomllib.loads(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError) as error:
        raise DragomanError(f"cannot read the sentences in {path}: {error}") from error


def _flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        elif isinstance(value, str):
            yield f"{before}{name}", value
        else:
            raise ValueError(f"{before}{name} is no text: put it in quotes")
