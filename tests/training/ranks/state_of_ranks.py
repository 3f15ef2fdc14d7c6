"""What test_sharded.py starts once for each rank: steps with and without shares, told as one line of JSON."""

from __future__ import annotations

import json
import os
import sys
from itertools import product
from typing import Any

import torch
from torch import nn

from dragoman.training.optimizer import RULES, Optimizer, OptimizerConfig
from dragoman.training.parameters import FlatParameters
from dragoman.training.ranks.group import Ranks, joined
from dragoman.training.ranks.optimizers import ReplicatedOptimizer, ShardedOptimizer


class Toy(nn.Module):
    """Tables, matrices of two shapes inside layers, a matrix outside, and what is no matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(37, 6)
        self.layers = nn.Sequential(*(nn.Linear(6, 6) for _ in range(5)), nn.Linear(6, 11))
        self.out = nn.Linear(11, 7)
        self.scale = nn.Parameter(torch.ones(()))


def made(kind: str, dtype: torch.dtype, average: float, ranks: Ranks | None, sharded: bool) -> Any:
    torch.manual_seed(3)
    parameters = FlatParameters(Toy(), dtype)
    config = OptimizerConfig(kind=kind, peak_lr=0.01, warmup_steps=0, weight_decay=0.1, ema_decay=average)  # type: ignore[arg-type]
    if ranks is None:
        return Optimizer(parameters, config, 100)
    return (ShardedOptimizer if sharded else ReplicatedOptimizer)(ranks, parameters, config, 100)


def taken(optimizer: Any, ranks: Ranks | None, steps: range) -> None:
    """The sum of gradients is the same however many ranks there are: each has a share of the rows."""
    for number in steps:
        generator = torch.Generator().manual_seed(number)
        rows = torch.randn(12, optimizer.model.size, generator=generator)
        mine = rows if ranks is None else rows[ranks.rank :: ranks.size]
        gradient = mine.sum(0)
        if ranks is not None:
            optimizer.add_up(gradient)
        optimizer.step(number, gradient)


def state(optimizer: Any, ranks: Ranks) -> dict[str, torch.Tensor]:
    """Of all ranks, on rank 0."""
    if not ranks.leads:
        for _ in optimizer.tensors():
            if isinstance(optimizer, ShardedOptimizer):
                optimizer.give(ranks.heard()["name"])
        return {}
    return {name: optimizer.fetch(name).clone() for name in optimizer.tensors()}


def restored(optimizer: Any, ranks: Ranks, tensors: dict[str, torch.Tensor], number: int) -> None:
    if ranks.leads:
        optimizer.restore(tensors, number)
    else:
        assert ranks.heard() == {"do": "share", "number": number}
        optimizer.take(number)


def compared(ranks: Ranks, kind: str, dtype: torch.dtype, average: float) -> dict[str, Any]:
    alone, sharded = made(kind, dtype, average, None, False), made(kind, dtype, average, ranks, True)
    taken(alone, None, range(1, 6))
    taken(sharded, ranks, range(1, 6))
    half = state(sharded, ranks)
    again = made(kind, dtype, average, ranks, True)
    restored(again, ranks, half, 5)
    taken(sharded, ranks, range(6, 9))
    taken(again, ranks, range(6, 9))
    one, other = state(sharded, ranks), state(again, ranks)
    own = Optimizer.tensors(sharded)
    found: dict[str, Any] = {
        "kept": sum(tensor.numel() for tensor in own.values()),
        "whole": sum(tensor.numel() for tensor in alone.tensors().values()),
        "weights": float(
            (sharded.model.shadow.float().double() ** 3).sum()
        ),  # the same to the bit on all ranks
    }
    if ranks.leads:
        sharded.gather()
        whole = Optimizer(alone.model, alone.config, 100)
        whole.restore(half, 5)
        shared = alone.tensors() | {"average": alone.averaged()}
        found |= {
            "apart": max(float((half[name] - shared[name]).abs().max()) for name in half),
            "names": [*half] == [*alone.tensors()],
            "resumed": all(torch.equal(one[name], other[name]) for name in one),
            "average": torch.equal(sharded.averaged(), one.get("average", one["master"])),
            "alone": all(torch.equal(half[name], whole.tensors()[name]) for name in half),
        }
    else:
        assert ranks.heard() == {"do": "gather"}
        sharded.gather_here()
    return found


def main() -> None:
    ranks = joined()
    assert ranks is not None
    found = {
        f"{kind} {str(dtype)[6:]} {average}": compared(ranks, kind, dtype, average)
        for kind, dtype, average in product(RULES, (torch.float32, torch.bfloat16), (0.0, 0.9))
    }
    if ranks.leads:
        ranks.answers()
    else:
        ranks.report({})
    json.dump(found, sys.stdout)
    sys.stdout.flush()
    os._exit(
        0
    )  # torch's threads may still wait for a rank that has ended, and take the process down with them


main()
