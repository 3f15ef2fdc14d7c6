"""Every sentence that explains, one table a language, for the terminal and the page alike. Holds no text of a trace.

A language is a file beside this one: en.toml says how it is written. Nothing else has to know of it.
"""

from __future__ import annotations

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


def table(language: str) -> Table:
    """The sentences of a language by their keys, such as "beam.title". Raises DragomanError for a file that is off."""
    return _table(FOLDER, language)


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
    own = _read(folder / f"{language}.toml")
    return own if language == FIRST else {**_table(folder, FIRST), **own}


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
