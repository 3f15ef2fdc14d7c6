"""Whole runs whose directory was damaged, whose training diverged, whose first save was cut short."""

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from dragoman.errors import ModelError, TrainingError
from dragoman.model.directory import open_model
from dragoman.protocols import Loss
from dragoman.training import checkpoint as checkpoints
from dragoman.training import run as runs
from dragoman.training.leftovers import remove_leftovers
from dragoman.training.places import LOOKED_AT, is_the_same_trouble, to_keep, to_return_to
from dragoman.training.recovery import MOST_FALLBACKS
from smallruns import begin, config, go, state_of

Damage = Callable[[Path], object]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What an uninterrupted run ends with."""
    directory = tmp_path_factory.mktemp("whole")
    go(directory)
    return state_of(directory)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with checkpoints of steps 0, 1 and 2."""
    directory = tmp_path_factory.mktemp("stopped")
    go(directory, max_minutes=0)
    go(directory, resume=True, max_minutes=0)
    return directory


@pytest.fixture
def copy(stopped: Path, tmp_path: Path) -> Path:
    shutil.copytree(stopped / "run", tmp_path / "run")
    return tmp_path


def latest(directory: Path) -> Path:
    return checkpoints.saved(directory / "run" / "checkpoints")[-1]


def reseal(path: Path, **content: bytes) -> None:
    """Change files of a checkpoint, by their names without the ending, and its manifest with them."""
    manifest = json.loads((path / "manifest.json").read_bytes())
    for name in checkpoints.FILES:
        if (data := content.get(name.split(".")[0])) is not None:
            (path / name).write_bytes(data)
            manifest[name] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (path / "manifest.json").write_text(json.dumps(manifest))


def state(change: Callable[[dict[str, Any]], object]) -> Damage:
    def damage(directory: Path) -> None:
        path = latest(directory)
        found = json.loads((path / "state.json").read_bytes())
        change(found)
        reseal(path, state=json.dumps(found).encode())

    return damage


def tensors(change: Callable[[dict[str, torch.Tensor]], object]) -> Damage:
    def damage(directory: Path) -> None:
        from safetensors.torch import load, save

        path = latest(directory)
        found = load((path / "tensors.safetensors").read_bytes())
        change(found)
        reseal(path, tensors=save(found))

    return damage


FIELDS = ("progress", "health", "config", "threads", "fingerprint", "learning_rate_scale")
VALUES = (None, [], {}, "x", -1, 1.5, True, [[[]]], {"a": {"b": {}}})
STATES: dict[str, Damage] = {
    **{f"without {name}": state(lambda s, name=name: s.pop(name)) for name in FIELDS},
    **{
        f"{name} = {value!r}": state(lambda s, name=name, value=value: s.update({name: value}))
        for name in (*FIELDS, "layout", "worker_threads", "contents")
        for value in VALUES
        if not (name == "config" and value == {})
        and not (name in ("fingerprint", "contents") and value == "x")
        and not (name in ("layout", "worker_threads") and value is None)
    },
    "a field too many": state(lambda s: s.update(extra=1)),
    "a field of progress too many": state(lambda s: s["progress"].update(extra=1)),
    **{
        f"progress.{name} = {value!r}": state(lambda s, name=name, value=value: s["progress"].update({name: value}))
        for name in ("step", "epoch", "position", "parts", "best_step", "seconds", "best")
        for value in ("x", -1, [None], {})
        if (name, value) != ("seconds", -1)
    },
    "a part that is none": state(lambda s: s["progress"].update(parts=0)),
    "no weights": tensors(lambda t: t.pop("master")),
    "no random numbers": tensors(lambda t: t.pop("random")),
    "weights of another model": tensors(lambda t: t.update(master=torch.zeros(7))),
    "weights in another type": tensors(lambda t: t.update(master=t["master"].double())),
    "weights that are no numbers": tensors(lambda t: t["master"][3:4].fill_(float("nan"))),
    "an infinite moment": tensors(lambda t: t["mean"][3:4].fill_(float("inf"))),
    "an average in a matrix": tensors(lambda t: t.update(average=t["average"][:4].reshape(2, 2).contiguous())),
    "random numbers of another kind": tensors(lambda t: t.update(random=torch.zeros(3, dtype=torch.uint8))),
    "random numbers that are garbage": tensors(lambda t: t.update(random=torch.full_like(t["random"], 255))),
}  # fmt: skip


