"""The layers of a Transformer as they are trained on a CPU: the same numbers from fewer passes over memory.

`transformer/` stays the page that one reads beside the paper; here each of its layers has a form that calls the
kernels where they fit what it is given, and computes as before where they do not. A model is made from them: FUSED.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from dragoman.protocols import Batch, CrossEntropy, Loss
from dragoman.training.cpu import kernels
from dragoman.training.cpu.dropout import ByteDropout
from dragoman.training.cpu.packed import Attention, AttentionPattern, Packing
from dragoman.training.cpu.products import Embedding, Linear, LinearRelu
from dragoman.transformer.attention import KVCache, MultiHeadAttention, merge_heads
from dragoman.transformer.decoder import Decoder
from dragoman.transformer.description import NUMBERS, Computes, description, unlisted
from dragoman.transformer.encoder import Encoder
from dragoman.transformer.model import Transformer, cross_entropy, with_bias
from dragoman.transformer.parts import Parts
from dragoman.transformer.sublayers import FeedForward, Residual

LONGEST = 512  # tokens of a packed sentence

# What is computed here; all else runs as transformer/ has it. Feed-forward layers and attentions decide for
# themselves, a layer at a time; whether a whole model packs is in its settings.
FUSED_ACTIVATIONS = ("relu",)
PADDED_PLACES, PACKED_PLACES = frozenset({"add", "turn"}), frozenset({"add"})  # of positions
PACKED: Computes = {
    **NUMBERS,
    "norm": ("post", "pre"),
    "activation": (
        "relu",
        "gelu",
        "gelu_tanh",
        "swish",
        "swiglu",
    ),  # what is not fused of a layer does not hinder the packing
    "positions": ("sinusoidal", "fairseq", "learned", "grid"),
    "tie": ("all", "target", "none"),
    "output_bias": (False, True),
    "source_eos": (False, True),
    "norm_epsilon": None,
    "attention_dropout": (0.0,),
}


def _learns(module: nn.Module) -> bool:
    return module.training and torch.is_grad_enabled()


class FusedDropout(ByteDropout):
    """Dropout of x [..., D] in one pass, with no mask kept for the backward pass."""

    def forward(self, x: Tensor) -> Tensor:
        return self._kernel(None, x) if self._fits(x) else super().forward(x)

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        """x + dropout(y), in one pass over both."""
        return self._kernel(x, y) if self._fits(y) and x.is_contiguous() else super().add(x, y)

    def _fits(self, x: Tensor) -> bool:
        shared = x.numel() % kernels.DROPOUT_LANES == 0
        return self.rate > 0 and shared and _learns(self) and kernels.fits(x)

    def _kernel(self, x: Tensor | None, y: Tensor) -> Tensor:
        return kernels.AddDropout.apply(x, y, self.rate, self.generator)  # type: ignore[no-untyped-call]


class FusedEmbedding(nn.Embedding):
    """tokens [...] -> [..., D]. Gradients are added to their rows, without a table of zeros in between."""

    def forward(self, tokens: Tensor) -> Tensor:
        if not (_learns(self) and kernels.fits(self.weight)):
            return super().forward(tokens)
        return Embedding.apply(tokens, self.weight)  # type: ignore[no-untyped-call]


class FusedLayerNorm(nn.LayerNorm):
    """LayerNorm of x [..., D] in one pass forward and one backward."""

    def forward(self, x: Tensor) -> Tensor:
        if not (_learns(self) and kernels.fits(x)):
            return super().forward(x)
        return self.beside(x)[1]

    def beside(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x, for what goes past the norm, and the norm of it."""
        return kernels.LayerNorm.apply(x, self.weight, self.bias, self.eps)  # type: ignore[no-untyped-call]


class FusedResidual(Residual):
    """Add & Norm of x [..., D]. With pre-norm, the norm's backward pass also adds the gradient of the way around it."""

    def forward(self, x: Tensor, sublayer: Callable[[Tensor], Tensor]) -> Tensor:
        norm = self.norm
        if not (self.pre_norm and isinstance(norm, FusedLayerNorm) and _learns(self) and kernels.fits(x)):
            return super().forward(x, sublayer)
        x, y = norm.beside(x)
        return self.after(x, sublayer(y))


class FusedFeedForward(FeedForward):
    """x [..., D] -> [..., D]: bias and ReLU in one pass, and so their gradients."""

    def refusal(self) -> str | None:
        """Why torch computes it, whatever it is given, or None."""
        if self.name not in FUSED_ACTIVATIONS:
            return f"feed-forward layers with {self.name}"
        if len(self.inner.weight) % kernels.LANES:
            return f"feed-forward layers of {len(self.inner.weight)} units, no multiple of {kernels.LANES}"
        return None

    def forward(self, x: Tensor) -> Tensor:
        if self.refusal() or not (_learns(self) and kernels.fits(x)):
            return super().forward(x)
        x = LinearRelu.apply(x, self.inner.weight, self.inner.bias)  # type: ignore[no-untyped-call]
        return Linear.apply(x, self.outer.weight, self.outer.bias)  # type: ignore[no-untyped-call]


