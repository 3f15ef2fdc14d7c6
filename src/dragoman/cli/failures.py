"""Every way that a command can end unwell, as one sentence and an exit code. Prints nothing.

Exit codes: 1 failed, 2 the user's words were off, 129, 130 and 143 ended by SIGHUP, Ctrl-C or SIGTERM, 141 the reader
of the output went away.
What the machine lacks (memory, files, threads) is told by the limit that was met. What is no one's slip but ours has
no sentence: it stays an error with a traceback.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Literal

from dragoman.bounds import beginning
from dragoman.errors import DragomanError
from dragoman.memory import left

Lack = Literal["memory", "open files", "threads"]

# Bytes of addresses. With less the libraries end the process themselves (OpenBLAS, threads of CTranslate2).
LEAST_ROOM = 384 * 2**20

# What they say who have no error of their own for it: torch, CTranslate2, the loader of shared libraries.
_WORDS: tuple[tuple[str, Lack], ...] = (
    ("allocate memory", "memory"),
    ("out of memory", "memory"),
    ("not enough memory", "memory"),
    ("bad_alloc", "memory"),
    ("failed to map segment", "memory"),
    ("unable to mmap", "memory"),
    ("static TLS block", "memory"),
    ("Too many open files", "open files"),
    ("start new thread", "threads"),
    ("Resource temporarily unavailable", "threads"),
)
# ... and what they say for that and for other reasons: under a limit it is this one.
_WORDS_UNDER_A_LIMIT = ("could not create a primitive",)
_NUMBERS: dict[int | None, Lack] = {
    errno.ENOMEM: "memory",
    errno.EMFILE: "open files",
    errno.ENFILE: "open files",
}
_ADVICE: dict[Lack, str] = {
    "memory": "ask for less at once (fewer --workers, a smaller beam or batch), or give it more",
    "open files": "raise the limit",
    # A thread needs memory for its stack, and a limit on memory is the likelier reason.
    "threads": "ask for fewer (--workers 1), or raise the limit",
}
# The packages that come with an extra of ours, by the name they are imported under.
_EXTRAS = {
    "matplotlib": "plot",
    "numba": "words",
    "torch": "train",
    "zstandard": "zst",
    "starlette": "serve",
    "uvicorn": "serve",
    "redis": "redis",
}


def below_need() -> str | None:
    """What is said where the limit on memory is so tight that the libraries end or hang without a word."""
    room = resource.getrlimit(resource.RLIMIT_AS)[0]
    if room == resource.RLIM_INFINITY or room >= LEAST_ROOM:
        return None
    return f"not enough memory ({limit('memory')}): translating needs at least ulimit -v {LEAST_ROOM // 1024}"


class EndedError(KeyboardInterrupt):
    """SIGTERM, or SIGHUP of a terminal that went away: what Ctrl-C takes back is taken back then, too."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def taken_back_when_ended() -> Iterator[None]:
    """Raise EndedError for the first signal by which others end this; a second one ends it at once.

    What is ignored, as nohup does, stays so, and what a verb does at a signal of its own accord goes before this.
    """

    def end(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise EndedError(number)

    heard = []
    if threading.current_thread() is threading.main_thread():  # no other may say what a signal does
        heard = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is signal.SIG_DFL]
    for number in heard:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, signal.SIG_DFL)


def leave_word(sentence: str) -> None:
    """Let torchrun end what it prints of a rank that failed with what the rank said, instead of `error_file: <N/A>`.

    The format is that of torch.distributed.elastic.multiprocessing.errors.ErrorHandler.
    """
    if path := os.environ.get("TORCHELASTIC_ERROR_FILE"):
        with suppress(OSError):
            Path(path).write_text(
                json.dumps({"message": sentence, "timestamp": int(time.time())}), encoding="utf-8"
            )


def told(error: BaseException) -> tuple[str, int] | None:
    """What is said of an error, and the exit code; None for one that is a fault of ours."""
    if isinstance(error, EndedError):
        return f"ended by {signal.Signals(error.number).name}", 128 + error.number
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", 130
    if isinstance(error, ModuleNotFoundError) and (
        extra := _EXTRAS.get((error.name or "").partition(".")[0])
    ):
        install = f"make install, or pip install 'dragoman[{extra}]'"
        return f"this needs {error.name}, which is not installed: {install}", 1
    short: Lack | None = next(filter(None, map(_lack, _causes(error))), None)
    met = f" ({limit(short)})" if short else ""
    if isinstance(error, DragomanError):
        return f"{error}{met}", error.exit_code
    advice = f"{met}: {_ADVICE[short]}" if short else ""
    if isinstance(error, OSError) and (error.filename or not short):
        return f"{error.filename or 'input or output'}: {error.strerror or error}{advice}", 1
    if short:
        detail = beginning(" ".join(str(error).split()))
        return f"not enough {short}{detail and f': {detail}'}{advice}", 1
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _lack(error: BaseException) -> Lack | None:
    """What the machine ran out of, if that is what an error says."""
    if isinstance(error, MemoryError):
        return "memory"
    if isinstance(error, OSError) and error.errno in _NUMBERS:
        return _NUMBERS[error.errno]
    if isinstance(
        error, BlockingIOError
    ):  # a lock that another holds says the same as a thread that cannot be had
        return None
    if isinstance(error, OSError | ImportError | RuntimeError | SystemError):
        text = str(error)
        if left() is not None and any(words in text for words in _WORDS_UNDER_A_LIMIT):
            return "memory"
        return next((lack for words, lack in _WORDS if words in text), None)
    return None


def limit(lack: Lack) -> str:
    """The limit that this process has of it, as the shell calls it."""
    if lack == "open files":
        return f"ulimit -n {resource.getrlimit(resource.RLIMIT_NOFILE)[0]}"
    room = resource.getrlimit(resource.RLIMIT_AS)[0]
    if room != resource.RLIM_INFINITY:
        return f"ulimit -v {room // 1024}"
    if lack == "threads":
        most = resource.getrlimit(resource.RLIMIT_NPROC)[0]
        return "no limit of this process" if most == resource.RLIM_INFINITY else f"ulimit -u {most}"
    return "the machine has no more"
