"""Label-smoothed cross-entropy, plain and fused with the output projection. Knows no model and no batch class.

Dimensions: N predicted tokens, C tokens of a chunk, D model, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from dragoman.protocols import Loss

# Rows of logits computed at a time: 512 x 8,000 fp32 scores are 16 MB, which stays in a CPU's last-level cache.
CHUNK = 512


def label_smoothed(hidden: Tensor, weight: Tensor, labels: Tensor, smoothing: float) -> Loss:
    """The reference: (1 - e) (-log p(label)) + e mean over V of (-log p) (paper 5.4), summed over N."""
    logits = F.linear(hidden, weight).float()
    loss = F.cross_entropy(logits, labels, reduction="sum", label_smoothing=smoothing)
    nll = F.cross_entropy(logits.detach(), labels, reduction="sum")
    return Loss(loss, nll, labels.numel())


def divergence(hidden: Tensor, weight: Tensor) -> Tensor:
    """The reference: KL(p || q) + KL(q || p) between the first and second half of the rows, summed."""
    p, q = F.linear(hidden, weight).float().log_softmax(-1).chunk(2)
    return ((p.exp() - q.exp()) * (p - q)).sum()


def _smoothed_chunk(logits: Tensor, labels: Tensor, smoothing: float) -> tuple[Tensor, Tensor, Tensor]:
    """Loss, nll and d loss / d logits of a chunk: logits [C, V] (overwritten by log p), labels [C, 1]."""
    vocab = logits.size(1)
    log_p = logits.sub_(logits.logsumexp(1, keepdim=True))
    nll = -log_p.gather(1, labels).sum()
    loss = (1 - smoothing) * nll - smoothing * log_p.sum() / vocab
    gradient = log_p.exp()
    if smoothing:
        gradient.sub_(smoothing / vocab)
    gradient.scatter_add_(1, labels, gradient.new_full((), smoothing - 1).expand(labels.shape))
    return loss, nll, gradient


class FusedCrossEntropy(torch.autograd.Function):
    """label_smoothed (plus divergence), in chunks of rows, with the gradients computed in the forward pass.

    The logits [N, V] are the largest tensor of training; here they never exist as a whole, and softmax, loss
    and gradient read each chunk while it is in cache. With `consistency` the rows are two passes over the same
    tokens, one after the other; the result is the mean of their losses plus a quarter of
    consistency (KL(p || q) + KL(q || p)), which is half of R-Drop's sum over both passes.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, labels: Tensor, smoothing: float, consistency: float
    ) -> tuple[Tensor, Tensor]:
        passes = 2 if consistency else 1
        hidden_grad = torch.empty_like(hidden)
        weight_grad = torch.zeros(weight.shape, dtype=torch.float32, device=weight.device)
        loss, nll = hidden.new_zeros((), dtype=torch.float32), hidden.new_zeros((), dtype=torch.float32)
        size = hidden.size(0) // passes
        for start in range(0, size, CHUNK):
            chunks = [slice(first + start, first + min(start + CHUNK, size)) for first in (0, size)[:passes]]
            found = []
            for rows in chunks:
                logits = (hidden[rows] @ weight.t()).float()  # [C, V]
                chunk_loss, chunk_nll, gradient = _smoothed_chunk(logits, labels[rows, None], smoothing)
                loss, nll = loss + chunk_loss / passes, nll + chunk_nll / passes
                found.append((logits, gradient))
            if consistency:
                loss = loss + _add_divergence(found, consistency)
            for rows, (_, gradient) in zip(chunks, found, strict=True):
                gradient = gradient.to(hidden.dtype)
                torch.mm(gradient, weight, out=hidden_grad[rows])
                weight_grad += gradient.t() @ hidden[rows]
        ctx.save_for_backward(hidden_grad, weight_grad)
        ctx.dtype = weight.dtype
        ctx.mark_non_differentiable(nll)
        return loss, nll

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        hidden_grad, weight_grad = ctx.saved_tensors
        return (
            hidden_grad * gradient.to(hidden_grad.dtype),
            (weight_grad * gradient).to(ctx.dtype),
            None,
            None,
            None,
        )


def _add_divergence(found: list[tuple[Tensor, Tensor]], consistency: float) -> Tensor:
    """Turn two passes' [(log p, gradient)] into those of their mean plus the divergence; returns the latter.

    With J = sum((p - q) d) and d = log p - log q:  dJ/d logits_p = p (d - E_p[d]) + p - q, and so for q with -d.
    """
    (log_p, gradient_p), (log_q, gradient_q) = found
    difference = log_p - log_q
    p, q = log_p.exp_(), log_q.exp_()
    weighted_p, weighted_q = p * difference, q * difference
    mean_p, mean_q = weighted_p.sum(1, keepdim=True), weighted_q.sum(1, keepdim=True)
    quarter = consistency / 4
    gradient_p.mul_(0.5).add_(weighted_p.addcmul_(p, 1 - mean_p).sub_(q), alpha=quarter)
    gradient_q.mul_(0.5).add_(weighted_q.neg_().addcmul_(q, 1 + mean_q).sub_(p), alpha=quarter)
    return quarter * (mean_p - mean_q).sum()


@dataclass(frozen=True)
class LabelSmoothing:
    """The cross-entropy of training: fused, smoothed, and with `consistency` over two passes."""

    smoothing: float = 0.1
    consistency: float = 0.0

    def __call__(self, hidden: Tensor, weight: Tensor, labels: Tensor) -> Loss:
        loss, nll = FusedCrossEntropy.apply(hidden, weight, labels, self.smoothing, self.consistency)  # type: ignore[no-untyped-call]
        return Loss(loss, nll, labels.numel() // (2 if self.consistency else 1))
