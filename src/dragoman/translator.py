"""The translator, text to text: the single door for command line, evaluation and server. Computes nothing itself.

Text is cut into sentences, normalised and encoded as the model was trained; an engine turns ids into ids; and the
sentences are joined again with their line breaks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from itertools import repeat, zip_longest
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, overload

from dragoman.ahead import one_ahead
from dragoman.decoding.options import DecodingOptions, Hypothesis
from dragoman.errors import ConfigError, ModelError, UsageError
from dragoman.modeldir import ModelDirectory, find_model, open_model
from dragoman.text.cleaning import prepare_text
from dragoman.text.sentences import split_paragraph
from dragoman.translation import Piece, Score, Scribe, Translation

if TYPE_CHECKING:
    from torch import nn

    from dragoman.engines import Engine

Search = Callable[..., list[list[Hypothesis]]]  # of an engine, with its options bound
Planned = tuple[list[tuple[str, str]], list[list[Piece]]]  # texts with prefixes, and what each is cut into
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
        progress: called with the number of texts done, after each chunk.
        Raises ConfigError for an option that does not exist or makes no sense, UsageError for what is no text.
        """
        if chunk < 1:
            raise UsageError(f"chunk = {chunk}: must be at least 1")
        chosen = (self.options if options is None else options).changed(**overrides)
        # No more tokens than the model has positions, one of which is <s>.
        chosen = replace(chosen, max_length=min(chosen.max_length, self._positions - 1))
        engine = self._engine(self._engine_for(chosen))
        search = partial(engine.translate, options=chosen, attention=alignments, token_scores=token_scores)
        scribe = replace(self._scribe, token_scores=token_scores)
        # CTranslate2 translates outside of Python: a thread can ask it for a chunk while another is written here.
        ahead = chunk > 1 and engine.name == "ctranslate2"
        batches = chunks(_with_prefixes(texts, prefixes), chunk)
        return self._stream(scribe, search, batches, progress, ahead)

    def _stream(
        self,
        scribe: Scribe,
        search: Search,
        batches: Iterable[list[tuple[str, str]]],
        progress: Callable[[int], object] | None,
        ahead: bool,
    ) -> Iterator[Translation]:
        def searched(planned: Planned) -> Iterator[list[Hypothesis]]:
            batch, plans = planned
            return self._search(search, plans, [prefix for _, prefix in batch])

        done = 0
        jobs = ((batch, [self._pieces(text, bool(prefix)) for text, prefix in batch]) for batch in batches)
        found_in_turn = one_ahead(searched, jobs) if ahead else ((job, searched(job)) for job in jobs)
        for (batch, plans), found in found_in_turn:
            for (text, _), pieces in zip(batch, plans, strict=True):
                yield scribe.assemble(text, pieces, [next(found) for piece in pieces if piece.ids])
            done += len(batch)
            if progress is not None:
                progress(done)

    def _search(
        self, search: Search, plans: Sequence[Sequence[Piece]], prefixes: Sequence[str]
    ) -> Iterator[list[Hypothesis]]:
        """Hypotheses of all pieces that have ids, one piece after another."""
        sources: list[list[int]] = []
        forced: list[list[int]] = []
        for pieces, prefix in zip(plans, prefixes, strict=True):
            ids = [piece.ids for piece in pieces if piece.ids]
            beginning = self._scribe.target.encode(self._prepare(prefix, "target")) if prefix else []
            sources += ids
            forced += [beginning, *([] for _ in ids[1:])][: len(ids)]
        return iter(search(sources, prefixes=forced if any(forced) else None) if sources else ())

    def _pieces(self, text: str, always: bool) -> list[Piece]:
        """Cut a text into sentences, and any that is too long for the model into shorter ones.

        What has no letter and no digit (a line of emoji, a rule of dashes) is left as it is, unless `always`: a
        model would make up words for it.
        """
        pieces = []
        for segment in split_paragraph(text, self.languages[0]):
            words = segment.text.rstrip()
            separator = segment.text[len(words) :] + segment.separator
            prepared = self._prepare(words, "source")
            if any(map(str.isalnum, prepared)) or (always and prepared):
                pieces += self._fitting(prepared, separator)
            else:
                pieces.append(Piece(prepared, separator, []))
        return pieces

    def _fitting(self, text: str, separator: str) -> list[Piece]:
        """A sentence as it is or, while it has more tokens than the model can take, in halves."""
        ids = self._scribe.source.encode(text)
        if len(ids) <= self.longest or len(text) == 1:
            return [Piece(text, separator, ids[: self.longest])]
        cut = _middle(text)
        return self._fitting(text[:cut].rstrip(), "") + self._fitting(text[cut:].lstrip(), separator)

    def _prepare(self, text: str, side: Literal["source", "target"]) -> str:
        """Text as the model's training corpus was cleaned."""
        # Undecodable bytes of a command line come as lone surrogates, which no tokenizer takes.
        text = text.encode(errors="ignore").decode()
        cleaning = self.model.config["cleaning"]
        simplified = cleaning.get("simplify", "") in (side, "both")
        return prepare_text(text, cleaning.get("normalize", True), simplified)

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
        from dragoman.scoring import token_logprobs

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
            self._scribe.source.encode(self._prepare(source, "source")),
            self._scribe.target.encode(self._prepare(target, "target")),
        )

    # -- engines ------------------------------------------------------------------------------------------------

    def _engine_for(self, options: DecodingOptions) -> str:
        """What `auto` means: the fast engine where it can do what is asked, the reference elsewhere."""
        if self.engine != "auto":
            return self.engine
        if self.model.config["model"]["kind"] != "transformer":
            return "torch"
        from dragoman.engines.ctranslate2 import refusal

        return "torch" if refusal(options) else "ctranslate2"

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


def _middle(text: str) -> int:
    """Where to cut a text in two: at the last space before the middle, unless that is far from it."""
    space = text.rfind(" ", len(text) // 4, len(text) // 2)
    return len(text) // 2 if space < 0 else space
