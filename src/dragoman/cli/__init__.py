"""The command line: `main`, and how a command ends. The verbs stand in the files beside this one (commands.py).

Exit codes: 0 done, 1 failed, 2 the user's words were off, 129, 130 and 143 ended by SIGHUP, Ctrl-C or SIGTERM, 141 the
reader of the output went away.
The verbs are loaded within `main`: under a tight limit loading them fails too, and that is told as anything else is.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from dragoman.cli.failures import below_need, leave_word, taken_back_when_ended, told
from dragoman.cli.terminal import prepare_streams, settle_output, tell
from dragoman.memory import watch_imports


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; what went wrong is told in one sentence on standard error."""
    prepare_streams()
    if too_little := below_need():
        tell(f"dragoman: {too_little}")
        return 1
    watch_imports()
    try:
        with taken_back_when_ended():
            from dragoman.cli.commands import run

            return run(sys.argv[1:] if arguments is None else arguments)
    except BrokenPipeError:
        settle_output()
        return 141  # as the shell reports of any program that SIGPIPE ended
    except (Exception, KeyboardInterrupt) as error:
        said = told(error)
        if said is None:
            raise
        settle_output()
        tell(f"dragoman: {said[0]}")
        leave_word(said[0])
        return said[1]


def __getattr__(name: str) -> Any:
    """`dragoman.cli.app`, the verbs as a value."""
    if name != "app":
        raise AttributeError(f"module 'dragoman.cli' has no attribute {name!r}")
    from dragoman.cli.commands import app

    return app
