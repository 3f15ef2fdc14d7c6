"""The translator, text to text: the single door for command line, evaluation and server. Computes nothing itself.

Text is cut into sentences, normalised and encoded as the model was trained; an engine turns ids into ids; and the
sentences are joined again with their line breaks.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cached_property, partial
from itertools import repeat, zip_longest
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, overload

from dragoman.decoding.options import DecodingOptions, Hypothesis
from dragoman.engines import Background
from dragoman.errors import ConfigError, ModelError, UsageError
from dragoman.model.directory import ModelDirectory, find_model, open_model
from dragoman.translate.prefetch import one_ahead
from dragoman.translate.reading import Reader
from dragoman.translate.translation import Piece, Score, Scribe, Translation

if TYPE_CHECKING:
    from torch import nn

    from dragoman.engines import Engine

Search = Callable[..., Iterable[list[Hypothesis]]]  # of an engine, with its options bound
Asked = list[tuple[str, str]]  # texts with prefixes
Begun = tuple[Asked, list[list[Piece]], Iterator[list[Hypothesis]]]  # what each is cut into, what is found
EngineName = Literal["auto", "ctranslate2", "torch"]

# A chunk is what is translated at once: enough to sort by length, little enough to hold in memory.
CHUNK_TEXTS, CHUNK_CHARACTERS = 2048, 1_000_000
DEFAULT_LONGEST = 200  # tokens of a sentence, where a model does not say what it was trained on


class Translator:
    """One model, ready to translate. Safe to share between threads."""

    def __init__(
        self,
        model: ModelDirectory,
        engine: EngineName = "auto",
        *,
        device: str = "cpu",
        workers: int | None = None,
        compute_type: str | None = None,
    ) -> None:
        if engine not in ("auto", *ENGINES):
            raise ConfigError(f"engine = {engine!r}: must be auto, {' or '.join(ENGINES)}")
        self.model = model
        self.engine, self.device, self.workers, self.compute_type = engine, device, workers, compute_type
        self.options = _default_options(model)
        self._reader = Reader(
            model.source_tokenizer, self.languages[0], model.config["cleaning"], self.longest
        )
        self._scribe = Scribe(model.source_tokenizer, model.target_tokenizer, self.languages[1])
        self._engines: dict[str, Engine] = {}
        self._loading = threading.Lock()
        self._engine(self._engine_for(self.options))

    @classmethod
    def load(
        cls,
        name_or_path: str | Path,
        *,
        engine: EngineName = "auto",
        device: str = "cpu",
        workers: int | None = None,
        compute_type: str | None = None,
    ) -> Self:
        """A bundled model by name ("en-zh"), or a model directory by path. Raises ModelError.

        engine: "ctranslate2" is the fast one, "torch" the reference; "auto" takes the fast one where it can do what
        is asked. device: "cpu" or "cuda". workers: sentences translated side by side, default one a processor core.
        compute_type: of the fast engine, default int8 on a CPU; of the reference, default float32.
        """
        model = open_model(find_model(name_or_path))
        return cls(model, engine, device=device, workers=workers, compute_type=compute_type)

    @property
    def languages(self) -> tuple[str, str]:
        """Codes of the source and the target language."""
        return self.model.languages

    def close(self) -> None:
        """Give back the memory of the engines. The next call loads them again."""
        with self._loading:
            self._engines.clear()
            self.__dict__.pop("module", None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- translating --------------------------------------------------------------------------------------------

    @overload
    def translate(self, texts: str, options: DecodingOptions | None = None, **asked: Any) -> Translation: ...

    @overload
    def translate(
        self, texts: Iterable[str], options: DecodingOptions | None = None, **asked: Any
    ) -> list[Translation]: ...

    def translate(
        self,
        texts: str | Iterable[str],
        options: DecodingOptions | None = None,
        *,
        prefixes: str | Iterable[str] | None = None,
        **asked: Any,
    ) -> Translation | list[Translation]:
        """One text, or many, of any length; the result has the same order. What can be asked: see `stream`."""
        if isinstance(texts, str):
            if not isinstance(prefixes, str | None):
                raise UsageError("one text takes one prefix: give a string")
            only = None if prefixes is None else [prefixes]
            return next(self.stream([texts], options, prefixes=only, **asked))
        if isinstance(prefixes, str):
            raise UsageError("many texts take many prefixes, one each: give a list")
        return list(self.stream(texts, options, prefixes=prefixes, **asked))

    def stream(
        self,
        texts: Iterable[str],
        options: DecodingOptions | None = None,
        *,
        prefixes: Iterable[str] | None = None,
        alignments: bool = False,
        scores: bool = True,
        token_scores: bool = False,
        progress: Callable[[int], object] | None = None,
        chunk: int = CHUNK_TEXTS,
        **overrides: Any,
    ) -> Iterator[Translation]:
        """Translations in the order of `texts`, which is read no further than two chunks of `chunk` texts ahead.

        Memory does not grow with the number of texts. With chunk=1 each is answered before the next is read.

        options: how to search, default what the model says; `overrides` are fields of it (beam_size=1).
        prefixes: what each translation has to begin with.
        alignments, token_scores: fill those fields of Translation; both take time.
        scores: whether anybody wants Translation.score and the flag low_confidence; with one beam they take time.
        progress: called with the number of texts done, after each chunk.
        Raises ConfigError for an option that does not exist or makes no sense, UsageError for what is no text.
        """
        if chunk < 1:
            raise UsageError(f"chunk = {chunk}: must be at least 1")
        chosen = (self.options if options is None else options).changed(**overrides)
        # No more tokens than the model has positions, one of which is <s>.
        chosen = replace(chosen, max_length=min(chosen.max_length, self._positions - 1))
        engine = self._engine(self._engine_for(chosen))
        ahead = chunk > 1 and isinstance(engine, Background)
        search: Search = engine.begin if isinstance(engine, Background) else engine.translate
        search = partial(
            search, options=chosen, attention=alignments, scores=scores, token_scores=token_scores
        )
        scribe = replace(self._scribe, token_scores=token_scores)
        batches = chunks(_with_prefixes(texts, prefixes), chunk)
        return self._stream(scribe, search, batches, progress, ahead)

    def _stream(
        self,
        scribe: Scribe,
        search: Search,
        batches: Iterable[Asked],
        progress: Callable[[int], object] | None,
        ahead: bool,
    ) -> Iterator[Translation]:
        done = 0
        jobs = (self._begun(batch, search) for batch in batches)
        for batch, plans, found in one_ahead(jobs) if ahead else jobs:
            for (text, _), pieces in zip(batch, plans, strict=True):
                yield scribe.assemble(text, pieces, [next(found) for piece in pieces if piece.ids])
            done += len(batch)
            if progress is not None:
                progress(done)

    def _begun(self, batch: Asked, search: Search) -> Begun:
        """Texts cut and encoded, and the engine at work on all that have words."""
        plans = [self._reader.pieces(text, bool(prefix)) for text, prefix in batch]
        sources: list[list[int]] = []
        forced: list[list[int]] = []
        for pieces, (_, prefix) in zip(plans, batch, strict=True):
            ids = [piece.ids for piece in pieces if piece.ids]
            beginning = self._scribe.target.encode(self._reader.prepare(prefix, "target")) if prefix else []
            sources += ids
            forced += [beginning, *([] for _ in ids[1:])][: len(ids)]
        found = search(sources, prefixes=forced if any(forced) else None) if sources else ()
        return batch, plans, iter(found)

    @property
    def longest(self) -> int:
        """The longest sentence, in tokens, that goes through the model in one run: no longer than in training."""
        trained = self.model.config["data"].get("longest", DEFAULT_LONGEST)
        return max(1, min(int(trained), self._positions - 1))

    @property
    def _positions(self) -> int:
        return int(self.model.config["model"].get("max_length", 2 * DEFAULT_LONGEST))

    # -- scoring ------------------------------------------------------------------------------------------------

    def score(self, sources: Iterable[str], targets: Iterable[str]) -> list[Score]:
        """How probable each target is as the translation of its source (teacher forcing; the torch engine).

        Each pair goes through the model whole. Raises UsageError for a pair longer than the model has positions.
        """
        sources, targets = list(sources), list(targets)
        if len(sources) != len(targets):
            raise UsageError(
                f"{len(sources):,} sources and {len(targets):,} targets: there must be as many of each"
            )
        pairs = [self._encoded(*pair) for pair in zip(sources, targets, strict=True)]
        for number, lengths in enumerate((tuple(map(len, pair)) for pair in pairs), 1):
            if max(lengths) >= self._positions:
                raise UsageError(
                    f"pair {number:,} has {lengths[0]:,} and {lengths[1]:,} tokens, and the model reads at most "
                    f"{self._positions - 1:,}: leave it out"
                )
        module = self.module  # says how to install torch, where it is missing
        from dragoman.translate.scoring import token_logprobs

        found = token_logprobs(module, pairs, self.device)
        return [
            Score(sum(scores), [*self._scribe.target.pieces(target), "</s>"], scores)
            for (_, target), scores in zip(pairs, found, strict=True)
        ]

    def reads(self, source: str, target: str) -> bool:
        """Whether `score` takes this pair: no side has more tokens than the model has positions."""
        return max(map(len, self._encoded(source, target))) < self._positions

    def _encoded(self, source: str, target: str) -> tuple[list[int], list[int]]:
        return (
            self._reader.tokenizer.encode(self._reader.prepare(source, "source")),
            self._scribe.target.encode(self._reader.prepare(target, "target")),
        )

    # -- engines ------------------------------------------------------------------------------------------------

    def _engine_for(self, options: DecodingOptions) -> str:
        """What `auto` means: the fast engine where it can do what is asked, the reference elsewhere."""
        if self.engine != "auto":
            return self.engine
        if self.model.config["model"]["kind"] != "transformer" or self._uncomputed:
            return "torch"
        from dragoman.engines.ctranslate2 import refusal

        return "torch" if refusal(options) else "ctranslate2"

    @cached_property
    def _uncomputed(self) -> str | None:
        """Why the fast engine does not compute this model, said once on stderr; None where it does."""
        from dragoman.interop.ctranslate2 import refusal

        why = refusal(self.model.config["model"])
        if why:
            logging.getLogger("dragoman").warning("%s: the torch engine translates, more slowly", why)
        return why

    def _engine(self, name: str) -> Engine:
        with self._loading:
            if name not in self._engines:
                self._engines[name] = ENGINES[name](self)
            return self._engines[name]

    @cached_property
    def module(self) -> nn.Module:
        return self.model.build().to(self.device)


def _torch(translator: Translator) -> Engine:
    module = translator.module  # says how to install torch, where it is missing
    from dragoman.engines.torch import TorchEngine

    # With "auto" the type was asked of the fast engine, and this one stands in for it.
    compute_type = translator.compute_type if translator.engine == "torch" else None
    return TorchEngine(module, translator.device, workers=translator.workers, compute_type=compute_type)


def _ctranslate2(translator: Translator) -> Engine:
    from dragoman.engines.ctranslate2 import CTranslate2Engine

    model = translator.model
    if (kind := model.config["model"]["kind"]) != "transformer":
        raise ConfigError(
            f"engine = 'ctranslate2' computes Transformers, not models of kind {kind!r}: use 'torch'"
        )
    return CTranslate2Engine.from_weights(
        model.weights,
        model.config["model"],
        model.source_tokenizer.vocabulary(),
        model.target_tokenizer.vocabulary(),
        workers=translator.workers,
        device=translator.device,
        compute_type=translator.compute_type,
    )


ENGINES: dict[str, Callable[[Translator], Engine]] = {"ctranslate2": _ctranslate2, "torch": _torch}


def _default_options(model: ModelDirectory) -> DecodingOptions:
    try:
        return DecodingOptions(**model.config["decoding"])
    except (ConfigError, TypeError) as error:  # TypeError: no such field, or text where a number should be
        raise ModelError(f"{model.path}: config.toml, [decoding]: {error}") from error


def _with_prefixes(texts: Iterable[str], prefixes: Iterable[str] | None) -> Iterator[tuple[str, str]]:
    """Each text with its prefix, checked as it comes."""
    missing = object()
    pairs: Iterable[tuple[Any, Any]] = (
        zip(texts, repeat("")) if prefixes is None else zip_longest(texts, prefixes, fillvalue=missing)
    )
    for number, (text, prefix) in enumerate(pairs, 1):
        if text is missing or prefix is missing:
            raise UsageError(
                f"there must be as many prefixes as texts; number {number:,} has only one of the two"
            )
        if not isinstance(text, str) or not isinstance(prefix, str):
            wrong = prefix if isinstance(text, str) else text
            raise UsageError(f"text {number:,} is of type {type(wrong).__name__}: give strings")
        yield text, prefix


def chunks(asked: Iterable[tuple[str, str]], most: int) -> Iterator[list[tuple[str, str]]]:
    """Texts in lists of at most `most`, cut earlier where they are long; reads no further than it gives."""
    chunk: list[tuple[str, str]] = []
    characters = 0
    for text, prefix in asked:
        chunk.append((text, prefix))
        characters += len(text)
        if len(chunk) >= most or characters >= CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk
