"""Language codes that a client sends, or the refusal of what is none. Knows no model."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from dragoman.server.gate.refusals import Refusal
from dragoman.server.gate.schema import shown
from dragoman.text.languages import UNDERSTOOD, base_language, read_tag


@dataclass(frozen=True)
class Code:
    """A language; of Chinese also the script, which is written with other signs and is the same language."""

    base: str
    traditional: bool = False

    def __str__(self) -> str:
        return "zh-Hant" if self.traditional else self.base


def read_code(text: str, field: str, also: Collection[str] = ()) -> Code:
    """`zh`, `cmn_Hans`, `ZH_CN`, `zh-TW`, `EN-US`, `eng` ... Raises Refusal (400) for what is no code.

    also: what is taken though it is no code that is known, since a model here calls its language that.
    """
    if read_tag(text) is None and base_language(text) not in also:
        raise Refusal(
            400, f"{field}: {shown(text)[1:-1]} is not supported: no language has this code; {UNDERSTOOD}"
        )
    return code_of(text)


def code_of(text: str) -> Code:
    """Of a language as a model's configuration names it."""
    tag = read_tag(text)
    return Code(tag.language, tag.traditional) if tag else Code(base_language(text))
