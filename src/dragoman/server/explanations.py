"""The process that traces sentences for Look inside, one at a time, ended when nobody waits. Traces nothing itself."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from asyncio.subprocess import Process
from dataclasses import asdict

from dragoman.documents.frames import Frame, as_json
from dragoman.errors import UsageError
from dragoman.server.children import GONE, end, heard, send, start
from dragoman.server.gate.refusals import Refusal, failed, overloaded, too_late
from dragoman.server.tracing import TraceTask

log = logging.getLogger("dragoman.server")

EXPLAINING = 30.0  # seconds: the first time it loads the reference engine
WAITING = 4  # one is computed, the others wait for it


class Explanations:
    """The process that traces, started when first asked for. Made and used on one event loop.

    A trace keeps a core busy for as long as a hundred sentences do: several at once would leave those none.
    """

    def __init__(self) -> None:
        self._one, self._here = asyncio.Lock(), 0
        self._process: Process | None = None

    async def trace(self, task: TraceTask, seconds: float = EXPLAINING) -> bytes:
        """The JSON of a trace. Raises Refusal (501 where a package is missing), UsageError for what has none."""
        if self._here >= WAITING:
            raise overloaded(1)
        self._here += 1
        try:
            async with asyncio.timeout(seconds), self._one:
                return _outcome(*await self._answer(task))
        except TimeoutError:
            raise too_late(seconds) from None
        finally:
            self._here -= 1

    async def _answer(self, task: TraceTask) -> tuple[Frame, bytes]:
        if self._process is None or self._process.returncode is not None:
            self._process = await start("dragoman.server.tracing", os.environ)
        answered = False
        try:
            await send(self._process, Frame.TASK, as_json(asdict(task)))
            said = await heard(self._process)
            answered = True
            return said
        except GONE:
            status = await self._process.wait()
            log.error("the process that looks inside ended", extra={"status": status})
            raise Refusal(
                503, "looking inside has broken off on the server: try again in a moment", 1
            ) from None
        finally:
            if not answered:  # nobody waits for what it is at
                await self.close()

    async def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await end(process)


def _outcome(kind: Frame, content: bytes) -> bytes:
    if kind is Frame.DONE:
        return content
    said = str(json.loads(content))
    if kind is Frame.REFUSED:
        raise UsageError(said)
    if kind is Frame.MISSING:
        raise Refusal(501, f"looking inside needs {said}, which this server has not")
    log.error("a sentence could not be traced", extra={"why": said})
    raise failed()
