"""Gradients: those of several workers are those of one, and memory that runs out is cut around."""

import threading
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from dragoman.corpus.batches import Batch, collate
from dragoman.errors import TrainingError
from dragoman.protocols import Batch as AnyBatch
from dragoman.protocols import Loss
from dragoman.training.cpu.dropout import BYTES
from dragoman.training.gradients import Gradient, Worker, Workers, side_by_side
from dragoman.training.parameters import FlatParameters
from dragoman.transformer.model import Transformer, TransformerConfig
from dragoman.transformer.model import transformer as made


def batch(rows: int, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)

    def sentence() -> list[int]:
        return torch.randint(
            4, 20, (int(torch.randint(1, 9, (), generator=generator)),), generator=generator
        ).tolist()

    return collate([sentence() for _ in range(rows)], [sentence() for _ in range(rows)])


def transformer(dropout: float) -> Transformer:
    torch.manual_seed(7)
    shape = TransformerConfig(
        d_model=16, d_ff=32, n_heads=2, encoder_layers=2, decoder_layers=1, dropout=dropout
    )
    return made(shape, 20, 20, BYTES)


def gradient_of(
    count: int, dropout: float, window: list[Batch], parts: int = 1, dtype: torch.dtype = torch.float32
) -> Gradient:
    model = transformer(dropout)
    workers = side_by_side(model, FlatParameters(model, dtype), lambda model, batch: model.loss(batch), count)
    torch.manual_seed(3)
    return workers.gradient(window, parts)


@pytest.mark.parametrize("count", [2, 3, 8])
def test_several_workers_find_the_gradient_of_one(count: int) -> None:
    window = [batch(7), batch(2, 1), batch(11, 2)]  # one batch has fewer rows than there are workers
    one, many = gradient_of(1, 0.0, window), gradient_of(count, 0.0, window, parts=2)
    assert many.tokens == one.tokens
    assert many.loss == pytest.approx(one.loss, rel=1e-6)
    assert many.nll == pytest.approx(one.nll, rel=1e-6)
    torch.testing.assert_close(many.flat, one.flat, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_with_dropout_they_find_the_same_bits_again(dtype: torch.dtype) -> None:
    window = [batch(40), batch(30, 1)]
    first = gradient_of(3, 0.3, window, dtype=dtype)
    for _ in range(5):  # the threads race anew each time
        again = gradient_of(3, 0.3, window, dtype=dtype)
        assert torch.equal(again.flat, first.flat)
        assert (again.loss, again.nll) == (first.loss, first.nll)


def test_each_worker_drops_other_features() -> None:
    same = batch(8)
    twice = collate(
        *(
            [row[row > 3].tolist() for side in (rows, rows) for row in side]
            for rows in (same.source, same.target)
        )
    )
    masks: list[Tensor] = []

    def loss(model: nn.Module, piece: AnyBatch) -> Loss:
        masks.append(model.target_input.dropout(torch.ones(1000)))
        return model.loss(piece)

    model = transformer(0.5)
    side_by_side(model, FlatParameters(model, torch.float32), loss, 2).gradient([twice], 1)
    assert not torch.equal(*masks)


def test_they_see_new_weights_and_share_the_threads() -> None:
    threads = torch.get_num_threads()
    seen: dict[int, tuple[float, int]] = {}

    def loss(model: nn.Module, piece: AnyBatch) -> Loss:
        weight = model.embedding.weight
        seen[threading.get_ident()] = float(weight.detach().sum()), torch.get_num_threads()
        return model.loss(piece)

    model = transformer(0.0)
    parameters = FlatParameters(model, torch.bfloat16)
    workers = side_by_side(model, parameters, loss, 2)
    parameters.master.fill_(0.5)
    parameters.publish()
    workers.gradient([batch(8)], 1)
    assert list(seen.values()) == [(160.0, max(threads // 2, 1))] * 2
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_out_of_memory_halves_until_it_fits_and_changes_nothing_else(error: Exception, count: int) -> None:
    def loss(most: int, model: nn.Module, piece: AnyBatch) -> Loss:
        if piece.source.size(0) > most:
            raise error
        return model.loss(piece)

    found = []
    for most, parts in ((6, 1), (20, 4 // count)):
        model = transformer(0.3)
        workers = side_by_side(model, FlatParameters(model, torch.float32), partial(loss, most), count)
        torch.manual_seed(3)
        found.append(workers.gradient([batch(20)], parts))
    assert found[0].parts == found[1].parts == 4 // count
    assert torch.equal(found[0].flat, found[1].flat)  # the random numbers began again


def failing(error: Exception) -> Workers:
    def objective(piece: AnyBatch) -> Loss:
        raise error

    return Workers([Worker(objective, torch.zeros(1))])


def test_memory_that_fits_not_even_one_sentence_is_said() -> None:
    workers = failing(RuntimeError("DefaultCPUAllocator: can't allocate memory"))
    with pytest.raises(TrainingError, match="cut into 4 parts: lower training.batch_tokens"):
        workers.gradient([batch(3)], 1)


def test_other_errors_are_not_taken_for_memory() -> None:
    with pytest.raises(RuntimeError, match="a bug"):
        failing(RuntimeError("a bug")).gradient([batch(3)], 1)
