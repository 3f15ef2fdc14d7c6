"""Whole runs on a corpus of a hundred lines: killed and resumed, interrupted, diverged, refused."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from dragoman.errors import CorpusError, TrainingError
from dragoman.protocols import Loss
from dragoman.training import checkpoint as checkpoints
from dragoman.training import preparation
from dragoman.training import run as runs
from dragoman.training.checkpoint import Checkpoint
from dragoman.training.journal import Journal
from dragoman.training.loop import Step
from smallruns import STEPS, begin, config, go, state_of, write_corpus


def test_a_finished_run_takes_no_step_more(tmp_path: Path) -> None:
    # A run killed just after its last save once trained step 25 of 24 when resumed.
    go(tmp_path)
    before = state_of(tmp_path)
    result, said = go(tmp_path, resume=True)
    assert result.finished and "24 steps are done" in said
    assert state_of(tmp_path) == before


def steps_logged(directory: Path) -> list[int]:
    lines = (directory / "run" / "log.jsonl").read_text().splitlines()
    return [record["step"] for record in map(json.loads, lines) if record["kind"] == "validation"]


def test_a_run_learns_seals_its_best_model_and_says_how_to_use_it(tmp_path: Path) -> None:
    result, said = go(tmp_path, config(training={"max_steps": 40, "precision": "fp32"}))
    assert result.finished and result.progress.step == 40
    losses = [
        json.loads(line)["loss"]
        for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()
        if '"validation"' in line
    ]
    assert losses[-1] < losses[0] - 0.3
    assert f"dragoman translate -m {tmp_path / 'run'}" in said.replace("\n", "")
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"config.toml", "model.safetensors", "tokenizer.model", "card.md", "manifest.json"} <= names


@pytest.mark.parametrize("workers", [1, 2])
def test_interrupted_and_resumed_equals_uninterrupted_bit_for_bit(tmp_path: Path, workers: int) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    shared = config(training={"workers": workers})
    go(tmp_path / "whole", shared)
    result, said = go(tmp_path / "parts", shared, max_minutes=0)
    assert not result.finished and "--resume" in said
    while not result.finished:
        result, said = go(tmp_path / "parts", shared, resume=True, max_minutes=0)
    assert state_of(tmp_path / "parts") == state_of(tmp_path / "whole")
    assert steps_logged(tmp_path / "parts") == steps_logged(tmp_path / "whole") == [8, 16, 24]


def test_a_corpus_whose_name_is_no_unicode_is_trained_on_and_resumed(tmp_path: Path) -> None:
    """Its name stands beside each pair, in the state and on the card: each of them was a traceback."""
    train, dev = write_corpus(tmp_path)
    odd = train.with_name(os.fsdecode(b"\xff\xfe.tsv"))
    train.rename(odd)
    result, _ = begin([odd], [dev], tmp_path, max_minutes=0)
    result, _ = begin([odd], [dev], tmp_path, resume=True)
    assert result.finished and result.progress.step == STEPS
    for name in ("card.md", "config.toml", "log.jsonl"):
        assert (tmp_path / "run" / name).read_text("utf-8")


def test_a_resumed_run_computes_with_the_threads_it_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is thought best by then, and also where a run began before the choice was noted."""
    seen: set[int] = set()
    real = runs._loss

    def spy(criterion: Any, model: Any, batch: Any) -> Loss:
        seen.add(torch.get_num_threads())
        return real(criterion, model, batch)

    def go_on(worth: int, **options: Any) -> tuple[set[int], Checkpoint]:
        seen.clear()
        monkeypatch.setattr(preparation, "threads_worth", lambda rows, weights: worth)
        go(tmp_path, max_minutes=0, **options)
        return set(seen), checkpoints.load_latest(tmp_path / "run" / "checkpoints")

    monkeypatch.setattr(runs, "_loss", spy)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        threads, found = go_on(1)
        assert threads == {1} and (found.state["threads"], found.state["worker_threads"]) == (2, 1)
        threads, found = go_on(2, resume=True)
        assert threads == {1} and (found.state["threads"], found.state["worker_threads"]) == (2, 1)
        del found.state["worker_threads"]
        shutil.rmtree(tmp_path / "run" / "checkpoints")
        checkpoints.save(tmp_path / "run" / "checkpoints", found, 2)
        threads, found = go_on(1, resume=True)
        assert threads == {2} and found.state["worker_threads"] == 2
        torch.set_num_threads(1)  # a user's word is the last
        assert go_on(2, resume=True)[0] == {1}
    finally:
        torch.set_num_threads(before)


