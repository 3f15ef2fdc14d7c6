"""What the three APIs have in common: who may ask, which model answers, what is sent to the queue. Knows no HTTP shape.

Everything that is asked for becomes one ClientRequest, and everything that is answered one Answer; the APIs
translate between these and the shapes that their clients know.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from typing import TypeVar

from dragoman.decoding.options import DecodingOptions
from dragoman.documents import files, markup
from dragoman.errors import ConfigError, UsageError
from dragoman.server.drafting import Draft, draft
from dragoman.server.gate.keys import Keys
from dragoman.server.gate.limits import AddressLimit
from dragoman.server.gate.metrics import Metrics
from dragoman.server.gate.refusals import Refusal, too_late
from dragoman.server.models import Load, Loader, Models, find
from dragoman.server.queue import Queue, works_of
from dragoman.server.requests import Answer, Client, ClientRequest, Direction, check, direct
from dragoman.server.settings import Settings
from dragoman.server.tasks import LongTasks
from dragoman.server.tracing import trace
from dragoman.text.normalize import to_traditional
from dragoman.translate import protect
from dragoman.translate.translation import Translation
from dragoman.translate.translator import Translator

log = logging.getLogger("dragoman.server")

T = TypeVar("T")
Submit = Callable[[list[str]], list[str]]  # texts in, translations out
EXPLAINING = 30.0  # seconds: the first time it loads the reference engine
LONG_TASKS = 16  # files, pages and drafts under way at once; they wait more than they compute
EXPLANATIONS = 4  # one computes, the others wait for it


class Service:
    """All that lives as long as the server does."""

    def __init__(self, settings: Settings, load: Load | None = None) -> None:
        """Raises ModelError for a model that is not there. `load` opens one; by default as the settings say."""
        self.settings, self.limits = settings, settings.limits
        self.metrics = Metrics()
        self.models = Models(
            find(settings.engines.models), settings.engines.keep, load or Loader(settings), self.metrics
        )
        self.keys = Keys(settings.keys) if settings.keys else None
        # Each process counts for itself, and connections come to all of them alike.
        self._addresses = AddressLimit(self.limits.per_minute / settings.network.workers)
        self.tasks, self._explaining = LongTasks(LONG_TASKS), LongTasks(EXPLANATIONS)
        self.formats: tuple[str, ...] = tuple(files.FORMATS)
        self.queue: Queue

    async def start(self) -> None:
        """Take up work: the first model is loaded before the first request comes."""
        side_by_side = 1 if self.settings.engines.engine == "torch" else self.settings.threads
        self.queue = Queue(self.metrics, self.limits.queue, side_by_side)
        self.metrics.gauge("dragoman_queue_sentences", "Sentences that wait.", lambda: self.queue.depth)
        await self.models.translator(self.models.default)

    async def stop(self) -> None:
        """Finish what was accepted."""
        await self.queue.close()
        self.tasks.close()
        self._explaining.close()
        self.models.close()
        if self.keys:
            self.keys.close()

    # -- who may ask --------------------------------------------------------------------------------------------

    def admit(self, client: Client, request: ClientRequest) -> None:
        """Let a request in and count it. Raises Refusal for one that asks too much, or comes too often."""
        check(request, self.limits)
        self.count(client, sum(map(len, request.texts)))

    def count(self, client: Client, characters: int) -> None:
        """Count so many characters for a client's key or address. Raises Refusal."""
        key = client.key
        found = self.keys.find(key) if self.keys and key else None
        if found is None and self.keys and key:
            raise Refusal(403, "this API key is not known here")
        if found is None and self.settings.require_key:
            raise Refusal(client.keyless, "an API key is needed: ask whoever runs this server for one")
        client.noted["characters"] = characters
        if found is None:
            self._addresses.spend(client.address)
        elif self.keys:
            client.noted["key"] = found.name
            self.keys.spend(found.name, characters)
        self.metrics.count("dragoman_characters_total", characters)

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
        direction = direct(self.models, request)
        if direction.model is None:
            return Answer(
                [self._script(Translation(text, text, None), direction) for text in request.texts], direction
            )
        translator = await self.models.translator(direction.model)
        options = self.options(translator, request)
        if request.html:
            pages = [partial(markup.translate_html, text) for text in request.texts]
            all_pages: Callable[[Submit], list[str]] = lambda submit: [page(submit) for page in pages]
            done = await self.through(all_pages, translator, options, request.glossary, self.limits.deadline)
            found = [Translation(text, page, None) for text, page in zip(request.texts, done, strict=True)]
        else:
            found = await self.plain(translator, options, request, self.limits.deadline)
        answer = Answer([self._script(one, direction) for one in found], direction)
        if self.settings.log_text:
            pairs = [(one.source, one.text) for one in answer.translations]
            log.info("translated", extra={"model": direction.model.name, "texts": pairs})
        return answer

    async def draft(self, request: ClientRequest) -> AsyncIterator[Draft]:
        """The translation of one text while it is written; nothing where there is none, or others wait."""
        direction = direct(self.models, request)
        if direction.model is None or request.html or self.queue.depth:
            return
        translator = await self.models.translator(direction.model)
        guard = protect.protect(request.texts[0], request.glossary)
        prefix = protect.beginning(guard, (request.prefixes or [""])[0])
        written: asyncio.Queue[Draft | None] = asyncio.Queue()
        loop, gone = asyncio.get_running_loop(), threading.Event()

        def write() -> None:
            with closing(draft(translator, guard.text, prefix)) as drafts:
                for one in drafts:
                    if gone.is_set():
                        return
                    shown = replace(one, text=protect.restore(guard, one.text))
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
        guards = [protect.protect(text, request.glossary) for text in request.texts]
        prefixes = request.prefixes or [""] * len(guards)
        found: dict[int, Translation] = {}
        pending = dict(enumerate(guards))
        while pending:
            plans = [
                translator.plan(
                    guard.text,
                    options,
                    protect.beginning(guard, prefixes[i]),
                    alignments=request.alignments,
                    token_scores=request.scores,
                )
                for i, guard in pending.items()
            ]
            works = [work for plan in plans for work in works_of(plan)]
            hypotheses = iter(await self.queue.search(works, deadline - time.monotonic()))
            done = [plan.translation(hypotheses) for plan in plans]
            found |= zip(pending, done, strict=True)
            guards = [pending.get(i, guard) for i, guard in enumerate(guards)]
            harder = {i: protect.again(guard, found[i].text) for i, guard in pending.items()}
            pending = {i: guard for i, guard in harder.items() if guard}
        return [_restored(text, guards[i], found[i]) for i, text in enumerate(request.texts)]

    async def through(
        self,
        function: Callable[[Submit], T],
        translator: Translator,
        options: DecodingOptions,
        glossary: Mapping[str, str],
        seconds: float,
    ) -> T:
        """Run `function` in a thread with a way to translate: through the same queue as all others' texts."""
        loop, ended, deadline = asyncio.get_running_loop(), threading.Event(), time.monotonic() + seconds

        def submit(texts: list[str]) -> list[str]:
            found: list[str] = []
            for portion in _portions(texts, self.limits.items, self.limits.characters):
                if ended.is_set():
                    raise too_late(seconds)
                request = ClientRequest(portion, glossary=glossary)
                work = self.plain(translator, options, request, deadline - time.monotonic())
                found += [one.text for one in asyncio.run_coroutine_threadsafe(work, loop).result()]
            return found

        try:
            return await self.tasks.run(seconds, function, submit)
        finally:
            ended.set()

    async def translate_file(self, name: str, data: bytes, request: ClientRequest) -> bytes:
        """A file of one of the formats files.FORMATS, translated. Raises Refusal and UsageError."""
        direction = direct(self.models, replace(request, texts=[_beginning(data)]))
        if direction.model is None:
            return data
        translator = await self.models.translator(direction.model)
        options, seconds = self.options(translator, request), self.limits.file_deadline
        work = partial(files.translate_file, name, data)
        return await self.through(work, translator, options, request.glossary, seconds)

    async def explain(self, text: str, model: str | None, reference: str | None, without: str | None) -> str:
        """The trace of a sentence, as JSON. Raises Refusal and UsageError."""
        served = self.models.named(model) if model else self.models.default
        translator = await self.models.translator(served)
        gone = threading.Event()
        try:
            return await self._explaining.run(EXPLAINING, trace, translator, text, reference, without, gone)
        finally:  # too late, or whoever asked has left
            gone.set()

    def _script(self, translation: Translation, direction: Direction) -> Translation:
        """In traditional signs, where these are asked for."""
        if not direction.target.traditional:
            return translation
        others = [replace(other, text=to_traditional(other.text)) for other in translation.alternatives]
        return replace(translation, text=to_traditional(translation.text), alternatives=others)


def _portions(texts: list[str], items: int, characters: int) -> Iterator[list[str]]:
    """Texts as so many requests: a file takes no more room and no more time at once than any other of them.

    Raises UsageError for a text that no request may hold.
    """
    portion: list[str] = []
    held = 0
    for text in texts:
        if len(text) > characters:
            raise UsageError(
                f"a paragraph of the file has {len(text):,} characters, and at most {characters:,} are translated at "
                "once: divide it"
            )
        if portion and (len(portion) == items or held + len(text) > characters):
            yield portion
            portion, held = [], 0
        portion.append(text)
        held += len(text)
    if portion:
        yield portion


def _restored(text: str, guard: protect.Protected, found: Translation) -> Translation:
    """The translation of a guarded text as that of the text; alternatives that lost something are left out."""
    others = [
        replace(other, source=text, text=protect.restore(guard, other.text))
        for other in found.alternatives
        if protect.survived(guard, other.text)
    ]
    return replace(found, source=text, text=protect.restore(guard, found.text), alternatives=others)


def _beginning(data: bytes) -> str:
    """Some of a file's text, to tell its language by; of a packed format it is no text, and nothing is told."""
    return "" if data[:2] == b"PK" else data[:4000].decode("utf-8", "ignore")
