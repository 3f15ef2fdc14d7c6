"""Processes beside the service, and the frames to and from them. Knows nothing of what they do."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from dragoman.documents.frames import HEAD, Frame, head_of, read_head
from dragoman.server.gate.refusals import overloaded

log = logging.getLogger("dragoman.server")

PACKAGES = Path(__file__).resolve().parents[2]
GONE = (
    asyncio.IncompleteReadError,
    ConnectionError,
)  # what `send` and `heard` raise where the process has ended


async def start(module: str, environment: Mapping[str, str]) -> Process:
    """`python -P -m module` of this very package. Raises Refusal (503) where the system has no room for it."""
    given = {**environment, "PYTHONPATH": str(PACKAGES)}
    command = (sys.executable, "-P", "-m", module)
    try:
        return await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, env=given, cwd="/")
    except OSError as error:
        log.error(
            "no process can be started", extra={"program": module, "why": os.strerror(error.errno or 0)}
        )
        raise overloaded(10) from None


async def send(process: Process, kind: Frame, content: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(head_of(kind, len(content)))
    process.stdin.write(content)
    await process.stdin.drain()


async def heard(process: Process) -> tuple[Frame, bytes]:
    """The next frame, whatever it is."""
    assert process.stdout is not None
    kind, length = read_head(await process.stdout.readexactly(HEAD.size))
    return kind, await process.stdout.readexactly(length)


async def end(process: Process) -> None:
    """Whatever it is at."""
    with suppress(ProcessLookupError):
        process.kill()
    await asyncio.shield(process.wait())
