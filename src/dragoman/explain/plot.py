"""Attention as a picture: a matplotlib heat map, and a table of coloured cells for a notebook. Computes none."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from dragoman.errors import MissingExtraError
from dragoman.explain.trace.layers import Attention, DecoderLayer, Token
from dragoman.explain.trace.values import Inference, Model, Proof, Source, Training
from dragoman.text.normalize import has_han

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = "cividis"  # rises in lightness alone, so it reads the same to every eye and in grey
# What systems call their font with Chinese letters; matplotlib's own has none.
HAN_FONTS = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei",
    "PingFang SC", "Heiti SC", "Microsoft YaHei", "SimHei", "Arial Unicode MS", "Droid Sans Fallback",
)  # fmt: skip
_DARK, _LIGHT = (0, 34, 78), (254, 232, 56)  # the ends of that scale, for the table


class Pictured(Protocol):
    """What is asked of a trace, which in turn asks this module for its picture."""

    @property
    def model(self) -> Model: ...
    @property
    def removed(self) -> str | None: ...
    @property
    def source(self) -> Source: ...
    @property
    def inference(self) -> Inference: ...
    @property
    def training(self) -> Training | None: ...
    @property
    def proofs(self) -> tuple[Proof, ...]: ...
    @property
    def decoder(self) -> tuple[DecoderLayer, ...]: ...

    def attention(self, name: str, mode: str) -> Attention: ...
    def head(self, name: str, head: int, mode: str) -> np.ndarray: ...


def plot_attention(
    trace: Pictured, name: str, head: int | None = None, mode: str = "inference", axes: Axes | None = None
) -> Axes:
    """Weights [T, S] of one head, counted from 1, or the mean of all; rows ask, columns answer.

    Raises UsageError for a name or head that is not there, MissingExtraError without matplotlib.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise MissingExtraError(
            "plots need matplotlib: install it with  pip install 'dragoman[plot]'"
        ) from error
    attention = trace.attention(name, mode)
    weights = attention.weights.mean(0) if head is None else trace.head(name, head, mode)
    rows, columns = _axes(trace, name, mode)
    if axes is None:
        size = 1.5 + 0.4 * max(weights.shape[1], 4), 1.5 + 0.4 * max(weights.shape[0], 4)
        axes = plt.subplots(figsize=size, layout="constrained")[1]
    image = axes.imshow(weights, cmap=COLOURS, vmin=0, vmax=1, aspect="equal")
    axes.figure.colorbar(image, ax=axes, label="weight", shrink=0.8)
    fonts: dict[str, Any] = _fonts([*rows, *columns])
    plain = not fonts and any(map(has_han, [*rows, *columns]))
    for labels, axis, turn in ((columns, axes.xaxis, 90), (rows, axes.yaxis, 0)):
        shown = [str(i) for i in range(len(labels))] if plain else list(labels)
        # A single $ would begin a formula.
        axis.set_ticks(
            range(len(labels)), [label.replace("$", r"\$") for label in shown], rotation=turn, **fonts
        )
    of_heads = f"mean of {len(attention.weights)} heads" if head is None else f"head {head}"
    axes.set_title(f"{name}, {of_heads}")
    axes.set(xlabel=f"keys: {attention.k_from}", ylabel=f"queries: {attention.q_from}")
    return axes


def _axes(trace: Pictured, name: str, mode: str) -> tuple[list[str], list[str]]:
    """What the rows and the columns of an attention stand for, as many as were kept.

    A row of the decoder is the token that was read; in cross-attention what it was asked for stands beside it.
    """
    attention = trace.attention(name, mode)
    source = [_label(token) for token in trace.source.tokens]
    if mode == "training" and trace.training is not None:
        read, said = trace.training.input, trace.training.labels
    else:
        read, said = tuple(step.input for step in trace.inference.steps), trace.inference.tokens
    target = [_label(token) for token in read]
    asked = [f"{_label(token)} → {_label(next)}" for token, next in zip(read, said, strict=True)]
    sides = {"encoder_self": (source, source), "decoder_self": (target, target), "cross": (asked, source)}
    rows, columns = sides[attention.kind]
    if attention.kind == "cross" and attention.q_from == "memory":
        rows, columns = source, target
    queries, keys = attention.weights.shape[1:]
    return rows[:queries], columns[:keys]


def _label(token: Token) -> str:
    return token.text or token.piece


def _fonts(labels: Sequence[str]) -> dict[str, Any]:
    """Fonts that can write the labels, where the default cannot and the system has any."""
    from matplotlib import font_manager

    if not any(map(has_han, labels)):
        return {}
    installed = {font.name for font in font_manager.fontManager.ttflist}
    found = [name for name in HAN_FONTS if name in installed]
    return {"fontfamily": [*found, "DejaVu Sans"]} if found else {}


# -- notebook -----------------------------------------------------------------------------------------------------


def as_html(trace: Pictured) -> str:
    """The translation, how its proofs came out, and where the last layer looked; nothing in it runs."""
    failed = [proof for proof in trace.proofs if not proof.passed]
    verdict = (
        f"{len(trace.proofs)} proofs hold"
        if not failed
        else "failed: " + ", ".join(f"{proof.id} ({proof.value:.2g} > {proof.limit:.2g})" for proof in failed)
    )
    changed = f" without {escape(trace.removed)}" if trace.removed else ""
    parts = [
        f"<p><b>{escape(trace.source.text)}</b> &rarr; <b>{escape(trace.inference.text)}</b>{changed}<br>",
        f"{escape(trace.model.name)}, beam {trace.inference.beam.width}, "
        f"{trace.inference.encoder_passes} encoder and {trace.inference.decoder_passes} decoder passes; "
        f"{escape(verdict)}</p>",
    ]
    if trace.decoder:
        attention = trace.decoder[-1].cross
        rows, columns = _axes(trace, attention.name, "inference")
        parts.append(_table(attention.weights.mean(0), rows, columns, f"{attention.name}, mean of heads"))
    return "".join(parts)


def _table(weights: np.ndarray, rows: Sequence[str], columns: Sequence[str], caption: str) -> str:
    heads = "".join(f'<th scope="col">{escape(label)}</th>' for label in columns)
    lines = (
        f'<tr><th scope="row">{escape(label)}</th>{"".join(map(_cell, line))}</tr>'
        for label, line in zip(rows, weights.tolist(), strict=True)
    )
    return f"<table><caption>{escape(caption)}</caption><tr><td></td>{heads}</tr>{''.join(lines)}</table>"


def _cell(weight: float) -> str:
    share = min(max(weight, 0.0), 1.0)
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(_DARK, _LIGHT, strict=True))
    ink = "#000" if share > 0.5 else "#fff"
    return f'<td style="background:rgb({red},{green},{blue});color:{ink}">{weight:.2f}</td>'
