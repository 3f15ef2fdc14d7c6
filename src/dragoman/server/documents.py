"""Files read in processes of their own, a few at once, each ended when nobody waits for it. Reads no format itself.

A paragraph of 18 MB is one call of a regular expression, in which no other thread of its process does anything:
`/health` once took two seconds beside it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import PurePath

from dragoman.documents.frames import Frame, Task, as_json, texts_of
from dragoman.errors import UsageError
from dragoman.server.children import GONE, end, heard, send, start
from dragoman.server.gate.refusals import Refusal, overloaded, too_late
from dragoman.server.settings import Limits

log = logging.getLogger("dragoman.server")

WAITING = 16  # files that wait or are under way; each is in memory
# Of the environment nothing else is handed on. Some Pythons do not find their libraries without.
KEPT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME", "SYSTEMROOT", "LANG", "LC_ALL")

Translate = Callable[[list[str]], Awaitable[list[str]]]


class Documents:
    """The processes that read files. Made and used on one event loop."""

    def __init__(self, limits: Limits) -> None:
        self._limits, self._free, self._here = limits, asyncio.Semaphore(limits.files), 0

    async def translate(
        self, name: str, data: bytes, translate: Translate, source: str = "", target: str = ""
    ) -> bytes:
        """A file of one of the formats files.FORMATS, translated. What `translate` raises, this raises.

        source, target: codes of the languages that it is in and comes out in, "" where that is not known.
        Raises UsageError for what cannot be read, Refusal (503) where too many wait or the deadline is over.
        """
        if self._here >= WAITING:
            raise overloaded(1)
        self._here += 1
        try:
            async with asyncio.timeout(self._limits.file_deadline), self._free, _started() as process:
                task = self._task(f"file{PurePath(name).suffix}", source, target)
                return await self._answered(process, task, data, translate)
        except TimeoutError:
            raise too_late(self._limits.file_deadline) from None
        finally:
            self._here -= 1

    def _task(self, name: str, source: str, target: str) -> Task:
        limits = self._limits
        return Task(
            name, limits.items, limits.characters, limits.file_memory, limits.file_seconds, source, target
        )

    async def _answered(self, process: Process, task: Task, data: bytes, translate: Translate) -> bytes:
        try:
            await send(process, Frame.TASK, as_json(asdict(task)))
            await send(process, Frame.FILE, data)
            while (said := await heard(process))[0] is Frame.TEXTS:
                texts = texts_of(said[1])
                await send(process, Frame.TRANSLATED, as_json(await translate(texts)))
        except GONE:
            raise _ended(await process.wait(), self._limits) from None
        return _outcome(*said)


@asynccontextmanager
async def _started() -> AsyncIterator[Process]:
    """A process that reads one file, and ends here whatever it is at."""
    process = await start(
        "dragoman.documents", {name: os.environ[name] for name in KEPT if name in os.environ}
    )
    try:
        yield process
    finally:
        await end(process)


def _outcome(kind: Frame, content: bytes) -> bytes:
    if kind is Frame.DONE:
        return content
    said = str(json.loads(content))
    if kind is Frame.REFUSED:
        raise UsageError(said)
    log.error("a file could not be read", extra={"why": said})
    raise UsageError("the file cannot be read: it is damaged, or written in a way that is not known here")


def _ended(status: int, limits: Limits) -> Exception:
    """Why a process ended without an outcome."""
    if status == -getattr(signal, "SIGXCPU", 0):
        return UsageError(f"the file takes more than {limits.file_seconds} seconds to be read: divide it")
    log.error("a process that read a file ended", extra={"status": status})
    if status == -signal.SIGKILL:  # by the system, most likely, which has no more memory
        return Refusal(503, "the file could not be read, for want of memory: try again in a moment", 10)
    return UsageError("the file cannot be read: it is damaged, or needs more memory than there is for one")
