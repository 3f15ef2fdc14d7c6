"""Every arm that needs no package of the peers' own, once, at toy size; and that peers do the same work as we do."""

from __future__ import annotations

import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from benchmarks.alternate import ROOT, Arm, run_arm
from benchmarks.ours import training, translating
from benchmarks.peers import batches, ctranslate2, plain
from benchmarks.sizes import Size

from benchmarks import inputs
from dragoman.corpus.batches import IdStore
from dragoman.corpus.pairs import Pair, write_pairs
from dragoman.decoding.options import DecodingOptions, SearchRequest
from dragoman.engines import translate
from dragoman.engines.torch import TorchEngine
from dragoman.model.directory import find_model, open_model
from tiny import lines

SIZE = Size(16, 32, 1, 2, vocab=330)
STEP: dict[str, Any] = {"dropout": 0.1, "optimizer": "muon", "precision": "fp32", "workers": 1}
BRIEF: dict[str, Any] = {"warm_up": 1, "seconds": 0.0}


@pytest.mark.parametrize("threads", ["chosen", "torch's", "one"])
@pytest.mark.parametrize("work", ["explain", "request", "sentence", "step"])
def test_small_work_is_timed_with_any_threads(tiny_model: Path, work: str, threads: str) -> None:
    what: dict[str, Any] = {"model": str(tiny_model)}
    if work == "step":
        what = {"size": SIZE.as_dict(), "batch_tokens": 64, "optimizer": "muon", "precision": "fp32"}
    task = {"work": work, "threads": threads, "busy": True, "seconds": 0.0, **what}
    found = run_arm(Arm(work, "benchmarks.ours.threads:measure", task), threads=2, timeout=300)
    assert found["times"] == 2 and found["seconds"] > 0


def test_a_neighbour_ends_with_whoever_wanted_it() -> None:
    """Also where that one is killed and cannot end it."""
    program = (
        "import os, signal, subprocess\n"
        "from benchmarks.ours import threads\n"
        "begin = subprocess.Popen\n"
        "def told(*words):\n"
        "    process = begin(*words)\n"
        "    print(process.pid, flush=True)\n"
        "    return process\n"
        "subprocess.Popen = told\n"
        "with threads.neighbour():\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=120
    )
    process = Path(f"/proc/{done.stdout.strip()}")
    until = time.monotonic() + 60
    while process.exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert not process.exists()


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(inputs, "WORK", tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def corpus(tmp_path: Path) -> inputs.Corpus:
    text = lines(1, 800)
    write_pairs(tmp_path / "corpus.tsv", [Pair(*pair) for pair in zip(text[0::2], text[1::2], strict=True)])
    return inputs.Corpus((tmp_path / "corpus.tsv",), "en", "zh")


@pytest.fixture
def data(work: Path, corpus: inputs.Corpus, capsys: pytest.CaptureFixture[str]) -> inputs.TrainingFiles:
    return inputs.training_data(corpus, SIZE.vocab, 256)


def test_all_arms_train_on_the_same_tokens(data: inputs.TrainingFiles) -> None:
    store = IdStore(data.directory / "ids-0")
    written = batches.read(str(data.batches))
    tokens = 0
    while tokens < int((store.lengths()[1] + 1).sum()):
        _, target = next(written)
        tokens += int((target[:, 1:] != batches.PAD).sum())
    assert tokens == int((store.lengths()[1] + 1).sum())
    assert len((data.directory / "train.en").read_text().splitlines()) == len(store)
    assert len((data.directory / "vocab.txt").read_text().splitlines()) == SIZE.vocab
    assert data.flops_per_token(SIZE) > 0


def test_arrays_are_the_same_batches(data: inputs.TrainingFiles) -> None:
    tensors, arrays = batches.read(str(data.batches)), batches.read_arrays(str(data.batches))
    for pair, expected in islice(zip(arrays, tensors, strict=True), 2):
        for found, tensor in zip(pair, expected, strict=True):
            assert found.dtype == np.int64 and np.array_equal(found, tensor.numpy())


def test_batches_are_read_where_there_is_no_torch() -> None:
    code = "import sys; sys.modules['torch'] = None; from benchmarks.peers.batches import read_arrays"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_dragoman_trains(data: inputs.TrainingFiles) -> None:
    found = training.train(
        str(data.directory), ["en", "zh"], size=SIZE.as_dict(), batch_tokens=256, **STEP, **BRIEF
    )
    assert found["tokens_per_second"] > 0 and found["parameters"] == SIZE.parameters


def test_dragoman_trains_on_random_sentences() -> None:
    found = training.random_sentences(8, 64, size=SIZE.as_dict(), **STEP, **BRIEF)
    # 8 sentences of 7 words and </s>: the number of target tokens is known.
    assert found["tokens_per_second"] * found["step_seconds"] == pytest.approx(64, rel=0.9)


def test_dragoman_learns(data: inputs.TrainingFiles) -> None:
    found = training.learn(
        str(data.directory),
        ["en", "zh"],
        size=SIZE.as_dict(),
        batch_tokens=256,
        peak_lr=3e-3,
        steps=6,
        every=2,
        **STEP,
    )
    assert [step for step, _, _ in found["curve"]] == [2, 4, 6]
    assert found["best_loss"] == min(loss for _, _, loss in found["curve"])


def test_a_corpus_of_any_size_is_made(tmp_path: Path, corpus: inputs.Corpus) -> None:
    files = list(map(str, corpus.files))
    found = training.prepare_lines(str(tmp_path / "lines"), ["en", "zh"], files, lines=900, vocab=400)
    assert found["pairs"] == 900


def test_plain_pytorch_trains(data: inputs.TrainingFiles, recwarn: pytest.WarningsRecorder) -> None:
    for precision in ("fp32", "bf16"):
        found = plain.train(str(data.batches), SIZE.as_dict(), 0.1, precision, **BRIEF)
        assert found["parameters"] == SIZE.parameters


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "source").write_text("".join(f"{line}\n" for line in lines(5, 40)[0::2]), encoding="utf-8")
    return {"source": str(tmp_path / "source"), "output": str(tmp_path / "output")}


