"""What a search may not write: forbidden ids, ends too early, repetitions, anything but a forced prefix.

Pure functions of logits and history; knows no model and no beam.
A constraint acts before the softmax, so a probability is one among the tokens that are allowed, and a forced token
has probability 1.

Dimensions: B sentences, k hypotheses of each, t tokens so far, V vocabulary, n n-gram.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

FORBIDDEN = float("-inf")
FREE = -1  # stands in a table of prefixes where the search may choose


@dataclass(frozen=True)
class Constraints:
    """All rules of one search; `prefixes` is a table [N, P] of ids, FREE past the end of each."""

    eos: int
    never: tuple[int, ...]
    min_length: int
    no_repeat_ngram: int
    prefixes: Tensor

    def only_never(self, length: int) -> bool:
        """Whether nothing but `never` is forbidden after so many tokens."""
        return length >= self.min_length and not self.no_repeat_ngram and length >= self.prefixes.size(1)

    def apply(self, logits: Tensor, history: Tensor, sentence: Tensor) -> Tensor:
        """logits [B, k, V] after history [B, k, t]; row b belongs to input sentence[b] -> logits, rules applied."""
        length = history.size(2)
        logits = logits.index_fill(-1, torch.tensor(self.never, device=logits.device), FORBIDDEN)  # a copy
        if length < self.min_length or self.no_repeat_ngram:
            end = logits[..., self.eos].clone()
            if length < self.min_length:
                logits[..., self.eos] = FORBIDDEN
            logits = forbid_repetition(logits, history, self.no_repeat_ngram)
            stuck = (logits == FORBIDDEN).all(-1)  # where nothing is left to say, the sentence may end
            logits[..., self.eos] = torch.where(stuck, end, logits[..., self.eos])
        if length < self.prefixes.size(1):
            logits = force(logits, self.prefixes[sentence, length])
        return logits


def prefix_table(prefixes: Sequence[Sequence[int]], device: torch.device | None = None) -> Tensor:
    """Ragged prefixes -> [N, longest], FREE past the end of each."""
    table = torch.full((len(prefixes), max(map(len, prefixes), default=0)), FREE, dtype=torch.int64)
    for row, prefix in zip(table, prefixes, strict=True):
        row[: len(prefix)] = torch.tensor(prefix, dtype=torch.int64)
    return table.to(device)


def forbid_repetition(logits: Tensor, history: Tensor, n: int) -> Tensor:
    """Forbid each token that would complete an n-gram that history [B, k, t] already holds; n = 0 forbids none."""
    if not 0 < n <= history.size(-1):
        return logits
    seen = history.unfold(-1, n, 1)  # [B, k, t - n + 1, n]
    begun = history[..., history.size(-1) - n + 1 :].unsqueeze(-2)  # [B, k, 1, n - 1]
    repeats = (seen[..., :-1] == begun).all(-1)  # [B, k, t - n + 1]
    banned = torch.zeros_like(logits, dtype=torch.int8).scatter_add_(
        -1, seen[..., -1], repeats.to(torch.int8)
    )
    return logits.masked_fill(banned > 0, FORBIDDEN)


def force(logits: Tensor, tokens: Tensor) -> Tensor:
    """logits [B, k, V], tokens [B]: in row b only tokens[b] is left, unless it is FREE."""
    only = torch.full_like(logits, FORBIDDEN).scatter_(
        -1, tokens.clamp(min=0)[:, None, None].expand(-1, logits.size(1), 1), 0.0
    )
    return torch.where((tokens == FREE)[:, None, None], logits, only)