class FusedMultiHeadAttention(MultiHeadAttention):
    """Scale, mask and softmax in one pass; of packed sentences, all between the projections."""

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor | AttentionPattern | None = None) -> Tensor:
        """x [B, T, D] asks, memory [B, S, D] answers -> [B, T, D]; with a pattern, B is 1 and T and S are rows."""
        if not isinstance(mask, AttentionPattern):
            return super().forward(x, memory, mask)
        q, k, v, output = self.q, self.k, self.v, self.output
        parameters = q.weight, k.weight, v.weight, q.bias, k.bias, v.bias
        x = Attention.apply(x, None if memory is x else memory, self.n_heads, mask, *parameters)  # type: ignore[no-untyped-call]
        return Linear.apply(x, output.weight, output.bias)  # type: ignore[no-untyped-call]

    def refusal(self) -> str | None:
        """Why torch computes what stands between padded projections, or None."""
        if self.dropout is not None:
            return "attention with dropout on its weights"
        if not self.positions.places() <= PADDED_PLACES:
            return f"attention with {self.positions} positions"
        return None

    def packs(self) -> bool:
        """Whether all of it, projections included, is computed of packed sentences."""
        acts, head = self.positions.places(), self.q.out_features // self.n_heads
        return self.dropout is None and acts <= PACKED_PLACES and head % kernels.LANES == 0

    def attend(self, q: Tensor, kv: KVCache, mask: Tensor | None) -> Tensor:
        """q [B, H, T, K] -> [B, T, D], with scale, mask and softmax in one pass."""
        short = kv.keys.size(2) <= kernels.LONGEST
        if self.refusal() or not (short and _learns(self) and kernels.serves(q)):
            return super().attend(q, kv, mask)
        scores, scale = q @ kv.keys.transpose(-2, -1), 1 / math.sqrt(q.size(-1))
        weights = kernels.MaskedSoftmax.apply(scores, scale, mask)  # type: ignore[no-untyped-call]
        return self.output(merge_heads(weights @ kv.values))


class FusedEncoder(Encoder):
    """Also over packed sentences."""

    def packed(self, x: Tensor, source: Packing) -> Tensor:
        """x [1, R, D] -> memory [1, R, D]."""
        for layer in self.layers:
            x = layer(x, AttentionPattern(source, source))
        return x if self.norm is None else self.norm(x)


class FusedDecoder(Decoder):
    """Also over packed sentences."""

    def packed(self, x: Tensor, memory: Tensor, target: Packing, source: Packing) -> Tensor:
        """x [1, R, D], memory [1, R', D] -> [1, R, D]."""
        for layer in self.layers:
            x = layer(
                x, memory, AttentionPattern(target, target, causal=True), AttentionPattern(target, source)
            )
        return x if self.norm is None else self.norm(x)


class FusedTransformer(Transformer):
    """Teacher forcing without padding."""

    encoder: FusedEncoder
    decoder: FusedDecoder

    def loss(self, batch: Batch, cross_entropy: CrossEntropy = cross_entropy) -> Loss:
        """Transformer.loss, over packed sentences where they fit."""
        if not self._fits(batch):
            return super().loss(batch, cross_entropy)
        inputs, labels = batch.target[:, :-1], batch.target[:, 1:]
        source = Packing.of(self.read(batch.source, batch.source_mask))
        target = Packing.of(batch.target_mask[:, 1:])
        memory = self.encoder.packed(source.pack(self.source_input(batch.source, self.source_table)), source)
        x = target.pack(self.target_input(inputs, self.target_table))
        hidden = target.real(self.decoder.packed(x, memory, target, source))
        hidden, weight = with_bias(hidden, self.output_weight, self.output_bias)
        return cross_entropy(hidden, weight, labels.flatten().index_select(0, target.places))

    def refusal(self) -> str | None:
        """Why its batches keep their padding, or None."""
        if why := unlisted(description(self.config), PACKED):
            return f"padding, with {why}"
        attentions = [module for module in self.modules() if isinstance(module, MultiHeadAttention)]
        if not all(isinstance(one, FusedMultiHeadAttention) and one.packs() for one in attentions):
            head = self.config.d_model // self.config.n_heads
            return f"padding, with heads of {head} features, no multiple of {kernels.LANES}"
        return None

    def _fits(self, batch: Batch) -> bool:
        """Whether the model packs, and no sentence is empty or so long that its weights fill the caches."""
        longest = max(batch.source.size(1), batch.target.size(1))
        return (
            _learns(self)
            and kernels.fits(self.output_weight)
            and longest <= LONGEST
            and self.refusal() is None
            and bool(batch.source_mask.any(1).all() and batch.target_mask[:, 1:].any(1).all())
        )


def refusal(model: nn.Module) -> str | None:
    """What of a model made from FUSED torch computes, whatever the model is given; None for nothing."""
    kinds = FusedTransformer, FusedMultiHeadAttention, FusedFeedForward
    reasons = [module.refusal() for module in model.modules() if isinstance(module, kinds)]
    return "; ".join(dict.fromkeys(reason for reason in reasons if reason)) or None


FUSED = Parts(
    dropout=FusedDropout,
    table=FusedEmbedding,
    norm=FusedLayerNorm,
    residual=FusedResidual,
    feed_forward=FusedFeedForward,
    attention=FusedMultiHeadAttention,
    encoder=FusedEncoder,
    decoder=FusedDecoder,
    transformer=FusedTransformer,
)
