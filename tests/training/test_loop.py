"""The loop: accumulation is exact, and a bad loss never reaches the weights."""

import itertools
import math
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn

from dragoman.corpus.batches import Batch, collate
from dragoman.protocols import Batch as AnyBatch
from dragoman.protocols import Loss
from dragoman.training.gradients import Worker, Workers
from dragoman.training.loop import ABOVE_STEPS, DIVERGED_NATS, SETTLED_STEPS, Diverged, Health, train
from dragoman.training.optimizer import Optimizer, OptimizerConfig
from dragoman.training.parameters import FlatParameters


class Unigram(nn.Module):
    """The smallest model with a loss: one score a token."""

    def __init__(self, vocab: int = 12) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(1, vocab))

    def loss(self, batch: AnyBatch) -> Loss:
        labels = batch.target[:, 1:][batch.target_mask[:, 1:]]
        nll = -self.scores.float().log_softmax(-1)[0, labels].sum()
        return Loss(nll, nll.detach(), labels.numel())


def pairs(rows: int, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    targets = [
        torch.randint(
            4, 12, (int(torch.randint(1, 6, (), generator=generator)),), generator=generator
        ).tolist()
        for _ in range(rows)
    ]
    return collate([[5]] * rows, targets)


def optimizer_for(model: nn.Module) -> Optimizer:
    config = OptimizerConfig(peak_lr=0.1, schedule="constant", warmup_steps=0, clip_norm=0.0)
    return Optimizer(FlatParameters(model, torch.float32), config, 100)


def alone(objective: Callable[[AnyBatch], Loss], optimizer: Optimizer) -> Workers:
    return Workers([Worker(objective, optimizer.parameters.gradient)])


def run(batches: Iterator[Batch], steps: int, **options: int) -> tuple[Unigram, list[float]]:
    model = Unigram()
    optimizer = optimizer_for(model)
    taken = itertools.islice(train(alone(model.loss, optimizer), batches, optimizer, **options), steps)  # type: ignore[arg-type]
    return model, [step.loss for step in taken]


def test_training_reaches_the_entropy_of_the_data() -> None:
    batch = pairs(30)
    labels = batch.target[:, 1:][batch.target_mask[:, 1:]]
    share = labels.bincount(minlength=12)[labels.unique()] / labels.numel()
    _, losses = run(itertools.repeat(batch), 300)
    assert losses[0] == pytest.approx(math.log(12))
    assert losses[-1] == pytest.approx(-(share * share.log()).sum().item(), abs=0.01)


@pytest.mark.parametrize("parts", [1, 2, 5, 64])
def test_parts_and_accumulated_batches_give_the_gradient_of_the_whole(parts: int) -> None:
    whole = pairs(20)
    model, _ = run(itertools.repeat(whole), 3)
    in_parts, _ = run(itertools.repeat(whole), 3, parts=parts)
    halves = itertools.cycle([whole.rows(0, 13), whole.rows(13, 20)])
    accumulated, _ = run(halves, 3, accumulate=2, parts=parts)
    torch.testing.assert_close(in_parts.scores, model.scores)
    torch.testing.assert_close(accumulated.scores, model.scores)


def test_no_batch_is_lost_between_steps() -> None:
    seen: list[int] = []

    def stream() -> Iterator[Batch]:
        for n in range(7):
            seen.append(n)
            yield pairs(2, n)

    model = Unigram()
    optimizer = optimizer_for(model)
    steps = train(alone(model.loss, optimizer), stream(), optimizer, accumulate=3)
    assert [next(steps).number, list(seen)] == [1, [0, 1, 2]]
    assert [next(steps).number, list(seen)] == [2, [0, 1, 2, 3, 4, 5]]
    assert next(steps).tokens == int(pairs(2, 6).target_mask[:, 1:].sum())
    assert list(steps) == []


def test_a_loss_that_is_no_number_stops_before_the_weights_change() -> None:
    model = Unigram()

    def objective(batch: AnyBatch) -> Loss:
        loss = model.loss(batch)
        return Loss(loss.sum * math.nan, loss.nll * math.nan, loss.tokens)

    optimizer = optimizer_for(model)
    with pytest.raises(Diverged, match="the loss became nan"):
        next(train(alone(objective, optimizer), itertools.repeat(pairs(3)), optimizer))
    assert torch.equal(model.scores, torch.zeros(1, 12))


def test_a_loss_that_runs_away_is_noticed_and_a_noisy_one_is_not() -> None:
    health = Health()
    for step in range(4 * SETTLED_STEPS):
        health.check(3 + (-1) ** step * 0.9)
    with pytest.raises(Diverged, match="rose from 2.98 to 6.00"):
        for _ in range(ABOVE_STEPS):
            health.check(3 + 2 * DIVERGED_NATS)


def test_a_loss_that_runs_away_at_once_is_noticed_at_once() -> None:
    """A rate ten thousand times too high: 374 at step 20, and the alarm slept until step 51, when all was poisoned."""
    health = Health()
    for loss in (8.7, 8.6, 8.5):
        health.check(loss)
    with pytest.raises(Diverged, match="rose from 8.60"):
        for step in range(ABOVE_STEPS):
            health.check(19 + 10.0**step)


@pytest.mark.parametrize(
    "losses",
    [
        [400.0],  # a broken line of the corpus
        [10.0, 9.5, 9.0, 8.0, 7.0, 6.0, 4.6, 4.4, 3.5],  # once thrown away when it was nearly back
    ],
)
def test_a_spike_that_comes_down_again_is_no_divergence(losses: list[float]) -> None:
    health = Health()
    for _ in range(2 * SETTLED_STEPS):
        health.check(3.0)
    for loss in [*losses, *[3.0] * SETTLED_STEPS]:
        health.check(loss)
    assert health.best == pytest.approx(3.0)


def test_a_loss_that_swings_far_above_its_best_is_noticed() -> None:
    health = Health()
    for _ in range(2 * SETTLED_STEPS):
        health.check(3.0)
    with pytest.raises(Diverged, match="rose from 3.00 to 9.00"):
        for step in range(SETTLED_STEPS):
            health.check(9.0 if step % 2 else 3.0)


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf, -95.04])
def test_what_no_cross_entropy_can_be_is_no_loss(loss: float) -> None:
    """With a rate of 50 the loss "rose from -95.04": what had lost its digits counted as the best so far."""
    with pytest.raises(Diverged, match="the loss became"):
        Health().check(loss)
