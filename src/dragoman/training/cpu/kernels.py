"""The loops of kernels.c and attention.c, compiled on first use, as functions that autograd knows. Knows no layer.

Each computes what its docstring says in one pass and on one thread; the products between them stay torch's. Where no
compiler is found, `library` is None, and nothing here may be called.
"""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dragoman import native
from dragoman.native import FLOAT, INT, POINTER

SOURCES = tuple(Path(__file__).with_name(name) for name in ("kernels.c", "attention.c"))

LANES = 16  # numbers computed on at once: rows of features must be a multiple of it long
DROPOUT_LANES = 64  # numbers that share a draw
LONGEST = 4096  # keys of a row of attention

_SENTENCES = (*[INT] * 3, POINTER, POINTER, INT, FLOAT)
_PROJECTIONS = (POINTER, INT, POINTER, POINTER, POINTER, INT, POINTER, POINTER)
_SIGNATURES: native.Signatures = {
    "add_dropout": (INT, *[POINTER] * 3, ctypes.c_uint64, ctypes.c_uint32, FLOAT),
    "layer_norm": (INT, INT, *[POINTER] * 3, FLOAT, *[POINTER] * 3),
    "layer_norm_backward": (INT, INT, *[POINTER] * 9),
    "add_bias_relu": (INT, INT, POINTER, POINTER),
    "relu_backward": (INT, INT, *[POINTER] * 4),
    "add_bias": (INT, INT, POINTER, POINTER),
    "add_rows": (INT, INT, POINTER, POINTER),
    "add": (INT, POINTER, POINTER),
    "add_scaled": (INT, *[POINTER] * 3),
    "add_at": (INT, INT, *[POINTER] * 4),
    "transpose": (INT, INT, POINTER, POINTER),
    "add_transposed": (INT, INT, POINTER, POINTER),
    "label_softmax": (INT, INT, *[POINTER] * 5),
    "masked_softmax": (*[INT] * 4, POINTER, FLOAT, *[POINTER] * 3),
    "softmax_backward": (INT, INT, POINTER, POINTER, FLOAT, POINTER),
    "attention": (*_SENTENCES, *_PROJECTIONS, INT, POINTER, POINTER),
    "attention_backward": (*_SENTENCES, POINTER, *_PROJECTIONS, INT, INT, *[POINTER] * 5),
}


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiled kernels; None where that cannot be."""
    return native.load("kernels", SOURCES, _SIGNATURES)


def serves(x: Tensor) -> bool:
    """Whether there are kernels, x is of their kind, and its thread has no others to help it."""
    return (
        x.dtype == torch.bfloat16
        and x.device.type == "cpu"
        and torch.get_num_threads() == 1
        and library() is not None
    )


def fits(x: Tensor) -> bool:
    """Whether features x [..., D] lie in memory as the kernels read them."""
    return serves(x) and x.is_contiguous() and x.size(-1) % LANES == 0


def run(name: str, *arguments: Any) -> None:
    """Call a kernel; a tensor stands for its address, None for no address."""
    native.call(library(), name, *arguments)


def add(total: Tensor, gradient: Tensor) -> Tensor:
    """total += gradient, fp32 and bf16 of one shape, which torch adds several times more slowly."""
    run("add", total.numel(), gradient, total)
    return total


def label_softmax_(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Turn logits [C, V] into probabilities in place; log-probability and logit of each row's label, fp32 [C]."""
    log_p, raw = torch.empty(2, len(labels)).unbind()
    scratch = torch.empty(logits.size(1))
    run("label_softmax", *logits.shape, logits, labels.contiguous(), log_p, raw, scratch)
    return log_p, raw


def sum_of_rows(x: Tensor) -> Tensor:
    """x [..., D] contiguous -> [D], fp32."""
    sums = torch.zeros(x.size(-1))
    run("add_rows", x.numel() // x.size(-1), x.size(-1), x, sums)
    return sums


class AddDropout(torch.autograd.Function):
    """x + dropout(y), contiguous; without x, dropout(y). `rate` is rounded to 1/256, and the scale follows.

    What is kept is no mask but the seed it is drawn from, again in the backward pass.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor | None, y: Tensor, rate: float, generator: torch.Generator | None
    ) -> Tensor:
        threshold = min(round(rate * 256), 255)
        seed = int(torch.randint(2**62, (), generator=generator))
        ctx.arguments = seed, threshold, 256 / (256 - threshold)
        out = torch.empty_like(y)
        run("add_dropout", y.numel(), x, y, out, *ctx.arguments)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, None, None]:
        gradient = gradient.contiguous()
        dropped = torch.empty_like(gradient)
        run("add_dropout", gradient.numel(), None, gradient, dropped, *ctx.arguments)
        return gradient if ctx.needs_input_grad[0] else None, dropped, None, None


class LayerNorm(torch.autograd.Function):
    """x and F.layer_norm over the last dimension of x [..., D], which is contiguous.

    x comes out too, for what goes past the norm: so its gradients from both ways are added in the same pass.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
        rows, width = x.numel() // x.size(-1), x.size(-1)
        out = torch.empty_like(x)
        means, scales = torch.empty(2, rows).unbind()
        run("layer_norm", rows, width, x, weight, bias, epsilon, out, means, scales)
        ctx.save_for_backward(x, weight, means, scales)
        ctx.set_materialize_grads(False)
        return x, out

    @staticmethod
    def backward(ctx: Any, beside: Tensor | None, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        x, weight, means, scales = ctx.saved_tensors
        gradient = gradient.contiguous()
        beside = None if beside is None else beside.contiguous()
        x_grad = torch.empty_like(x)
        sums = torch.zeros(2, x.size(-1))
        run(
            "layer_norm_backward",
            len(means), x.size(-1), gradient, beside, x, weight, means, scales, x_grad, sums[0], sums[1],
        )  # fmt: skip
        weight_grad, bias_grad = sums.to(weight.dtype).unbind()
        return x_grad, weight_grad, bias_grad, None


class MaskedSoftmax(torch.autograd.Function):
    """softmax(scale * scores) over the last dimension of [B, H, T, S]; keys that the boolean mask hides get nothing."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor, scale: float, mask: Tensor | None) -> Tensor:
        scores = scores.contiguous()
        out = _with_room(scores)
        address = strides = None
        if mask is not None:
            if mask.stride(-1) != 1 or mask.size(-1) != scores.size(-1):
                mask = mask.expand(*mask.shape[:-1], scores.size(-1)).contiguous()
            address = mask.data_ptr()
            strides = (ctypes.c_int64 * 4)(*mask.expand(scores.shape).stride())
        run("masked_softmax", *scores.shape, scores, scale, address, strides, out)
        ctx.save_for_backward(out)
        ctx.scale = scale
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (weights,) = ctx.saved_tensors
        found = _with_room(weights)
        rows = weights.numel() // weights.size(-1)
        run("softmax_backward", rows, weights.size(-1), gradient.contiguous(), weights, ctx.scale, found)
        return found, None, None


def _with_room(like: Tensor) -> Tensor:
    """An empty tensor of that shape, contiguous, with memory after its end that a kernel may write to."""
    return like.new_empty(like.numel() + LANES)[: like.numel()].view(like.shape)
