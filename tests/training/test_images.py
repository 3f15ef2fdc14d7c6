"""Training what reads images: the same images for the same seed, a run that goes on where it was, and learns."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from dragoman.config import resolve
from dragoman.errors import ConfigError
from dragoman.ids import BOS, EOS
from dragoman.lineage.imagereader import ImageReaderConfig
from dragoman.model.imagereaders import open_reader
from dragoman.training import checkpoint as checkpoints
from dragoman.training.session import Session
from dragoman.training.tasks.images import (
    WORDS,
    ImageData,
    ImageRunConfig,
    ImagesConfig,
    accuracy,
    defaults,
    held_out_images,
    start,
    vocabulary_of,
    writes,
)

SHAPE = ImageReaderConfig(height=8, width=16, d_model=16, d_ff=32, n_heads=2, encoder_layers=1)


def config(**changes: Any) -> ImageRunConfig:
    """A model of some thousand weights, images with two digits in one line."""
    base: ImageRunConfig = resolve(ImageRunConfig, [("", defaults())]).value
    sections: dict[str, Any] = {
        "model": {field.name: getattr(SHAPE, field.name) for field in dataclasses.fields(SHAPE)},
        "data": {"images": 40, "held_out": 10},
        "training": {"device": "cpu", "batch_tokens": 80, "max_steps": 12},
        "validation": {"every": 6},
    }
    for name, fields in changes.items():
        sections[name] = {**sections.get(name, {}), **fields}
    return dataclasses.replace(
        base,
        **{name: dataclasses.replace(getattr(base, name), **fields) for name, fields in sections.items()},
    )


def run(output: Path, settings: ImageRunConfig | None = None, **options: Any) -> str:
    said = io.StringIO()
    base = options.pop("base", None)
    start(output, settings or config(), Session(Console(file=said, width=400), **options), base=base)
    return said.getvalue()


def weights_of(output: Path) -> dict[str, torch.Tensor]:
    return open_reader(output).module.state_dict()


def test_a_batch_holds_patches_and_what_they_say() -> None:
    data = ImageData(ImagesConfig(), SHAPE, seed=1)
    batch = next(data.epoch(0, 0, budget=80))  # ten images of eight patches
    assert batch.source.shape == (10, 8, 16) and batch.source_mask.all()
    images = data.images(0, 0, 10)
    for row, image in zip(batch.target, images, strict=True):
        said = [BOS, *(digit + 4 for digit in image.digits), EOS]
        assert row[: len(said)].tolist() == said and not row[len(said) :].any()
    assert torch.equal(batch.twice().target[10:], batch.target)
    assert len(batch.rows(2, 5)) == 3 and torch.equal(batch.rows(2, 5).source, batch.source[2:5])


def test_a_position_in_an_epoch_is_one_integer() -> None:
    data = ImageData(ImagesConfig(images=95), SHAPE, seed=1)
    whole = list(data.epoch(3, 0, 80))
    assert len(whole) == data.batches_per_epoch(80) == 10 and len(whole[-1]) == 5
    assert all(torch.equal(a.source, b.source) for a, b in zip(whole[4:], data.epoch(3, 4, 80), strict=True))


def test_no_epoch_repeats_and_a_seed_does() -> None:
    def first(seed: int, epoch: int) -> np.ndarray:
        return next(ImageData(ImagesConfig(), SHAPE, seed).epoch(epoch, 0, 80)).source.numpy()

    assert np.array_equal(first(1, 0), first(1, 0))
    assert not np.array_equal(first(1, 0), first(1, 1)) and not np.array_equal(first(1, 0), first(2, 0))


def test_a_run_seals_a_model_that_reads(tmp_path: Path) -> None:
    said = run(tmp_path / "run")
    assert "step 12: loss" in said and "accuracy" in said
    assert "dragoman digits read" in said
    opened = open_reader(tmp_path / "run")
    found = accuracy(opened.module, opened.vocabulary, held_out_images(10, 8, 16))
    assert found.images == 10 and 0 <= found.right <= found.same_digits <= 10


def test_a_run_that_is_resumed_ends_where_it_would_have(tmp_path: Path) -> None:
    run(tmp_path / "whole")
    run(tmp_path / "short", max_minutes=1e-9)
    run(tmp_path / "short", resume=True)
    whole, short = (checkpoints.load_latest(tmp_path / name / "checkpoints") for name in ("whole", "short"))
    assert whole.step == short.step == 12
    assert all(torch.equal(whole.tensors[name], short.tensors[name]) for name in whole.tensors)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_it_learns(tmp_path: Path, precision: str) -> None:
    """Sixty small steps teach no reading; they teach that digits come, and how many: less than ln 14 = 2.6 nats."""
    training = {"max_steps": 60, "batch_tokens": 256, "precision": precision}
    quick = {"warmup_steps": 10, "ema_decay": 0.0}  # neither of which sixty steps are enough for
    asked = config(training=training, data={"images": 10_000}, validation={"every": 60}, optimizer=quick)
    run(tmp_path / "run", asked)
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    (found,) = (line["loss"] for line in log if line["kind"] == "validation")
    assert found < 2.4


def test_a_model_is_trained_further_in_its_own_shape_and_words(tmp_path: Path) -> None:
    run(tmp_path / "base")
    base = open_reader(tmp_path / "base")
    run(tmp_path / "further", config(training={"max_steps": 2}, validation={"every": 2}), base=base)
    assert weights_of(tmp_path / "further").keys() == weights_of(tmp_path / "base").keys()
    with pytest.raises(ConfigError, match="keeps its shape and its words"):
        run(tmp_path / "other", config(data={"writes": "chinese"}), base=base)


@pytest.mark.parametrize("name", WORDS)
def test_the_words_of_a_vocabulary_are_told_by_it(name: Any) -> None:
    assert writes(vocabulary_of(name)) == name


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"model": {"width": 8}}, "leave no room for 2 digits"),
        ({"validation": {"metric": "bleu"}}, "validation.metric must be 'loss'"),
    ],
)
def test_contradictions_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        config(**changes)
