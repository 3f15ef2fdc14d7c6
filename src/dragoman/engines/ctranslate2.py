"""The production engine: CTranslate2, int8 on a CPU unless told otherwise. Ids in, ids out; loads no torch.

Results are those of the torch engine up to rounding: the same search, the same score, the same stop rule. One
difference: right after a forced prefix it considers </s> only where that is the most probable token. And a
placeholder that the source has may come twice.
Sampling is refused: CTranslate2 draws from a state that all sentences share, so draws would depend on neighbours.
"""

from __future__ import annotations

import json
import math
import os
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any, Self

import ctranslate2

from dragoman.bounds import Within
from dragoman.decoding.options import (
    NOT_NUMBERS,
    DecodingOptions,
    Hypothesis,
    SearchRequest,
    Unwanted,
    Wanted,
    no_prefixes,
)
from dragoman.engines import Ids, empty, refuse_unheeded
from dragoman.engines.batches import (
    BATCH,
    BATCH_OF_BEAMS,
    BATCH_TOKENS,
    BATCH_WORK,
    Group,
    batch_size,
    grouped,
)
from dragoman.engines.instructions import adds_exactly, use_wide_vectors
from dragoman.errors import ConfigError, ModelError, UsageError
from dragoman.ids import BOS, EOS, PAD
from dragoman.interop.ctranslate2 import Quantization, convert
from dragoman.memory import require_for_engine
from dragoman.processor import undisturbed

WORKERS = Within(1, 1024)
FILES = ("model.bin", "config.json")

# Fields of DecodingOptions in CTranslate2's words: the rules, and what else a beam search goes by.
RULES = {"min_length": "min_decoding_length", "no_repeat_ngram": "no_repeat_ngram_size"}
RANKING = {"beam_size": "beam_size", "n_best": "num_hypotheses", "length_penalty": "length_penalty"}
LIMITS = frozenset({"max_length", "max_length_ratio"})  # max_decoding_length: see DecodingOptions.limit


