"""`dragoman explain --lesson`: one screen after the other for a person at a terminal, all at once elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from dragoman.cli.failures import EndedError

if TYPE_CHECKING:
    from dragoman.explain.terminal.drawing import Lines, Screen
    from dragoman.explain.trace.trace import Trace

Draw = Callable[["Lines"], None]


def teach(trace: Trace, screen: Screen, draw: Draw) -> None:
    """The lesson; who sits at a terminal goes on with Enter, back with b, and is asked for the forks."""
    from dragoman.explain.terminal.lesson import STEPS, forks_answered, lesson
    from dragoman.explain.terminal.lettering import shapes_of

    screens, answerable = lesson(trace, screen), shapes_of(trace) is not None
    forks = STEPS.index("forks")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        for n, lines in enumerate(screens):
            draw([*lines, *(forks_answered(trace, screen, "") if n == forks and answerable else [])])
        return
    at = 0
    while at < len(screens):
        draw(screens[at])
        if at == forks and answerable:
            guess = _asked(screen.say("lesson.forks.guess"))
            if guess is None:
                return
            draw(forks_answered(trace, screen, guess))
        if at == len(screens) - 1:
            return
        answer = _asked(f"{at + 1}/{len(screens)}  {screen.say('lesson.walk.prompt')}")
        if answer is None or answer.lower() == "q":
            return
        at = max(0, at - 1) if answer.lower() == "b" else at + 1


def _asked(question: str) -> str | None:
    """None where the reader ends it."""
    try:
        return input(f"\n{question} ").strip()
    except EndedError:
        raise
    except (EOFError, KeyboardInterrupt):
        sys.stdout.write("\n")
        return None
