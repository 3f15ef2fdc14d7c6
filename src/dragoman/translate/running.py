"""Engines at work on plans: all at once what is alike, and the translations one after the other. Makes no plans."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from dragoman.decoding.options import Hypothesis, SearchRequest
from dragoman.engines import Engine
from dragoman.translate.plan import Plan, Work
from dragoman.translate.translation import Translation

Begun = tuple[
    list[Plan], Iterator[Sequence[Hypothesis]]
]  # of a chunk of texts, and what is found for all of them


def begun(plans: Sequence[Plan]) -> Iterator[Sequence[Hypothesis]]:
    """The engine set to work on all sources of plans that share one; what comes back waits for each result.

    Those of which the same is asked go to it together.
    """
    works = [work for plan in plans for work in plan.works]
    # Nearly always one object for all. To hash one takes longer than all else that is done here for a line.
    named = {id(request): request for _, request, _ in works}
    if len(named) == 1:
        return _running(plans[0].engine, works[0][1], works)
    first = dict[SearchRequest, int]()
    group_of = {name: first.setdefault(request, name) for name, request in named.items()}
    groups: dict[int, list[Work]] = {name: [] for name in first.values()}
    for work in works:
        groups[group_of[id(work[1])]].append(work)
    running = {name: _running(plans[0].engine, named[name], group) for name, group in groups.items()}
    return (next(running[group_of[id(request)]]) for _, request, _ in works)


def _running(engine: Engine, request: SearchRequest, works: Sequence[Work]) -> Iterator[Sequence[Hypothesis]]:
    """Equal sentences, of which tables and logs are full, are searched for once; of one seed they draw the same."""
    first = dict[tuple[tuple[int, ...], tuple[int, ...]], int]()
    places = [first.setdefault((tuple(ids), tuple(prefix)), len(first)) for ids, _, prefix in works]
    if len(first) == len(works):
        return _searched(engine, request, [(ids, prefix) for ids, _, prefix in works])
    return _shared(_searched(engine, request, list(first)), places)


def _searched(
    engine: Engine, request: SearchRequest, works: Sequence[tuple[Sequence[int], Sequence[int]]]
) -> Iterator[Sequence[Hypothesis]]:
    prefixes = [prefix for _, prefix in works]
    return engine.begin([ids for ids, _ in works], request, prefixes if any(prefixes) else None)


def _shared(found: Iterator[Sequence[Hypothesis]], places: Sequence[int]) -> Iterator[Sequence[Hypothesis]]:
    """What was found for the sentence at each of the places."""
    known: list[Sequence[Hypothesis]] = []
    for place in places:
        if place == len(known):  # the first of its like
            known.append(next(found))
        yield known[place]


def finished(jobs: Iterable[Begun], progress: Callable[[int], object] | None) -> Iterator[Translation]:
    """The translations of each chunk, as its engine finds them; those after one that asks again wait for it."""
    done = 0
    for plans, found in jobs:
        for number, plan in enumerate(plans):
            taken = plan.taking(found)
            if taken.tried:
                yield from _again([taken, *(later.taking(found) for later in plans[number + 1 :])])
                break
            yield taken.translation
        done += len(plans)
        if progress is not None:
            progress(done)


def _again(plans: list[Plan]) -> Iterator[Translation]:
    """The translations of plans of which some have sources left."""
    while any(plan.tried for plan in plans):
        found = begun(plans)
        plans = [plan.taking(found) if plan.tried else plan for plan in plans]
    for plan in plans:
        yield plan.translation
