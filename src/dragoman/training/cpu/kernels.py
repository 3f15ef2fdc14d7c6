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
    """The compiled kernels; None where no C compiler works."""
    return native.load("kernels", SOURCES, _SIGNATURES)


def serves(x: Tensor) -> bool:
    """Whether the kernels compute on x [...]: bf16 on a CPU, torch on one thread (they use one), and a compiler."""
    return (
        x.dtype == torch.bfloat16
        and x.device.type == "cpu"
        and torch.get_num_threads() == 1
        and library() is not None
    )


def fits(x: Tensor) -> bool:
    """Whether the kernels compute on features x [..., D] as they lie in memory: contiguous, D a multiple of LANES."""
    return serves(x) and x.is_contiguous() and x.size(-1) % LANES == 0


def run(name: str, *arguments: Any) -> None:
    """Call a kernel of the library by name; a tensor is handed over as its address, None as a null pointer."""
    native.call(library(), name, *arguments)


def add(total: Tensor, gradient: Tensor) -> Tensor:
    """total [...] += gradient [...], fp32 and bf16, several times as fast as torch; returns total."""
    run("add", total.numel(), gradient, total)
    return total


def label_softmax_(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Turn logits [C, V] into probabilities in place; labels [C].

    Returns in fp32 the log-probability [C] and the logit [C] of each row's label.
    """
    log_p, raw = torch.empty(2, len(labels)).unbind()
    scratch = torch.empty(logits.size(1))
    run("label_softmax", *logits.shape, logits, labels.contiguous(), log_p, raw, scratch)
    return log_p, raw


def sum_of_rows(x: Tensor) -> Tensor:
    """x [..., D], contiguous -> the sum of its rows [D], in fp32."""
    sums = torch.zeros(x.size(-1))
    run("add_rows", x.numel() // x.size(-1), x.size(-1), x, sums)
    return sums


class AddDropout(torch.autograd.Function):
    """x + dropout(y), both [..., D] and contiguous, -> [..., D]; where x is None, dropout(y).

    `rate` is rounded to 1/256, and what is kept is scaled by 1 / (1 - the rounded rate). No mask is stored for the
    backward pass, only the seed, from which the mask is drawn again.
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
    """x [..., D], contiguous; weight and bias [D] -> x itself and F.layer_norm(x), both [..., D].

    With pre-norm, x goes on past the norm as well. Since it comes out here too, the gradients of both ways arrive in
    one backward pass, which adds them while it has x at hand.
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
    """softmax(scale * scores) over the keys, scores [B, H, T, S] -> weights [B, H, T, S].

    Where the boolean mask, which broadcasts to that shape, is False, the weight is 0. At most LONGEST keys.
    """

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
    """An empty contiguous tensor [...] of the shape of `like`, with LANES numbers of memory after its end.

    A kernel writes whole groups of LANES numbers, the last one past the end.
    """
    return like.new_empty(like.numel() + LANES)[: like.numel()].view(like.shape)