def test_a_small_run_computes_with_one_thread(tmp_path: Path) -> None:
    """Two waited for each other after each product: a step took 4 to 8 seconds on a busy machine, and 0.17 with one."""
    seen: set[int] = set()
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.MonkeyPatch.context() as patch:
            real = runs._loss
            patch.setattr(runs, "_loss", lambda *given: seen.add(torch.get_num_threads()) or real(*given))
            go(tmp_path, config(training={"max_steps": 2}))
        assert seen == {1} and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_steps_of_fixed_shape_learn_and_are_resumed_bit_for_bit(tmp_path: Path) -> None:
    """Each epoch has other ids, so the corpus is loaded anew while the run goes on."""
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    shared = config(training={"graph": "on", "accumulate": 2})
    go(tmp_path / "whole", shared)
    result, said = go(tmp_path / "parts", shared, max_minutes=0)
    while not result.finished:
        result, more = go(tmp_path / "parts", shared, resume=True, max_minutes=0)
        said += more
    assert "given up" not in said and result.progress.epoch > 0
    assert state_of(tmp_path / "parts") == state_of(tmp_path / "whole")
    losses = [
        json.loads(line)["loss"]
        for line in (tmp_path / "whole" / "run" / "log.jsonl").read_text().splitlines()
        if '"validation"' in line
    ]
    assert losses[-1] < losses[0]


def test_steps_of_fixed_shape_that_diverge_fall_back_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = runs._loss, []

    def poisoned(criterion: Any, model: Any, batch: Any) -> Loss:
        loss = real(criterion, model, batch)
        calls.append(1)
        return Loss(loss.sum * float("nan"), loss.nll, loss.tokens) if len(calls) == 32 else loss

    monkeypatch.setattr(runs, "_loss", poisoned)
    result, said = go(tmp_path, config(training={"checkpoint_minutes": 60, "graph": "on", "max_steps": 40}))
    assert "the loss became nan at step 30: back to step 8 with the learning rate x 0.5" in said
    assert result.finished and result.progress.fallbacks == 1


def test_steps_of_fixed_shape_without_memory_become_ordinary_ones_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = runs._loss, []

    def small_memory(criterion: Any, model: Any, batch: Any) -> Loss:
        calls.append(1)
        if len(calls) > 6 and len(batch.source) > 8:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
        return real(criterion, model, batch)

    monkeypatch.setattr(runs, "_loss", small_memory)
    result, said = go(tmp_path, config(training={"max_steps": 8, "graph": "on"}))
    assert said.count("training steps of fixed shape are given up (memory runs out)") == 1
    assert result.finished and result.progress.parts > 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_the_steps_are_graphs(tmp_path: Path) -> None:
    result, said = go(tmp_path, config(training={"device": "cuda", "precision": "auto"}))
    assert result.finished and "given up" not in said


def test_a_model_without_steps_of_fixed_shape_says_so_when_they_are_asked_for(tmp_path: Path) -> None:
    asked = config(model={"positions": "learned"}, training={"max_steps": 2, "graph": "on"})
    _, said = go(tmp_path, asked)
    assert "training.graph = on changes nothing here" in said


WORKER = (
    "import sys, pathlib; sys.path[:0] = sys.argv[2:]; "
    "import test_run; test_run.work(pathlib.Path(sys.argv[1]))"
)


def work(directory: Path) -> None:
    """What the killed process does."""
    torch.set_num_threads(1)
    go(directory, resume=checkpoints.exists(directory / "run" / "checkpoints"))


def worker(directory: Path) -> subprocess.Popen[bytes]:
    """Its complaints go to directory/stderr; with one thread, so that any machine computes alike."""
    here = Path(__file__).parent
    command = [sys.executable, "-c", WORKER, str(directory), str(here), str(here.parent)]
    with open(directory / "stderr", "wb") as complaints:
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=complaints)


def finish(process: subprocess.Popen[bytes], directory: Path) -> None:
    process.wait(300)
    assert process.returncode == 0, (directory / "stderr").read_text()