class CTranslate2Engine:
    """A model in CTranslate2's format, with a number of workers that translate batches side by side."""

    name = "ctranslate2"
    heeds = LIMITS | RULES.keys() | RANKING.keys()
    # One hypothesis has no other to be ranked against by its length.
    heeds_in_drafts = LIMITS | RULES.keys() | {"length_penalty"}

    def __init__(
        self,
        model: str | Path | Mapping[str, bytes],
        *,
        workers: int | None = None,
        device: str = "cpu",
        compute_type: str | None = None,
    ) -> None:
        """`model` is a directory, or the files of one as interop.ctranslate2.convert makes them.

        workers: one thread each; as many as the process may use cores of, when None (one on a GPU). Two workers of
        one thread are faster than one of two for anything but a single sentence, and no slower for that.
        compute_type: int8, float32, ...; when None, int8 on a CPU and float16 on a GPU.
        """
        files = dict(model) if isinstance(model, Mapping) else _read(Path(model))
        source, target = _vocabularies(files)
        self._source, self._target = source, target
        self._target_ids = {piece: i for i, piece in enumerate(target)}
        settings = json.loads(files["config.json"])
        self._source_positions: int | None = settings.get("max_source_positions")
        self._target_positions: int | None = settings.get("max_target_positions")
        if workers is None:
            workers = _cores() if device == "cpu" else 1
        if not WORKERS.holds(workers):
            raise ConfigError(f"workers = {workers}: must be {WORKERS.said}")
        use_wide_vectors()
        require_for_engine(sum(map(len, files.values())), workers)
        try:
            with undisturbed():
                self._translator = ctranslate2.Translator(
                    "model",
                    device,
                    compute_type=compute_type or ("int8" if device == "cpu" else "float16"),
                    inter_threads=workers,
                    intra_threads=1,
                    max_queued_batches=-1,
                    files=files,
                )
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"CTranslate2 does not take this model on {device}: {error}") from error
        self.workers, self.compute_type = workers, self._translator.compute_type

    @classmethod
    def from_weights(
        cls,
        weights: Mapping[str, Any],
        config: object,
        source_vocab: Sequence[str],
        target_vocab: Sequence[str],
        *,
        workers: int | None = None,
        device: str = "cpu",
        compute_type: str | None = None,
    ) -> Self:
        """The engine of a Transformer: see interop.ctranslate2.convert for the model, __init__ for the rest."""
        # What will be computed in int8 is made so here: CTranslate2 would read four times as many bytes to do it.
        eight = compute_type in (None, "int8") and device == "cpu"
        small: Quantization = "int8" if adds_exactly() else "int7"
        files = convert(weights, config, source_vocab, target_vocab, small if eight else "float32")
        return cls(files, workers=workers, device=device, compute_type=compute_type)

    def begin(
        self,
        sources: Sequence[Ids],
        request: SearchRequest,
        prefixes: Sequence[Ids] | None = None,
        wanted: Wanted | None = None,
    ) -> Iterator[list[Hypothesis]]:
        """See Engine. Raises UsageError for a source with more tokens than positions.

        Token scores take a second pass, a third as long as a beam search of five; they are among the whole
        vocabulary, where the torch engine's are among the allowed tokens. Scores cost time with one beam only.
        A batch that CTranslate2 has begun runs to its end: with `wanted` they are handed to it a few at a time.
        """
        options, attention = request.options, request.attention
        refuse_unheeded(self.name, options, self.heeds)
        given = no_prefixes(prefixes, len(sources))
        self._refuse_too_long(sources)
        asked = _in_words(options, RULES | RANKING) | {
            "return_attention": attention,
            "return_scores": request.scores or request.token_scores or options.n_best > 1,
            "return_end_token": True,  # so that </s> counts in the length, and a cut-off translation shows
        }
        # Of several sentences in a beam search, all get the first sentence's attention at the first step. What is
        # looked at before anything is written does not depend on the beam, so a greedy step tells it.
        beams = attention and options.beam_size > 1
        most = BATCH if options.beam_size == 1 else BATCH_OF_BEAMS
        running: list[Any] = [None] * len(sources)
        groups = grouped(sources, given, request.placeholders)
        asking = groups.items() if wanted is None else self._while_wanted(groups, request, running, wanted)
        for (length, prefix, lacked), indices in asking:
            futures = self._translator.translate_batch(
                [self._pieces(self._source, sources[i]) for i in indices],
                [self._pieces(self._target, given[i]) for i in indices] if prefix else None,
                max_decoding_length=self._limit(options, length, prefix),
                max_batch_size=1
                if beams and prefix and not request.rough
                else batch_size(len(indices), length, most),
                asynchronous=True,
                **self._always(lacked),
                **asked,
            )
            exact = beams and not prefix and not request.rough
            firsts = self._first_steps([sources[i] for i in indices], most) if exact else ()
            for i, future, first in zip_longest(indices, futures, firsts):
                running[i] = future, first
        even = beams and request.rough
        found = (
            empty(prefix, attention)
            if future is None
            else self._hypotheses(future[0].result(), future[1], options, even)
            for future, prefix in zip(running, given, strict=True)
        )
        return iter(self._with_token_scores(sources, given, list(found))) if request.token_scores else found

    def _while_wanted(
        self,
        groups: Mapping[Group, list[int]],
        request: SearchRequest,
        running: Sequence[Any],
        wanted: Wanted,
    ) -> Iterator[tuple[Group, list[int]]]:
        """The groups, batch by batch: the next when one is done. Raises Unwanted where none is wanted any more."""
        ahead: deque[list[int]] = deque()
        options = request.options
        most = BATCH if options.beam_size == 1 else BATCH_OF_BEAMS
        for group, indices in groups.items():
            work = options.beam_size * self._limit(options, *group[:2])
            size = batch_size(len(indices), group[0], min(most, BATCH_WORK // work))
            for start in range(0, len(indices), size):
                if len(ahead) > self.workers:  # what they are at, and the next
                    running[ahead.popleft()[-1]][0].result()
                if not wanted():
                    raise Unwanted
                ahead.append(indices[start : start + size])
                yield group, ahead[-1]

    def write(
        self, source: Ids, options: DecodingOptions, prefix: Ids = (), placeholders: Ids = ()
    ) -> Generator[int, None, None]:
        """See Engine."""
        refuse_unheeded(self.name, options, self.heeds_in_drafts, "in a draft")
        self._refuse_too_long([source])
        steps = self._translator.generate_tokens(
            self._pieces(self._source, source),
            self._pieces(self._target, prefix) if prefix else None,
            max_decoding_length=self._limit(options, len(source), len(prefix)),
            **self._always([i for i in placeholders if i not in source]),
            **_in_words(options, RULES),
        )
        with closing(steps):
            for step in steps:
                if step.token_id != EOS and step.step >= len(prefix):
                    yield int(step.token_id)

    def _limit(self, options: DecodingOptions, source: int, prefix: int) -> int:
        """The longest translation of a source of so many tokens with such a prefix."""
        limit = options.limit(source + 1, prefix)
        # <s> takes one position.
        return limit if self._target_positions is None else min(limit, self._target_positions - 1)

    def _always(self, lacked: Sequence[int] = ()) -> dict[str, Any]:
        """What is asked of every search: no id of UNWRITTEN, none that is `lacked`, and the whole source."""
        return {
            "disable_unk": True,
            "suppress_sequences": [[self._target[i]] for i in (PAD, BOS, *lacked)],
            "max_input_length": 0,  # its default would cut the source without a word
        }

    def _first_steps(self, sources: Sequence[Ids], most: int) -> Any:
        """The greedy first step of sources of one length, with its attention, to be waited for."""
        return self._translator.translate_batch(
            [self._pieces(self._source, source) for source in sources],
            beam_size=1,
            max_decoding_length=1,
            max_batch_size=batch_size(len(sources), len(sources[0]), most),
            return_attention=True,
            asynchronous=True,
            **self._always(),
        )

    def _hypotheses(self, result: Any, first: Any, options: DecodingOptions, even: bool) -> list[Hypothesis]:
        """first: the first step of a greedy search, where the result's own has another sentence's attention.

        even: say nothing of where the first token looked.
        """
        hypotheses = []
        scores, attention = result.scores, result.attention  # each makes a new list whenever it is asked for
        if first is not None:
            row = first.result().attention[0][0]
            attention = [[row, *rows[1:]] for rows in attention]
        elif even and attention:
            attention = [
                [[1 / (len(rows[0]) + 1)] * len(rows[0]), *rows[1:]] if rows else rows for rows in attention
            ]
        for n, pieces in enumerate(result.hypotheses):
            tokens = [self._target_ids[piece] for piece in pieces]
            finished = tokens[-1] == EOS
            if finished:
                tokens.pop()
            score = scores[n] if scores else 0.0
            if math.isnan(score):
                raise ModelError(NOT_NUMBERS)
            share = (
                [score * len(pieces) ** options.length_penalty / len(pieces)] * len(pieces) if scores else []
            )
            rows = _with_end(attention[n][: len(tokens)]) if attention else None
            hypotheses.append(Hypothesis(tokens, score, share, rows, finished))
        return hypotheses

    def _with_token_scores(
        self, sources: Sequence[Ids], given: Sequence[Ids], found: Sequence[list[Hypothesis]]
    ) -> list[list[Hypothesis]]:
        """The same hypotheses with the log-probability of each token; forced ones count 0, as in the search."""
        wanted = [(i, h) for i, hypotheses in enumerate(found) for h in hypotheses if sources[i]]
        results = self._translator.score_batch(
            [self._pieces(self._source, sources[i]) for i, _ in wanted],
            [self._pieces(self._target, h.tokens) for _, h in wanted],
            max_batch_size=BATCH_TOKENS,
            batch_type="tokens",
            max_input_length=0,
        )
        scored = [[] if source else hypotheses for source, hypotheses in zip(sources, found, strict=True)]
        for (i, h), result in zip(wanted, results, strict=True):
            forced = len(given[i])
            logs = [0.0] * forced + result.log_probs[forced : len(h.tokens) + h.finished]
            scored[i].append(replace(h, token_scores=logs))
        return scored

    def _pieces(self, vocabulary: Sequence[str], ids: Ids) -> list[str]:
        return [vocabulary[i] for i in ids]

    def _refuse_too_long(self, sources: Sequence[Ids]) -> None:
        longest, positions = max(map(len, sources), default=0) + 1, self._source_positions
        if positions is not None and longest > positions:
            raise UsageError(
                f"a source of {longest:,} tokens, </s> included, is longer than the {positions:,} positions of the "
                "model: split it into sentences"
            )


def _in_words(options: DecodingOptions, words: Mapping[str, str]) -> dict[str, Any]:
    """Options by CTranslate2's names for them."""
    return {theirs: getattr(options, ours) for ours, theirs in words.items()}


def _with_end(rows: list[list[float]]) -> list[list[float]]:
    """Attention rows with the column of the source's </s>, which CTranslate2 leaves out: what misses from the sum."""
    return [[*row, max(0.0, 1.0 - sum(row))] for row in rows]


def _cores() -> int:
    """Cores that this process may use, which can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _read(directory: Path) -> dict[str, bytes]:
    files = {path.name: path.read_bytes() for path in directory.iterdir()} if directory.is_dir() else {}
    for name in FILES:
        if name not in files:
            raise ModelError(f"{directory} is not a CTranslate2 model: it has no {name}")
    return files


def _vocabularies(files: Mapping[str, bytes]) -> tuple[list[str], list[str]]:
    shared = files.get("shared_vocabulary.json")
    names = (
        ("shared_vocabulary.json",) * 2 if shared else ("source_vocabulary.json", "target_vocabulary.json")
    )
    for name in names:
        if name not in files:
            raise ModelError(f"the CTranslate2 model has no {name}")
    source, target = (json.loads(files[name]) for name in names)
    return source, target
