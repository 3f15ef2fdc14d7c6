"""`python -P -m dragoman.documents`: answers the one task that comes through standard input. Reads nothing itself."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from dragoman.documents.process import answer


def main() -> None:
    """What fails is told in a frame: standard error would carry words of the file into the log of the service."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what failed before this line, such as an import, was heard
    with suppress(OSError, EOFError):  # nobody waits for the answer any more
        answer(sys.stdin.buffer, sys.stdout.buffer, confined=True)


if __name__ == "__main__":
    main()
