"""The translator, text to text: the single door for command line, evaluation and server. Computes nothing itself.

Text is cut into sentences, normalised and encoded as the model was trained; an engine turns ids into ids; and the
sentences are joined again with their line breaks.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, overload

from dragoman.decoding.options import DecodingOptions, SearchRequest
from dragoman.engines import Engine, refuse_unheeded, unheeded
from dragoman.errors import ConfigError, ModelError, UsageError
from dragoman.ids import EOS, SPECIALS
from dragoman.model.directory import ModelDirectory, find_model, open_model
from dragoman.translate.chunks import CHUNK_TEXTS, Texts, chunks, with_prefixes
from dragoman.translate.ensemble import built, refuse_unlike
from dragoman.translate.facing import Facing
from dragoman.translate.plan import Plan, Setup
from dragoman.translate.prefetch import prefetch
from dragoman.translate.protect import Protection
from dragoman.translate.running import Begun, begun, finished
from dragoman.translate.translation import Score, Translation

if TYPE_CHECKING:
    from torch import nn

SetupOf = Callable[["Translator"], Setup]  # by the direction that a text goes
log = logging.getLogger("dragoman.translate")

EngineName = Literal["auto", "ctranslate2", "torch"]
# What can be wanted of a translation beside its text, and the field of SearchRequest that says so.
_WANTED = {"alignments": "attention", "scores": "scores", "token_scores": "token_scores"}


class Translator(Facing):
    """One model, ready to translate. Safe to share between threads."""

    def __init__(
        self,
        model: ModelDirectory,
        engine: EngineName = "auto",
        *,
        device: str = "cpu",
        workers: int | None = None,
        compute_type: str | None = None,
        partners: Sequence[ModelDirectory] = (),
    ) -> None:
        """partners: models that translate together with `model`, by the mean of their probabilities."""
        if engine not in ("auto", *ENGINES):
            raise ConfigError(f"engine = {engine!r}: must be auto, {' or '.join(ENGINES)}")
        if partners and engine == "ctranslate2":
            raise ConfigError("engine = 'ctranslate2' computes one model, not an ensemble: use 'torch'")
        refuse_unlike(model, partners)
        self.model, self.partners = model, tuple(partners)
        self.engine, self.device, self.workers, self.compute_type = engine, device, workers, compute_type
        self.options = _default_options(model)
        self._origin = None
        self._face(model.directions, ())
        self._engines: dict[str, Engine] = {}
        self._loading = threading.Lock()
        self._engine(self._engine_name(self.options))

    @classmethod
    def load(
        cls,
        name_or_path: str | Path | Sequence[str | Path],
        *,
        engine: EngineName = "auto",
        device: str = "cpu",
        workers: int | None = None,
        compute_type: str | None = None,
        source_lang: str | None = None,
        target_lang: str | None = None,
    ) -> Self:
        """A bundled model by name ("en-zh"), or a model directory by path. Raises ModelError.

        A list of them is an ensemble: models of one vocabulary, the mean of whose probabilities decides (torch engine).
        engine: "ctranslate2" is the fast one, "torch" the reference; "auto" takes the fast one where it can do what
        is asked. device: "cpu" or "cuda". workers: sentences translated side by side, default one a processor core.
        compute_type: of the fast engine, default int8 on a CPU; of the reference, default float32. source_lang and
        target_lang: which of a model's languages, and in which script Chinese is written: see `toward`.
        """
        names = [name_or_path] if isinstance(name_or_path, str | Path) else name_or_path
        if not names:
            raise UsageError("an ensemble of no model translates nothing: name at least one")
        model, *partners = (open_model(find_model(name)) for name in names)
        whole = cls(
            model, engine, device=device, workers=workers, compute_type=compute_type, partners=partners
        )
        return whole.toward(source_lang, target_lang) if source_lang or target_lang else whole

    def close(self) -> None:
        """Give back the memory of the engines. The next call loads them again."""
        with self._loading:
            self._engines.clear()
            self.whole.__dict__.pop("_module", None)

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
        protect: Protection | bool = True,
        progress: Callable[[int], object] | None = None,
        chunk: int = CHUNK_TEXTS,
        **asked: Any,
    ) -> Iterator[Translation]:
        """Translations in the order of `texts`, which is read no further than two chunks of `chunk` texts ahead.

        Memory does not grow with the number of texts. With chunk=1 each is answered before the next is read.

        options: how to search, default what the model says.
        prefixes: what each translation has to begin with.
        protect: keep what is no word of a language (addresses, placeholders, codes, numbers, emoji, marks), read text
            in capitals as what it says, and leave no words without an answer. False: the model as it is. A Protection
            has a glossary.
        progress: called with the number of texts done, after each chunk.
        asked: fields of the options that shall be others (beam_size=1), and three that say what is wanted:
            alignments, token_scores (default False): fill those fields of Translation; both take time.
            scores (default True): Translation.score and the flag low_confidence; with one beam they take time.
        Raises ConfigError for an option that does not exist, makes no sense or is not heeded by the engine,
        UsageError for what is no text.
        """
        if chunk < 1:
            raise UsageError(f"chunk = {chunk}: must be at least 1")
        wanted = {field: asked.pop(name) for name, field in _WANTED.items() if name in asked}
        chosen = (self.options if options is None else options).changed(**asked)
        request = self._limited(SearchRequest(chosen, **wanted))
        engine = self._engine_for(request.options)
        setup = self._setup(request, engine, _protection(protect))
        jobs = (self._begun(batch, setup) for batch in chunks(with_prefixes(texts, prefixes), chunk))
        return finished(prefetch(jobs) if chunk > 1 else jobs, progress)

    def _begun(self, batch: Texts, setup: SetupOf) -> Begun:
        """Texts cut and encoded, and the engine at work on all that have words."""
        plans = [setup(self.way_of(text)).plan(text, prefix) for text, prefix in batch]
        return plans, begun(plans)

    # -- planning -----------------------------------------------------------------------------------------------

    def plan(
        self,
        text: str,
        options: DecodingOptions | None = None,
        prefix: str = "",
        *,
        alignments: bool = False,
        token_scores: bool = False,
        draft: bool = False,
        protect: Protection | bool = True,
    ) -> Plan:
        """What is searched for to translate one text, by which engine, and how the answer becomes text again.

        draft: for Engine.write, which writes a token at a time, and not for Engine.begin. The others: see `stream`.
        Raises ConfigError for an option that the engine does not heed.
        """
        asked = SearchRequest(
            self.options if options is None else options, alignments, token_scores=token_scores
        )
        request = self._limited(asked)
        setup = self._setup(request, self._engine_for(request.options, draft), _protection(protect))
        return setup(self.way_of(text)).plan(text, prefix)

    def _setup(self, request: SearchRequest, engine: Engine, protection: Protection | None) -> SetupOf:
        """What the texts of one call have in common, for each direction that they go."""

        @cache
        def of(way: Translator) -> Setup:
            return Setup(request, engine, way._reader, way._detokeniser, protection, way.manner)

        return of

    def _limited(self, request: SearchRequest) -> SearchRequest:
        """The same, with no translation longer than the model has positions, one of which is <s>."""
        options, most = request.options, self.positions - 1
        if options.max_length <= most:
            return request
        return replace(request, options=replace(options, max_length=most))

    # -- scoring ------------------------------------------------------------------------------------------------

    def score(self, sources: Iterable[str], targets: Iterable[str]) -> list[Score]:
        """How probable each target is as the translation of its source (teacher forcing; the torch engine).

        Each pair goes through the model whole; a token that names the language of the target was no choice of its, and
        does not count. Raises UsageError for a pair longer than the model has positions.
        """
        sources, targets = list(sources), list(targets)
        if len(sources) != len(targets):
            raise UsageError(
                f"{len(sources):,} sources and {len(targets):,} targets: there must be as many of each"
            )
        pairs = [self.encode(*pair) for pair in zip(sources, targets, strict=True)]
        for number, lengths in enumerate((tuple(map(len, pair)) for pair in pairs), 1):
            if max(lengths) >= self.positions:
                raise UsageError(
                    f"pair {number:,} has {lengths[0]:,} and {lengths[1]:,} tokens, and the model reads at most "
                    f"{self.positions - 1:,}: leave it out"
                )
        module = self.module  # says how to install torch, where it is missing
        from dragoman.translate.scoring import token_logprobs

        found = token_logprobs(module, pairs, self.device)
        tokenizer = self.model.target_tokenizer
        scored = []
        for (_, target), scores in zip(pairs, found, strict=True):
            begin = len(tokenizer.lead) if target else 0
            pieces = [*tokenizer.pieces(target[begin:]), SPECIALS[EOS]]
            scored.append(Score(sum(scores[begin:]), pieces, scores[begin:]))
        return scored

    def reads(self, source: str, target: str) -> bool:
        """Whether `score` takes this pair: no side has more tokens than the model has positions."""
        return max(map(len, self.encode(source, target))) < self.positions

    # -- engines ------------------------------------------------------------------------------------------------

    def _engine_for(self, options: DecodingOptions, draft: bool = False) -> Engine:
        """The engine that does what is asked. Raises ConfigError where the one that was chosen cannot."""
        engine = self._engine(self._engine_name(options, draft))
        heeds, doing = (engine.heeds_in_drafts, "in a draft") if draft else (engine.heeds, "")
        refuse_unheeded(engine.name, options, heeds, doing)
        return engine

    def _engine_name(self, options: DecodingOptions, draft: bool = False) -> str:
        """What `auto` means: the fast engine where it can do what is asked, the reference elsewhere."""
        if self.engine != "auto":
            return self.engine
        if self.partners or self.model.config["model"]["kind"] != "transformer" or self._uncomputed:
            return "torch"
        from dragoman.engines.ctranslate2 import CTranslate2Engine as fast

        missing = unheeded(options, fast.heeds_in_drafts if draft else fast.heeds)
        if not missing:
            return fast.name
        log.info("the torch engine translates: %s does not heed %s", fast.name, ", ".join(missing))
        return "torch"

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

    @property
    def module(self) -> nn.Module:
        """The reference model; whoever shares this translator's engines has the same."""
        return self.whole._module

    @cached_property
    def _module(self) -> nn.Module:
        return built((self.model, *self.partners)).to(self.device)


def _torch(translator: Translator) -> Engine:
    module = translator.module  # says how to install torch, where it is missing
    from dragoman.engines.torch import TorchEngine

    # With "auto" the type was asked of the fast engine, and this one stands in for it.
    asked = translator.engine == "torch" or translator.partners
    compute_type = translator.compute_type if asked else None
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


def _protection(asked: Protection | bool) -> Protection | None:
    return asked if isinstance(asked, Protection) else Protection() if asked else None