@pytest.mark.parametrize("name", STATES)
def test_a_state_that_nobody_wrote_is_passed_over_or_refused_in_a_line(copy: Path, name: str) -> None:
    """Eleven of 93 damaged directories ended in a traceback where the checkpoint before would have done."""
    newest = latest(copy)
    STATES[name](copy)
    said: list[str] = []
    found = checkpoints.load_latest(newest.parent, runs.State.of, said.append)
    assert found.step < 2 and newest.name in said[0] and "\n" not in said[0]


def test_after_a_damaged_state_the_run_ends_with_the_very_same_weights(copy: Path, whole: str) -> None:
    STATES["without progress"](copy)
    _, said = go(copy, resume=True)
    assert "passed over" in said and "resuming" in said
    assert state_of(copy) == whole


# -- prepared data ----------------------------------------------------------------------------------------------


def flip(name: str) -> Damage:
    def damage(data: Path) -> None:
        content = bytearray((data / name).read_bytes())
        content[len(content) // 2] ^= 1
        (data / name).write_bytes(content)

    return damage


DATA: dict[str, Damage] = {
    **{f"flip {name}": flip(name) for name in ("tokenizer.model", "train.tsv", "dev.tsv", "ids-0/ids.bin")},
    **{f"remove {name}": lambda data, name=name: (data / name).unlink()
       for name in ("tokenizer.model", "train.tsv", "dev.tsv", "data.json", "ids-0/offsets.bin", "ids-0/store.json")},
    "data.json cut short": lambda data: (data / "data.json").write_bytes((data / "data.json").read_bytes()[:50]),
    "data.json null": lambda data: (data / "data.json").write_text("null"),
    "data.json of lists": lambda data: (data / "data.json").write_text('{"fingerprint": [], "recipe": [], "files": 3}'),
    "data.json, deeply nested": lambda data: (data / "data.json").write_text("[" * 100_000),
    "store.json null": lambda data: (data / "ids-0" / "store.json").write_text("null"),
    "all of it removed": shutil.rmtree,
}  # fmt: skip


@pytest.mark.parametrize("name", DATA)
def test_damaged_data_are_prepared_anew_and_the_run_ends_as_if_they_had_not_been(
    tmp_path: Path, whole: str, name: str
) -> None:
    """One bit of the tokenizer was flipped, and the run went on to other weights and sealed it into the model."""
    go(tmp_path, max_minutes=0)
    data = tmp_path / "run" / "data"
    (ids,) = data.glob("ids-*")
    ids.rename(data / "ids-0")
    DATA[name](data)
    if data.exists():
        (data / "ids-0").rename(ids)
    _, said = go(tmp_path, resume=True)
    assert state_of(tmp_path) == whole
    assert ("anew" in said) or "remove" in name


def test_data_that_cannot_be_made_again_are_refused(tmp_path: Path) -> None:
    """Without the dev set that it began with, nobody can say what the run measured."""
    go(tmp_path, max_minutes=0)
    (tmp_path / "run" / "data" / "data.json").unlink()
    with pytest.raises(TrainingError, match="is not what this run began with: its fingerprint differs"):
        begin([tmp_path / "train.tsv"], [], tmp_path, resume=True)


def test_another_dev_set_is_not_resumed(tmp_path: Path) -> None:
    """It was ignored: whoever had noticed that the dev set was bad went on with it."""
    go(tmp_path, max_minutes=0)
    train, other = tmp_path / "train.tsv", tmp_path / "other.tsv"
    other.write_text("A line.\t一行。\n", encoding="utf-8")
    with pytest.raises(TrainingError, match="prepared from other dev files than .*other.tsv"):
        begin([train], [other], tmp_path, resume=True)
    result, _ = begin([train], [], tmp_path, resume=True)  # nobody named one: it is that of the run
    assert result.finished


def test_a_directory_left_by_a_failed_start_is_not_used_with_other_settings(tmp_path: Path) -> None:
    """The settings of the second start were recorded, and those of the first were trained with."""
    go(tmp_path, max_minutes=0)
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    _, said = go(tmp_path, config(tokenizer={"vocab_size": 310}, training={"max_steps": 8}))
    assert (
        "prepared with other settings (tokenizer.vocab_size: 330 -> 310): the corpus is prepared anew" in said
    )
    assert open_model(tmp_path / "run").tokenizers["joint"].vocab_size == 310
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    two = config(
        tokenizer={"joint": False, "vocab_size": 290}, model={"tie": "target"}, training={"max_steps": 8}
    )
    _, said = go(tmp_path, two)
    assert set(open_model(tmp_path / "run").tokenizers) == {"source", "target"}
    steps = [json.loads(line)["step"] for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert steps == sorted(steps)  # of this run alone


# -- the first save ---------------------------------------------------------------------------------------------


class Killed(BaseException):
    """Stands for SIGKILL: no handler of ours may run, so it is raised again by every later operation."""


@pytest.mark.parametrize("seed", range(6))
def test_killed_in_the_first_save_the_run_begins_again_and_ends_with_the_very_same_weights(
    tmp_path: Path, whole: str, seed: int
) -> None:
    """All that was left was a temporary directory, and neither train nor train --resume would have it."""
    chance, count = random.Random(seed), 0
    victim = chance.randrange(1, 22)
    directory = tmp_path / "run" / "checkpoints"

    def dying(real: Any) -> Any:
        def operation(*args: Any, **options: Any) -> Any:
            nonlocal count
            count += directory.exists()
            if count >= victim:
                raise Killed
            return real(*args, **options)

        return operation

    with pytest.MonkeyPatch.context() as patch:
        for name in ("open", "write", "fsync", "replace", "rename", "mkdir", "unlink"):
            patch.setattr(os, name, dying(getattr(os, name)))
        with pytest.raises(Killed):
            go(tmp_path)
    go(tmp_path, resume=checkpoints.exists(directory))
    assert state_of(tmp_path) == whole
    assert not [path for path in (tmp_path / "run").rglob("*") if ".tmp-" in path.name]


def test_what_the_dead_left_is_removed_and_what_the_living_write_is_not(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    living = os.getppid()
    for owner in (dead.pid, living, os.getpid()):
        (tmp_path / f".manifest.json.tmp-{owner}").write_text("x")
        (tmp_path / f"step-00000001.tmp-{owner}").mkdir()
    (tmp_path / "notes.tmp-x").write_text("a user's own")
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        f".manifest.json.tmp-{living}", f"step-00000001.tmp-{living}", "notes.tmp-x",
    }  # fmt: skip


# -- the sealed model -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["model.safetensors", "config.toml", "manifest.json", "tokenizer.model"])
@pytest.mark.parametrize("damage", ["cut", "remove"])
def test_a_finished_run_whose_model_is_broken_seals_it_anew(tmp_path: Path, name: str, damage: str) -> None:
    """It said "try it", with a command that failed."""
    go(tmp_path)
    before = state_of(tmp_path)
    model = tmp_path / "run" / "model.safetensors"
    weights = model.read_bytes()
    path = tmp_path / "run" / name
    content = path.read_bytes()
    path.unlink()
    if damage == "cut":
        path.write_bytes(content[:-3])
    with pytest.raises(ModelError):
        open_model(tmp_path / "run")
    _, said = go(tmp_path, resume=True)
    assert "the model is sealed anew from the checkpoint of step 24" in said
    assert model.read_bytes() == weights and open_model(tmp_path / "run").languages == ("en", "zh")
    assert state_of(tmp_path) == before


def test_the_best_model_is_sealed_anew_though_later_steps_were_worse(tmp_path: Path) -> None:
    settings = config(optimizer={"peak_lr": 3e-3}, validation={"every": 2, "patience": 0})
    with pytest.MonkeyPatch.context() as patch:
        # The dev loss falls until step 4 and rises from then on.
        patch.setattr(
            "dragoman.training.tasks.validate.Validator._loss",
            lambda self, model, batches: (abs(next(steps) - 4) + 1.0, 1),
        )
        steps = iter(range(2, 99, 2))
        result, _ = go(tmp_path, settings)
        assert result.progress.best_step == 4
        model = tmp_path / "run" / "model.safetensors"
        weights = model.read_bytes()
        model.unlink()
        _, said = go(tmp_path, settings, resume=True)
        assert "sealed anew from the checkpoint of step 4" in said and model.read_bytes() == weights
        shutil.rmtree(tmp_path / "run" / "checkpoints" / "step-00000004")
        model.unlink()
        _, said = go(tmp_path, settings, resume=True)
    assert "of step 24, since that of step 4, the best, is not there any more" in said
    open_model(tmp_path / "run")


# -- divergence -------------------------------------------------------------------------------------------------


def test_a_place_to_return_to_has_been_looked_at_and_stays_until_another_has() -> None:
    saved: set[int] = set()
    for step in range(500):  # a checkpoint after each step, of which two are kept beside those to return to
        saved.add(step)
        saved = to_keep(saved, step, None) | set(sorted(saved)[-2:])
        assert len(saved) <= 5
        places = to_return_to(saved, step + 1, None)
        assert all(place <= step + 1 - LOOKED_AT for place in places)
        if step >= 2 * LOOKED_AT:
            assert places and places[0] > step - 3 * LOOKED_AT
            assert len(places) > 1 or step < 4 * LOOKED_AT
    newest, older = to_return_to(saved, 500, None)
    assert to_return_to(saved, 510, newest) == [older] and to_return_to(saved, 510, older) == []


def test_when_a_divergence_is_the_same_once_more() -> None:
    assert is_the_same_trouble(51, 51, 0) and is_the_same_trouble(51, 60, 0)
    assert not is_the_same_trouble(200, 51, 0)
    assert is_the_same_trouble(110, 51, 4000)  # half the rate reaches as far in twice the steps


@pytest.mark.parametrize("kind", ["adam", "adamw", "muon"])
def test_a_rate_ten_thousand_times_too_high_ends_in_a_model(tmp_path: Path, kind: str) -> None:
    """Eight halvings were spent on the checkpoint that the first divergence had poisoned."""
    asked = config(
        optimizer={"kind": kind, "peak_lr": 10.0},
        training={"max_steps": 40, "checkpoint_minutes": 1e-6},
        validation={"every": 20},
    )
    result, said = go(tmp_path, asked)
    assert result.finished and 1 <= result.progress.fallbacks < MOST_FALLBACKS and "back to step 0" in said
    assert f"begin the next run with optimizer.peak_lr={10 * result.rate:g}" in said
    weights = open_model(tmp_path / "run").build().state_dict()
    assert all(weight.isfinite().all() for weight in weights.values())


def test_a_rate_that_no_return_mends_ends_in_a_line_and_the_advice_works(tmp_path: Path) -> None:
    asked = config(optimizer={"peak_lr": 1e30, "clip_norm": 0.0}, training={"max_steps": 12})
    with pytest.raises(TrainingError) as caught:
        go(tmp_path, asked)
    assert "--set optimizer.peak_lr=0.003 --set optimizer.clip_norm=1" in str(caught.value)
    assert "\n" not in str(caught.value) and not (tmp_path / "run" / "model.safetensors").exists()
    for path in checkpoints.saved(tmp_path / "run" / "checkpoints"):
        assert checkpoints.load(path).tensors["master"].isfinite().all()
    advised = config(optimizer={"peak_lr": 0.003, "clip_norm": 1.0}, training={"max_steps": 12})
    result, said = go(tmp_path, advised, resume=True)
    assert result.finished and result.rate == 1 and "its peak is 0.003" in said


def test_a_second_divergence_goes_further_back_and_keeps_the_better_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = runs._loss, []

    def poisoned(criterion: Any, model: Any, batch: Any) -> Loss:
        loss = real(criterion, model, batch)
        calls.append(1)
        # Counted in calls, of which two are the look ahead: at step 50, and at step 50 of the second way there.
        return Loss(loss.sum * float("nan"), loss.nll, loss.tokens) if len(calls) in (52, 77) else loss

    monkeypatch.setattr(runs, "_loss", poisoned)
    settings = config(
        training={"checkpoint_minutes": 60, "max_steps": 56}, validation={"every": 5, "patience": 0}
    )
    result, said = go(tmp_path, settings)
    assert "nan at step 50: back to step 30 with the learning rate x 0.5" in said
    assert "nan at step 55: back to step 20 with the learning rate x 0.05" in said
    assert result.finished and result.progress.fallbacks == 2
    # What stands there is the best of all that was measured, on whichever way.
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines if line["kind"] == "validation"]
    assert -result.progress.best[0] == pytest.approx(min(losses), abs=1e-4)


def test_weights_that_became_infinite_are_neither_saved_nor_sealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = runs.Journal.step, []

    def step_then_poison(journal: Any, step: Any, epoch: int, seconds: float) -> None:
        real(journal, step, epoch, seconds)
        calls.append(1)
        if len(calls) == 8:  # the loss of step 8 was still a number
            made[0].optimizer.average[5] = float("inf")

    made: list[Any] = []
    init = runs.Run.__init__
    monkeypatch.setattr(runs.Run, "__init__", lambda self, *a: (made.append(self), init(self, *a))[1])
    monkeypatch.setattr(runs.Journal, "step", step_then_poison)
    result, said = go(tmp_path)
    assert "the weights became infinite" in said and result.finished
    assert all(
        weight.isfinite().all() for weight in open_model(tmp_path / "run").build().state_dict().values()
    )
