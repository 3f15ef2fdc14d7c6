"""Ids on disk and batches: nothing lost, nothing over budget, order a pure function of seed and epoch."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.corpus import batches as planning
from dragoman.corpus.batches import Batch, IdStore, batches, collate, epoch_order, pad, plan_batches
from dragoman.ids import BOS, EOS, PAD


def test_collate_frames_and_pads_by_the_book() -> None:
    batch = collate([[7, 8], [9]], [[4], [5, 6, 7]])
    assert batch.source.tolist() == [[7, 8, EOS], [9, EOS, PAD]]
    assert batch.target.tolist() == [[BOS, 4, EOS, PAD, PAD], [BOS, 5, 6, 7, EOS]]
    assert batch.source_mask.tolist() == [[True, True, True], [True, True, False]]
    assert batch.target_mask.sum().item() == 3 + 5
    assert batch.rows(1, 2).source.tolist() == [[9, EOS, PAD]]
    assert torch.equal(batch.twice().target, torch.cat((batch.target, batch.target)))


def test_pad_of_nothing_is_empty() -> None:
    assert pad([]).shape == (0, 0)


@pytest.mark.parametrize("vocab_size", [1000, 100_000])
def test_store_gives_back_what_was_written(tmp_path: Path, vocab_size: int) -> None:
    top = vocab_size - 1
    pairs = [([4, 5], [top]), ([], [6]), ([top, 8, 9], [])]
    store = IdStore.write(tmp_path / "ids", iter(pairs), vocab_size)
    assert len(store) == 3
    assert [(list(map(int, a)), list(map(int, b))) for a, b in (store[i] for i in range(3))] == pairs
    assert [list(lengths) for lengths in store.lengths()] == [[2, 0, 3], [1, 1, 0]]


def test_store_of_no_pairs_and_of_empty_ones(tmp_path: Path) -> None:
    assert len(IdStore.write(tmp_path / "none", iter(()), 100)) == 0
    assert list(IdStore.write(tmp_path / "empty", iter([([], [])]), 100)[0][0]) == []


lengths = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(lengths, st.integers(1, 120), st.integers(0, 3))
def test_each_pair_is_in_one_batch_and_no_batch_over_budget(
    pairs: list[tuple[int, int]], budget: int, epoch: int
) -> None:
    source, target = (np.array(side) for side in zip(*pairs, strict=True))
    plan = plan_batches(source, target, budget, epoch_order(1, epoch))
    assert sorted(np.concatenate(plan).tolist()) == list(range(len(pairs)))
    for rows in plan:
        longest = max(source[rows].max(), target[rows].max()) + 1
        assert len(rows) * longest <= budget or len(rows) == 1


def by_the_book(
    source: np.ndarray, target: np.ndarray, budget: int, order: np.random.Generator | None
) -> list[list[int]]:
    """All sentences sorted at once, and one after another asked whether it still fits: as the first version did."""
    sizes = np.maximum(source, target) + 1
    mixed = np.arange(len(sizes)) if order is None else order.permutation(len(sizes))
    rows = mixed[np.lexsort((source[mixed], target[mixed], sizes[mixed]))]
    plan: list[list[int]] = []
    for row in rows:
        if plan and int(sizes[row]) * (len(plan[-1]) + 1) <= budget:
            plan[-1].append(int(row))
        else:
            plan.append([int(row)])
    return plan if order is None else [plan[i] for i in order.permutation(len(plan))]


@pytest.mark.parametrize("block", [7, 2**20])
def test_a_plan_is_the_one_that_runs_began_with(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A position in an epoch counts its batches: a plan that sorts in blocks must be that of one that does not."""
    monkeypatch.setattr(planning, "_BLOCK", block)
    draw = np.random.default_rng(1)
    for trial in range(200):
        count, longest, budget = (
            int(draw.integers(low, high)) for low, high in ((0, 300), (1, 90), (1, 900))
        )
        source, target = draw.integers(0, longest, (2, count)).astype(draw.choice([np.int32, np.int64]))
        for seed in (None, trial):
            orders = [None if seed is None else epoch_order(seed, 2) for _ in range(2)]
            found = [rows.tolist() for rows in plan_batches(source, target, budget, orders[0])]
            assert found == by_the_book(source, target, budget, orders[1]), (trial, seed)


def test_a_plan_takes_few_bytes_a_sentence() -> None:
    """It took 48, a gigabyte for twenty million."""
    count = 3 * 2**20
    lengths = np.random.default_rng(0).poisson(10, (2, count)).astype(np.int32)
    tracemalloc.start()
    plan = plan_batches(lengths[0], lengths[1], 4096, epoch_order(1, 0))
    kept, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    blocks = 40 * 2**20  # what sorting one takes, however many there are
    assert kept < 5 * count and most < 8 * count + blocks
    assert sum(map(len, plan)) == count


@pytest.mark.parametrize("block", [3, 2**20])
def test_lengths_are_those_of_the_pairs(block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "_BLOCK", block)
    store = IdStore.write(tmp_path / "ids", ((range(n % 7), [5] * (n % 5)) for n in range(20)), 50)
    source, target = store.lengths()
    assert source.tolist() == [n % 7 for n in range(20)] and target.tolist() == [n % 5 for n in range(20)]
    some = np.array([19, 3], np.int32)
    assert [one.tolist() for one in store.lengths(some)] == [source[some].tolist(), target[some].tolist()]


def test_order_is_a_pure_function_of_seed_and_epoch() -> None:
    rng = np.random.default_rng(0)
    source, target = rng.integers(1, 30, 500), rng.integers(1, 30, 500)

    def order(seed: int, epoch: int) -> list[list[int]]:
        return [rows.tolist() for rows in plan_batches(source, target, 200, epoch_order(seed, epoch))]

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1) and order(1, 0) != order(2, 0)
    assert order(1, 1) != order(2, 0)


def test_a_position_resumes_the_epoch_where_it_was(tmp_path: Path) -> None:
    store = IdStore.write(tmp_path / "ids", ((range(4, 4 + n % 7), [5] * (n % 5)) for n in range(100)), 50)
    plan = plan_batches(*store.lengths(), 40, epoch_order(3, 2))
    whole = [batch.source.tolist() for batch in batches(store, plan)]
    assert [batch.source.tolist() for batch in batches(store, plan, 4)] == whole[4:]
    assert isinstance(store.batch([1]), Batch)
