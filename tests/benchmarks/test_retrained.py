"""Small models without a part: each lacks that part and nothing else."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from benchmarks.retrained import CONFIG, VARIANTS, Alone, Unmasked, main, measure, table

from benchmarks import retrained
from dragoman.errors import UsageError
from dragoman.ids import BOS
from dragoman.training.cpu.fused import FUSED
from dragoman.transformer.model import Transformer
from dragoman.transformer.parts import PAGE

VOCABULARY = 40
SOURCE, TARGET = torch.tensor([[5, 9, 7, 3]]), torch.tensor([[BOS, 6, 8, 11]])


def model(name: str) -> Transformer:
    torch.manual_seed(1)
    return VARIANTS[name].build(VOCABULARY, PAGE).eval()


def logits(name: str, source: torch.Tensor = SOURCE, target: torch.Tensor = TARGET) -> torch.Tensor:
    with torch.no_grad():
        return model(name)(source, torch.ones_like(source, dtype=torch.bool), target)


def test_each_differs_from_the_whole_in_one_thing() -> None:
    assert VARIANTS["whole"].settings == VARIANTS["whole"].parts == {}
    for name, one in VARIANTS.items():
        assert len(one.settings) + len(one.parts) == (name != "whole")
        assert set(one.parts) <= {part.name for part in fields(PAGE)}


@pytest.mark.parametrize("name", VARIANTS)
def test_only_without_the_mask_a_position_sees_what_comes_after_it(name: str) -> None:
    other = TARGET.clone()
    other[0, 3] = 20
    moved = (logits(name) - logits(name, target=other)).abs()[0, :3].max()
    assert moved > 1e-4 if name == "causal_mask" else moved < 1e-5


@pytest.mark.parametrize("name", VARIANTS)
def test_only_without_positions_the_order_of_the_source_is_lost(name: str) -> None:
    moved = (logits(name) - logits(name, source=SOURCE[:, [2, 0, 1, 3]])).abs().max()
    assert moved < 1e-5 if name == "positions" else moved > 1e-5


def test_without_residuals_nothing_goes_past_a_sublayer() -> None:
    residual = model("residual").encoder.layers[0].residuals[0]
    assert isinstance(residual, Alone)
    x = torch.rand(1, 3, 128)
    assert torch.equal(residual(x, torch.zeros_like), torch.zeros_like(x))
    assert torch.equal(model("whole").encoder.layers[0].residuals[0](x, torch.zeros_like), x)


@pytest.mark.parametrize("name", VARIANTS)
def test_faster_blocks_leave_the_part_out_too(name: str) -> None:
    made = VARIANTS[name].build(VOCABULARY, FUSED)
    assert isinstance(made.decoder, Unmasked) == (name == "causal_mask")
    assert isinstance(made.encoder.layers[0].residuals[0], Alone) == (name == "residual")
    assert made.encoder.layers[0].residuals[0].pre_norm == (name != "post_norm")
    assert made.encoder.layers[0].self_attention.n_heads == (1 if name == "one_head" else 4)


@pytest.mark.slow(reason="prepares the whole corpus of Tatoeba, which every variant is trained on")
def test_they_are_trained_and_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(retrained.__file__).parents[1])
    short = replace(CONFIG.training, max_steps=2, batch_tokens=200)
    config = replace(CONFIG, training=short, validation=replace(CONFIG.validation, every=2))
    found = measure(["whole", "residual"], config, 10, tmp_path)
    lines = table(found).splitlines()
    assert len(lines) == 4 and "without residual connections" in lines[-1]
    assert all(5 < one["loss"] < 12 and one["bleu"] >= 0 for one in found.values())


def test_a_part_that_there_is_not_is_named() -> None:
    with pytest.raises(UsageError, match="--only wheels: there are whole, post_norm"):
        main(["wheels"], 10, 1)
