"""A small search by hand, and the tree that it must give."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dragoman.explain.terminal.beam import beam
from dragoman.explain.terminal.drawing import Screen
from dragoman.explain.trace.layers import Token
from dragoman.explain.trace.trace import Trace
from dragoman.explain.trace.values import Beam, Node
from screen import printed

Row = tuple[int, int | None, str, float, str, float | None]

# Two beginnings are kept; "b" is the better one at first, "a" wins.
SEARCH: list[Row] = [
    (0, None, "<s>", 0.0, "root", None),
    (1, 0, "a", -1.0, "live", None),
    (2, 0, "b", -0.5, "live", None),
    (3, 0, "c", -3.0, "pruned", None),
    (4, 0, "d", -2.0, "pruned", None),
    (5, 1, "你", -1.2, "live", None),
    (6, 2, "好", -2.5, "live", None),
    (7, 5, "</s>", -1.3, "won", -0.65),
    (8, 6, "喂", -2.6, "live", None),
    (9, 6, "</s>", -2.7, "finished", -1.35),
]


def trace_of(rows: list[Row], width: int = 2) -> Trace:
    """Only what a tree is drawn from."""
    depth: dict[int | None, int] = {None: -2}
    nodes = []
    for i, parent, piece, total, state, score in rows:
        depth[i] = depth[parent] + 1
        token = Token(i, piece, piece, None, False)
        nodes.append(Node(i, parent, depth[i], token, 0.0, total, state, f"rank {i}", score))
    inference = SimpleNamespace(beam=Beam(width, tuple(nodes)))
    return cast(Trace, SimpleNamespace(inference=inference))


def tree(rows: list[Row], **screen: Any) -> list[str]:
    """The drawing alone, without what is said before and after it."""
    lines = printed(beam(trace_of(rows), Screen(100, **screen)), 100)
    start = next(n for n, line in enumerate(lines) if line.startswith("* <s>"))
    return lines[start:-1]


def test_the_winner_is_drawn_first_and_the_dead_are_kept() -> None:
    assert tree(SEARCH) == [
        "* <s>",
        "|-x d -2.00  c -3.00  (rank 4)",
        "|-* a 你 </s>  -1.30  score -0.65",
        "`-b 好  -2.50",
        "  |-喂  -2.60  still open at the end",
        "  `-= </s>  -2.70  score -1.35",
    ]


def test_every_token_of_the_search_is_there_once() -> None:
    words = re.split(r"[^\w</>]+", " ".join(tree(SEARCH)))
    for _, _, piece, _, _, _ in SEARCH:
        assert words.count(piece) == sum(row[2] == piece for row in SEARCH)


def test_a_branch_that_nothing_continues_says_so() -> None:
    rows = [*SEARCH, (10, 0, "e", -1.9, "live", None)]
    (line,) = (line for line in tree(rows) if "e  -1.90" in line)
    assert line.endswith("nothing after it was good enough")


def test_what_is_not_named_is_counted() -> None:
    rows: list[Row] = [*SEARCH, *((20 + n, 0, f"p{n}", -4.0 - n, "pruned", None) for n in range(5))]
    assert tree(rows)[1] == "|-x d -2.00  c -3.00  p0 -4.00  4 more  (rank 4)"


def test_a_long_branch_is_no_deeper_than_a_short_one() -> None:
    """Drawn by recursion, a few hundred tokens would be the end of it."""
    rows: list[Row] = [(0, None, "<s>", 0.0, "root", None)]
    for n in range(1, 1200):
        rows += [
            (2 * n - 1, max(0, 2 * n - 2), "a", -n, "live", None),
            (2 * n, max(0, 2 * n - 2), "b", -n, "live", None),
        ]
    assert len(beam(trace_of(rows), Screen(100))) > 2000


@pytest.mark.parametrize(
    "language, said", [("en", "9 beginnings were looked at, 2 given up"), ("zh", "放弃 2 个")]
)
def test_the_tree_is_counted(language: Any, said: str) -> None:
    assert said in printed(beam(trace_of(SEARCH), Screen(100, language=language)), 100)[-1]
