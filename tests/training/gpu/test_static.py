"""Steps of fixed shape: the same weights as by the ordinary way, nothing read back, and nothing kept of a bad step."""

import itertools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from dragoman.corpus.batches import IdStore, epoch_order
from dragoman.protocols import Batch as AnyBatch
from dragoman.protocols import Loss
from dragoman.training.gpu.graphs import CudaGraphs, Eager, GraphCache, Graphs, NotCaptured, _agree
from dragoman.training.gpu.grid import (
    DeviceCorpus,
    GridBatch,
    HostCorpus,
    grid_batches,
    padded_to,
    plan_on_grid,
)
from dragoman.training.gpu.static import StaticSteps
from dragoman.training.gradients import Workers, side_by_side
from dragoman.training.loop import Diverged, Step, train
from dragoman.training.loss import LabelSmoothing, MaskedLabelSmoothing
from dragoman.training.optimizer import Optimizer, OptimizerConfig
from dragoman.training.parameters import FlatParameters
from dragoman.transformer.model import Transformer, TransformerConfig

CPU = torch.device("cpu")
BUDGET, VOCABULARY = 160, 30
KINDS = get_args(get_args(get_type_hints(OptimizerConfig, include_extras=True)["kind"])[0])


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> IdStore:
    draw = np.random.default_rng(0)
    side = lambda: draw.integers(4, VOCABULARY, draw.integers(1, 20)).tolist()
    return IdStore.write(
        tmp_path_factory.mktemp("corpus"), [(side(), side()) for _ in range(120)], VOCABULARY
    )


def stream(corpus: IdStore) -> Iterator[GridBatch]:
    for epoch in itertools.count():
        yield from grid_batches(corpus, plan_on_grid(corpus, BUDGET, epoch_order(1, epoch)), BUDGET)


def transformer(**changes: Any) -> Transformer:
    torch.manual_seed(7)
    shape = dict(d_model=16, d_ff=32, n_heads=2, encoder_layers=2, decoder_layers=1, norm="pre", dropout=0.0)
    return Transformer(TransformerConfig(**shape | changes), VOCABULARY, VOCABULARY)  # type: ignore[arg-type]


class Trained:
    """A model with both ways to train it."""

    def __init__(
        self,
        graphs: Graphs | None,
        kind: str = "adamw",
        dropout: float = 0.0,
        consistency: float = 0.0,
        device: torch.device = CPU,
        dtype: torch.dtype = torch.float32,
        loader: type[DeviceCorpus] | type[HostCorpus] = DeviceCorpus,
        objective: Callable[[AnyBatch], Loss] | None = None,
        **optimizer: float,
    ) -> None:
        self.said: list[str] = []
        model = transformer(dropout=dropout).to(device)
        self.parameters = FlatParameters(model, dtype)
        settings: Any = {"clip_norm": 0.5, **optimizer}
        config = OptimizerConfig(kind, 0.01, warmup_steps=2, weight_decay=0.1, epsilon=1e-3, **settings)  # type: ignore[arg-type]
        self.optimizer = Optimizer(self.parameters, config, 100)
        usual, masked = (kind(0.1, consistency) for kind in (LabelSmoothing, MaskedLabelSmoothing))
        loss = lambda criterion, model, batch: model.loss(batch.twice() if consistency else batch, criterion)
        self.workers: Workers = side_by_side(model, self.parameters, partial(loss, usual), 1)
        objective = objective or partial(loss, masked, model)
        self.static = graphs and StaticSteps(
            objective, self.optimizer, loader(device), graphs, self.said.append
        )

    def steps(self, batches: Iterator[GridBatch], count: int, start: int = 0, **options: int) -> list[Step]:
        taken = train(
            self.workers, batches, self.optimizer, number=start, whole=self.static or None, **options
        )  # type: ignore[arg-type]
        return list(itertools.islice(taken, count))

    def state(self) -> dict[str, Tensor]:
        return {name: tensor.clone() for name, tensor in self.optimizer.tensors().items()}


def assert_near(one: Trained, other: Trained) -> None:
    for name, tensor in one.state().items():
        torch.testing.assert_close(tensor, other.state()[name], rtol=1e-5, atol=1e-6, msg=name)


