"""What the three APIs have in common: which model answers, what is sent to the queue. Knows no HTTP shape.

Everything that is asked for becomes one ClientRequest, and everything that is answered one Answer; the APIs
translate between these and the shapes that their clients know.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import CancelledError, Future
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from typing import TypeVar

from dragoman.decoding.options import DecodingOptions
from dragoman.documents import files, markup
from dragoman.documents.encodings import beginning
from dragoman.documents.process import portions
from dragoman.errors import ConfigError
from dragoman.server.admission import Admission
from dragoman.server.documents import Documents
from dragoman.server.drafting import Draft, draft
from dragoman.server.explanations import Explanations
from dragoman.server.gate.metrics import Metrics
from dragoman.server.gate.refusals import Refusal, TooLate, too_late, unfinished
from dragoman.server.models import Load, Loader, Models, find
from dragoman.server.planning import planned, taken, translations
from dragoman.server.queue import Queue
from dragoman.server.requests import (
    Answer,
    ClientRequest,
    Direction,
    direct,
    direct_each,
    is_auto,
    languages_of,
)
from dragoman.server.settings import Settings
from dragoman.server.staying import in_script, stayed
from dragoman.server.tasks import SHORT, Beside, LongTasks
from dragoman.server.tracing import TraceTask
from dragoman.text import detection
from dragoman.text.detection import Detected
from dragoman.text.normalize import to_simplified
from dragoman.translate.protect import Protection
from dragoman.translate.translation import Translation
from dragoman.translate.translator import Translator

log = logging.getLogger("dragoman.server")

T = TypeVar("T")
Submit = Callable[[list[str]], list[str]]  # texts in, translations out
LONG_TASKS = 16  # pages and drafts under way at once; they wait more than they compute


class Service:
    """All that lives as long as the server does."""

    def __init__(self, settings: Settings, load: Load | None = None) -> None:
        """Raises ModelError for a model that is not there. `load` opens one; by default as the settings say."""
        self.settings, self.limits = settings, settings.limits
        self.metrics = Metrics()
        self.models = Models(
            find(settings.engines.models), settings.engines.keep, load or Loader(settings), self.metrics
        )
        self.admission = Admission(settings, self.metrics)
        self.tasks, self.beside = LongTasks(LONG_TASKS), Beside()
        self.documents, self.explanations = Documents(self.limits), Explanations()
        self.formats: tuple[str, ...] = tuple(files.FORMATS)
        self.queue: Queue

    async def start(self) -> None:
        """Take up work: the first model is loaded before the first request comes."""
        side_by_side = 1 if self.settings.engines.engine == "torch" else self.settings.threads
        self.queue = Queue(self.metrics, self.limits.queue, side_by_side)
        self.metrics.gauge("dragoman_queue_sentences", "Sentences that wait.", lambda: self.queue.depth)
        await self.admission.open()
        await self.models.translator(self.models.default)

    async def stop(self) -> None:
        """Finish what was accepted."""
        await self.queue.close()
        self.tasks.close()
        self.beside.close()
        await self.explanations.close()
        self.models.close()
        await self.admission.close()

    # -- translating --------------------------------------------------------------------------------------------

    def options(self, translator: Translator, request: ClientRequest) -> DecodingOptions:
        """The model's own, with what is asked for. A beam is as wide as the number of translations asks for."""
        asked = dict(request.options)
        wanted = asked.get("n_best", 1)
        if wanted > 1 and "beam_size" not in asked:
            asked["beam_size"] = max(wanted, translator.options.beam_size)
        try:
            return translator.options.changed(**asked)
        except ConfigError as error:
            raise Refusal(400, str(error).replace("decoding.", "")) from None

    async def translate(self, request: ClientRequest) -> Answer:
        """Translate what is asked for, which `admit` has let in. Raises Refusal."""
        try:
            async with asyncio.timeout(self.limits.deadline):
                return await self._translate(request)
        except TimeoutError:  # while a model was being loaded; the queue refuses by itself
            raise too_late(self.limits.deadline) from None

    async def _translate(self, request: ClientRequest) -> Answer:
        """Texts of a list that go the same way go together."""
        each = await self.beside.run(self._size(request), direct_each, self.models, request)
        directions = each or [direct(self.models, request)]
        groups: dict[tuple[str, str, str, bool], list[int]] = {}
        for number, one in enumerate(directions[: len(request.texts)]):
            way = (one.model.name, one.model.source, one.model.target) if one.model else ("", "", "")
            groups.setdefault((*way, one.foreign), []).append(number)
        parts = [self._one_way(request.part(them), directions[them[0]]) for them in groups.values()]
        placed: dict[int, Translation] = {}
        for numbers, found in zip(groups.values(), await asyncio.gather(*parts), strict=True):
            placed |= zip(numbers, found, strict=True)
        answer = Answer([placed[number] for number in sorted(placed)], directions)
        if self.settings.log_text:
            pairs = [(one.source, one.text) for one in answer.translations]
            model = answer.direction.model
            log.info("translated", extra={"model": model.name if model else None, "texts": pairs})
        return answer

    async def _one_way(self, request: ClientRequest, direction: Direction) -> list[Translation]:
        """Texts that are all in one language."""
        if direction.model is None:
            return await self.beside.run(request.size, stayed, request, direction)
        script = in_script(direction)
        translator = await self.models.toward(direction.model)
        options = self.options(translator, request)
        if request.html:
            dialect = replace(request.dialect, source=direction.source.base, target=str(direction.target))
            pages = [partial(markup.translate_html, text, dialect=dialect) for text in request.texts]
            all_pages: Callable[[Submit], list[str]] = lambda submit: [
                page(lambda texts: list(map(script, submit(texts)))) for page in pages
            ]
            done = await self.through(all_pages, translator, options, request.glossary, self.limits.deadline)
            return [Translation(text, page, None) for text, page in zip(request.texts, done, strict=True)]
        if (
            direction.target.traditional
        ):  # what a model writes is in simplified signs, also where it is told how to begin
            simplified = lambda: [to_simplified(prefix) for prefix in request.prefixes]
            request = replace(request, prefixes=await self.beside.run(request.size, simplified))
        found = await self.plain(translator, options, request, self.limits.deadline)
        return [one.mapped(script) for one in found]

    async def draft(self, request: ClientRequest) -> AsyncIterator[Draft]:
        """The translation of one text while it is written; nothing where there is none, or others wait."""
        direction = await self.directed(request)
        if direction.model is None or request.html or self.queue.depth:
            return
        translator = await self.models.toward(direction.model)
        script = in_script(direction)
        begun = (request.prefixes or [""])[0]
        written: asyncio.Queue[Draft | None] = asyncio.Queue()
        loop, gone = asyncio.get_running_loop(), threading.Event()

        def write() -> None:
            protection = Protection(request.glossary)
            prefix = to_simplified(begun) if direction.target.traditional else begun
            with closing(draft(translator, request.texts[0], prefix, protection)) as drafts:
                while not gone.is_set():
                    with self.beside.turn(request.size):
                        one = next(drafts, None)
                    if one is None:
                        return
                    shown = replace(one, token=script(one.token), text=script(one.text))
                    loop.call_soon_threadsafe(written.put_nowait, shown)

        writing = asyncio.ensure_future(self.tasks.run(self.limits.deadline, write))
        writing.add_done_callback(lambda _: written.put_nowait(None))
        try:
            while (one := await written.get()) is not None:
                yield one
            with suppress(Refusal):  # too much is going on for drafts; there may still be an answer
                await writing
        finally:
            gone.set()
            writing.cancel()

    async def plain(
        self, translator: Translator, options: DecodingOptions, request: ClientRequest, seconds: float
    ) -> list[Translation]:
        """Texts that are no markup; what must not change in them does not."""
        deadline = time.monotonic() + seconds
        size = request.size
        async with self.beside.place(size):
            plans, works = await self.beside.run(size, planned, translator, options, request)
            while works:
                found = await self.queue.search(works, deadline - time.monotonic())
                plans, works = await self.beside.run(size, taken, plans, found)
            return await self.beside.run(size, translations, plans)

    async def through(
        self,
        function: Callable[[Submit], T],
        translator: Translator,
        options: DecodingOptions,
        glossary: Mapping[str, str],
        seconds: float,
    ) -> T:
        """Run `function` in a thread with a way to translate: through the same queue as all others' texts."""
        loop, deadline = asyncio.get_running_loop(), time.monotonic() + seconds
        asked: list[Future[list[Translation]]] = []
        ended = threading.Event()

        def submit(texts: list[str]) -> list[str]:
            found: list[str] = []
            for portion in portions(texts, self.limits.items, self.limits.characters):
                request = ClientRequest(portion, glossary=glossary)
                coming = self.plain(translator, options, request, deadline - time.monotonic())
                asked[:] = [asyncio.run_coroutine_threadsafe(coming, loop)]
                if ended.is_set():
                    asked[0].cancel()
                try:
                    with self.beside.waiting():
                        found += [one.text for one in asked[0].result()]
                except CancelledError:
                    raise too_late(seconds) from None
            return found

        def work() -> T:
            with self.beside.computing():
                return function(submit)

        try:
            return await self.tasks.run(seconds, work)
        finally:
            ended.set()
            for waited in asked:
                waited.cancel()  # nobody waits any more: what is left in the queue is taken out

    async def translate_file(self, name: str, data: bytes, request: ClientRequest) -> bytes:
        """A file of one of the formats files.FORMATS, translated. Raises Refusal and UsageError."""
        deadline = time.monotonic() + self.limits.file_deadline
        told = beginning(data) if is_auto(request) else ""
        # What is in a packed file, and so its language, is known when its first texts come.
        packed = is_auto(request) and not told
        direction = None if packed else await self.directed(replace(request, texts=[told]))
        if direction and direction.model is None and direction.target.base != "zh":
            return data

        done, staying = 0, True

        async def written(texts: list[str]) -> list[str]:
            nonlocal direction, done, staying
            direction = direction or await self.directed(replace(request, texts=texts))
            script = in_script(direction)
            if direction.model is None:
                found = await self.beside.run(sum(map(len, texts)), lambda: list(map(script, texts)))
                staying = staying and found == texts
                return found
            staying = False
            translator = await self.models.toward(direction.model)
            options, portion = (
                self.options(translator, request),
                ClientRequest(texts, glossary=request.glossary),
            )
            translated = await self.plain(translator, options, portion, deadline - time.monotonic())
            done += sum(map(len, texts))
            return [script(one.text) for one in translated]

        source, target = (direction.source.base, str(direction.target)) if direction else ("", "")
        try:
            made = await self.documents.translate(name, data, written, source, target)
        except TooLate:
            if done:
                raise unfinished(self.limits.file_deadline, done) from None
            raise
        return data if staying and direction and direction.model is None else made

    async def languages_of(self, text: str) -> list[Detected]:
        """What a text may be in, the likeliest first. Raises Refusal (400) where nobody could tell."""
        return await self.beside.run(self._size(ClientRequest([text])), languages_of, text, self.models)

    async def directed(self, request: ClientRequest) -> Direction:
        """Which model is meant. Raises Refusal (400) for languages that none of them knows."""
        return await self.beside.run(self._size(request), direct, self.models, request)

    def _size(self, request: ClientRequest) -> int:
        """Characters of a request whose languages are told, as if there were many until the statistics are unpacked."""
        return sum(map(len, request.texts)) if detection.is_ready() or not is_auto(request) else SHORT + 1

    async def explain(
        self,
        text: str,
        model: str | None,
        reference: str | None,
        without: str | None,
        teach: int | None = None,
        say: str | None = None,
        beside: str | None = None,
        word: str | None = None,
    ) -> bytes:
        """The trace of a sentence, as JSON. Raises Refusal and UsageError."""
        served = self.models.named(model) if model else self.models.default
        await self.models.translator(served)  # which says what is wrong with it, if anything is
        engines = self.settings.engines
        return await self.explanations.trace(
            TraceTask(
                str(served.path.resolve()),
                engines.engine,
                engines.device,
                engines.compute_type,
                text,
                reference,
                without,
                teach,
                say,
                beside,
                word,
            )
        )
