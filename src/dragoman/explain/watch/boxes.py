"""The numbers of the boxes of both sides, word by word: what layer norm does to their spread, what five inner units of
the feed-forward network say. Draws nothing.

Dimensions: S words of a side, D model, F feed-forward.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from dragoman.explain.trace.boxes import Boxes, Fed, Normed, Spread, Unit
from dragoman.explain.trace.layers import Token
from dragoman.explain.trace.tokens import tokens_of
from dragoman.explain.watch.record import private_copy, wrap
from dragoman.explain.watch.subject import Subject
from dragoman.transformer.model import Transformer
from dragoman.transformer.sublayers import FeedForward, Residual

MOST_WORDS = 30
REACH, BINS = 4.0, 32  # bins from -REACH to REACH
STRONG, WEAK = 3, 2  # units shown

Seen = list[tuple[Tensor, Tensor]]  # what went in and what came out, [S, D]


def boxes(subject: Subject, written: Sequence[Token]) -> Boxes | None:
    """One pass of both sides over the first words; `written` is what the decoder was fed. None for another kind."""
    if not isinstance(subject.module, Transformer):
        return None
    module = private_copy(subject.module)
    assert isinstance(module, Transformer)
    norms: dict[str, tuple[nn.Module, Seen]] = {}
    feeds: dict[str, tuple[FeedForward, Seen]] = {}

    def watch(name: str, kinds: Sequence[str], residuals: Iterable[Residual], feed: FeedForward) -> None:
        for kind, residual in zip(kinds, residuals, strict=True):
            norms[f"{name}.{kind}"] = residual.norm, _watched(residual.norm)
        feeds[f"{name}.feed"] = feed, _watched(feed)

    for i, layer in enumerate(module.encoder.layers, 1):
        watch(f"encoder.{i}", ("self", "feed"), layer.residuals, layer.feed_forward)
    for i, below in enumerate(module.decoder.layers, 1):
        watch(f"decoder.{i}", ("self", "cross", "feed"), below.residuals, below.feed_forward)
    source, written = subject.source(), tuple(written[:MOST_WORDS])
    real = torch.ones_like(source, dtype=torch.bool)
    with torch.inference_mode():
        fed = torch.tensor([[token.id for token in written]], device=source.device)
        module.decode(fed, module.encode(source, real), real)
        edges = torch.linspace(-REACH, REACH, BINS + 1)
        return Boxes(
            tokens_of(subject.source_tokenizer, subject.ids, subject.prepared)[:MOST_WORDS],
            tuple(edges.tolist()),
            tuple(_normed(name, norm, *seen[0], edges) for name, (norm, seen) in norms.items()),
            tuple(_fed(name, feed, seen[0][0]) for name, (feed, seen) in feeds.items()),
            written,
        )


def _watched(module: nn.Module) -> Seen:
    seen: Seen = []

    def forward(original: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        out = original(x)
        seen.append((x[0, :MOST_WORDS].float(), out[0, :MOST_WORDS].float()))
        return out

    wrap(module, "forward", forward)
    return seen


def _normed(name: str, norm: nn.Module, x: Tensor, out: Tensor, edges: Tensor) -> Normed:
    assert isinstance(norm, nn.LayerNorm)
    middle = nn.functional.layer_norm(x, norm.normalized_shape, eps=norm.eps)
    return Normed(name, *(tuple(_spread(row, edges) for row in rows) for rows in (x, middle, out)))


def _spread(row: Tensor, edges: Tensor) -> Spread:
    """row [D]"""
    counts = torch.histogram(row.cpu().clamp(-REACH, REACH), edges).hist
    return Spread(float(row.mean()), float(row.var(correction=0)), tuple(map(int, counts.tolist())))


def _fed(name: str, feed: FeedForward, x: Tensor) -> Fed:
    """x [S, D]"""
    inner = (feed.inner if feed.gate is None else feed.gate)(x)  # [S, F]
    fires = feed.activation(inner.clone())  # relu overwrites what it is given
    if feed.gate is not None:
        fires = fires * feed.inner(x)
    adds = fires.abs() * feed.outer.weight.norm(dim=0)  # [S, F]: each unit's column of W2, so many times
    units = torch.cat(
        (adds.topk(min(STRONG, adds.size(1))).indices, (-inner).topk(min(WEAK, adds.size(1))).indices), 1
    )
    return Fed(
        name,
        tuple(
            tuple(Unit(u + 1, float(inner[s, u]), float(fires[s, u]), float(adds[s, u])) for u in row)
            for s, row in enumerate(units.tolist())
        ),
    )
