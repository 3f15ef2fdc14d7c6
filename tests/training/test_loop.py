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
from dragoman.training.loop import DIVERGED_NATS, SETTLED_STEPS, Diverged, Health, train
from dragoman.training.optimizer import FlatParameters, Optimizer, OptimizerConfig


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
    with pytest.raises(Diverged, match="rose from 2.98 to 4.5"):
        for _ in range(100):
            health.check(3 + 2 * DIVERGED_NATS)
