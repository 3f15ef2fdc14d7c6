"""Several models as one: the mean of their probabilities at each step. Knows no text and no class of model.

The mean is arithmetic, of probabilities and not of their logarithms: as in fairseq, and by default in Sockeye
(Hieber et al., 2017, arXiv:1712.05690). What one member is sure of then survives the doubt of another, where
a geometric mean, as Marian's, would let each forbid a word by itself.

Dimensions: B batch, S source, T target, R rows (sentences x beams), V vocabulary, M members.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class States:
    """What each member remembers."""

    members: tuple[Any, ...]

    def select(self, rows: Tensor) -> States:
        return States(tuple(state.select(rows) for state in self.members))


class Ensemble(nn.Module):
    """Models of one vocabulary, with the `start`, `step` and `align` of one. What it gives are log-probabilities."""

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        assert members
        self.members = nn.ModuleList(members)

    def start(self, source: Tensor, source_mask: Tensor) -> States:
        """source and source_mask [B, S]."""
        return States(tuple(member.start(source, source_mask) for member in self.members))  # type: ignore[operator]

    def step(self, tokens: Tensor, state: States) -> tuple[Tensor, States]:
        """tokens [R, n] -> the logarithm [R, V] of the mean probability, and the new state."""
        pairs = zip(self.members, state.members, strict=True)
        logits, states = zip(*(member.step(tokens, own) for member, own in pairs), strict=True)  # type: ignore[operator]
        return mean_of(logits), States(states)

    def forward(self, source: Tensor, source_mask: Tensor, target: Tensor) -> Tensor:
        """source and source_mask [B, S], target [B, T] -> the logarithm [B, T, V] of the mean probability."""
        return mean_of([member(source, source_mask, target) for member in self.members])

    @property
    def align(self) -> Callable[[Tensor, Tensor, Tensor], Tensor] | None:
        """The mean attention [B, T, S] of those members that tell it; None where none does."""
        found = [align for member in self.members if (align := getattr(member, "align", None)) is not None]
        return None if not found else lambda *given: torch.stack([align(*given) for align in found]).mean(0)


def mean_of(logits: Sequence[Tensor]) -> Tensor:
    """M logits [..., V] -> the logarithm of the mean of their probabilities [..., V], in fp32."""
    each = torch.stack([one.float().log_softmax(-1) for one in logits])  # [M, ..., V]
    return each.logsumexp(0) - math.log(len(logits))
