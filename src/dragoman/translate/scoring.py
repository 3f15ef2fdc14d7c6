"""Log-probabilities of translations that are given: teacher forcing, without a search. Knows no text.

Dimensions: B batch, T target, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from dragoman.corpus.batches import collate, plan_batches
from dragoman.processor import threads, threads_worth

# Rows x longest side. The logits are the large tensor: at 32,000 words 2,048 tokens make 260 MB.
BUDGET = 2048


@torch.inference_mode()
def token_logprobs(
    model: nn.Module, pairs: Sequence[tuple[list[int], list[int]]], device: str = "cpu"
) -> list[list[float]]:
    """log p of each target token and of </s> after them, in nats; ids come without special tokens."""
    scores: list[list[float]] = [[] for _ in pairs]
    if not pairs:
        return scores
    sources, targets = (np.array([len(pair[side]) for pair in pairs]) for side in (0, 1))
    weights = sum(weight.numel() for weight in model.parameters())
    for indices in plan_batches(sources, targets, BUDGET):
        rows = [pairs[int(i)] for i in indices]
        batch = collate([source for source, _ in rows], [target for _, target in rows]).to(device)
        with threads(threads_worth(batch.target.numel(), weights)):
            logits = model(batch.source, batch.source_mask, batch.target[:, :-1]).float()  # [B, T, V]
        labels = batch.target[:, 1:, None]
        # Minus logsumexp: log_softmax would copy all logits to use one in V of them.
        found = logits.gather(2, labels).squeeze(2) - logits.logsumexp(2)  # [B, T]
        for i, (_, target), row in zip(indices, rows, found.cpu().tolist(), strict=True):
            scores[int(i)] = row[: len(target) + 1]
    return scores
