"""The models that are served: loaded when first asked for, reloaded when replaced on disk, few at a time.

Which languages a model knows is read from its config when the service starts; its weights wait until they are needed.
Whoever translates holds on to the Translator it began with, so a model can be replaced or put away at any moment.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from dragoman.config import load_toml
from dragoman.errors import ConfigError, DragomanError, ModelError
from dragoman.model.contents import VOCABULARY, naming
from dragoman.model.directory import (
    ModelDirectory,
    directions_of,
    find_model,
    languages_told,
    not_a_translator,
    open_model,
)
from dragoman.model.fields import CONFIG
from dragoman.model.recognise import is_sealed, unsealed
from dragoman.model.seal import MANIFEST
from dragoman.server.gate.metrics import Metrics
from dragoman.server.gate.refusals import Refusal
from dragoman.server.gate.schema import shown
from dragoman.server.settings import Settings
from dragoman.text.directions import Direction, all_told
from dragoman.text.languages import base_language
from dragoman.text.mapped import spoken
from dragoman.translate.translator import Translator

log = logging.getLogger("dragoman.server")

LOOK_AGAIN = 1.0  # seconds between two looks at the disk for a newer model

Stamp = tuple[int, int, int]
Load = Callable[[Path], Translator]


@dataclass(frozen=True)
class Served:
    """A model by the name that clients use."""

    name: str
    path: Path
    source: str  # of several directions, that of the first
    target: str
    decoding: Mapping[str, Any]
    directions: tuple[Direction, ...] = ()  # more than one
    # Base languages, the usual ones first, of a model in which a token chooses: any of these into any of those.
    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()

    @property
    def many(self) -> bool:
        return bool(self.sources)

    def ways(self, target: str | None = None) -> list[Served]:
        """The model once for each of its directions; those into a base language, if one is named.

        A model of many languages has thousands: of them those into the usual one, where none is named, and back.
        """
        if self.many:
            into = [target] if target else self.targets[:1]
            found = [
                (source, one)
                for one in into
                if one in self.targets
                for source in self.sources
                if source != one
            ]
            if not target and self.targets[0] in self.sources and self.sources[0] in self.targets[1:]:
                found.append((self.targets[0], self.sources[0]))
        else:
            found = [*(self.directions or ((self.source, self.target),))]
        ways = [replace(self, source=source, target=one) for source, one in found]
        return [way for way in ways if target in (None, base_language(way.target))]

    @property
    def pairs(self) -> dict[str, list[str]]:
        """Base languages that it translates, and into which."""
        if self.many:
            return {source: [one for one in self.targets if one != source] for source in self.sources}
        found: dict[str, list[str]] = {}
        for way in self.ways():
            found.setdefault(base_language(way.source), []).append(base_language(way.target))
        return found

    @property
    def told(self) -> str:
        """What it translates, in a few words."""
        if self.many:
            kinds = (
                f"{codes[0]} and {len(codes) - 1} more" if codes[1:] else codes[0]
                for codes in (self.sources, self.targets)
            )
            return " -> ".join(kinds)
        return all_told(self.directions or ((self.source, self.target),))


def find(models: Sequence[str]) -> list[Served]:
    """The models named, each under the name of its directory. Raises ModelError, and ConfigError for two of a name."""
    found: dict[str, Served] = {}
    for model in models:
        path = find_model(model)
        name = path.resolve().name
        if name in found and path == found[name].path:
            continue  # named twice, by two of its directions
        if name in found:
            raise ConfigError(
                f"{path} and {found[name].path} would both be served as {name!r}: rename one of them"
            )
        if not is_sealed(path):
            raise ModelError(unsealed(path))
        sections = load_toml(path / CONFIG)
        if (path / VOCABULARY).exists():
            with naming(path):
                raise not_a_translator(sections)
        languages = sections.get("languages", {})
        try:
            source, target = str(languages["source"]), str(languages["target"])
            with naming(path):
                directions = directions_of(languages)
        except KeyError as error:
            raise ModelError(f"{path}: {CONFIG} has no languages.{error.args[0]}") from error
        many = _of_many(languages_told(path, sections), source, target)
        found[name] = Served(name, path, source, target, sections.get("decoding", {}), directions, *many)
    return list(found.values())


def _of_many(told: Mapping[str, Sequence[str]], source: str, target: str) -> tuple[tuple[str, ...], ...]:
    """Base languages on both sides, the usual first; none for a model that no token tells its languages."""
    if not told:
        return ()
    sides = []
    for side, usual in (("source", source), ("target", target)):
        bases = dict.fromkeys([base_language(usual), *map(base_language, told.get(side, ()))])
        sides.append(tuple(one for one in bases if side not in told or _has(one, told[side], side)))
    return tuple(sides)


def _has(code: str, known: Sequence[str], side: str) -> bool:
    """Whether a base language is enough to name one of a model's: not, where it has several writings of it."""
    try:
        return bool(spoken(code, dict.fromkeys(known, 0), side))
    except ConfigError:
        return False


