"""Label-smoothed cross-entropy, plain and fused with the output projection. Knows no model and no batch class.

Dimensions: N predicted tokens, C tokens of a chunk, D model, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from dragoman.processor import filled
from dragoman.protocols import Loss
from dragoman.training.cpu import kernels
from dragoman.training.cpu.products import add_scaled

# Rows of logits computed at a time: 512 x 8,000 fp32 scores are 16 MB, which stays in a CPU's last-level cache.
CHUNK = 512
GPU_LOGITS = 2**25
TINY = 1e-37  # of fp32 and bf16 the smallest decade of full precision


def label_smoothed(hidden: Tensor, weight: Tensor, labels: Tensor, smoothing: float) -> Loss:
    """Label-smoothed cross-entropy (paper 5.4) as one reads it: what FusedCrossEntropy is tested against.

    hidden [N, D], weight [V, D], labels [N] -> summed over N, (1 - e) (-log p(label)) + e mean over V of (-log p), in
    nats, with e = smoothing.
    """
    logits = F.linear(hidden, weight).float()
    loss = F.cross_entropy(logits, labels, reduction="sum", label_smoothing=smoothing)
    nll = F.cross_entropy(logits.detach(), labels, reduction="sum")
    return Loss(loss, nll, labels.numel())


def divergence(hidden: Tensor, weight: Tensor) -> Tensor:
    """The divergence of R-Drop (Wu et al., 2021) as one reads it: what FusedCrossEntropy is tested against.

    hidden [2 N, D], weight [V, D] -> KL(p || q) + KL(q || p) [], in nats, summed over N; p from the first N rows, q
    from the others, which are the same tokens under another dropout mask.
    """
    p, q = F.linear(hidden, weight).float().log_softmax(-1).chunk(2)
    return ((p.exp() - q.exp()) * (p - q)).sum()


class FusedCrossEntropy(torch.autograd.Function):
    """label_smoothed (plus divergence), in chunks of rows, with the gradients computed in the forward pass.

    hidden [N, D], weight [V, D], labels [N] -> the loss [] and, without gradient, the negative log-likelihood [], both
    summed, in nats.

    The logits [N, V] are the largest tensor of training; here they never exist as a whole, and each chunk is read
    as few times as can be: the logits become probabilities p in one kernel, p is the gradient but for the label's
    column, and what the smoothing subtracts everywhere, e / V, is added to the products as a vector.
    With z the logits of a row, logsumexp(z) = z_label - log p_label, and mean(z) = hidden . mean(weight).

    With `consistency` the rows are two passes over the same tokens, one after the other; the result is the mean of
    their losses plus a quarter of consistency (KL(p || q) + KL(q || p)), which is half of R-Drop's sum over both.

    With `real` [N] the rows where it is False count for nothing: their `hidden` must be zero. The gradient that
    comes out for them is not; whoever zeroed them stops it.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        labels: Tensor,
        smoothing: float,
        consistency: float,
        compiled: bool,
        real: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        passes = 2 if consistency else 1
        add = kernels.add if compiled and kernels.fits(hidden) else Tensor.add_
        hidden_grad = torch.empty_like(hidden)
        weight_grad = torch.zeros(weight.shape, dtype=torch.float32, device=weight.device)
        nll, normaliser, extra = (torch.zeros((), device=hidden.device) for _ in range(3))
        size = hidden.size(0) // passes
        most = _chunk(hidden, weight)
        # The same memory for the logits of each chunk: some of it is still in the caches.
        room = weight.new_empty(passes, filled(min(most, size)), weight.size(0))
        for start in range(0, size, most):
            chunks = [slice(first + start, first + min(start + most, size)) for first in (0, size)[:passes]]
            found = []
            for rows, place in zip(chunks, room, strict=True):
                features = _filled(hidden[rows])
                logits = torch.mm(features, weight.t(), out=place[: len(features)])
                gradient, log_p, raw = _softmax(logits, labels[rows], compiled)
                if real is not None:
                    counted = real[rows].view_as(log_p)
                    log_p, raw = log_p * counted, raw * counted
                nll -= log_p.sum()
                normaliser += (raw - log_p).sum()
                found.append(gradient)
            if consistency:
                found, divergence = _with_divergence(found, consistency)
                extra += divergence
            for rows, gradient in zip(chunks, found, strict=True):
                # Not scatter_, which copies the whole chunk twice to change one column of each row.
                here = torch.arange(rows.stop - rows.start, device=labels.device)
                gradient[here, labels[rows]] -= (1 - smoothing) / passes
                hidden_grad[rows] = (gradient @ weight)[: len(here)]
                add(weight_grad, gradient.t() @ _filled(hidden[rows]))
        everywhere = smoothing / weight.size(0) / passes  # what smoothing takes from each logit's gradient
        rows_sum, weight_sum = (_sum_of_rows(x, compiled) for x in (hidden, weight))
        hidden_grad -= (everywhere * weight_sum).to(hidden.dtype)
        weight_grad -= everywhere * rows_sum
        mean_logits = rows_sum @ weight_sum / weight.size(0)
        loss = ((1 - smoothing) * nll + smoothing * (normaliser - mean_logits)) / passes + extra
        ctx.save_for_backward(hidden_grad, weight_grad, weight)
        ctx.compiled = compiled and kernels.fits(hidden)
        nll = nll / passes
        ctx.mark_non_differentiable(nll)
        return loss, nll

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        hidden_grad, weight_grad, weight = ctx.saved_tensors
        if ctx.compiled:
            to_weight = add_scaled(weight, weight_grad, gradient)
        else:
            to_weight = (weight_grad * gradient).to(weight.dtype)
        return hidden_grad * gradient.to(hidden_grad.dtype), to_weight, *[None] * 5


