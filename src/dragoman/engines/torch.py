"""The reference engine: PyTorch on any device, every option. Batches sentences and searches; knows no text.

Dimensions: B batch, S source, T target.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from dragoman.decoding.constraints import RULES, Constraints, PlaceholdersOnce
from dragoman.decoding.options import DecodingOptions, Hypothesis, SearchRequest, Wanted, no_prefixes
from dragoman.decoding.search import heeded, search
from dragoman.engines import Ids, empty, refuse_unheeded
from dragoman.engines.compiled import compiled
from dragoman.errors import ConfigError
from dragoman.ids import BOS, EOS, PAD
from dragoman.processor import keep_freed_memory, one_thread, side_by_side, threads, threads_worth
from dragoman.protocols import Decodable

# Rows of the decoder x longest source of a batch. Beyond this a CPU gains little from larger products.
BATCH_TOKENS = 8192
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class TorchEngine:
    """Any model with start and step; `align`, where it has one, gives the attention.

    workers: batches searched side by side on a CPU, a share of the threads for each; default one a thread.
    compute_type: float32, or bfloat16 for twice the speed on processors that multiply it: the words may then differ
    where two are almost equally probable. Raises ConfigError for another.
    """

    name = "torch"

    def __init__(
        self,
        model: nn.Module,
        device: str | torch.device = "cpu",
        *,
        workers: int | None = None,
        compute_type: str | None = None,
        batch_tokens: int = BATCH_TOKENS,
    ) -> None:
        if compute_type is not None and compute_type not in PRECISIONS:
            raise ConfigError(
                f"compute_type = {compute_type!r}: the torch engine computes in {', '.join(PRECISIONS)}"
            )
        self.device = torch.device(device)
        precision = PRECISIONS[compute_type or "float32"]
        model = model.to(device).eval()
        in_c = compiled(model) if self.device.type == "cpu" and precision == torch.bfloat16 else None
        # The model is its owner's: one in another precision is a copy.
        whole = precision == torch.float32 or in_c is not None
        self.model = model if whole else copy.deepcopy(model).to(precision)
        self.decodable: Decodable = in_c or self.model  # type: ignore[assignment]
        self.batch_tokens = batch_tokens
        most = torch.get_num_threads() if self.device.type == "cpu" else 1
        self.workers = max(1, min(workers or most, most))
        self._weights = sum(weight.numel() for weight in model.parameters())
        keep_freed_memory()

    @property
    def heeds(self) -> frozenset[str]:
        """All that the search heeds."""
        return heeded()

    @property
    def heeds_in_drafts(self) -> frozenset[str]:
        """All rules and limits; one hypothesis has no other to be ranked against by its length."""
        return frozenset(RULES.keys() | {"max_length", "max_length_ratio", "length_penalty"})

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return side_by_side(self.workers)

    def begin(
        self,
        sources: Sequence[Ids],
        request: SearchRequest,
        prefixes: Sequence[Ids] | None = None,
        wanted: Wanted | None = None,
    ) -> Iterator[list[Hypothesis]]:
        """See Engine. Scores cost nothing here: they are always there, and always the real ones.

        A single batch is searched at once, with as many threads as it is worth.
        """
        options, attention = request.options, request.attention
        refuse_unheeded(self.name, options, self.heeds)
        given = no_prefixes(prefixes, len(sources))
        rows = options.n_best if options.sample else options.beam_size
        batches = list(_batches([len(source) for source in sources], self.batch_tokens // rows))

        def of_batch(indices: list[int]) -> list[list[Hypothesis]]:
            some, forced = [sources[i] for i in indices], [given[i] for i in indices]
            with threads(threads_worth(rows * len(some), self._weights)):  # the rows of a decoder's step
                best = self._search(some, request, forced, wanted)
                return [self._attend(*pair) for pair in zip(some, best, strict=True)] if attention else best

        several = len(batches) > 1 and self.workers > 1
        submit = self._pool.submit if several else _now
        running = [(submit(of_batch, indices), indices) for indices in batches]
        places = {i: (future, place) for future, indices in running for place, i in enumerate(indices)}

        def results() -> Iterator[list[Hypothesis]]:
            try:
                yield []  # from here on, letting go of the results ends the searches that have not begun
                for i, prefix in enumerate(given):
                    future, place = places.get(i, (None, 0))
                    yield empty(prefix, attention) if future is None else future.result()[place]
            finally:
                for future, _ in running:
                    future.cancel()

        found = results()
        next(found)
        return found

    def write(
        self, source: Ids, options: DecodingOptions, prefix: Ids = (), placeholders: Ids = ()
    ) -> Generator[int, None, None]:
        """See Engine."""
        refuse_unheeded(self.name, options, self.heeds_in_drafts, "in a draft")
        ids = torch.tensor([[*source, EOS]], device=self.device)
        once = PlaceholdersOnce.of([source], placeholders, self.device) if placeholders else None
        rules = Constraints.of(options, [prefix], self.device, placeholders=once)
        with torch.no_grad(), one_thread():
            state = self.decodable.start(ids, torch.ones_like(ids, dtype=torch.bool))
        tokens, sentence = [BOS], torch.zeros(1, dtype=torch.int64, device=self.device)
        while len(tokens) <= options.limit(ids.size(1), len(prefix)):
            history = torch.tensor([[tokens[1:]]], dtype=torch.int64, device=self.device)  # [1, 1, t]
            with torch.no_grad(), one_thread():
                logits, state = self.decodable.step(ids.new_tensor([[tokens[-1]]]), state)
            tokens.append(int(rules.apply(logits.float().view(1, 1, -1), history, sentence).argmax()))
            if tokens[-1] == EOS:
                return
            if len(tokens) > len(prefix) + 1:
                yield tokens[-1]

    def _search(
        self,
        sources: Sequence[Ids],
        request: SearchRequest,
        prefixes: Sequence[Ids],
        wanted: Wanted | None = None,
    ) -> list[list[Hypothesis]]:
        source = _pad([[*ids, EOS] for ids in sources], self.device)
        return search(
            self.decodable,
            source,
            source != PAD,
            request.options,
            prefixes=prefixes,
            placeholders=request.placeholders,
            wanted=wanted,
        )

    @torch.no_grad()
    def _attend(self, source: Ids, hypotheses: list[Hypothesis]) -> list[Hypothesis]:
        """The same hypotheses with attention, by teacher forcing: the beams need not carry it along."""
        align = getattr(self.model, "align", None)
        if align is None:
            return hypotheses
        sources = torch.tensor([[*source, EOS]] * len(hypotheses), device=self.device)
        target = _pad([[BOS, *h.tokens] for h in hypotheses], self.device)
        looked = align(sources, torch.ones_like(sources, dtype=torch.bool), target)  # [B, T, S]
        # Row t belongs to the token after position t; the row of </s> is left out.
        return [
            replace(h, attention=rows[: len(h.tokens)])
            for h, rows in zip(hypotheses, looked.tolist(), strict=True)
        ]


def _now(function: Callable[..., Any], *arguments: Any) -> Future[Any]:
    """What a pool's submit gives, computed here."""
    future: Future[Any] = Future()
    future.set_result(function(*arguments))
    return future


def _batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Indices of sentences of like length, longest first, so many that sentences x longest <= budget.

    Sentences of no length are left out.
    """
    order = sorted((i for i, length in enumerate(lengths) if length), key=lambda i: -lengths[i])
    while order:
        count = max(1, math.floor(budget / lengths[order[0]]))
        yield order[:count]
        order = order[count:]


def _pad(rows: Sequence[Sequence[int]], device: torch.device) -> Tensor:
    """Ragged ids -> [B, longest], padded on the right."""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[PAD] * (longest - len(row))] for row in rows], device=device)
