"""A process that has loaded Dragoman once and forks for each command. `python -m attacks.spawner [MODULE...]`

A line of JSON comes in, a child does what it says; its process id goes out, and when it has ended, how. Starting an
interpreter and torch for each of a thousand cases would take an hour; the code that runs is the same.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from attacks.injections import install

LOADED = (
    "dragoman.cli",
    "dragoman.cli.lm",
    "dragoman.documents.files",
    "dragoman.explain",
    "dragoman.server.run",
    "dragoman.training.tasks.translators",
    "dragoman.translate.translator",
)
DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG, of linux/prctl.h


def die_with_parent() -> None:
    """However the parent ends. Only Linux can; elsewhere a child ends when its work does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DIES_WITH_PARENT, signal.SIGKILL)


def main() -> None:
    die_with_parent()
    asked, told = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    for name in (*LOADED, *sys.argv[1:]):
        importlib.import_module(name)
    with os.fdopen(asked, "r", encoding="utf-8") as lines, os.fdopen(told, "w", encoding="utf-8") as answers:
        print("ready", file=answers, flush=True)
        for line in lines:
            request = json.loads(line)
            child = os.fork()
            with suppress(PermissionError):  # a child has gone on already, and did it itself
                os.setpgid(child, child)
            if child == 0:
                lines.close()
                os.close(answers.fileno())
                become(request)
            print(json.dumps({"pid": child}), file=answers, flush=True)
            _, status, used = os.wait4(child, 0)
            with suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)  # what it has started, and not ended
            code = os.waitstatus_to_exitcode(status)
            cpu = used.ru_utime + used.ru_stime
            print(json.dumps({"code": code, "cpu": cpu, "peak": used.ru_maxrss}), file=answers, flush=True)


def become(request: dict[str, Any]) -> NoReturn:
    """The command that was asked for, with its own streams, environment and limits."""
    code = 1
    try:
        die_with_parent()
        _redirect(request)
        for name, value in request["environment"].items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        os.chdir(request["folder"])
        signal.signal(signal.SIGINT, signal.default_int_handler)
        calls = install(request["inject"])
        code = _called(request)
        if calls is not None:
            Path(request["out"]).with_suffix(".calls").write_text("\n".join(calls.made), encoding="utf-8")
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                code = code or 1
        os._exit(code)


def _redirect(request: dict[str, Any]) -> None:
    for number, name, flags in (
        (0, "in", os.O_RDONLY),
        (1, "out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        (2, "err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
    ):
        handle = os.open(request[name], flags, 0o600)
        os.dup2(handle, number)
        os.close(handle)


def _called(request: dict[str, Any]) -> int:
    """`words` are a command line of Dragoman; `call` is module:function, with `words` as its arguments."""
    if "call" in request:
        module, _, name = request["call"].partition(":")
        print(json.dumps(getattr(importlib.import_module(module), name)(*request["words"])))
        return 0
    from dragoman.cli import main as dragoman

    sys.argv = ["dragoman", *request["words"]]
    return dragoman(request["words"])


if __name__ == "__main__":
    main()
