"""The reference engine: PyTorch on any device, every option. Batches sentences and searches; knows no text.

Dimensions: B batch, S source, T target.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from dragoman.decoding.options import DecodingOptions, Hypothesis, no_prefixes
from dragoman.decoding.search import search
from dragoman.engines import Ids, empty

PAD, BOS, EOS = 0, 2, 3

# Rows of the decoder x longest source of a batch. Beyond this a CPU gains nothing from larger products.
BATCH_TOKENS = 4096


class TorchEngine:
    """Any model with start and step; `align`, where it has one, gives the attention."""

    name = "torch"

    def __init__(
        self, model: nn.Module, device: str | torch.device = "cpu", batch_tokens: int = BATCH_TOKENS
    ) -> None:
        self.model = model.to(device).eval()
        self.device = torch.device(device)
        self.batch_tokens = batch_tokens

    def translate(
        self,
        sources: Sequence[Ids],
        options: DecodingOptions,
        prefixes: Sequence[Ids] | None = None,
        *,
        attention: bool = False,
        token_scores: bool = True,
    ) -> list[list[Hypothesis]]:
        """See Engine. Token scores cost nothing here and are always the real ones."""
        given = no_prefixes(prefixes, len(sources))
        found = [
            [] if source else empty(prefix, attention) for source, prefix in zip(sources, given, strict=True)
        ]
        rows = options.n_best if options.sample else options.beam_size
        lengths = [len(source) for source in sources]
        for indices in _batches(lengths, self.batch_tokens // rows):
            source = _pad([[*sources[i], EOS] for i in indices], self.device)
            best = search(
                self.model,  # type: ignore[arg-type]
                source,
                source != PAD,
                options,
                bos=BOS,
                eos=EOS,
                prefixes=[given[i] for i in indices],
            )
            for i, hypotheses in zip(indices, best, strict=True):
                found[i] = self._attend(sources[i], hypotheses) if attention else hypotheses
        return found

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
