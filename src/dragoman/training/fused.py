"""The layers of a Transformer as they are trained on a CPU: the same numbers from fewer passes over memory.

`transformer/` stays the page that one reads beside the paper; here each of its layers has a form that calls the
kernels where they fit what it is given, and computes as before where they do not.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from dragoman.training import kernels
from dragoman.transformer.attention import KVCache, MultiHeadAttention, merge_heads
from dragoman.transformer.sublayers import ACTIVATIONS, Dropout, FeedForward


def fuse(model: nn.Module) -> bool:
    """Let the layers of a model, which keep their weights and names, use the kernels; False where there are none."""
    if kernels.library() is None:
        return False
    for module in model.modules():
        module.__class__ = FUSED.get(type(module), type(module))
    return True


def _learns(module: nn.Module) -> bool:
    return module.training and torch.is_grad_enabled()


class FusedDropout(Dropout):
    """One pass, and no mask kept for the way back."""

    def forward(self, x: Tensor) -> Tensor:
        return self._kernel(None, x) if self._fits(x) else super().forward(x)

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        return self._kernel(x, y) if self._fits(y) and x.is_contiguous() else super().add(x, y)

    def _fits(self, x: Tensor) -> bool:
        shared = x.numel() % kernels.DROPOUT_LANES == 0
        return self.rate > 0 and shared and _learns(self) and kernels.fits(x)

    def _kernel(self, x: Tensor | None, y: Tensor) -> Tensor:
        return kernels.AddDropout.apply(x, y, self.rate, self.generator)  # type: ignore[no-untyped-call]


class FusedLayerNorm(nn.LayerNorm):
    """One pass each way."""

    def forward(self, x: Tensor) -> Tensor:
        if not (_learns(self) and kernels.fits(x)):
            return super().forward(x)
        return kernels.LayerNorm.apply(x, self.weight, self.bias, self.eps)  # type: ignore[no-untyped-call]


class FusedFeedForward(FeedForward):
    """Bias and ReLU in one pass, and so their gradients; those of the weights from transposed copies."""

    def forward(self, x: Tensor) -> Tensor:
        wide = len(self.inner.weight) % kernels.LANES == 0
        if self.activation is not ACTIVATIONS["relu"] or not (wide and _learns(self) and kernels.fits(x)):
            return super().forward(x)
        x = kernels.LinearRelu.apply(x, self.inner.weight, self.inner.bias)  # type: ignore[no-untyped-call]
        return kernels.Linear.apply(x, self.outer.weight, self.outer.bias)  # type: ignore[no-untyped-call]


class FusedMultiHeadAttention(MultiHeadAttention):
    """Scale, mask and softmax in one pass."""

    def attend(self, q: Tensor, kv: KVCache, mask: Tensor | None) -> Tensor:
        short = kv.keys.size(2) <= kernels.LONGEST
        if self.dropout is not None or not (short and _learns(self) and kernels.serves(q)):
            return super().attend(q, kv, mask)
        scores, scale = q @ kv.keys.transpose(-2, -1), 1 / math.sqrt(q.size(-1))
        weights = kernels.MaskedSoftmax.apply(scores, scale, mask)  # type: ignore[no-untyped-call]
        return self.output(merge_heads(weights @ kv.values))


FUSED: dict[type[nn.Module], type[nn.Module]] = {
    Dropout: FusedDropout,
    nn.LayerNorm: FusedLayerNorm,
    FeedForward: FusedFeedForward,
    MultiHeadAttention: FusedMultiHeadAttention,
}
