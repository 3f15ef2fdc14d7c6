"""What a search may not write: forbidden ids, ends too early, repetitions, anything but a forced prefix.

Pure functions of logits and history; knows no model and no beam.
A constraint acts before the softmax, so a probability is one among the tokens that are allowed, and a forced token
has probability 1.

    a new rule = a field of DecodingOptions whose default asks for nothing, a class, a line in RULES

Dimensions: B sentences, k hypotheses of each, t tokens so far, V vocabulary, n n-gram.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from dragoman.decoding.options import DecodingOptions
from dragoman.ids import EOS, UNWRITTEN

FORBIDDEN = float("-inf")
FREE = -1  # stands in a table of prefixes where the search may choose


class Rule(ABC):
    """Forbids tokens by what a hypothesis holds already. Where all rules leave nothing, the sentence may end."""

    def is_idle(self, length: int) -> bool:
        """Whether it forbids nothing after so many tokens, whatever they are: the search may then leave it out."""
        return False

    @abstractmethod
    def apply(self, logits: Tensor, history: Tensor) -> Tensor:
        """logits [B, k, V] after history [B, k, t] -> logits, FORBIDDEN where the rule says so.

        Asked only where it is not idle. The logits that come in may be overwritten.
        """


@dataclass(frozen=True)
class MinLength(Rule):
    """No </s> before there are `least` tokens."""

    least: int

    def is_idle(self, length: int) -> bool:
        return length >= self.least

    def apply(self, logits: Tensor, history: Tensor) -> Tensor:
        logits[..., EOS] = FORBIDDEN
        return logits


@dataclass(frozen=True)
class NoRepeatedNgram(Rule):
    """No n-gram twice."""

    n: int

    def apply(self, logits: Tensor, history: Tensor) -> Tensor:
        return forbid_repetition(logits, history, self.n)


@dataclass(frozen=True)
class PlaceholdersOnce:
    """A placeholder only where the source has it, and once. Unlike a Rule it differs from sentence to sentence."""

    ids: Tensor  # [P]
    absent: Tensor  # [N, P] from the source

    @classmethod
    def of(
        cls, sources: Sequence[Sequence[int]], ids: Sequence[int], device: torch.device | None = None
    ) -> Self:
        present = [[i in source for i in ids] for source in map(set, sources)]
        return cls(torch.tensor(ids, device=device), ~torch.tensor(present, device=device).view(-1, len(ids)))

    def apply(self, logits: Tensor, history: Tensor, sentence: Tensor) -> Tensor:
        """As Constraints.apply. The logits that come in may be overwritten."""
        out = (history[..., None] == self.ids).any(2)  # [B, k, P]
        forbidden = out | self.absent[sentence, None]
        logits[..., self.ids] = logits[..., self.ids].masked_fill(forbidden, FORBIDDEN)
        return logits


# Each field of DecodingOptions that is a rule, and what makes the rule of its value.
RULES: dict[str, Callable[[Any], Rule]] = {"min_length": MinLength, "no_repeat_ngram": NoRepeatedNgram}


@dataclass(frozen=True)
class Constraints:
    """All rules of one search; `prefixes` is a table [N, P] of ids, FREE past the end of each.

    never: ids that no step of any sentence may write.
    """

    rules: tuple[Rule, ...]
    prefixes: Tensor
    placeholders: PlaceholdersOnce | None = None
    never: tuple[int, ...] = UNWRITTEN

    @classmethod
    def of(
        cls,
        options: DecodingOptions,
        prefixes: Sequence[Sequence[int]],
        device: torch.device | None = None,
        *,
        draws: int = 1,
        placeholders: PlaceholdersOnce | None = None,
    ) -> Self:
        """What these options forbid, with a forced prefix for each of N inputs, of which `draws` are searched for."""
        asked = options.demands
        rules = tuple(rule(asked[name]) for name, rule in RULES.items() if name in asked)
        never = UNWRITTEN
        if (
            placeholders is not None and placeholders.absent.all()
        ):  # the rule for a step is the same for each then
            never, placeholders = (*UNWRITTEN, *placeholders.ids.tolist()), None
        if placeholders is not None:
            placeholders = replace(placeholders, absent=placeholders.absent.repeat_interleave(draws, 0))
        return cls(rules, prefix_table(prefixes, device).repeat_interleave(draws, 0), placeholders, never)

    def are_idle(self, length: int) -> bool:
        """Whether nothing but `never` is forbidden after so many tokens."""
        if self.placeholders is not None:
            return False
        return length >= self.prefixes.size(1) and all(rule.is_idle(length) for rule in self.rules)

    def apply(self, logits: Tensor, history: Tensor, sentence: Tensor) -> Tensor:
        """logits [B, k, V] after history [B, k, t]; row b belongs to input sentence[b] -> logits, rules applied."""
        length = history.size(2)
        logits = logits.index_fill(-1, torch.tensor(self.never, device=logits.device), FORBIDDEN)  # a copy
        active = [rule for rule in self.rules if not rule.is_idle(length)]
        if active or self.placeholders is not None:
            end = logits[..., EOS].clone()
            for rule in active:
                logits = rule.apply(logits, history)
            if self.placeholders is not None:
                logits = self.placeholders.apply(logits, history, sentence)
            stuck = (logits == FORBIDDEN).all(-1)
            logits[..., EOS] = torch.where(stuck, end, logits[..., EOS])
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
