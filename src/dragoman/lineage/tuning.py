"""Fine-tuning seen small: a few steps of gradient descent on one text, from learnt weights and from random ones.

A copy learns; the model that was given does not change. What a causal model learns is the next token, BERT each token
with a [MASK] in its place. Opens no file.

Dimensions: T tokens of the text, V vocabulary.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from dragoman.errors import UsageError
from dragoman.ids import BOS, EOS
from dragoman.lineage.bert import Bert
from dragoman.lineage.causal import CausalLM
from dragoman.lineage.kinds import NeuralKind
from dragoman.processor import one_thread

STEPS, RATE, SEED = 10, 1e-3, 1


@dataclass(frozen=True)
class Tuned:
    """Perplexity of a token of the text before the first step and after each, and the model that has learnt it."""

    pretrained: tuple[float, ...]
    scratch: tuple[float, ...]  # the same network from random weights, the same steps
    model: CausalLM | Bert


@one_thread()
def tune(kind: NeuralKind, model: CausalLM | Bert, ids: list[int], words: int, steps: int = STEPS) -> Tuned:
    """ids: the T tokens of the text; words: V, the last of them BERT's [MASK].

    Raises UsageError for a text that is too long, or empty.
    """
    if not ids:
        raise UsageError("there is no text to learn from")
    if model.longest is not None and len(ids) + 2 > model.longest:
        raise UsageError(
            f"{len(ids):,} tokens are too many for the {kind.name}, which has {model.longest:,} positions"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        fresh = kind.build(model.config, words).eval()
    learnt = copy.deepcopy(model).eval()
    return Tuned(_descend(learnt, ids, words - 1, steps), _descend(fresh, ids, words - 1, steps), learnt)


def _descend(model: CausalLM | Bert, ids: list[int], mask: int, steps: int) -> tuple[float, ...]:
    """Adam, without dropout: the same numbers each time."""
    optimizer = torch.optim.Adam(model.requires_grad_(True).parameters(), RATE)
    seen = []
    for _ in range(steps):
        loss = _loss(model, ids, mask)
        seen.append(float(loss.detach().exp()))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        return (*seen, float(_loss(model, ids, mask).exp()))


def _loss(model: CausalLM | Bert, ids: list[int], mask: int) -> Tensor:
    """Nats a token, the mean."""
    if isinstance(model, Bert):
        rows = torch.tensor([BOS, *ids, EOS]).repeat(len(ids), 1)  # [T, T + 2]
        places = torch.arange(len(ids))
        rows[places, places + 1] = mask
        hidden = model.encode(rows, torch.ones_like(rows, dtype=torch.bool))
        return F.cross_entropy(model.words(hidden[places, places + 1]), torch.tensor(ids))
    logits = model(torch.tensor([[BOS, *ids]]))[0]
    return F.cross_entropy(logits, torch.tensor([*ids, EOS]))
