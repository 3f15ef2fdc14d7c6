"""The numbers that everything is divided by: operations, parameters, steps, times to a loss, the machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks.machine import describe, matrix_products, processor
from benchmarks.optimizers import first_at, to_one_loss
from benchmarks.peers.plain import Model
from benchmarks.sizes import SIZES, Size
from benchmarks.timing import FEWEST_STEPS, Stopwatch
from torch.utils.flop_counter import FlopCounterMode

from dragoman.transformer.model import Transformer, TransformerConfig

SMALL = Size(16, 48, 2, 2, vocab=40)


def built(size: Size) -> Transformer:
    config = TransformerConfig(
        d_model=size.d_model, d_ff=size.d_ff, n_heads=size.n_heads, encoder_layers=size.layers,
        decoder_layers=size.layers, norm="pre", dropout=0.0,
    )  # fmt: skip
    return Transformer(config, size.vocab, size.vocab).eval()


def test_parameters_are_those_of_the_models() -> None:
    for model in (built(SMALL), Model(**SMALL.as_dict(), dropout=0.1)):
        assert sum(weight.numel() for weight in model.parameters()) == SMALL.parameters
    assert round(SIZES["small"].parameters / 1e6, 1) == 9.4
    assert round(SIZES["base"].parameters / 1e6) == 48


def test_operations_are_those_that_torch_counts() -> None:
    """torch counts the forward pass of one sentence; the backward pass of a product is two products."""
    source, target = torch.randint(4, 40, (1, 7)), torch.randint(4, 40, (1, 5))
    with FlopCounterMode(display=False) as counted:
        built(SMALL)(source, torch.ones_like(source, dtype=torch.bool), target)
    assert SMALL.training_flops(np.array([7]), np.array([5])) == 3 * counted.get_total_flops()


def test_operations_of_sentences_add_up() -> None:
    one, other = (SMALL.training_flops(np.array([n]), np.array([n + 1])) for n in (3, 9))
    assert SMALL.training_flops(np.array([3, 9]), np.array([4, 10])) == pytest.approx(one + other)


def test_the_warm_up_does_not_count() -> None:
    watch = Stopwatch(warm_up=2, seconds=1.0)
    assert [watch.step(100.0, 1) for _ in range(2)] == [False, False]
    assert [watch.step(0.4, 200) for _ in range(3)] == [False, False, True]
    found = watch.result()
    assert found["tokens_per_second"] == pytest.approx(500)
    assert (found["step_seconds"], found["steps"]) == (0.4, 3)


def test_one_slow_step_is_not_a_measurement() -> None:
    watch = Stopwatch(warm_up=0, seconds=1.0)
    assert [watch.step(50.0, 1) for _ in range(FEWEST_STEPS)] == [False] * (FEWEST_STEPS - 1) + [True]


def test_optimisers_are_timed_to_a_loss_that_all_reach() -> None:
    turns = {
        "fast": [{"curve": [[10, 1.0, 5.0], [20, 2.0, 3.0], [30, 3.0, 2.0]], "best_loss": 2.0}],
        "slow": [{"curve": [[10, 0.8, 6.0], [20, 1.6, 4.0], [30, 2.4, 3.5]], "best_loss": 3.5}],
    }
    to_one_loss(turns)
    assert [turns[name][0]["target_loss"] for name in turns] == [3.5, 3.5]
    assert [turns[name][0]["steps_to_target"] for name in turns] == [20, 30]
    assert [turns[name][0]["seconds_to_target"] for name in turns] == [2.0, 2.4]
    assert first_at([[1, 0.5, 4.0], [2, 1.0, 3.0]], 4.0) == (1, 0.5)


def test_the_processor_is_told_as_linux_tells_it(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text(
        "processor\t: 0\nmodel name\t: Some CPU: fast\nflags\t\t: fpu avx2 amx_bf16 avx512_vnni\n\n"
    )
    assert processor(info) == {"processor": "Some CPU: fast", "flags": ["avx2", "avx512_vnni", "amx_bf16"]}
    assert processor(tmp_path / "none")["flags"] == []
    assert describe(threads=3)["threads"] == 3


def test_matrix_products_have_a_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.machine.SIDES", (32,))
    found = matrix_products(seconds=0.01)
    assert found.keys() == {"bfloat16_flops", "float32_flops"} and min(found.values()) > 1e6
