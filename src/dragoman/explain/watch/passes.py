"""From a tape to a Pass: the rows of one sentence picked out, as NumPy arrays with names. Runs no layer but the norm.

Dimensions: N rows of a call, S source, T target, D model, H heads, K head width, V vocabulary.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dragoman.explain.trace.layers import (
    Attention,
    DecoderLayer,
    Embedding,
    Embeddings,
    EncoderLayer,
    FeedForward,
    Guess,
    Logit,
    LogitRow,
    Pass,
    Residual,
)
from dragoman.explain.watch.record import Tape
from dragoman.text.tokenizer import Tokenizer
from dragoman.transformer import attention, sublayers
from dragoman.transformer.model import Transformer

TOP = 10  # guesses told at each position
PACKAGE = Path(__file__).parents[2]

# Which rows of which calls make up one sentence: one row of each step of a loop, or all rows of one call.
Rows = Sequence[tuple[int, Sequence[int]]]


@dataclass(frozen=True)
class Frame:
    """What every part of a pass is made with: the model, the tape, and who spells the tokens."""

    module: Transformer
    tape: Tape
    tokenizer: Tokenizer
    removed: str | None

    def take(self, name: str, key: str, rows: Rows) -> Tensor:
        """Those rows of one tensor of one module, the last dimension padded with zeros to the longest."""
        return _join([self.tape.calls[name][call][key][list(some)] for call, some in rows])


def all_rows(length: int) -> Rows:
    """Of a pass over one sentence, recorded in one call."""
    return [(0, range(length))]


def recorded_pass(frame: Frame, source: Rows, target: Rows) -> Pass:
    """All that the tape knows of one sentence."""
    module, tape = frame.module, frame.tape
    encoder = [
        _encoder_layer(frame, f"encoder.layers.{i}", f"encoder.{i + 1}", source)
        for i in range(len(module.encoder.layers))
    ]
    decoder = [
        _decoder_layer(frame, f"decoder.layers.{i}", f"decoder.{i + 1}", source, target)
        for i in range(len(module.decoder.layers))
    ]
    call, some = source[-1]
    memory = tape.calls["encoder"][call]["memory"][list(some)]
    after = [
        _normed(module, frame.take(f"decoder.layers.{i}.residuals.2", "out", target))
        for i in range(len(module.decoder.layers))
    ]
    hidden = after[-1]
    return Pass(
        Embeddings(
            _embedding(frame, "source_input", source),
            _embedding(frame, "target_input", target),
        ),
        tuple(encoder),
        tuple(decoder),
        array(memory),
        array(hidden),
        tuple(_top_words(frame, x) for x in after),
        logit_rows(module.logits(hidden), frame.tokenizer),
    )


def _normed(module: Transformer, x: Tensor) -> Tensor:
    """With pre-norm the stream is normed once more before it is read."""
    return x if module.decoder.norm is None else module.decoder.norm(x)


def _top_words(frame: Frame, hidden: Tensor) -> tuple[Guess, ...]:
    p = frame.module.logits(hidden).float().softmax(-1)
    return tuple(guesses[0] for guesses in top_guesses(p, frame.tokenizer, 1))


# -- layers -------------------------------------------------------------------------------------------------------


def _encoder_layer(frame: Frame, path: str, name: str, pick: Rows) -> EncoderLayer:
    return EncoderLayer(
        _attention(frame, f"{path}.self_attention", f"{name}.self", "encoder_self", pick, pick),
        _feed_forward(frame, f"{path}.feed_forward", pick),
        _residuals(frame, path, name, 2, pick),
    )


def _decoder_layer(frame: Frame, path: str, name: str, source: Rows, target: Rows) -> DecoderLayer:
    return DecoderLayer(
        _attention(frame, f"{path}.self_attention", f"{name}.self", "decoder_self", source, target),
        _attention(frame, f"{path}.cross_attention", f"{name}.cross", "cross", source, target),
        _feed_forward(frame, f"{path}.feed_forward", target),
        _residuals(frame, path, name, 3, target),
    )


def _attention(frame: Frame, path: str, name: str, kind: str, source: Rows, target: Rows) -> Attention:
    """`path` is the module's, `name` the one for people. Self-attention is where one sentence asks itself."""
    x, memory = ("x", target), ("memory", source)
    asks, answers = {
        "encoder_self": (("x", source), ("x", source)),
        "decoder_self": (x, x),
        "cross": (memory, x) if frame.removed == "swap" else (x, memory),
    }[kind]
    asking = asks[1]
    q, scores, weights, output = (
        frame.take(path, key, asking) for key in ("q", "scores", "weights", "output")
    )
    k, v = (frame.take(f"{path}.memory", key, answers[1]) for key in ("k", "v"))
    allowed = frame.take(path, "allowed", asking)
    biased = any("bias" in call for call in frame.tape.calls[path])
    width = q.size(2)
    if frame.removed == "scale":  # the queries were multiplied by sqrt(K) beforehand: see broken.py
        q, scores = q / width**0.5, scores / width**0.5
    return Attention(
        name,
        kind,
        q_from=asks[0],
        k_from=answers[0],
        v_from=answers[0],
        scale=1.0 if frame.removed == "scale" else width**-0.5,
        mask=_mask(kind, len(asking) > 1, frame.removed),
        code=code_of(attention.attention_weights),
        shapes=_shapes(kind, len(q), len(k), q.size(1), width),
        q=_by_head(q),
        k=_by_head(k),
        v=_by_head(v),
        scores=_by_head(scores),
        bias=_by_head(frame.take(path, "bias", asking)) if biased else None,
        weights=_by_head(weights),
        output=_by_head(output),
        allowed=tuple(tuple(row) for row in allowed.int().tolist()),
    )


