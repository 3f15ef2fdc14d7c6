"""What a worker does to a shard: translate it, or clean it. Knows no process and no other shard.

A job is a frozen dataclass that travels as JSON; `opened` makes it able to work, once in each worker.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dragoman.corpus.cleaning import CleaningConfig, CleaningReport, clean, pair_key
from dragoman.corpus.pairs import pair_writer, read_corpus
from dragoman.decoding.options import DecodingOptions
from dragoman.errors import UsageError
from dragoman.files import sync_directory
from dragoman.model.directory import find_model, open_model
from dragoman.model.seal import MANIFEST
from dragoman.scale.files import Fields, translate_file
from dragoman.scale.shards import Result, Shard, making
from dragoman.text.directions import all_told, fitting, staying

if TYPE_CHECKING:
    from dragoman.translate.translation import Translation

Progress = Callable[[int], object]  # called with how many records of the shard are done
Work = Callable[[Shard, Progress], Result]

KEYS = ".keys"  # after the name of a cleaned shard: eight bytes for each of its pairs


@dataclass(frozen=True)
class TranslateJob:
    """The translation of texts, as one `Translator` with these settings makes it."""

    models: tuple[str, ...]
    engine: dict[str, Any] = field(default_factory=dict)  # arguments of Translator.load
    options: dict[str, Any] = field(default_factory=dict)  # fields of DecodingOptions that were asked for
    prefix: str = ""
    raw: bool = False
    languages: tuple[str | None, str | None] = (
        None,
        None,
    )  # that were named, of the text and of its translation
    tags: tuple[str, ...] = ()  # symbols before each source
    fields: dict[str, str] = field(default_factory=dict)
    kind: Literal["translate"] = "translate"

    def __post_init__(self) -> None:
        Fields(**self.fields)

    def checked(self) -> tuple[str, str]:
        """Source and target. Raises ModelError, ConfigError and UsageError for what no worker could do."""
        model = open_model(find_model(self.models[0]))
        DecodingOptions(**model.config["decoding"]).changed(**self.options)
        if model.many:
            return model.between(*self.languages).languages
        found = fitting(model.directions, *self.languages) or staying(model.directions, *self.languages)
        if not found:
            asked = " -> ".join(code or "any" for code in self.languages)
            raise UsageError(f"{asked}: this model translates {all_told(model.directions)}")
        return found[0]

    def settings(self) -> dict[str, Any]:
        """What decides the outputs: the job, and the very bytes of its models."""
        found = [hashlib.sha256((find_model(one) / MANIFEST).read_bytes()).hexdigest() for one in self.models]
        return {**asdict(self), "weights": found}

    def opened(self, threads: int) -> Work:
        from dragoman.translate.translator import Translator

        names: Any = self.models[0] if len(self.models) == 1 else self.models
        translator = Translator.load(names, **{"workers": threads, **self.engine})
        translator = translator.toward(*self.languages, tags=self.tags)
        languages = tuple(
            asked or own for asked, own in zip(self.languages, translator.languages, strict=True)
        )
        options = translator.options.changed(**self.options)
        # An option that the engine does not heed is refused before any shard is begun.
        next(translator.stream(["."], options, scores=False, protect=not self.raw))

        def work(shard: Shard, progress: Progress) -> Result:
            counts: Counter[str] = Counter()
            answered = 0

            def translate(texts: Iterator[str]) -> Iterator[str]:
                nonlocal answered
                prefixes = None
                if self.prefix:
                    texts, others = tee(texts)
                    prefixes = (self.prefix for _ in others)
                found = translator.stream(
                    texts,
                    options,
                    prefixes=prefixes,
                    scores=False,
                    protect=not self.raw,
                    progress=progress,
                )
                for one in found:
                    answered += 1
                    counts.update(_flags(one))
                    yield one.text

            with making(shard) as (draft, result):
                fields = Fields(**self.fields)
                translate_file(Path(shard.inputs[0]), draft, fields, translate, (languages[0], languages[1]))
                result |= {"records": answered, "flags": dict(sorted(counts.items()))}
            return result

        return work


def _flags(translation: Translation) -> list[str]:
    return [str(flag) for flag in translation.flags]


@dataclass(frozen=True)
class CleanJob:
    """The cleaning of one corpus by itself; what stands in an earlier one too is left out afterwards."""

    source: str
    target: str
    rules: dict[str, Any] = field(default_factory=dict)
    kind: Literal["clean"] = "clean"

    def settings(self) -> dict[str, Any]:
        return {**asdict(self), "rules": asdict(CleaningConfig(**self.rules))}

    def opened(self, threads: int) -> Work:
        return self._work

    def _work(self, shard: Shard, progress: Progress) -> Result:
        report = CleaningReport()
        languages = self.source, self.target
        pairs = read_corpus([Path(one) for one in shard.inputs], *languages, may_be_empty=True)
        keys = Shard(shard.inputs, shard.output + KEYS)
        rules, folder = CleaningConfig(**self.rules), Path(shard.output).parent
        with making(shard) as (draft, result):
            with pair_writer(draft) as write, making(keys) as (digests, _), open(digests, "wb") as stream:
                for pair in clean(pairs, rules, *languages, report, scratch=folder):
                    write(pair)
                    stream.write(pair_key(pair))
                    if report.kept % 1024 == 0:
                        progress(report.read)
            sync_directory(folder)  # whoever finds the shard after a loss of power finds its keys
            result |= {"records": report.read, "report": asdict(report)}
        return result


Job = TranslateJob | CleanJob
_JOBS: dict[str, type[TranslateJob | CleanJob]] = {"translate": TranslateJob, "clean": CleanJob}


def job_of(settings: Mapping[str, Any]) -> Job:
    """A job out of its fields, as they come out of JSON."""
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()
    }
    return _JOBS[values["kind"]](**values)
