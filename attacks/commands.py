"""Commands of Dragoman run, timed, ended, and judged by how they end. Knows no attack.

What every command owes whoever typed it: it ends, by itself; it fails in one sentence; no traceback is shown.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dragoman
from attacks.attack import Fault

ROOT = Path(__file__).parents[1]
SOURCES = os.pathsep.join((str(Path(dragoman.__file__).parents[1]), str(ROOT)))
PATIENCE = 60.0  # seconds for a command that trains or translates next to nothing, on a busy machine
TRACEBACK = "Traceback (most recent call last)"


@dataclass(frozen=True)
class Ended:
    """How a command ended. `code` is below 0 for a signal, as subprocess has it; times are in seconds, `peak` in KB."""

    words: Sequence[str]
    code: int
    out: bytes
    err: str
    seconds: float
    cpu: float = 0.0
    peak: int = 0
    hung: bool = False
    calls: Sequence[str] = ()  # those that injections.Calls counted

    @property
    def last(self) -> str:
        """The last line on standard error."""
        return (self.err.strip().splitlines() or [""])[-1]


def fault_of(ended: Ended, killed: bool = False) -> Fault | None:
    """What is wrong with how a command ended, whatever it did. killed: a signal was sent to it."""
    if ended.hung:
        return Fault(f"did not end within {ended.seconds:.0f} s")
    if TRACEBACK in ended.err:
        return Fault(f"traceback: {ended.last}")
    if ended.code < 0 and not killed:
        return Fault(f"ended by {_signal(-ended.code)}")
    if ended.code > 0 and not killed:
        said = [line for line in ended.err.splitlines() if line.startswith("dragoman: ")]
        if len(said) != 1 or len(said[0]) < 20:
            return Fault(f"exit {ended.code}, without a sentence that says why: {ended.last[-200:]!r}")
    return None


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def environment(folder: Path) -> dict[str, str]:
    """What every process of the attacks gets: one thread, the sources that this process has, and a place for files.

    What is killed leaves its temporary files where they are.
    """
    found = dict(os.environ)
    known = [SOURCES, *filter(None, [found.get("PYTHONPATH")])]
    return found | {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(known),
        "NO_COLOR": "1",
        "TMPDIR": str(folder),
    }


class Spawner:
    """One process that forks for each command, one at a time."""

    def __init__(self, folder: Path, also: Sequence[str] = ()) -> None:
        """folder: where the streams of commands are kept. also: modules that are loaded before any command runs."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "attacks.spawner", *also],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(folder), cwd=ROOT,
        )  # fmt: skip
        self.pid = 0  # of the command that runs; 0 when none does
        self._began = 0.0
        self._words: Sequence[str] = ()
        self._ready = False

    def close(self) -> None:
        if self.pid:
            self.kill()
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def begin(
        self,
        words: Sequence[str],
        *,
        stdin: bytes = b"",
        inject: Mapping[str, Any] | None = None,
        changes: Mapping[str, str | None] | None = None,
        call: str = "",
    ) -> int:
        """Start a command; its process id. changes: of its environment. call: a function instead (spawner.py)."""
        assert not self.pid, "a spawner runs one command at a time"
        if not self._ready:
            assert self._line() == "ready"
            self._ready = True
        (self._folder / "in").write_bytes(stdin)
        for name in ("out", "err", "out.calls"):  # of the command before
            (self._folder / name).unlink(missing_ok=True)
        request: dict[str, Any] = {
            "words": list(words),
            "folder": str(self._folder),
            "environment": dict(changes or {}),
            "inject": dict(inject or {}),
            **{name: str(self._folder / name) for name in ("in", "out", "err")},
        }
        if call:
            request["call"] = call
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        self._words, self._began = words, time.monotonic()
        self.pid = json.loads(self._line())["pid"]
        return self.pid

    def end(self, seconds: float = PATIENCE) -> Ended:
        """Wait for the command, for so long; then it is killed, and counts as hung."""
        hung = threading.Event()

        def give_up() -> None:
            hung.set()
            self.kill()

        timer = threading.Timer(seconds, give_up)
        timer.start()
        try:
            found = json.loads(self._line())
        finally:
            timer.cancel()
        self.pid = 0
        return Ended(
            self._words, found["code"], self._written("out"), self.said(),
            time.monotonic() - self._began, found["cpu"], found["peak"], hung.is_set(), self._calls(),
        )  # fmt: skip

    def _calls(self) -> list[str]:
        path = self._folder / "out.calls"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def said(self) -> str:
        """Standard error of the command, as far as it has come."""
        return self._written("err").decode(errors="replace")

    def _written(self, name: str) -> bytes:
        """Nothing where the command was killed before it had opened the file."""
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return b""

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the command; not to the processes that it has started."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def run(self, *words: str, seconds: float = PATIENCE, **named: Any) -> Ended:
        self.begin(words, **named)
        return self.end(seconds)

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line, "the spawner ended; standard error says why"
        return line


def run_alone(
    words: Sequence[str],
    *,
    folder: Path,
    changes: Mapping[str, str | None] | None = None,
    prefix: Sequence[str] = (),
    stdout: int | None = None,
    seconds: float = PATIENCE,
    prepare: Callable[[], None] | None = None,
) -> Ended:
    """A command in an interpreter of its own, for what has to be there from its first moment on.

    folder: where it runs. prefix: a program that runs it, such as a shell that sets limits. prepare: called in the
    child before it starts.
    """
    variables = environment(folder)
    for name, value in (changes or {}).items():
        if value is None:
            variables.pop(name, None)
        else:
            variables[name] = value
    began = time.monotonic()
    command = [*prefix, sys.executable, "-m", "dragoman", *words]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if stdout is None else stdout,
        stderr=subprocess.PIPE, env=variables, cwd=folder, preexec_fn=prepare, start_new_session=True,
    ) as process:  # fmt: skip
        hung = False
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            hung = True
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
    return Ended(
        words,
        process.returncode,
        out or b"",
        err.decode(errors="replace"),
        time.monotonic() - began,
        hung=hung,
    )