def kill_after(seconds: float, process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.mark.slow(reason="starts a dozen processes that load torch")
def test_killed_at_random_moments_and_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    started = time.monotonic()
    finish(worker(whole), whole)
    lifetime = time.monotonic() - started
    chance = random.Random(5)
    for _ in range(8):
        # Most of a process's life here is loading torch; steps and saves come in its last part, a few ms each.
        kill_after(lifetime * chance.uniform(0.5, 1.0), worker(killed))
    finish(worker(killed), killed)
    assert state_of(killed) == state_of(whole)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_saves_and_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    real = Journal.step

    def step_then_signal(journal: Journal, step: Step, epoch: int, seconds: float) -> None:
        real(journal, step, epoch, seconds)
        if step.number == 3:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(Journal, "step", step_then_signal)
    heeded = signal.signal(
        number, signal.SIG_DFL
    )  # nohup, or a shell that put us in the background, ignores some
    try:
        result, said = go(tmp_path)
    finally:
        signal.signal(number, heeded)
    assert f"stopped by {signal.Signals(number).name}" in said
    assert not result.finished and 3 <= result.progress.step < STEPS
    assert f"saved at step {result.progress.step}: go on with the same command and --resume" in said
    assert checkpoints.load_latest(tmp_path / "run" / "checkpoints").step == result.progress.step


def test_a_loss_that_turns_nan_falls_back_with_half_the_rate_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = runs._loss, []

    def poisoned(criterion: Any, model: Any, batch: Any) -> Loss:
        loss = real(criterion, model, batch)
        calls.append(1)
        # Counted in calls, so that it strikes once: after the fall back the same step passes.
        return Loss(loss.sum * float("nan"), loss.nll, loss.tokens) if len(calls) == 32 else loss

    monkeypatch.setattr(runs, "_loss", poisoned)
    result, said = go(tmp_path, config(training={"checkpoint_minutes": 60, "max_steps": 40}))
    assert "the loss became nan at step 30: back to step 8 with the learning rate x 0.5" in said
    assert result.finished and result.progress.fallbacks == 1
    found = checkpoints.load_latest(tmp_path / "run" / "checkpoints")
    assert found.state["learning_rate_scale"] == 0.5
    assert all(tensor.isfinite().all() for tensor in found.tensors.values() if tensor.is_floating_point())


def test_a_run_that_always_diverges_gives_up_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def always(criterion: Any, model: Any, batch: Any) -> Loss:
        weight = model.embedding.weight.sum() * float("nan")
        return Loss(weight, weight.detach(), 1)

    monkeypatch.setattr(runs, "_loss", always)
    with pytest.raises(
        TrainingError, match="nan at step 1, after 6 returns .* try --set optimizer.peak_lr=0.0003"
    ):
        go(tmp_path)


def test_out_of_memory_is_worked_around_from_the_first_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = runs._loss

    def small_memory(criterion: Any, model: Any, batch: Any) -> Loss:
        if len(batch) > 8:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
        return real(criterion, model, batch)

    monkeypatch.setattr(runs, "_loss", small_memory)
    result, _ = go(tmp_path, config(training={"max_steps": 3}))
    assert result.finished and result.progress.parts > 1


def test_resume_shows_what_changed_and_refuses_what_may_not(tmp_path: Path) -> None:
    go(tmp_path, max_minutes=0)
    with pytest.raises(TrainingError, match="already holds a training run: add --resume"):
        go(tmp_path)
    with pytest.raises(TrainingError, match=r"cannot change .* model.d_ff: 32 -> 64"):
        go(tmp_path, config(model={"d_ff": 64}), resume=True)
    _, said = go(tmp_path, config(optimizer={"peak_lr": 1e-3}), resume=True, max_minutes=0)
    assert "changed: optimizer.peak_lr: 0.003 -> 0.001" in said


def test_another_corpus_is_not_resumed(tmp_path: Path) -> None:
    go(tmp_path, max_minutes=0)
    other = tmp_path / "other.tsv"
    other.write_text("A line.\t一行。\n", encoding="utf-8")
    with pytest.raises(TrainingError, match="prepared from other corpus files than .*other.tsv"):
        begin([other], [], tmp_path, resume=True)


def test_weights_in_another_order_are_not_resumed(tmp_path: Path) -> None:
    """Once the order of weights in the vector changed, and an older checkpoint would have loaded as noise."""
    go(tmp_path, max_minutes=0)
    directory = tmp_path / "run" / "checkpoints"
    found = checkpoints.load_latest(directory)
    found.state["layout"].reverse()
    checkpoints.save(directory, found)
    with pytest.raises(TrainingError, match="orders its weights as another version of Dragoman does"):
        go(tmp_path, resume=True)


def test_nothing_to_resume_and_a_second_trainer_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="there is no checkpoint"):
        go(tmp_path, resume=True)
    with (
        runs.exclusive(tmp_path / "run"),
        pytest.raises(TrainingError, match="another training run is writing"),
    ):
        go(tmp_path)


def test_without_a_dev_set_some_pairs_are_held_out_and_not_trained_on(tmp_path: Path) -> None:
    train, _ = write_corpus(tmp_path)
    settings = config(data={"held_out": 12}, training={"max_steps": 2})
    begin([train], [], tmp_path, settings)
    read = [(tmp_path / "run" / "data" / name).read_text().splitlines() for name in ("dev.tsv", "train.tsv")]
    held, rest = ([line.split("\t") for line in lines] for lines in read)
    assert len(held) == 12
    assert not {pair[0] for pair in held} & {pair[0] for pair in rest}
    assert not {pair[1] for pair in held} & {pair[1] for pair in rest}


def test_a_missing_file_is_said_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="nowhere.tsv is not there"):
        begin([tmp_path / "nowhere.tsv"], [], tmp_path)
    assert not (tmp_path / "run").exists()


def test_a_corpus_that_cleaning_empties_is_reported_rule_by_rule(tmp_path: Path) -> None:
    corpus = tmp_path / "copies.tsv"
    corpus.write_text("The same line.\tThe same line.\n" * 5, encoding="utf-8")
    with pytest.raises(CorpusError, match=r"(?s)cleaning removed all 5 pairs.*copy +-5"):
        begin([corpus], [], tmp_path)
    assert not (tmp_path / "run" / "data" / "data.json").exists()
