"""The traces that the page's Look inside shows: one at a time, of no long sentences. Traces nothing itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dragoman.errors import UsageError
from dragoman.server.gate.refusals import Refusal
from dragoman.translate.translator import Translator

# A trace keeps a core busy for as long as a hundred sentences do: several at once would leave those none.
_ONE_AT_A_TIME = threading.Lock()
# As many positions as a trace keeps whole. A hundred characters of four bytes are 400 tokens, and took gigabytes.
MOST_TOKENS = 64
LOOK_UP = 0.1  # seconds between two looks whether somebody still waits


class Left(Exception):
    """Whoever asked for a trace has gone: nobody is told."""


def trace(
    translator: Translator,
    text: str,
    reference: str | None,
    without: str | None,
    gone: threading.Event,
) -> str:
    """The JSON of a trace. Raises Refusal (501) where a package is missing, UsageError for what cannot be traced.

    Once `gone` is set it ends within a part of the work, and so do those that only wait for their turn: what nobody
    waits for any more must not hold up the next who asks. Left is raised then.
    """
    try:
        from dragoman.explain import explain_both
    except ImportError as error:
        raise Refusal(501, f"looking inside needs {error.name}, which this server has not") from None
    _check_length(translator, text, reference or "")

    def check() -> None:
        if gone.is_set():
            raise Left

    with _turn(check):
        found = explain_both(translator, text, reference or None, check=check)
        return (found.without(without) if without else found).to_json()


@contextmanager
def _turn(check: Callable[[], None]) -> Iterator[None]:
    check()
    while not _ONE_AT_A_TIME.acquire(timeout=LOOK_UP):
        check()
    try:
        yield
    finally:
        _ONE_AT_A_TIME.release()


def _check_length(translator: Translator, text: str, reference: str) -> None:
    """Raises UsageError for a sentence or a reference of too many tokens, before anything is computed."""
    first = next(iter(translator.plan(text).sources), [])
    _, written = translator.encode("", reference)
    for name, tokens in (("the sentence", first), ("the reference", written)):
        if len(tokens) > MOST_TOKENS:
            raise UsageError(
                f"{name} has {len(tokens):,} tokens, and {MOST_TOKENS} at most are looked into here: give a shorter one"
            )
