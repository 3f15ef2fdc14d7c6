"""What a recurrent language model carries along, step by step, and what it would say next. Draws nothing.

h[t] = f(U x[t], W h[t - 1]), and what comes next is softmax(V h[t]) (Elman, 1990; Mikolov et al., 2010, 2.1).
U, W and V are the same at all steps, so a text of any length fits; but all of it has to fit into one h.

Dimensions: T tokens, <s> the first of them, D model, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from dragoman.ids import BOS, SPECIALS
from dragoman.lineage.rnnlm import RnnLm
from dragoman.processor import one_thread


@dataclass(frozen=True)
class Step:
    """One token, read."""

    token: int
    size: float  # the length of h after it
    turned: float  # 1 - cosine of h after it and h before it: how far it was turned
    says: int  # the likeliest token to come next
    probability: float  # of it
    left_at_the_end: (
        float  # how far the last h would lie from where it lies, in its own lengths, without this token
    )


@dataclass(frozen=True)
class Carried:
    """The steps of one text, and the three matrices that all of them share."""

    steps: tuple[Step, ...]
    shapes: dict[str, tuple[int, ...]]  # U, W and V of the first layer
    layers: int
    gates: int  # the blocks of U and W, one upon the other: 4 in an LSTM, 3 in a GRU


@one_thread()
@torch.no_grad()
def carried(model: RnnLm, ids: list[int]) -> Carried:
    """Read <s> and `ids` one after another."""
    tokens = torch.tensor([[BOS, *ids]])
    x = model.input(tokens, model.embedding)  # [1, T, D]
    h = model.stack(x)[0][0]  # [T, D]
    logits = F.linear(h, model.output_weight).float()
    logits[:, : len(SPECIALS)] = -torch.inf
    best = logits.softmax(-1).max(-1)
    before = F.pad(h, (0, 0, 1, 0))[:-1]
    turned = 1 - F.cosine_similarity(h, before, dim=-1)
    missed = (_without_each(model, x) - h[-1]).norm(dim=-1) / h[-1].norm()
    numbers = zip(
        tokens[0].tolist(), h.norm(dim=-1).tolist(), turned.tolist(), best.indices.tolist(), best.values.tolist(),
        missed.tolist(), strict=True,
    )  # fmt: skip
    u, w = (model.stack.get_parameter(f"layers.0.weight_{name}_l0") for name in ("ih", "hh"))
    shapes = {"U": tuple(u.shape), "W": tuple(w.shape), "V": tuple(model.output_weight.shape)}
    return Carried(tuple(Step(*one) for one in numbers), shapes, model.config.layers, w.size(0) // w.size(1))


def _without_each(model: RnnLm, x: Tensor) -> Tensor:
    """x [1, T, D] -> [T, D]: the last h, had nothing come in at the t-th step."""
    here = torch.eye(x.size(1), dtype=torch.bool)
    return model.stack(x.expand(x.size(1), -1, -1).masked_fill(here[..., None], 0.0))[0][:, -1]