def assert_same(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


# -- a batch in its shape ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{}, {"norm": "post"}, {"positions": "rotary"}, {"tie": "none"}])
@pytest.mark.parametrize("consistency", [0.0, 2.0])
def test_padding_up_to_the_place_changes_neither_loss_nor_gradient(
    corpus: IdStore, changes: dict[str, Any], consistency: float
) -> None:
    for batch in itertools.islice(stream(corpus), 8):
        found = []
        padded = padded_to(batch.whole, batch.shape)
        assert len(padded) == batch.shape.rows
        for kind, given in ((LabelSmoothing, batch.whole), (MaskedLabelSmoothing, padded)):
            model = transformer(**changes)
            loss = model.loss(given.twice() if consistency else given, kind(0.1, consistency))
            loss.sum.backward()
            found.append((loss, [p.grad for p in model.parameters()]))
        (usual, gradients), (masked, others) = found
        assert int(masked.tokens) == usual.tokens
        torch.testing.assert_close(masked.sum, usual.sum, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(masked.nll, usual.nll, rtol=1e-5, atol=1e-5)
        for one, other in zip(gradients, others, strict=True):
            torch.testing.assert_close(other, one, rtol=1e-4, atol=2e-5)


def test_a_place_with_nothing_in_it_has_no_loss_and_no_gradient(corpus: IdStore) -> None:
    batch = next(stream(corpus))
    model = transformer()
    empty = padded_to(batch.rows(0, 0), batch.shape)
    loss = model.loss(empty, MaskedLabelSmoothing(0.1))
    loss.sum.backward()
    assert loss.sum.item() == loss.nll.item() == 0.0
    assert all(p.grad is None or not p.grad.any() for p in model.parameters())


# -- steps ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("loader", [DeviceCorpus, HostCorpus])
def test_steps_of_fixed_shape_give_the_weights_of_ordinary_ones(
    corpus: IdStore, kind: str, accumulate: int, loader: type[DeviceCorpus] | type[HostCorpus]
) -> None:
    usual, static = Trained(None, kind), Trained(Eager(), kind, loader=loader)
    expected = usual.steps(stream(corpus), 6, accumulate=accumulate)
    found = static.steps(stream(corpus), 6, accumulate=accumulate)
    assert not static.said
    for one, other in zip(found, expected, strict=True):
        assert (one.number, one.tokens, one.learning_rate) == (
            other.number,
            other.tokens,
            other.learning_rate,
        )
        assert one.loss == pytest.approx(other.loss, rel=1e-5)
        assert one.nll == pytest.approx(other.nll, rel=1e-5)
        assert one.gradient_norm == pytest.approx(other.gradient_norm, rel=1e-4)
    if kind == "muon":  # its bf16 makes a difference in the last bit of a gradient visible
        for name, tensor in usual.state().items():
            torch.testing.assert_close(static.state()[name], tensor, rtol=0.02, atol=2e-3, msg=name)
    else:
        assert_near(usual, static)


def test_without_clipping_too(corpus: IdStore) -> None:
    usual, static = Trained(None, clip_norm=0.0), Trained(Eager(), clip_norm=0.0)
    usual.steps(stream(corpus), 3)
    static.steps(stream(corpus), 3)
    assert_near(usual, static)


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_restored_it_takes_the_same_next_steps(corpus: IdStore, kind: str) -> None:
    whole = Trained(Eager(), kind)
    whole.steps(stream(corpus), 3)
    saved = whole.state()
    batches = [list(itertools.islice(stream(corpus), 6)) for _ in range(2)]
    again = Trained(Eager(), kind)
    again.optimizer.restore(saved, 3)
    for trained, rest in zip((whole, again), batches, strict=True):
        trained.steps(iter(rest[3:]), 3, start=3)
    assert_same(whole.state(), again.state())


def test_either_way_goes_on_from_the_other(corpus: IdStore) -> None:
    batches = list(itertools.islice(stream(corpus), 6))
    usual, mixed = Trained(None), Trained(Eager())
    usual.steps(iter(batches), 6)
    mixed.steps(iter(batches[:2]), 2)
    static, mixed.static = mixed.static, None
    mixed.steps(iter(batches[2:4]), 2, start=2)
    mixed.static = static
    mixed.steps(iter(batches[4:]), 2, start=4)
    assert_near(usual, mixed)


class NothingReadBack(TorchDispatchMode):
    """Refuses what would make a GPU's host wait, and shapes that depend on values: both end a capture."""

    WAITING = (
        "_local_scalar_dense nonzero masked_select unique item is_nonzero equal bincount lift_fresh".split()
    )

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.__name__.partition(".")[0]
        assert not any(name.startswith(word) or name == f"_{word}" for word in self.WAITING), name
        if name in ("index", "index_put", "index_put_"):
            assert all(index is None or index.dtype == torch.int64 for index in args[1]), name
        return func(*args, **kwargs or {})


class Watched(Eager):
    def run(self, key: Any, compute: Callable[[], None], touched: Any) -> None:
        with NothingReadBack():
            compute()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("consistency", [0.0, 1.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_nothing_is_read_back_inside_a_step(
    corpus: IdStore, kind: str, consistency: float, dtype: torch.dtype
) -> None:
    static = Trained(Watched(), kind, dropout=0.1, consistency=consistency, dtype=dtype)
    assert len(static.steps(stream(corpus), 3)) == 3 and not static.said


def test_the_watch_sees_the_ordinary_loss(corpus: IdStore) -> None:
    batch = next(stream(corpus)).whole
    with NothingReadBack(), pytest.raises(AssertionError, match="nonzero"):
        transformer().loss(batch, LabelSmoothing(0.1))


# -- recorded and replayed ----------------------------------------------------------------------------------------


class Called:
    def __init__(self, compute: Callable[[], None]) -> None:
        self.replay = compute


class Rehearsed(GraphCache):
    """Everything about recording but the graph."""

    recorded = 0

    def capture(self, compute: Callable[[], None]) -> Called:
        self.recorded += 1
        for _ in range(3):
            compute()
        return Called(compute)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_recording_leaves_no_trace(corpus: IdStore, accumulate: int) -> None:
    found = []
    recorded = Rehearsed(CPU)
    for graphs in (Eager(), recorded):
        static = Trained(graphs, "muon", dropout=0.2, dtype=torch.bfloat16)
        torch.manual_seed(3)
        static.steps(stream(corpus), 12, accumulate=accumulate)
        assert not static.said
        found.append(static.state() | {"random": torch.get_rng_state()})
    assert_same(*found)
    assert recorded.recorded < 14  # once a shape, and once for the update


def test_what_was_recorded_is_forgotten_when_the_corpus_moves(corpus: IdStore, tmp_path: Path) -> None:
    pairs = [corpus[i % 120] for i in range(400)]
    larger = IdStore.write(tmp_path / "ids", [(a.tolist(), b.tolist()) for a, b in pairs], VOCABULARY)
    graphs = Rehearsed(CPU)
    static = Trained(graphs)
    static.steps(stream(corpus), 4)
    before = graphs.recorded
    static.steps(stream(larger), 1, start=4)
    assert graphs.recorded == before + 2


# -- when something is wrong --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["adamw", "muon"])
@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_a_step_that_is_no_number_changes_nothing(corpus: IdStore, kind: str, what: str) -> None:
    static = Trained(Eager(), kind)
    batches = stream(corpus)
    static.steps(batches, 2)
    assert static.static
    objective = static.static.objective

    def poisoned(batch: AnyBatch) -> Loss:
        loss = objective(batch)
        if what == "loss":
            return Loss(loss.sum + (loss.sum * math.inf).detach(), loss.nll, loss.tokens)
        # sqrt at zero: the value is a number, the slope is none.
        return Loss(loss.sum + (0 * loss.sum).sqrt(), loss.nll, loss.tokens)

    static.static.objective = poisoned
    before = {**static.state(), "steps": torch.stack(static.optimizer.buffers()[-3:-1])}
    with pytest.raises(Diverged, match="the loss became" if what == "loss" else "norm became nan"):
        static.steps(batches, 1, start=2)
    assert_same(before, {**static.state(), "steps": torch.stack(static.optimizer.buffers()[-3:-1])})


class Refused(Eager):
    """Fails at the nth computation, half-way."""

    def __init__(self, error: Exception, nth: int) -> None:
        self.error, self.left = error, nth

    def run(self, key: Any, compute: Callable[[], None], touched: Any) -> None:
        self.left -= 1
        if self.left == 0:
            if key != "update":
                compute()
            raise self.error
        compute()


@pytest.mark.parametrize("nth", [1, 2, 4, 7])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NotCaptured("operation not permitted"), "given up (operation not permitted): from here on"),
        (torch.OutOfMemoryError("CUDA out of memory"), "given up (memory runs out): from here on"),
    ],
)
def test_what_cannot_go_on_falls_back_in_one_sentence_and_loses_nothing(
    corpus: IdStore, error: Exception, said: str, nth: int
) -> None:
    found = []
    for graphs in (None, Refused(error, nth)):
        trained = Trained(graphs, dropout=0.2)
        torch.manual_seed(3)
        # Ordinary steps up to the failure, and fixed ones after it, would draw other dropout: compare what follows.
        trained.steps(stream(corpus), 5)
        found.append(trained)
    assert len(found[1].said) == 1 and said in found[1].said[0]
    if nth < 3:  # it failed in the first step: all steps are ordinary ones, bit for bit
        assert_same(found[0].state(), found[1].state())


def test_other_errors_are_not_hidden(corpus: IdStore) -> None:
    with pytest.raises(RuntimeError, match="a bug"):
        Trained(Refused(RuntimeError("a bug"), 1)).steps(stream(corpus), 1)


def test_a_batch_that_must_be_cut_goes_the_ordinary_way(corpus: IdStore) -> None:
    class Never(Eager):
        def run(self, key: Any, compute: Callable[[], None], touched: Any) -> None:
            raise AssertionError

    usual, static = Trained(None), Trained(Never())
    for trained in (usual, static):
        assert [step.parts for step in trained.steps(stream(corpus), 2, parts=2)] == [2, 2]
    assert_same(usual.state(), static.state())


def test_a_failed_recording_says_why_and_puts_everything_back() -> None:
    touched = torch.arange(3.0)

    class Failing(GraphCache):
        def capture(self, compute: Callable[[], None]) -> Called:
            compute()
            raise RuntimeError("CUDA error: operation not permitted\nfurther lines")

    state = torch.get_rng_state()
    with pytest.raises(NotCaptured, match="^CUDA error: operation not permitted$"):
        Failing(CPU).run("key", lambda: torch.rand(3, out=touched) is None or None, [touched])
    assert torch.equal(touched, torch.arange(3.0))
    assert torch.equal(state, torch.get_rng_state())


def test_a_recording_that_does_something_else_is_not_used(corpus: IdStore) -> None:
    """As one whose memory was given to somebody else, or that drops the same features each time."""

    class Stale(Rehearsed):
        def capture(self, compute: Callable[[], None]) -> Called:
            state = torch.get_rng_state()

            def replay() -> None:
                torch.set_rng_state(state)
                torch.rand(3)
                compute()

            return Called(replay)

    found = []
    for graphs in (None, Stale(CPU)):
        trained = Trained(graphs, dropout=0.2)
        torch.manual_seed(3)
        trained.steps(stream(corpus), 3)
        found.append(trained)
    assert "(a replayed step gives other numbers than a computed one)" in found[1].said[0]
    assert_same(found[0].state(), found[1].state())


def test_an_update_that_was_recorded_with_another_rate_is_not_used(corpus: IdStore) -> None:
    """A number that was read while recording would stay what it was then."""
    static = Trained(None)

    class OldRate(Rehearsed):
        def capture(self, compute: Callable[[], None]) -> Called:
            rate = static.optimizer._rate.clone() * 0.9

            def replay() -> None:
                static.optimizer._rate.copy_(rate)
                compute()

            return Called(replay)

    objective = static.workers.workers[0].objective
    static.static = StaticSteps(
        objective, static.optimizer, DeviceCorpus(CPU), OldRate(CPU), static.said.append
    )
    static.steps(stream(corpus), 2)
    assert "(a replayed step gives other numbers than a computed one)" in static.said[0]


@pytest.mark.parametrize(
    ("found", "expected", "alike"),
    [
        (1.1, 1.1, True),
        (1.1 + 1e-5, 1.1, True),
        (1.12, 1.1, False),
        (1.0, 1.1, False),  # it did nothing
        (1.0, 1.0 + 1e-8, True),
        (math.nan, 1.1, False),
        (math.inf, 1.1, False),
        (1.1, math.nan, True),
    ],
)
def test_what_changed_is_compared(found: float, expected: float, alike: bool) -> None:
    one, other, before = (torch.full((3,), value) for value in (found, expected, 1.0))
    assert _agree(one, other, before) is alike


class FakeStream:
    def __init__(self, name: str, log: list[str]) -> None:
        self.name, self.log = name, log

    def wait_stream(self, other: "FakeStream") -> None:
        self.log.append(f"{self.name} waits for {other.name}")


@pytest.fixture
def fake_cuda(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Says what is asked of CUDA, in order, and computes as before."""
    log: list[str] = []

    class FakeGraph:
        def replay(self) -> None:
            log.append("replay")
            self.compute()  # type: ignore[attr-defined]

    @contextmanager
    def on(stream: FakeStream) -> Iterator[None]:
        log.append(f"on {stream.name}")
        yield

    @contextmanager
    def capture(graph: FakeGraph, pool: object, stream: FakeStream) -> Iterator[None]:
        log.append(f"capture in {pool} on {stream.name}")
        yield
        log.append("captured")

    fakes = {
        "Stream": lambda device: FakeStream("side", log),
        "current_stream": lambda device: FakeStream("present", log),
        "stream": on,
        "set_stream": lambda stream: log.append(f"back on {stream.name}"),
        "graph_pool_handle": lambda: "the pool",
        "get_sync_debug_mode": lambda: 0,
        "set_sync_debug_mode": lambda mode: log.append(f"waiting: {mode}"),
        "CUDAGraph": FakeGraph,
        "graph": capture,
    }
    for name, fake in fakes.items():
        assert hasattr(torch.cuda, name)
        monkeypatch.setattr(torch.cuda, name, fake)
    return log


def test_a_capture_asks_cuda_for_what_its_documentation_says(fake_cuda: list[str]) -> None:
    CudaGraphs(CPU).capture(lambda: fake_cuda.append("compute"))
    assert fake_cuda == [
        "side waits for present", "on side", *["compute"] * 2,
        "waiting: error", "compute", "waiting: 0", "present waits for side",
        "capture in the pool on side", "compute", "captured", "back on present",
    ]  # fmt: skip


def test_streams_and_modes_are_put_back_when_a_capture_fails(fake_cuda: list[str]) -> None:
    for fatal in (3, 4):  # in the watched call, in the capture
        fake_cuda.clear()
        calls = itertools.count(1)

        def compute(fatal: int = fatal, calls: Any = calls) -> None:
            if next(calls) == fatal:
                raise RuntimeError("called a synchronizing CUDA operation\nand more")

        with pytest.raises(NotCaptured, match="^called a synchronizing CUDA operation$"):
            CudaGraphs(CPU).run("key", compute, [])
        assert "waiting: 0" in fake_cuda and "replay" not in fake_cuda
        assert fake_cuda[-1] == ("present waits for side" if fatal == 3 else "back on present")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("kind", ["adamw", "muon"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_replayed_steps_are_called_ones(corpus: IdStore, kind: str, dtype: torch.dtype) -> None:
    device = torch.device("cuda", torch.cuda.current_device())
    found = []
    for graphs in (Eager(), CudaGraphs(device)):
        static = Trained(graphs, kind, dropout=0.2, device=device, dtype=dtype)
        torch.manual_seed(3)
        static.steps((batch.to(device) for batch in stream(corpus)), 30, accumulate=2)
        assert not static.said
        found.append(static.state())
    for name, tensor in found[0].items():
        # The order in which the gradients of the embedding are added is not fixed.
        torch.testing.assert_close(found[1][name], tensor, rtol=0.02, atol=2e-3, msg=name)
