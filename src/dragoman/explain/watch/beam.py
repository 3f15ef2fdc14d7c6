"""Watch a search from outside: every hypothesis as a node of a tree, those that were pruned included, and why.

The search sees a model with `start` and `step`, as always; what it feeds and which rows it keeps tell what it did.
The candidates of each step come from the search's own pure functions, called beside it.

Dimensions: R rows, k hypotheses, c candidates, V vocabulary, t tokens so far.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from dragoman.decoding.constraints import Constraints, PlaceholdersOnce
from dragoman.decoding.options import DecodingOptions, Hypothesis
from dragoman.decoding.search import DEAD, Candidates, Choose, Live, likeliest, sampled, search
from dragoman.ids import BOS, EOS
from dragoman.protocols import Decodable

NOWHERE = -1  # the node of a place in the beam that nothing fills


@dataclass(frozen=True)
class Turn:
    """One call of `step`: what was fed, what came back, and which rows of the turn before it continues."""

    tokens: Tensor  # [R, 1]
    logits: Tensor  # [R, V]
    parents: list[int]  # [R]
    seconds: float


@dataclass(frozen=True)
class WatchedState:
    """A state, and the rows that were selected since the last step."""

    state: Any
    rows: Tensor | None = None

    def select(self, rows: Tensor) -> WatchedState:
        chosen = rows if self.rows is None else self.rows[rows]
        return WatchedState(self.state.select(rows), chosen)


@dataclass
class Watched:
    """A model as the search sees it, which remembers every call."""

    model: Decodable
    turns: list[Turn] = field(default_factory=list)
    seconds: float = 0.0  # of all calls

    def start(self, source: Tensor, source_mask: Tensor) -> WatchedState:
        began = time.perf_counter()
        state = self.model.start(source, source_mask)
        self.seconds += time.perf_counter() - began
        return WatchedState(state)

    def step(self, tokens: Tensor, state: WatchedState) -> tuple[Tensor, WatchedState]:
        began = time.perf_counter()
        logits, after = self.model.step(tokens, state.state)
        seconds = time.perf_counter() - began
        self.seconds += seconds
        parents = list(range(tokens.size(0))) if state.rows is None else state.rows.tolist()
        self.turns.append(Turn(tokens, logits, parents, seconds))
        return logits, WatchedState(after)


@dataclass(frozen=True)
class Branch:
    """A node of the tree, as ids and numbers."""

    id: int
    parent: int | None
    t: int
    token: int
    logp: float
    total: float
    state: str
    why: str
    score: float | None


@dataclass(frozen=True)
class Searched:
    """One sentence's search: the hypothesis that won, the tree, and the row of each turn that belongs to the winner."""

    best: Hypothesis
    tree: list[Branch]
    rows: list[int]
    watched: Watched

    @property
    def fed(self) -> list[int]:
        """The tokens that were fed along the winning hypothesis, <s> first."""
        return [int(turn.tokens[row, 0]) for turn, row in zip(self.watched.turns, self.rows, strict=False)]

    @property
    def logits(self) -> Tensor:
        """What the model answered to each of them [T, V]."""
        turns = zip(self.watched.turns, self.rows, strict=False)
        return torch.stack([turn.logits[row] for turn, row in turns])


def searched(
    model: Decodable,
    source: Tensor,
    options: DecodingOptions,
    prefix: Sequence[int] = (),
    placeholders: Sequence[int] = (),
) -> Searched:
    """Search for the best translation of source [1, S], watched; placeholders as in decoding/search.py."""
    watched = Watched(model)
    mask = torch.ones_like(source, dtype=torch.bool)
    best = search(watched, source, mask, options, prefixes=[prefix], placeholders=placeholders)[0][0]
    once = PlaceholdersOnce.of(source.tolist(), placeholders, source.device) if placeholders else None
    rules = Constraints.of(options, [prefix], source.device, placeholders=once)
    tree, rows = _grow(watched.turns, options, source, rules, len(prefix), best)
    return Searched(best, tree, rows, watched)


