"""`python -P -m dragoman.server.tracing`: the traces that Look inside shows, one after the other. Knows no HTTP.

A process of its own: it can be ended in the midst of a trace, and what it took is given back then. Loading torch
alone holds the interpreter for a third of a second.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from dragoman.documents.frames import Frame, as_json, place_of, read, write
from dragoman.errors import DragomanError, UsageError
from dragoman.model.directory import open_model
from dragoman.model.seal import MANIFEST
from dragoman.translate.translator import EngineName, Translator

# As many positions as a trace keeps whole. A hundred characters of four bytes are 400 tokens, and took gigabytes.
MOST_TOKENS = 64


@dataclass(frozen=True)
class TraceTask:
    """A sentence, and the model to look into with it."""

    path: str
    engine: EngineName
    device: str
    compute_type: str | None
    text: str
    reference: str | None = None
    without: str | None = None
    teach: int | None = None
    say: str | None = None
    beside: str | None = None
    word: str | None = None


def main() -> None:
    os.dup2(
        os.open(os.devnull, os.O_WRONLY), 2
    )  # what fails is told in a frame, without the words of the sentence
    model = Model()
    with suppress(OSError, EOFError):  # nobody asks any more
        while True:
            answer(sys.stdin.buffer, sys.stdout.buffer, model)


def answer(asked: BinaryIO, told: BinaryIO, model: Callable[[TraceTask], Translator]) -> None:
    """Read one task and tell the outcome. Raises EOFError where there is none."""
    task = TraceTask(**json.loads(read(asked, Frame.TASK)))
    try:
        write(told, Frame.DONE, trace(model(task), task).encode())
    except UsageError as error:
        write(told, Frame.REFUSED, as_json(str(error)))
    except ImportError as error:
        write(told, Frame.MISSING, as_json(str(error.name)))
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        write(told, Frame.FAILED, as_json(place_of(error)))
    except Exception as error:
        said = f"{error} ({place_of(error)})" if isinstance(error, DragomanError) else place_of(error)
        write(told, Frame.FAILED, as_json(said))


class Model:
    """The one that was looked into last, opened again where it has been replaced on disk."""

    def __init__(self) -> None:
        self._opened: tuple[object, Translator] | None = None

    def __call__(self, task: TraceTask) -> Translator:
        state = os.stat(Path(task.path) / MANIFEST)
        wanted = (task.path, task.engine, task.device, task.compute_type, state.st_ino, state.st_mtime_ns)
        if self._opened is None or self._opened[0] != wanted:
            self._opened = None  # before the next one takes room
            directory = open_model(Path(task.path))
            translator = Translator(
                directory, task.engine, device=task.device, workers=1, compute_type=task.compute_type
            )
            self._opened = (wanted, translator)
        return self._opened[1]


def trace(translator: Translator, task: TraceTask) -> str:
    """The JSON of a trace. Raises UsageError for what cannot be traced, ImportError where a package is missing."""
    check_length(translator, task.text, task.reference or "")
    if task.beside is not None:
        check_length(translator, task.beside, "")
    from dragoman.explain import explain_both
    from dragoman.explain.trace.trials import wanted

    first = task.without is None  # whose answer is the sentence once more, and nothing else
    lesson = first and task.teach is None and task.say is None and task.beside is None
    tried = replace(wanted(task.teach, task.say, task.beside, task.word), boxes=first, lesson=lesson)
    found = explain_both(translator, task.text, task.reference or None, wanted=tried)
    return (found.without(task.without) if task.without else found).to_json()


def check_length(translator: Translator, text: str, reference: str) -> None:
    """Raises UsageError for a sentence or a reference of too many tokens, before anything is computed."""
    first = next(iter(translator.plan(text, protect=False).sources), [])
    _, written = translator.encode("", reference)
    for name, tokens in (("the sentence", first), ("the reference", written)):
        if len(tokens) > MOST_TOKENS:
            raise UsageError(
                f"{name} has {len(tokens):,} tokens, and {MOST_TOKENS} at most are looked into here: give a shorter one"
            )


if __name__ == "__main__":
    main()