class Loader:
    """Opens a model directory as the settings say."""

    def __init__(
        self, settings: Settings, opened: Mapping[Path, tuple[Stamp | None, ModelDirectory]] | None = None
    ) -> None:
        """opened: models that have been read already, and the stamps they had then; each is used once."""
        self._engines, self._threads, self._opened = settings.engines, settings.threads, dict(opened or {})

    def __call__(self, path: Path) -> Translator:
        stamp, model = self._opened.pop(path, (None, None))
        if model is None or stamp != stamp_of(path):
            model = open_model(path)
        engines = self._engines
        translator = Translator(
            model,
            engines.engine,
            device=engines.device,
            workers=self._threads,
            compute_type=engines.compute_type,
        )
        translator.translate("1 2 3", beam_size=1)  # the first one is slow
        return translator


@dataclass
class _Loaded:
    translator: Translator
    stamp: Stamp
    looked: float  # time.monotonic of the last look at the disk


class Models:
    """Those that are loaded, and how to come by the others."""

    def __init__(self, served: Sequence[Served], keep: int, load: Load, metrics: Metrics) -> None:
        """keep: models that stay loaded; `load` is called in a thread."""
        self.served = {model.name: model for model in served}
        self._keep, self._load, self._metrics = keep, load, metrics
        self._loaded: dict[str, _Loaded] = {}  # the one used last stands last
        self._loading: dict[str, asyncio.Task[Translator]] = {}
        self._pool = ThreadPoolExecutor(1, "loading")

    # -- which one ----------------------------------------------------------------------------------------------

    @property
    def default(self) -> Served:
        return next(iter(self.served.values()))

    def named(self, name: str) -> Served:
        if name not in self.served:
            raise Refusal(400, f"there is no model {shown(name)}: there are {', '.join(self.served)}")
        return self.served[name]

    def ways(self, target: str | None = None) -> list[Served]:
        """Every model in every one of its directions, or in those into a base language."""
        return [way for model in self.served.values() for way in model.ways(target)]

    @cached_property
    def pairs(self) -> dict[str, list[str]]:
        """Base languages that can be translated, and into which."""
        found: dict[str, dict[str, None]] = {}
        for model in self.served.values():
            for source, targets in model.pairs.items():
                found.setdefault(source, {}).update(dict.fromkeys(targets))
        return {source: [*targets] for source, targets in found.items()}

    @cached_property
    def languages(self) -> list[str]:
        """All base languages, sources first."""
        return list(dict.fromkeys([*self.pairs, *(code for codes in self.pairs.values() for code in codes)]))

    def is_loaded(self, name: str) -> bool:
        return name in self._loaded

    # -- loading ------------------------------------------------------------------------------------------------

    async def translator(self, model: Served) -> Translator:
        """The translator of a model, the newest there is on disk. Raises ModelError where it cannot be opened.

        While a newer one is being loaded the old one goes on answering.
        """
        loaded = self._loaded.get(model.name)
        if loaded is None:
            return await asyncio.shield(self._start(model))
        self._loaded[model.name] = self._loaded.pop(model.name)
        now = time.monotonic()
        if now - loaded.looked > LOOK_AGAIN:
            loaded.looked = now
            if stamp_of(model.path) not in (None, loaded.stamp):
                self._start(model)
        return loaded.translator

    async def toward(self, way: Served) -> Translator:
        """The same, in the direction of this one of its `ways`."""
        translator = await self.translator(way)
        return translator.toward(way.source, way.target) if way.directions or way.many else translator

    def _start(self, model: Served) -> asyncio.Task[Translator]:
        if model.name not in self._loading:
            task = asyncio.create_task(self._open(model))
            self._loading[model.name] = task
            task.add_done_callback(lambda done: self._loading.pop(model.name))
            task.add_done_callback(_seen)
        return self._loading[model.name]

    async def _open(self, model: Served) -> Translator:
        started, stamp = time.monotonic(), stamp_of(model.path)
        try:
            translator = await asyncio.get_running_loop().run_in_executor(self._pool, self._load, model.path)
        except DragomanError as error:
            log.error("a model cannot be loaded", extra={"model": model.name, "why": str(error)})
            if loaded := self._loaded.get(model.name):
                loaded.stamp = stamp or loaded.stamp  # do not try again until the files change once more
            raise
        self._loaded.pop(model.name, None)
        self._loaded[model.name] = _Loaded(translator, stamp or (0, 0, 0), time.monotonic())
        while len(self._loaded) > self._keep:
            self._loaded.pop(next(iter(self._loaded)))
        self._metrics.count("dragoman_models_loaded_total")
        seconds = round(time.monotonic() - started, 3)
        log.info("model loaded", extra={"model": model.name, "seconds": seconds})
        return translator

    def close(self) -> None:
        self._pool.shutdown(wait=False)
        self._loaded.clear()


def stamp_of(path: Path) -> Stamp | None:
    """What tells one manifest on disk from the next: it is replaced whole, so its inode or its time changes."""
    try:
        found = os.stat(path / MANIFEST)
    except OSError:
        return None  # gone: what is loaded goes on
    return found.st_ino, found.st_mtime_ns, found.st_size


def _seen(task: asyncio.Task[Translator]) -> None:
    """So that a failed load, which the log has told of, is not complained about again."""
    if not task.cancelled():
        task.exception()
