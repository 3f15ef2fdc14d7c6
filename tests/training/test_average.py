"""The mean of models and checkpoints: by hand, and what has none is refused by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dragoman.cli import main
from dragoman.errors import ModelError, UsageError
from dragoman.files import sha256
from dragoman.model.directory import open_model
from dragoman.training import checkpoint as checkpoints
from dragoman.training.tasks.average import average, last_of, read
from smallruns import config, go
from tiny import Parts, parts


def shaken(whole: Parts, seed: int, by: float = 0.05) -> Parts:
    draw = np.random.default_rng(seed)
    weights = {n: w + by * draw.standard_normal(w.shape, np.float32) for n, w in whole.weights.items()}
    return replace(whole, weights=weights, card="# first\n\nCC BY 2.0\n" if seed == 1 else "")


@pytest.fixture(scope="module")
def three(tiny_parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("three")
    return [shaken(tiny_parts, seed).write(folder / f"model-{seed}") for seed in (1, 2, 3)]


def test_weights_are_the_mean_and_the_card_tells_of_what(three: list[Path], tmp_path: Path) -> None:
    before = [sha256((path / "model.safetensors").read_bytes()) for path in three]
    assert average(three, tmp_path / "mean") == []
    found, models = open_model(tmp_path / "mean"), [open_model(path) for path in three]
    for name, weight in found.weights.items():
        np.testing.assert_allclose(weight, np.mean([m.weights[name] for m in models], 0), atol=1e-6)
        assert weight.dtype == models[0].weights[name].dtype
    assert found.config == models[0].config
    assert all(path.name in found.card for path in three) and "> CC BY 2.0" in found.card
    assert str(three[0].parent) not in found.card
    assert [sha256((path / "model.safetensors").read_bytes()) for path in three] == before


def test_the_order_does_not_matter(three: list[Path], tmp_path: Path) -> None:
    average(three, tmp_path / "one")
    average(three[::-1], tmp_path / "other")
    one, other = (open_model(tmp_path / name).weights for name in ("one", "other"))
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_models_of_nothing_in_common_are_averaged_with_a_word(tiny_parts: Parts, tmp_path: Path) -> None:
    one = shaken(tiny_parts, 1).write(tmp_path / "one")
    other = shaken(tiny_parts, 2, by=10).write(tmp_path / "other")
    (note,) = average([one, other], tmp_path / "mean")
    assert "other has little in common with one" in note and "--ensemble" in note


def test_what_has_no_mean_is_refused_by_name(three: list[Path], tiny_parts: Parts, tmp_path: Path) -> None:
    own = tiny_parts.config
    others = {
        "their tokenizers differ": parts(seed=2),
        "model.d_ff: 32 -> 64": parts(d_ff=64),
        "other languages": replace(tiny_parts, config=own | {"languages": {"source": "de", "target": "zh"}}),
    }
    for number, (message, other) in enumerate(others.items()):
        path = other.write(tmp_path / str(number))
        with pytest.raises(ModelError, match=message) as told:
            average([three[0], path], tmp_path / "mean")
        assert str(three[0]) in str(told.value) and str(path) in str(told.value)
    assert not (tmp_path / "mean").exists()
    with pytest.raises(UsageError, match="1 model has no mean"):
        average(three[:1], tmp_path / "mean")
    with pytest.raises(UsageError, match="already holds a model"):
        average(three, three[0])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    go(folder, config(training={"keep_checkpoints": 4}))
    return folder / "run"


def test_checkpoints_of_a_run_have_the_mean_of_what_would_have_been_sealed(run: Path, tmp_path: Path) -> None:
    paths = last_of(run, 2)
    assert average(paths, tmp_path / "mean") == []
    found = open_model(tmp_path / "mean")
    each = [checkpoints.load(path) for path in paths]
    mean = sum(one.tensors["average"].double() for one in each).numpy() / 2
    place = 0
    for name, shape in each[0].state["layout"]:
        size = int(np.prod(shape))
        expected = mean[place : place + size].reshape(shape)
        np.testing.assert_allclose(found.weights[name], expected, atol=2e-3)  # sealed as fp16
        place += size
    sealed = open_model(run)
    assert found.config == sealed.config
    assert found.source_tokenizer.serialized == sealed.source_tokenizer.serialized
    assert f"step {each[0].step} of run" in found.card


def test_the_last_checkpoint_of_a_run_is_its_model(run: Path) -> None:
    """The weights that a checkpoint stands for are those that were sealed at its step."""
    last = checkpoints.saved(run / "checkpoints")[-1]
    step = open_model(run).card.split("step ")[1].split(",")[0]
    best = next(p for p in checkpoints.saved(run / "checkpoints") if checkpoints.step_of(p) == int(step))
    sealed, found = open_model(run).weights, read(best).weights
    assert all(np.array_equal(sealed[name], found[name]) for name in sealed)
    assert read(last).tokenizers == read(run).tokenizers


def test_what_is_no_checkpoint_says_so(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="keep_checkpoints"):
        last_of(run, 50)
    with pytest.raises(UsageError, match="at least two"):
        last_of(run, 1)
    lonely = tmp_path / "checkpoints" / "step-00000008"
    lonely.mkdir(parents=True)
    (lonely / "state.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError, match="no checkpoint that can be read"):
        average([lonely, lonely], tmp_path / "mean")


def test_the_command_line_averages(
    run: Path, three: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mean = tmp_path / "mean"
    assert main(["models", "average", "--last", "2", str(run), "-o", str(mean)]) == 0
    assert capsys.readouterr().out == f"{mean}\n"
    assert main(["translate", "The cat sees a dog.", "-m", str(mean)]) == 0
    capsys.readouterr()
    for words, message in (
        ([str(three[0]), str(three[1])], "Add -o"),
        (["--last", "2", str(run), str(run), "-o", str(tmp_path / "x")], "takes one run"),
        (["-o", str(tmp_path / "x")], "no mean"),
    ):
        assert main(["models", "average", *words]) == 2
        assert message in capsys.readouterr().err