def _grow(
    turns: list[Turn],
    options: DecodingOptions,
    source: Tensor,
    rules: Constraints,
    forced: int,
    best: Hypothesis,
) -> tuple[list[Branch], list[int]]:
    """The tree of all turns, the first of which were `forced` by a prefix, and the winner's row in each."""
    limit = options.limit(source.size(1), forced)
    choose = _choice(options, source, limit)
    nothing = torch.zeros(1, 1, 0, device=source.device)
    zero = torch.zeros(1, dtype=torch.int64, device=source.device)
    live = Live(zero, nothing.long(), nothing, torch.zeros(1, 1, device=source.device))
    tree = [Branch(0, None, -1, BOS, 0.0, 0.0, "root", "the sentence begins", None)]
    standing = [[0]]  # for each turn the node of each row
    for t, turn in enumerate(turns):
        logits = turn.logits.float().view(1, len(turn.parents), -1)
        found = choose(rules.apply(logits, live.tokens, live.sentence), live)
        after = turns[t + 1] if t + 1 < len(turns) else None
        columns = _columns(found, after)
        tree += _branches(found, columns, standing[-1], len(tree), t, t + 1 == limit, options)
        if after is not None:
            alive = len(_alive(found))
            first = len(tree) - alive
            standing.append([first + column if column < alive else NOWHERE for column in columns])
            live = live.extend(found.take(torch.tensor([columns], device=source.device)))
    return _crowned(tree, best, standing)


def _choice(options: DecodingOptions, source: Tensor, limit: int) -> Choose:
    if options.sample:
        return sampled(options, source.tolist(), limit, source.device)
    return likeliest(options)


def _alive(found: Candidates) -> list[int]:
    """Columns of real candidates: the probable ones come first."""
    return [column for column, total in enumerate(found.total[0].tolist()) if total > DEAD]


def _columns(found: Candidates, after: Turn | None) -> list[int]:
    """The candidates that the search fed next, found by their parent and token."""
    if after is None:
        return []
    place = {
        pair: column
        for column, pair in reversed(
            list(enumerate(zip(found.parent[0].tolist(), found.token[0].tolist(), strict=True)))
        )
    }
    fed = zip(after.parents, after.tokens[:, 0].tolist(), strict=True)
    return [place[pair] for pair in fed]


def _branches(
    found: Candidates,
    columns: list[int],
    standing: list[int],
    first: int,
    t: int,
    cut: bool,
    options: DecodingOptions,
) -> list[Branch]:
    """A branch for each candidate, with what became of it."""
    width = options.beam_size
    made: list[Branch] = []
    parents, tokens = found.parent[0].tolist(), found.token[0].tolist()
    scores, totals = found.score[0].tolist(), found.total[0].tolist()
    for column in _alive(found):
        token = tokens[column]
        state, why = _fate(column, token == EOS, cut, column in columns, bool(columns), width)
        score = options.normalise(totals[column], t + 1) if state == "finished" else None
        made.append(
            Branch(
                first + len(made), standing[parents[column]], t, token, scores[column], totals[column],
                state, why, score,
            )
        )  # fmt: skip
    return made


def _fate(column: int, ends: bool, cut: bool, kept: bool, goes_on: bool, width: int) -> tuple[str, str]:
    """What became of the candidate of that rank, and why, in words."""
    rank = column + 1
    if ends and column < width:
        return "finished", f"it ends here, rank {rank} of a beam of {width}"
    if ends:
        return "pruned", f"it ends here, but rank {rank} is outside a beam of {width}"
    if cut and column < width:
        return "finished", "the length limit cut it off"
    if kept:
        return "live", f"rank {rank}, kept in a beam of {width}"
    if not goes_on and column < width:
        return "pruned", "the search was over: nothing that still grew could win"
    return "pruned", f"rank {rank} of a beam of {width}"


def _crowned(
    tree: list[Branch], best: Hypothesis, standing: list[list[int]]
) -> tuple[list[Branch], list[int]]:
    """The tree with its winner marked, and the winner's row in each turn."""
    wanted = [*best.tokens, EOS] if best.finished else best.tokens
    for branch in tree:
        if branch.state == "finished" and branch.t + 1 == len(wanted):
            path = _path(tree, branch)
            if [tree[i].token for i in path[1:]] == wanted:
                break
    else:
        raise AssertionError("the tree holds every hypothesis that the search found")
    rows = [standing[t].index(node) for t, node in enumerate(path[:-1])]
    won = replace(branch, state="won", why=f"{branch.why}; no other ending has a better score")
    return [won if other is branch else other for other in tree], rows


def _path(tree: list[Branch], last: Branch) -> list[int]:
    path = [last.id]
    while (parent := tree[path[-1]].parent) is not None:
        path.append(parent)
    return path[::-1]
