"""Greedy search, beam search and sampling over start/step. Knows no text and no model class.

Greedy search is a beam of one; sampling is a beam of one whose single candidate is drawn.

Dimensions: N inputs, B of them still unfinished, k hypotheses of each, c candidates, t tokens so far, S source,
V vocabulary. A row of the model is one hypothesis: row b k + j is hypothesis j of the b-th unfinished sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dragoman.decoding.constraints import RULES, Constraints, PlaceholdersOnce
from dragoman.decoding.options import NOT_NUMBERS, DecodingOptions, Hypothesis, Unwanted, Wanted, no_prefixes
from dragoman.decoding.sampling import draw, uniforms
from dragoman.errors import ModelError
from dragoman.ids import BOS, EOS
from dragoman.protocols import Decodable, Ranks

DEAD = float("-inf")  # the log-probability of a place in the beam that nothing fills
PORTION = 2**18  # logits that are looked at together on a CPU: 1 MB
ROUND = 32  # sentences; see _room

# Fields of DecodingOptions, beside the rules: what a beam search goes by, and what else this search heeds.
BY_RANK = frozenset({"beam_size", "n_best", "length_penalty", "max_length", "max_length_ratio"})
BY_DRAW = frozenset({"sample", "temperature", "top_k", "top_p", "seed"})


def heeded() -> frozenset[str]:
    """The fields of DecodingOptions that `search` heeds."""
    return BY_RANK | BY_DRAW | RULES.keys()


@dataclass(frozen=True)
class Live:
    """The hypotheses that still grow. A value: each step makes a new one."""

    sentence: Tensor  # [B] the input each belongs to
    tokens: Tensor  # [B, k, t]
    token_scores: Tensor  # [B, k, t]
    total: Tensor  # [B, k] sum of token_scores, or DEAD

    @property
    def length(self) -> int:
        return self.tokens.size(2)

    def split(self, count: int) -> list[Live]:
        """The same in portions of `count` sentences."""
        columns = (self.sentence, self.tokens, self.token_scores, self.total)
        return [Live(*part) for part in zip(*(torch.split(x, count) for x in columns), strict=True)]

    def extend(self, found: Candidates) -> Live:
        """Each candidate appended to its parent: k becomes c."""
        parent = found.parent[:, :, None].expand(-1, -1, self.length)
        return Live(
            self.sentence,
            torch.cat((self.tokens.gather(1, parent), found.token[:, :, None]), 2),
            torch.cat((self.token_scores.gather(1, parent), found.score[:, :, None]), 2),
            found.total,
        )


@dataclass(frozen=True)
class Candidates:
    """One token more for each sentence's hypotheses, the most probable first; [B, c] each."""

    parent: Tensor  # which of the k hypotheses is extended
    token: Tensor
    score: Tensor  # log-probability of the token
    total: Tensor  # ... and of all tokens up to it

    @classmethod
    def cat(cls, parts: Sequence[Candidates]) -> Candidates:
        return cls(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def take(self, columns: Tensor) -> Candidates:
        """columns [B, k] -> those candidates of each sentence."""
        return Candidates(*(x.gather(1, columns) for x in (self.parent, self.token, self.score, self.total)))


Choose = Callable[[Tensor, Live], Candidates]  # from logits [B, k, V], which it may overwrite


@torch.no_grad()
def search(
    model: Decodable,
    source: Tensor,
    source_mask: Tensor,
    options: DecodingOptions,
    *,
    prefixes: Sequence[Sequence[int]] | None = None,
    placeholders: Sequence[int] = (),
    wanted: Wanted | None = None,
) -> list[list[Hypothesis]]:
    """The n best translations of each sentence, best first.

    source and source_mask [N, S]; `prefixes` holds what each translation has to begin with. A beam's hypotheses are
    distinct; draws may coincide. Of `placeholders` a translation has those of its source, once each.

    A sentence is finished when its beam has found as many endings as it is wide, or when nothing that still grows
    can get among the n best. It then leaves the batch, as soon as enough leave with it.
    Raises Unwanted at the first step at which `wanted` says so.
    """
    draws = options.n_best if options.sample else 1
    lengths = source_mask.sum(1).tolist()
    given = no_prefixes(prefixes, len(lengths))
    limits = [options.limit(s, len(p)) for s, p in zip(lengths, given, strict=True) for _ in range(draws)]
    state = model.start(source, source_mask)
    if draws > 1:
        state = state.select(torch.arange(len(lengths), device=source.device).repeat_interleave(draws))
    sources = [row[real].tolist() for row, real in zip(source, source_mask, strict=True)]
    once = PlaceholdersOnce.of(sources, placeholders, source.device) if placeholders else None
    rules = Constraints.of(options, given, source.device, draws=draws, placeholders=once)
    choose = (
        sampled(options, sources, max(limits, default=0), source.device)
        if options.sample
        else likeliest(options)
    )
    pools = _run(model, state, _Search(options, limits, rules, choose, wanted), source.device)
    best = []
    for i in range(len(lengths)):
        pool = [hypothesis for drawn in pools[i * draws : (i + 1) * draws] for hypothesis in drawn]
        best.append(sorted(pool, key=lambda h: h.score, reverse=True)[: options.n_best])
    return best


def likeliest(options: DecodingOptions) -> Choose:
    """Beam search's choice: the most probable extensions, as many as can be needed."""
    wanted = options.candidates

    def choose(logits: Tensor, live: Live) -> Candidates:
        # The k best of a sentence are among the best of each of its rows; no whole row is sorted or normalised.
        top, token = likeliest_tokens(logits, min(wanted, logits.size(-1)))  # [B, k, m]
        return best_of(top - logits.logsumexp(-1, keepdim=True), token, live, wanted)

    return choose


def best_of(score: Tensor, token: Tensor, live: Live, wanted: int) -> Candidates:
    """The best extensions of each sentence, from the m best [B, k, m] of each of its hypotheses."""
    total = (live.total[:, :, None] + score).flatten(1)  # [B, k m]
    total, place = total.topk(min(wanted, total.size(1)))  # [B, c]
    return Candidates(
        place // token.size(2), token.flatten(1).gather(1, place), score.flatten(1).gather(1, place), total
    )


def likeliest_tokens(logits: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` highest of logits [..., V], and which they are."""
    # max takes less than half the time of topk.
    found = logits.max(-1, keepdim=True) if count == 1 else logits.topk(count)
    return found[0], found[1]


def sampled(
    options: DecodingOptions, sources: Sequence[Sequence[int]], longest: int, device: torch.device
) -> Choose:
    """Sampling's choice: one extension, drawn."""
    table = np.array(
        [uniforms(options.seed, s, d, longest) for s in sources for d in range(options.n_best)]
    ).reshape(-1, longest)
    uniform = torch.from_numpy(table).to(device)  # [N, longest]

    def choose(logits: Tensor, live: Live) -> Candidates:
        logits = logits.squeeze(1)  # [B, V]
        chance = uniform[live.sentence, live.length]
        token = draw(logits, chance, options.temperature, options.top_k, options.top_p)[:, None]
        # The score is the model's own opinion: temperature and cuts change the draw, not the judgement.
        score = logits.gather(1, token) - logits.logsumexp(-1, keepdim=True)
        return Candidates(torch.zeros_like(token), token, score, live.total + score)

    return choose


@dataclass(frozen=True)
class _Search:
    """What does not change from step to step."""

    options: DecodingOptions
    limits: list[int]
    rules: Constraints
    choose: Choose
    wanted: Wanted | None = None

    @cached_property
    def by_rank(self) -> bool:
        """Whether the likeliest tokens are all that is needed, wherever no rule forbids one."""
        return self.options.demands.keys() <= BY_RANK | RULES.keys()

    def finish(self, grown: Live, ends: Tensor, pools: list[list[Hypothesis]], over: set[int]) -> None:
        """Put the hypotheses marked in ends [B, c] into the pools of their sentences, unless these are over."""
        where = ends.nonzero(as_tuple=True)
        owners = grown.sentence[where[0]].tolist()
        tokens, scores = grown.tokens[where].tolist(), grown.token_scores[where].tolist()
        for owner, ids, logs, total in zip(owners, tokens, scores, grown.total[where].tolist(), strict=True):
            if owner in over:
                continue
            finished = ids[-1] == EOS
            score = self.options.normalise(total, len(logs))
            pools[owner].append(Hypothesis(ids[:-1] if finished else ids, score, logs, None, finished))

    def look(self, model: Decodable, last: Tensor, state: Any, live: Live) -> tuple[Candidates, Any]:
        """One more step of the model: what may follow, and the new state."""
        if isinstance(model, Ranks) and self.by_rank and self.rules.are_idle(live.length):
            wanted = self.options.candidates
            score, token, state = model.rank(last, state, wanted, self.rules.never)
            shape = (*live.total.shape, -1)
            return best_of(score.view(shape), token.view(shape), live, wanted), state
        logits, state = model.step(last, state)
        return self.candidates(logits, live), state

    def candidates(self, logits: Tensor, live: Live) -> Candidates:
        """From logits [B k, V], by portions: what a processor has in its cache it reads time and again for less."""
        logits = logits.view(*live.total.shape, -1)  # [B, k, V]
        count = len(logits) if logits.is_cuda else max(1, PORTION // logits[0].numel())
        parts = [
            self.choose(self.rules.apply(some.float(), few.tokens, few.sentence), few)
            for some, few in zip(torch.split(logits, count), live.split(count), strict=True)
        ]
        return parts[0] if len(parts) == 1 else Candidates.cat(parts)

    def done(self, pool: list[Hypothesis], best_total: float, limit: int, length: int) -> bool:
        """Whether nothing that still grows, at most `best_total` probable, can change the n best."""
        options = self.options
        if length == limit or best_total == DEAD or len(pool) >= options.beam_size:
            return True
        if len(pool) < options.n_best:
            return False
        worst = sorted((h.score for h in pool), reverse=True)[options.n_best - 1]
        # A total only falls, and counts for most at the greatest length it can be divided by.
        return worst >= options.normalise(best_total, limit)


def _run(model: Decodable, state: object, asked: _Search, device: torch.device) -> list[list[Hypothesis]]:
    """Step until every sentence is finished; returns what each has found, in no order."""
    pools: list[list[Hypothesis]] = [[] for _ in asked.limits]
    limits = torch.tensor(asked.limits, device=device)
    n = len(pools)
    nothing = torch.zeros(n, 1, 0, device=device)
    live = Live(torch.arange(n, device=device), nothing.long(), nothing, torch.zeros(n, 1, device=device))
    last = torch.full((n, 1), BOS, device=device)
    over: set[int] = set()  # sentences that are finished, some of which are still in the batch
    while len(live.sentence):
        if asked.wanted is not None and not asked.wanted():
            raise Unwanted
        found, state = asked.look(model, last, state, live)
        if found.total.isnan().any():
            raise ModelError(NOT_NUMBERS)
        cut = (limits[live.sentence] == live.length + 1)[:, None]
        first = torch.arange(found.token.size(1), device=device) < asked.options.beam_size
        ends = ((found.token == EOS) | cut) & first & (found.total > DEAD)
        if ends.any():
            asked.finish(live.extend(found), ends, pools, over)
        growing, parent = _go_on(live, found, asked)
        sentences, best = live.sentence.tolist(), growing.total[:, 0].tolist()
        over.update(
            i
            for i, total in zip(sentences, best, strict=True)
            if asked.done(pools[i], total, asked.limits[i], growing.length)
        )
        keep = _kept([i in over for i in sentences])
        live, rows = _drop(
            growing, parent, torch.tensor(keep, dtype=torch.int64, device=device), live.total.size(1)
        )
        if len(keep) and not (len(rows) == len(last) and parent.size(1) == 1):
            state = state.select(rows)  # type: ignore[attr-defined]
        last = live.tokens[:, :, -1].reshape(-1, 1)
    return pools


def _go_on(live: Live, found: Candidates, asked: _Search) -> tuple[Live, Tensor]:
    """The k most probable candidates that do not end, and the hypothesis [B, k] each came from."""
    total = found.total.masked_fill(found.token == EOS, DEAD)
    total, columns = total.topk(min(asked.options.beam_size, total.size(1)))
    chosen = found.take(columns)
    grown = live.extend(chosen)
    return Live(grown.sentence, grown.tokens, grown.token_scores, total), chosen.parent


def _kept(over: Sequence[bool]) -> list[int]:
    """Which sentences stay in the batch: all that still grow, and as many others as there is room for."""
    growing = over.count(False)
    spare = min(_room(growing), len(over)) - growing
    finished = [b for b, ended in enumerate(over) if ended][:spare] if growing else []
    return sorted([b for b, ended in enumerate(over) if not ended] + finished)


def _room(count: int) -> int:
    """A batch comes in few sizes: a processor's matrix products are compiled for each, which takes as long as one."""
    return 1 << (count - 1).bit_length() if 0 < count < ROUND else -(-count // ROUND) * ROUND


def _drop(growing: Live, parent: Tensor, keep: Tensor, width: int) -> tuple[Live, Tensor]:
    """Only the sentences keep [b], and the model rows that their k hypotheses continue."""
    live = Live(*(x[keep] for x in (growing.sentence, growing.tokens, growing.token_scores, growing.total)))
    return live, (keep[:, None] * width + parent[keep]).flatten()
