"""Standard input, output and error as the verbs use them. Knows no verb.

Text that comes from a file or a model is not trusted with a terminal: control characters could move its cursor or
change its colours, and bidirectional controls could show another order than the real one. A pipe gets every byte.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from dragoman.errors import UsageError
from dragoman.files import naming

# C0 but tab and line feed, DEL, C1, and what Unicode calls Bidi_Control.
_UNSAFE = dict.fromkeys(
    (
        *range(9),
        *range(11, 32),
        *range(127, 160),
        0x61C,
        0x200E,
        0x200F,
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
    )
)
_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"
_SHOW_EVERY = 0.2  # seconds
STANDARD_OUTPUT = "standard output"


def prepare_streams() -> None:
    """UTF-8 with LF for whatever is no terminal, on any system: a corpus must not depend on the locale."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by the caller
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - for as long as the process lives
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            if stream.isatty():
                stream.reconfigure(errors="replace")
            else:
                stream.reconfigure(encoding="utf-8", errors="replace", newline="\n")


def settle_output() -> None:
    """Write what is in the buffer; where it can go nowhere, let it, or Python complains about it at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(text: str, note: str = "") -> None:
    """One answer on standard output. `note` is an aside that only a terminal shows."""
    if sys.stdout.isatty():
        text = for_terminal(text)
        if note:
            text += f"  {dim(f'({note})')}"
    with naming(STANDARD_OUTPUT):
        print(text, flush=sys.stdout.isatty())


def flush() -> None:
    """Hand over what was said, or say why it cannot be."""
    with naming(STANDARD_OUTPUT):
        sys.stdout.flush()


def say_json(value: dict[str, Any]) -> None:
    """One line of JSON."""
    say(json.dumps(value, ensure_ascii=False))


def tell(text: str) -> None:
    """A word to the person at the terminal, on standard error: no part of the answer."""
    print(for_terminal(text) if sys.stderr.isatty() else text, file=sys.stderr, flush=True)


def for_terminal(text: str) -> str:
    return text.translate(_UNSAFE)


def dim(text: str) -> str:
    return text if os.environ.get("NO_COLOR") else f"{_DIM}{text}{_PLAIN}"


def is_utf8(text: str) -> bool:
    """Whether a word of the command line was; what was not comes as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def input_lines() -> Iterator[str]:
    """The lines of standard input, each as soon as it is there. A line ends at LF and nowhere else."""
    for number, line in enumerate(sys.stdin.buffer, 1):
        try:
            yield line.removesuffix(b"\n").removesuffix(b"\r").decode()
        except UnicodeDecodeError as error:
            raise UsageError(
                f"standard input, line {number:,}: byte {error.start + 1} of the line (0x{line[error.start]:02x}) "
                "is not UTF-8: convert it with iconv"
            ) from error


@contextmanager
def counter(noun: str, total: int | None = None) -> Iterator[Callable[[int], None] | None]:
    """A line on the terminal that counts what is done; None where there is none to look at it.

    Nothing is shown either when standard output is a terminal too: the answers themselves show how far it is.
    """
    if not sys.stderr.isatty() or (total is None and sys.stdout.isatty()):
        yield None
        return
    started = shown = time.monotonic()

    def show(done: int) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown >= _SHOW_EVERY:
            shown, rate = now, done / (now - started)
            of = f" of {total:,}" if total else ""
            left = f", {(total - done) / rate:,.0f} s left" if total else ""
            sys.stderr.write(f"\r\x1b[K{done:,}{of} {noun}, {rate:,.0f} a second{left}")
            sys.stderr.flush()

    try:
        yield show
    finally:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns under each other on a terminal, where a Chinese character is two cells wide."""
    from rich.cells import cell_len

    widths = [max(cell_len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
