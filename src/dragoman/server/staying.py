"""Text that is in the language it is wanted in: no model has to do with it. Of Chinese, the script may be another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from dragoman.documents import markup
from dragoman.server.requests import ClientRequest, Direction
from dragoman.text.scripts import turning, written_in
from dragoman.translate.translation import Translation


def in_script(direction: Direction) -> Callable[[str], str]:
    """What is passed through before it is answered: a translation, or text that stays."""
    if direction.model is None:
        chinese = direction.target.base == "zh" and not direction.foreign
        return partial(written_in, traditional=direction.target.traditional) if chinese else str
    return turning(True) if direction.target.traditional else str


def stayed(request: ClientRequest, direction: Direction) -> list[Translation]:
    """The texts of a request for which no model is needed."""
    script = in_script(direction)
    flags = ("copied",) if direction.foreign else ()
    found: list[Translation] = []
    for text in request.texts:
        said = script(text)
        if said != text and request.html:
            dialect = replace(request.dialect, source=direction.source.base, target=str(direction.target))
            said = markup.translate_html(text, lambda texts: list(map(script, texts)), dialect)
        found.append(Translation(text, said, None, flags=flags))
    return found
