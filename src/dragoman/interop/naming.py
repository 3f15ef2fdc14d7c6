"""The weights of a BART-shaped Transformer under our names, in our basis and order of tokens. Reads no file.

Marian and M2M-100 keep their layers under the same names (transformers' BART); those of other formats are brought to
these names first. Dimensions: D model, F feed-forward, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dragoman.ids import BOS, SPECIALS
from dragoman.interop.foreign import Store

# The logit of <s>, which is read first and never written: far below any other, so that it takes no probability. Not
# infinite, and small enough for a float16.
NEVER = -500.0

_ATTENTION = {"q": "q_proj", "k": "k_proj", "v": "v_proj", "output": "out_proj"}


@dataclass(frozen=True)
class Vocabulary:
    """Which of their tokens stand where with us."""

    pieces: tuple[str, ...]  # by our id; the first four are SPECIALS
    rows: np.ndarray  # by our id, the row of their tables [V]


@dataclass(frozen=True)
class Layout:
    """What a model is made of, as our configuration says it, and the order of its features."""

    model: Mapping[str, Any]  # the [model] section
    order: np.ndarray | None  # by our feature, theirs [D]; None: the same

    @property
    def width(self) -> int:
        return int(self.model["d_model"])


def halves_to_pairs(d_model: int) -> np.ndarray:
    """Sines in the first half and cosines in the second, as pairs: by our feature theirs [D].

    Another order of the features is another basis: turned everywhere at once, it changes no result.
    """
    return np.stack((np.arange(d_model // 2), np.arange(d_model // 2) + d_model // 2), 1).reshape(-1)


def layers(store: Store, layout: Layout) -> Iterator[tuple[str, np.ndarray]]:
    """The weights of all layers, and of the norms after them."""
    order = slice(None) if layout.order is None else layout.order
    d, inner = layout.width, layout.model["d_ff"]
    for stack, attentions in (
        ("encoder", {"self_attention": "self_attn"}),
        ("decoder", {"self_attention": "self_attn", "cross_attention": "encoder_attn"}),
    ):
        for i in range(layout.model[f"{stack}_layers"]):
            ours, theirs = f"{stack}.layers.{i}", f"model.{stack}.layers.{i}"
            for place, (name, other) in enumerate(attentions.items()):
                yield from _attention(store, f"{ours}.{name}", f"{theirs}.{other}", d, order)
                yield from _norm(
                    store, f"{ours}.residuals.{place}.norm", f"{theirs}.{other}_layer_norm", d, order
                )
            feed = f"{ours}.feed_forward"
            yield f"{feed}.inner.weight", store.take(f"{theirs}.fc1.weight", inner, d)[:, order]
            yield f"{feed}.inner.bias", store.take(f"{theirs}.fc1.bias", inner)
            yield f"{feed}.outer.weight", store.take(f"{theirs}.fc2.weight", d, inner)[order]
            yield f"{feed}.outer.bias", store.take(f"{theirs}.fc2.bias", d)[order]
            last = f"{ours}.residuals.{len(attentions)}.norm"
            yield from _norm(store, last, f"{theirs}.final_layer_norm", d, order)
        if layout.model["norm"] == "pre":
            yield from _norm(store, f"{stack}.norm", f"model.{stack}.layer_norm", d, order)


def _attention(store: Store, ours: str, theirs: str, d: int, order: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Queries, keys and values read features and write heads; the output reads heads and writes features."""
    for name, other in _ATTENTION.items():
        weight, bias = store.take(f"{theirs}.{other}.weight", d, d), store.take(f"{theirs}.{other}.bias", d)
        writes = name == "output"
        yield f"{ours}.{name}.weight", weight[order] if writes else weight[:, order]
        yield f"{ours}.{name}.bias", bias[order] if writes else bias


def _norm(store: Store, ours: str, theirs: str, d: int, order: Any) -> Iterator[tuple[str, np.ndarray]]:
    for kind in ("weight", "bias"):
        yield f"{ours}.{kind}", store.take(f"{theirs}.{kind}", d)[order]


def table(whole: np.ndarray, vocabulary: Vocabulary, layout: Layout, scaled: bool = True) -> np.ndarray:
    """A table of tokens [V, D] in our order. Ours are multiplied by sqrt(D); one that was not is divided by it."""
    rows = whole[vocabulary.rows]
    if layout.order is not None:
        rows = rows[:, layout.order]
    return rows if scaled else (rows / np.sqrt(layout.width)).astype(rows.dtype)


def output_bias(bias: np.ndarray | None, vocabulary: Vocabulary) -> np.ndarray:
    """A number for each of our tokens [V]; <s> is never written."""
    own = np.zeros(len(vocabulary.rows), np.float32)
    if bias is not None:
        own += bias.reshape(-1)[vocabulary.rows]
    own[BOS] = NEVER
    return own


def whole(weights: Iterator[tuple[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """By name, each in one piece of memory of its own."""
    return {name: np.ascontiguousarray(array) for name, array in weights}


def arranged(pieces: Mapping[int, str], specials: Sequence[int], dropped: Sequence[int] = ()) -> Vocabulary:
    """Their tokens in our order: `specials` are the rows of <pad>, <unk>, what is read first, and </s>."""
    rest = [i for i in sorted(pieces) if i not in {*specials, *dropped}]
    # A piece that is spelled as a special token of ours, and is none, keeps its row under a name of its own.
    named = [f"<unused{i}>" if pieces[i] in SPECIALS else pieces[i] for i in rest]
    return Vocabulary((*SPECIALS, *named), np.array([*specials, *rest]))
