"""The picture of a recurrent network, unrolled in a terminal: one column a step. Computes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len

from dragoman.cli.language import Say

if TYPE_CHECKING:
    from dragoman.lineage.carried import Carried

_COLUMN, _MOST = 8, 10  # cells of a step; steps that fit beside their names


def unrolled(found: Carried, words: Sequence[str], told: Say) -> list[str]:
    """What the network does with a text, from the first step on the left to the last; of a long text, the last ones."""
    shown = found.steps[-_MOST:]
    cut = len(found.steps) - len(shown)
    reads = [_spelled(words[step.token]) for step in shown]
    says = [_spelled(words[step.says]) for step in shown]
    names = {
        name: told(name) for name in ("says next", "carries h", "reads", "|h|", "h turned by", "still felt")
    }
    side = max(map(cell_len, names.values())) + 2
    start = f"h{cut} ─W→"

    def row(name: str, cells: Sequence[str]) -> str:
        return (_wide(name, side) + "".join(_wide(cell, _COLUMN) for cell in cells)).rstrip()

    states = [f"h{cut + i + 1} ─W→" for i in range(len(shown))]
    states[-1] = states[-1].partition(" ")[0]
    arrows = [
        row(names["says next"], ["", *says]),
        row("", ["", *["↑ V"] * len(shown)]),
        row(names["carries h"], [start, *states]),
        row("", ["", *["↑ U"] * len(shown)]),
        row(names["reads"], ["", *reads]),
        row(names["|h|"], ["", *(f"{step.size:.1f}" for step in shown)]),
        row(
            names["h turned by"],
            ["", *("" if step is found.steps[0] else f"{step.turned:.0%}" for step in shown)],
        ),
        row(names["still felt"], ["", *(f"{step.left_at_the_end:.0%}" for step in shown)]),
    ]
    return [*arrows, "", *_said(found, told)]


def _said(found: Carried, told: Say) -> list[str]:
    shapes = {name: " x ".join(f"{side:,}" for side in shape) for name, shape in found.shapes.items()}
    sizes = "U is {U}, W is {W}, V is {V}: the same three at all {steps} steps; of U and W, {gates} blocks, one a gate."
    deep = "layers upon each other: {layers}; three or four were usual (--set model.layers=4), each a little better."
    vector = "All that the last step knows of the text is the {width} numbers of its h, and of one ten times as long."
    felt = "Still felt: how far the last h would move, in its own length, had that token not been read."
    width = found.shapes["V"][1]
    return [
        told(sizes, **shapes, steps=len(found.steps), gates=found.gates), told(deep, layers=found.layers),
        told(vector, width=width), told(felt),
    ]  # fmt: skip


def _spelled(word: str) -> str:
    return word.replace("▁", " ")


def _wide(text: str, cells: int) -> str:
    return text + " " * max(cells - cell_len(text), 1)
