"""Batches on a grid: few shapes, every pair once, and gathered where they are used exactly as they are on the host."""

from pathlib import Path

import numpy as np
import pytest
import torch

from dragoman.corpus.batches import IdStore, batches, epoch_order
from dragoman.training.gpu import grid
from dragoman.training.gpu.grid import (
    DeviceCorpus,
    GridBatch,
    GridShape,
    HostCorpus,
    grid_batches,
    padded_to,
    plan_on_grid,
    width,
)

BUDGET = 200


def store(directory: Path, seed: int = 0, pairs: int = 300, longest: int = 40) -> IdStore:
    """Random ids; some sides are empty, and the last pair ends where the ids end."""
    draw = np.random.default_rng(seed)

    def side() -> list[int]:
        return draw.integers(4, 70_000 if seed % 2 else 60, draw.integers(0, longest)).tolist()

    return IdStore.write(directory, [(side(), side()) for _ in range(pairs)], 70_000 if seed % 2 else 60)


def all_of(found: IdStore, budget: int = BUDGET) -> list[GridBatch]:
    return list(grid_batches(found, plan_on_grid(found, budget, epoch_order(1, 0)), budget))


def test_widths_are_multiples_of_8_two_for_each_doubling() -> None:
    widths = sorted(set(width(np.arange(1, 400)).tolist()))
    assert widths == [8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512]
    sizes = np.arange(1, 400)
    assert (width(sizes) >= sizes).all()
    assert (width(width(sizes)) == width(sizes)).all()


def test_every_pair_comes_once_in_a_place_that_it_fits(tmp_path: Path) -> None:
    found = store(tmp_path / "ids")
    plan = all_of(found)
    assert sorted(np.concatenate([one.indices for one in plan]).tolist()) == list(range(300))
    for one in plan:
        assert len(one) <= one.shape.rows
        assert one.shape.rows * max(one.shape.source, one.shape.target) <= BUDGET
        assert one.source.size(1) <= one.shape.source and one.target.size(1) - 1 <= one.shape.target
        assert one.tokens == int(one.target_mask[:, 1:].sum())
    places = {one.shape for one in plan}
    assert len(places) <= 36  # six widths a side, here with sides that know nothing of each other
    # Rows follow from the widths.
    assert len({shape[1:] for shape in places}) == len(places)


def test_a_pair_longer_than_the_budget_has_a_place_of_its_own(tmp_path: Path) -> None:
    (one,) = all_of(IdStore.write(tmp_path / "ids", [([5] * 300, [6] * 10)], 100))
    assert one.shape == GridShape(1, 384, 16)


def test_a_position_is_a_batch_of_the_plan(tmp_path: Path) -> None:
    found = store(tmp_path / "ids")
    plan = plan_on_grid(found, BUDGET, epoch_order(1, 0))
    later = grid_batches(found, plan, BUDGET, start=5)
    assert all(np.array_equal(one.indices, rows) for one, rows in zip(later, plan[5:], strict=True))


@pytest.mark.parametrize("kind", [DeviceCorpus, HostCorpus])
@pytest.mark.parametrize("seed", [0, 1])  # uint16 and uint32
def test_both_feeds_give_what_the_host_pads(
    tmp_path: Path, kind: type[DeviceCorpus] | type[HostCorpus], seed: int
) -> None:
    found = store(tmp_path / "ids", seed)
    source = kind(torch.device("cpu"))
    plan = all_of(found)
    inputs = {one.shape: source.new_inputs(one.shape) for one in plan}
    usual = batches(found, [one.indices for one in plan])
    for one, expected in zip(plan, usual, strict=True):
        source.load_corpus(one)
        source.fill(inputs[one.shape], one)
        given = source.batch(inputs[one.shape], one.shape)
        assert torch.equal(one.source, expected.source) and torch.equal(one.target, expected.target)
        expected = padded_to(expected, one.shape)
        assert given.source.dtype == given.target.dtype == torch.int64
        assert torch.equal(given.source, expected.source) and torch.equal(given.target, expected.target)


def test_another_epoch_lies_at_the_same_address_when_it_fits(tmp_path: Path) -> None:
    source = DeviceCorpus(torch.device("cpu"))
    first, second, larger = (store(tmp_path / name, 2, n) for name, n in (("a", 300), ("b", 310), ("c", 900)))
    moves = []
    for found in (first, first, second, larger):
        one = all_of(found)[0]
        moves.append(source.load_corpus(one))
        inputs = source.new_inputs(one.shape)
        source.fill(inputs, one)
        assert torch.equal(source.batch(inputs, one.shape).source, padded_to(one.whole, one.shape).source)
    assert moves == [True, False, False, True]


class Gpu:
    type = "cuda"


@pytest.mark.parametrize(("memory", "kind"), [(10**9, "DeviceCorpus"), (10**4, "HostCorpus")])
def test_a_corpus_that_takes_too_much_of_the_device_stays_on_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: int, kind: str
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (0, memory))
    monkeypatch.setattr(DeviceCorpus, "__init__", lambda self, device: None)
    assert type(grid.device_loader(store(tmp_path / "ids"), Gpu())).__name__ == kind  # type: ignore[arg-type]
