"""Words as points of an SVG picture, which any browser shows with its own fonts. Computes no vector."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from dragoman.lineage.wordvectors import WordVectors

WIDTH, HEIGHT, MARGIN = 1000, 700, 60
INKS = ("#1b6ca8", "#b5482a", "#2f7d4f", "#7a4a9e", "#8a6d1d", "#c2397a", "#3b7f86", "#5b5b5b")


def word_map(vectors: WordVectors, groups: Sequence[Sequence[int]]) -> str:
    """An SVG picture of some words by their ids; each group has a colour, and its first word is set bold."""
    ids = list(dict.fromkeys(i for group in groups for i in group))
    points = vectors.plane(ids)
    low, span = points.min(0), points.max(0) - points.min(0)
    span[span == 0] = 1  # all on one line
    placed = (points - low) / span * (WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN) + MARGIN
    group_of = {i: number for number, group in reversed([*enumerate(groups)]) for i in group}
    firsts = {group[0] for group in groups if len(groups) > 1}
    drawn = [
        _word(vectors.words[i], x, y, INKS[group_of[i] % len(INKS)], i in firsts)
        for i, (x, y) in zip(ids, placed.tolist(), strict=True)
    ]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="13">\n<title>{len(ids)} words, their vectors laid flat</title>\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n'
    )
    return head + "".join(drawn) + "</svg>\n"


def _word(word: str, x: float, y: float, ink: str, bold: bool) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{ink}"/>'
        f'<text x="{x + 5:.1f}" y="{y + 4:.1f}" fill="{ink}"{weight}>{escape(word)}</text>\n'
    )