def test_dragoman_and_its_command_line_write_the_same_file(tiny_model: Path, files: dict[str, Any]) -> None:
    found = translating.translate(str(tiny_model), **files, beam_size=2, length_penalty=1.0)
    ours = Path(files["output"]).read_text(encoding="utf-8")
    assert found["sentences_per_second"] > 0 and ours
    found = translating.command(str(tiny_model), **files, beam_size=2)
    assert Path(files["output"]).read_text(encoding="utf-8") == ours and found["peak_mib"] > 1


def test_the_plain_loop_finds_what_the_reference_finds() -> None:
    """The peer is a fair one only if its loop is right: it decodes the bundled weights to the same ids.

    A model of random weights would not do: it may like a special id best, which our search forbids.
    """
    opened = open_model(find_model("en-zh-tiny"))
    texts = (
        "A dog runs. | Two men are playing football in the park. | Thank you! | Where is the station?".split(
            " | "
        )
    )
    sources = opened.source_tokenizer.encode_batch(texts)
    wanted = translate(TorchEngine(opened.build()), sources, SearchRequest(DecodingOptions(beam_size=1)))
    with torch.inference_mode():
        found = plain.Greedy(opened.path, torch.float32).translate(sources, longest=40)
    assert found == [best[0].tokens for best in wanted]


def test_ctranslate2_by_hand_does_the_same_work(work: Path, tiny_model: Path, files: dict[str, Any]) -> None:
    by_hand: dict[str, Any] = {
        "model": str(inputs.for_ctranslate2(tiny_model)),
        **files,
        "beam_size": 1,
        "length_penalty": 1.0,
    }
    found = ctranslate2.sweep(**by_hand, threads=1)
    assert {"workers": 1, "threads": 1}.items() <= found["best"].items()
    assert {tried["stage"] for tried in found["tried"]} == {"workers x threads", "compute type", "batch"}
    found = ctranslate2.translate(**by_hand, settings={**found["best"], "compute_type": "float32"})
    theirs = Path(files["output"]).read_bytes()
    assert found["tokens_per_second"] > 0 and found["sentences_per_second"] > 0
    ctranslate2.translate_by_default(**by_hand)
    assert theirs and Path(files["output"]).read_bytes() == theirs


def test_single_sentences_are_timed(work: Path, tiny_model: Path) -> None:
    task: dict[str, Any] = {
        "sources": lines(6, 24)[0::2],
        "warm_up": 2,
        "beam_size": 2,
        "length_penalty": 1.0,
    }
    ours = translating.latency(str(tiny_model), **task)
    theirs = ctranslate2.latency(str(inputs.for_ctranslate2(tiny_model)), **task, threads=1)
    for found in (ours, theirs):
        assert 0 < found["p50_ms"] <= found["p95_ms"]


def test_a_stream_is_as_long_as_asked(tiny_model: Path, files: dict[str, Any]) -> None:
    assert translating.stream(str(tiny_model), files["source"], lines=50)["sentences_per_second"] > 0


def test_torch_is_not_loaded_for_translating(tiny_model: Path) -> None:
    """It would count in the memory of an engine that does without."""
    found = run_arm(
        Arm(
            "modules",
            "benchmarks.ours.translating:stream",
            {"model": "en-zh-tiny", "source": __file__, "lines": 1},
        ),
        1,
    )
    assert found["peak_mib"] < 400
    assert torch.__version__
