"""Ranks that share the optimiser's state take the steps of one process, and bring it together when it is asked for."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from itertools import pairwise, product
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import torch
from torch import nn

from dragoman.training.optimizer import RULES, OptimizerConfig, parts
from dragoman.training.parameters import FlatParameters
from dragoman.training.ranks.optimizers import shares

RANKS = 3
CASES = [
    f"{kind} {dtype} {decay}" for kind, dtype, decay in product(RULES, ("float32", "bfloat16"), (0.0, 0.9))
]


@pytest.fixture(scope="module")
def told() -> list[dict[str, dict[str, Any]]]:
    """What each of three ranks found, for each case: all of them in one start."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(RANKS)}
    processes = [
        subprocess.Popen(
            [sys.executable, Path(__file__).with_name("state_of_ranks.py")],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **meeting, "RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"},
        )
        for rank in range(RANKS)
    ]  # fmt: skip
    said = [process.communicate(timeout=120) for process in processes]
    assert not any(process.returncode for process in processes), [errors for _, errors in said]
    return [json.loads(output) for output, _ in said]


@pytest.mark.parametrize("case", CASES)
def test_shares_take_the_steps_of_the_whole(told: list[dict[str, dict[str, Any]]], case: str) -> None:
    found = [one[case] for one in told]
    assert found[0]["apart"] < 1e-6, "sums of gradients are rounded in another order, and no more"
    assert len({one["weights"] for one in found}) == 1, "all ranks compute with the same weights, to the bit"
    assert found[0]["average"], "what is measured and shipped is the average of all"


@pytest.mark.parametrize("case", CASES)
def test_the_state_is_whole_when_it_is_saved(told: list[dict[str, dict[str, Any]]], case: str) -> None:
    found = told[0][case]
    assert found["names"], "a checkpoint has the same vectors in the same order"
    assert found["alone"], "one process goes on from it"
    assert found["resumed"], "three ranks that go on from it are three that were not interrupted"


@pytest.mark.parametrize("case", CASES)
def test_a_rank_keeps_its_share(told: list[dict[str, dict[str, Any]]], case: str) -> None:
    whole = told[0][case]["whole"]
    kept = [one[case]["kept"] for one in told]
    assert sum(kept) == whole
    assert max(kept) < 1.1 * whole / RANKS, (
        "the shares are about equal: the largest is what a rank must have room for"
    )


@pytest.mark.parametrize("ranks", [1, 2, 5, 64])
@pytest.mark.parametrize("kind", get_args(get_type_hints(OptimizerConfig)["kind"]))
def test_shares_follow_each_other_and_cut_no_matrix_that_is_needed_whole(kind: str, ranks: int) -> None:
    """With more ranks than there are matrices, some ranks have nothing to keep."""
    parameters = FlatParameters(
        nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 3), nn.LayerNorm(3)), torch.float32
    )
    config = OptimizerConfig(kind=kind)  # type: ignore[arg-type]
    found = shares(parameters, config, ranks)
    ends = [0, *(place.stop for place in found)]
    assert ends[-1] == parameters.size and ends == sorted(ends)
    assert all(before.stop == after.start for before, after in pairwise(found))
    whole = [place for place, rule in parts(parameters, config) if not rule.ELEMENTWISE]
    inside = [end for end in ends for place in whole if place.start < end < place.stop]
    assert set(inside) <= {24}, "between the matrices [3, 8] and [8, 8]"


def test_a_part_has_the_rows_that_lie_in_it() -> None:
    parameters = FlatParameters(nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6)), torch.bfloat16)
    part = parameters.part(slice(8, 27))
    assert list(part.shapes.values()) == [torch.Size([4, 4]), torch.Size([3])]
    assert part.master.dtype == torch.float32 and torch.equal(part.master.bfloat16(), part.shadow)
    part.master += 1
    part.publish()
    assert torch.equal(parameters.shadow[8:27], part.master.bfloat16()), (
        "the model computes with what the part writes"
    )
