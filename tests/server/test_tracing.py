"""The traces of Look inside: one at a time, and none for who has left."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from dragoman.explain.watch import inside
from dragoman.server import tracing
from dragoman.server.tracing import Left, trace
from dragoman.translate.translator import Translator

TEXT = "The big dog sees my cat."


@pytest.fixture
def translator(tiny_model: Path) -> Translator:
    return Translator.load(tiny_model)


def test_who_has_left_while_others_were_served_is_not_served(translator: Translator) -> None:
    """Four who had left held up the next for four traces, and the next was told that the server was busy."""
    gone, ended = threading.Event(), threading.Event()

    def ask() -> None:
        with pytest.raises(Left):
            trace(translator, TEXT, None, None, gone)
        ended.set()

    with tracing._ONE_AT_A_TIME:
        asking = threading.Thread(target=ask)
        asking.start()
        gone.set()
        assert ended.wait(5)
    asking.join()
    assert trace(translator, TEXT, None, None, threading.Event()).startswith('{"format":"dragoman.trace"')


def test_a_trace_ends_between_two_parts_when_nobody_waits_for_it(
    translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, searches = threading.Event(), []
    real = inside.searched

    def searched(*given: object) -> object:
        searches.append(time.monotonic())
        gone.set()
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(inside, "searched", searched)
    with pytest.raises(Left):
        trace(translator, TEXT, None, None, gone)
    assert len(searches) == 1
    assert tracing._ONE_AT_A_TIME.acquire(blocking=False)
    tracing._ONE_AT_A_TIME.release()
