"""What each part of a model is worth on a corpus, what words of its own cost it, and what its scores are divided for:
tables of its card. Measures nothing: `python -m benchmarks worth` does, and writes them.

A card is for people, and sealed with the weights that it speaks of; so that is where the numbers stand, once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PARTS_TITLE, OWN_TITLE = "## What each part is worth", "## What words of its own cost"
SCALE_TITLE = "## What the root of d is for"
SCORES = ("divided", "undivided")
WHOLE = "whole"
_ROW = re.compile(r"^\| *`?([\w.:]+)`? *\| *(-?[\d.]+) *\| *(-?[\d.]+) *\|$", re.MULTILINE)
_PAIRS = re.compile(r"([\d,]+) (?:sentence )?pairs")


@dataclass(frozen=True)
class PartWorth:
    """Scores of a model without one part: BLEU of its translations, and the training loss in nats a token."""

    part: str
    bleu: float
    loss: float


@dataclass(frozen=True)
class OwnWords:
    """The mean probability of the reference's next word after so many words of the model's own, over `rows` places."""

    own: int
    p: float
    rows: int


@dataclass(frozen=True)
class ScaleWorth:
    """Scores as they are used, or without the division by the root of a head's width: their variance in a row, and how
    far the weights move with them, the norm of softmax's Jacobian; means over all rows of all heads."""

    scores: str  # divided or undivided
    variance: float
    gradient: float


@dataclass(frozen=True)
class Worth:
    """All tables, over so many pairs; `parts` begin with the whole model, and `curve` with no word of its own."""

    pairs: int
    parts: tuple[PartWorth, ...]
    curve: tuple[OwnWords, ...]
    scale: tuple[ScaleWorth, ...] = ()

    @property
    def whole(self) -> PartWorth:
        return self.parts[0]

    def of(self, part: str) -> PartWorth | None:
        return next((one for one in self.parts if one.part == part), None)


def worth_in(card: str) -> Worth | None:
    """What a card says; None where it has no such tables, or they are not as they are written here."""
    about = _section(card, PARTS_TITLE)
    pairs = _PAIRS.search(about)
    parts = tuple(PartWorth(name, bleu, loss) for name, bleu, loss in _rows(about))
    curve = tuple(
        OwnWords(int(own), p, int(rows))
        for own, p, rows in _rows(_section(card, OWN_TITLE))
        if own.isdecimal()
    )
    if (
        pairs is None
        or not parts
        or parts[0].part != WHOLE
        or [one.own for one in curve] != [*range(len(curve))]
    ):
        return None
    about_scale = _rows(_section(card, SCALE_TITLE))
    scale = tuple(ScaleWorth(name, one, other) for name, one, other in about_scale if name in SCORES)
    return Worth(int(pairs[1].replace(",", "")), parts, curve, scale)


def _rows(text: str) -> list[tuple[str, float, float]]:
    try:
        return [(name, float(one), float(other)) for name, one, other in _ROW.findall(text)]
    except ValueError:  # 1.2.3
        return []


def _section(card: str, title: str) -> str:
    """From its title to the next one."""
    _, found, after = f"\n{card}".partition(f"\n{title}\n")
    return re.split(r"^## ", after, maxsplit=1, flags=re.MULTILINE)[0] if found else ""


def card_with(card: str, worth: Worth, command: str, corpora: str) -> str:
    """The card with both tables in the place of older ones, or at its end; `corpora` says what was measured on."""
    for title in (PARTS_TITLE, OWN_TITLE, SCALE_TITLE):
        card = f"\n{card}".replace(f"\n{title}\n{_section(card, title)}", "\n").removeprefix("\n")
    parts = _table(
        ("without", "BLEU", "loss, nats a token"),
        ((f"`{one.part}`", f"{one.bleu:.1f}", f"{one.loss:.2f}") for one in worth.parts),
    )
    curve = _table(
        ("own words before it", "p(next reference word)", "rows"),
        ((str(one.own), f"{one.p:.3f}", str(one.rows)) for one in worth.curve),
    )
    scale = _table(
        ("scores", "variance in a row", "gradient"),
        ((one.scores, f"{one.variance:.2f}", f"{one.gradient:.3f}") for one in worth.scale),
    )
    return "\n".join(
        [
            f"{card.rstrip()}\n",
            f"{PARTS_TITLE}\n",
            f"On {worth.pairs} pairs of {corpora},",
            "taken at even distances, in float32: each part removed from the trained model, as `dragoman explain",
            "--without` and `--twice` do it, and nothing trained again.\n",
            f"    {command}\n",
            *parts,
            "",
            f"{OWN_TITLE}\n",
            "The same pairs. Up to a place the decoder reads the reference, then so many words that it chose itself",
            "(greedily), and is asked for the word that stands next in the reference. The places are the same in every",
            "row; a translation that has ended gives it no chance.\n",
            *curve,
            "",
            f"{SCALE_TITLE}\n",
            "The same pairs, fed their references: q k of every row of every head, as it is used, and as it was before",
            "it was divided by the root of a head's width. Gradient: the norm of softmax's Jacobian, which is what a",
            "gradient is multiplied with on its way back.\n",
            *scale,
            "",
        ]
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(cells)} |"

    return [line(heads), "|---|---|---|", *map(line, rows)]