def _mask(kind: str, one_by_one: bool, removed: str | None) -> str:
    """What was hidden. A step with a cache computes one row, and no key of the future exists yet: nothing to hide."""
    if kind != "decoder_self":
        return "none" if kind == "cross" and removed == "swap" else "padding"
    return "none" if one_by_one or removed == "causal_mask" else "causal"


def _shapes(
    kind: str, queries: int, keys: int, heads: int, width: int
) -> tuple[tuple[str, tuple[int, ...]], ...]:
    model = heads * width
    memory = [("memory", (1, keys, model))] if kind == "cross" else []
    return (
        ("x", (1, queries, model)),
        *memory,
        ("q", (1, queries, model)),
        ("k", (1, keys, model)),
        ("v", (1, keys, model)),
        ("split q", (1, heads, queries, width)),
        ("split k", (1, heads, keys, width)),
        ("split v", (1, heads, keys, width)),
        ("scores", (1, heads, queries, keys)),
        ("weights", (1, heads, queries, keys)),
        ("heads", (1, heads, queries, width)),
        ("merged", (1, queries, model)),
        ("output", (1, queries, model)),
    )


def _feed_forward(frame: Frame, path: str, pick: Rows) -> FeedForward:
    active, norm_in, norm_out = (
        numbers(frame.take(path, key, pick)) for key in ("active", "norm_in", "norm_out")
    )
    return FeedForward(active, norm_in, norm_out, code_of(sublayers.FeedForward.forward))


def _residuals(frame: Frame, path: str, name: str, count: int, pick: Rows) -> tuple[Residual, ...]:
    def one(i: int) -> Residual:
        norms = {
            key: numbers(frame.take(f"{path}.residuals.{i}", key, pick))
            for key in ("x", "sublayer", "sum", "normed")
        }
        order = frame.module.config.norm
        return Residual(f"{name}.residuals.{i + 1}", order, **norms, code=code_of(sublayers.Residual.after))

    return tuple(one(i) for i in range(count))


def _embedding(frame: Frame, name: str, rows: Rows) -> Embedding:
    return Embedding(*(array(frame.take(name, key, rows)) for key in ("token", "scaled", "positions", "sum")))


# -- numbers ------------------------------------------------------------------------------------------------------


def top_guesses(p: Tensor, tokenizer: Tokenizer, count: int = TOP) -> list[tuple[Guess, ...]]:
    """p [T, V] -> the most probable tokens of each row, the best first."""
    best, ids = p.topk(min(count, p.size(-1)))
    return [
        tuple(Guess(i, piece, x) for i, piece, x in zip(row, tokenizer.pieces(row), some, strict=True))
        for row, some in zip(ids.tolist(), best.tolist(), strict=True)
    ]


def logit_rows(logits: Tensor, tokenizer: Tokenizer) -> tuple[LogitRow, ...]:
    """logits [T, V] -> the most probable tokens of each row, and what the softmax divides by."""
    normaliser = logits.logsumexp(-1)
    best, ids = logits.topk(min(TOP, logits.size(-1)))
    p = (best - normaliser[:, None]).exp()
    rows = zip(best.tolist(), ids.tolist(), p.tolist(), normaliser.tolist(), strict=True)
    return tuple(
        LogitRow(values[0], total, tuple(map(Logit, row, tokenizer.pieces(row), values, chances)))
        for values, row, chances, total in rows
    )


def array(x: Tensor) -> np.ndarray:
    return x.float().cpu().numpy()


def numbers(x: Tensor) -> tuple[float, ...]:
    return tuple(x.tolist())


def _by_head(x: Tensor) -> np.ndarray:
    """[T, H, ...] -> [H, T, ...]."""
    return np.ascontiguousarray(array(x.transpose(0, 1)))


def _join(parts: list[Tensor]) -> Tensor:
    longest = max(part.size(-1) for part in parts)
    if any(part.size(-1) != longest for part in parts):
        parts = [torch.nn.functional.pad(part, (0, longest - part.size(-1))) for part in parts]
    return torch.cat(parts)


@cache
def code_of(function: Callable[..., Any]) -> str:
    """Where a function stands: "transformer/attention.py:20"."""
    file = Path(inspect.getsourcefile(function) or "").relative_to(PACKAGE)
    return f"{file.as_posix()}:{inspect.getsourcelines(function)[1]}"