def _sum_of_rows(x: Tensor, compiled: bool) -> Tensor:
    """x [N, D] -> [D], in fp32."""
    return kernels.sum_of_rows(x) if compiled and kernels.fits(x) else x.sum(0, dtype=torch.float32)


def _filled(hidden: Tensor) -> Tensor:
    """hidden [C, D] with rows of zeros below, up to a number of rows that other chunks have too (processor.filled)."""
    missing = filled(len(hidden)) - len(hidden)
    return F.pad(hidden, (0, 0, 0, missing)) if missing else hidden


def _chunk(hidden: Tensor, weight: Tensor) -> int:
    """Rows of hidden [N, D] at a time, for weight [V, D].

    Few on a CPU, for the cache; on a GPU as many as make 64 MB of logits in bf16, for few launches.
    """
    return CHUNK if hidden.device.type == "cpu" else max(CHUNK, GPU_LOGITS // weight.size(0))


def _softmax(logits: Tensor, labels: Tensor, compiled: bool) -> tuple[Tensor, Tensor, Tensor]:
    """logits [C, V], which may be overwritten -> probabilities [C, V]; of each label its log-probability and logit.

    labels has one number for each of the first rows; the rows after them are filling, and become zeros.
    """
    real, label = len(labels), labels[:, None]
    if compiled and kernels.fits(logits):
        p, found = logits, kernels.label_softmax_(logits[:real], labels)
    else:
        p = logits.softmax(1)
        # A probability too small for the format would give an infinite loss.
        log_p = p[:real].gather(1, label).float().clamp_(min=TINY).log_()
        found = log_p, logits[:real].gather(1, label).float()
    p[real:].zero_()
    return p, *found


def _with_divergence(passes: list[Tensor], consistency: float) -> tuple[list[Tensor], Tensor]:
    """Probabilities p and q of two passes, [C, V] each -> for their logits, the gradient of half of each pass's loss
    plus a quarter of consistency times the divergence [C, V], without the label's term; and that quarter [].

    With J = sum((p - q) d) and d = log p - log q:  dJ/d logits_p = p (d - E_p[d]) + p - q, and so for q with -d.
    """
    p, q = (x.float() for x in passes)
    difference = p.clamp(min=TINY).log_() - q.clamp(min=TINY).log_()
    weighted_p, weighted_q = p * difference, q * difference
    mean_p, mean_q = weighted_p.sum(1, keepdim=True), weighted_q.sum(1, keepdim=True)
    quarter = consistency / 4
    gradient_p = (weighted_p.addcmul_(p, 1 - mean_p).sub_(q)).mul_(quarter).add_(p, alpha=0.5)
    gradient_q = (weighted_q.neg_().addcmul_(q, 1 + mean_q).sub_(p)).mul_(quarter).add_(q, alpha=0.5)
    gradients = [gradient.to(passes[0].dtype) for gradient in (gradient_p, gradient_q)]
    return gradients, quarter * (mean_p - mean_q).sum()


@dataclass(frozen=True)
class LabelSmoothing:
    """The loss of training: FusedCrossEntropy with its settings, as a model's `loss` calls it (CrossEntropy)."""

    smoothing: float = 0.1  # share of the target given to all tokens alike
    consistency: float = (
        0.0  # weight of the divergence between two dropout passes; 0: the batch stands there once
    )
    compiled: bool = True  # use the kernels in C where they fit

    def __call__(self, hidden: Tensor, weight: Tensor, labels: Tensor) -> Loss:
        """hidden [N, D], weight [V, D], labels [N]; with consistency, N is two passes over the same tokens."""
        loss, nll = FusedCrossEntropy.apply(  # type: ignore[no-untyped-call]
            hidden, weight, labels, self.smoothing, self.consistency, self.compiled, None
        )
        return Loss(loss, nll, labels.numel() // (2 if self.consistency else 1))


class MaskedLabelSmoothing(LabelSmoothing):
    """LabelSmoothing over all positions of a batch, padding included: its shapes do not depend on the sentences."""

    def masked(self, hidden: Tensor, weight: Tensor, labels: Tensor, real: Tensor) -> Loss:
        """hidden [N, D], weight [V, D], labels [N]; only rows where real [N] is True count.

        The number of tokens in the Loss is a tensor [].
        """
        hidden = hidden.masked_fill(~real[:, None], 0)  # a row of zeros adds nothing to the products
        loss, nll = FusedCrossEntropy.apply(  # type: ignore[no-untyped-call]
            hidden, weight, labels, self.smoothing, self.consistency, self.compiled, real
        )
        # Counted on the device: a number would have to be waited for.
        return Loss(loss, nll, real.sum() // (2 if self.consistency else 1))  # type: ignore[arg-type]
