"""The self-attention of a language model in a terminal: five pictures, and each token as a sum. Computes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dragoman.cli.language import Say
from dragoman.cli.terminal import aligned

if TYPE_CHECKING:
    from dragoman.lineage.attended import Attended

_LEAST = 0.05  # what a token takes less of is left out of its sum
_MOST = 16  # tokens whose sums are written out


def sums(found: Attended, words: Sequence[str], at: int, told: Say) -> list[str]:
    """words: the T tokens as they are written; at: the place of the blank, or of what stands before it."""
    heads, t, d = len(found.weights), len(words), found.width
    k = d // heads
    pictures = [
        (told("a vector for each token"), f"x [{t}, {d}]"),
        (told("three linear maps: x W_Q, x W_K, x W_V"), f"q, k, v [{t}, {d}]"),
        (told("cut into {heads} heads", heads=heads), f"[{t}, {heads}, {k}] → [{heads}, {t}, {k}]"),
        (told("who looks at whom: softmax(q · k / √{k})", k=k), f"[{heads}, {t}, {t}]"),
        (told("the values in these shares, heads side by side, × W_O"), f"[{heads}, {t}, {k}] → [{t}, {d}]"),
    ]
    head = _widest(found, at)
    shown = range(max(0, min(at - _MOST // 2, t - _MOST)), min(t, max(at + _MOST // 2, _MOST)))
    return [
        told("self-attention of the first layer, in five pictures:"),
        *aligned([[str(i), *picture] for i, picture in enumerate(pictures, 1)]),
        told("head {n}, each token becomes a sum of values (shares below {least} left out):", n=head + 1, least=_LEAST),
        *(_sum(words, i, found.weights[head][i]) for i in shown if not words[i].startswith("<")),
        told("the same place in the other heads:"),
        *(f"{n + 1}: {_sum(words, at, found.weights[n][at])}" for n in range(heads) if n != head),
    ]  # fmt: skip


def _widest(found: Attended, at: int) -> int:
    """The head in which this place takes something of most tokens."""
    return max(
        range(len(found.weights)), key=lambda n: sum(share >= _LEAST for share in found.weights[n][at])
    )


def _sum(words: Sequence[str], at: int, shares: Sequence[float]) -> str:
    terms = [f"{share:.2f}·{word}" for word, share in zip(words, shares, strict=True) if share >= _LEAST]
    return f"{words[at]} = {' + '.join(terms) or '…'}"
