"""Training speed: Dragoman against plain PyTorch, JoeyNMT, Hugging Face Marian and MindSpore, on the same corpus.

All arms train the same size with the same vocabulary, dropout, label smoothing and batch budget, optimiser included;
target tokens are counted without padding. What 100 % of the machine is, is measured in the same rounds.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from benchmarks import inputs, machine, peers
from benchmarks.alternate import Arm
from benchmarks.comparison import Column, How, Question, compare, say
from benchmarks.sizes import SIZES

DROPOUT = 0.1
PEAK = "matrix products"
COLUMNS = (
    Column("tokens_per_second", "target tokens/s"),
    Column("peak_share", "of the bf16 peak, %", ".1f", times=100),
    Column("bfloat16_peak", "that peak, TFLOP/s", ".2f", times=1e-12),
    Column("step_seconds", "median step, s", ".2f", higher_is_better=False),
    Column("peak_mib", "memory, MiB", higher_is_better=False),
)
PeerName = Literal["plain", "joeynmt", "marian", "mindspore"]


@dataclass(frozen=True)
class Work:
    """What is trained, on what, for how long."""

    size: Annotated[
        Literal["toy", "small", "base"], Parameter(help="9.4 M (small) or 48 M (base) parameters")
    ] = "small"
    corpus: Annotated[
        tuple[Path, ...], Parameter(help="sentence pairs; default Multi30k under DRAGOMAN_DATA, or captions")
    ] = ()
    source_lang: Annotated[str, Parameter(help="language code of the source")] = ""
    target_lang: Annotated[str, Parameter(help="language code of the target")] = ""
    batch_tokens: Annotated[int, Parameter(help="sentences of a batch x longest side")] = 4096
    seconds: Annotated[float, Parameter(help="each turn is timed for so long")] = 20.0
    warm_up: Annotated[int, Parameter(help="steps of each turn that are not timed")] = 3


def main(
    work: Annotated[Work, Parameter(name="*")] = Work(),  # noqa: B008 - frozen
    against: Annotated[tuple[PeerName, ...], Parameter(help="peers; default all", consume_multiple=True)] = (
        "plain",
        "joeynmt",
        "marian",
        "mindspore",
    ),
    how: Annotated[How, Parameter(name="*")] = How(),  # noqa: B008 - frozen
) -> Path:
    """Train each arm for a while, in turn."""
    against = installed(against)
    size = SIZES[work.size]
    data = inputs.training_data(
        inputs.corpus(work.corpus, work.source_lang, work.target_lang), size.vocab, work.batch_tokens
    )
    arms = [*own_arms(work, data, how.all_threads), *peer_arms(work, data, against)]
    ours = [arm.name for arm in arms if arm.name.startswith("Dragoman")]
    best = ours[-2:]
    question = Question(
        name=f"train-{work.size}",
        title=f"Training, {size.parameters / 1e6:.1f} M parameters, batches of {work.batch_tokens:,} tokens",
        columns=COLUMNS,
        ratios=tuple((name, arm.name) for arm in arms if arm.name not in ours for name in best),
        settings={"corpus": data.corpus.title, "dropout": DROPOUT, "size": size.as_dict()},
    )
    arms = [Arm(PEAK, "benchmarks.machine:matrix_products"), *arms]
    return compare(question, arms, how, finish=lambda turns: _share(turns, data.flops_per_token(size)))


def installed(against: Sequence[PeerName]) -> tuple[PeerName, ...]:
    """Those asked for, installed; without MindSpore where there is no wheel of it. Raises CalledProcessError."""
    if set(against) - {"mindspore"}:
        peers.install()
    if "mindspore" in against:
        try:
            peers.MINDSPORE.install()
        except subprocess.CalledProcessError as error:
            say(f"MindSpore is left out, for it could not be installed: {error}")
            return tuple(name for name in against if name != "mindspore")
    return tuple(against)


def _share(turns: dict[str, list[dict[str, Any]]], flops_per_token: float) -> None:
    """Each turn's share of the best bf16 product of all rounds, for others on the host may have slowed one of these.

    The peak itself is no contender.
    """
    peak = max((found["bfloat16_flops"] for found in turns.pop(PEAK, [])), default=None)
    if peak is None:
        return
    for found in turns.values():
        for turn in found:
            share = turn["tokens_per_second"] * flops_per_token / peak
            turn |= {"peak_share": share, "bfloat16_peak": peak}


def own_arms(work: Work, data: inputs.TrainingFiles, threads: int) -> list[Arm]:
    """AdamW and Muon, with one worker on all threads and with one worker a thread; and what they are without."""
    task = {
        "directory": str(data.directory), "languages": [data.corpus.source, data.corpus.target],
        "size": SIZES[work.size].as_dict(), "batch_tokens": work.batch_tokens,
        "dropout": DROPOUT, "precision": machine.fast_precision(), "warm_up": work.warm_up, "seconds": work.seconds,
    }  # fmt: skip
    adamw = {**task, "optimizer": "adamw", "workers": threads}
    function = "benchmarks.ours.training:train"
    return [
        Arm("Dragoman in fp32, AdamW", function, {**adamw, "precision": "fp32"}),
        Arm("Dragoman without kernels in C, AdamW", function, {**adamw, "fused": False}),
        *(
            Arm(
                f"Dragoman, {name}, {workers} worker{'s'[: workers > 1]}",
                function,
                {**task, "optimizer": name.lower(), "workers": workers},
            )
            for workers in sorted({1, threads})
            for name in ("AdamW", "Muon")
        ),
    ]


def peer_arms(work: Work, data: inputs.TrainingFiles, against: Sequence[PeerName]) -> list[Arm]:
    """Those asked for; plain PyTorch in fp32 and with autocast to bf16, the others in fp32 as they come.

    MindSpore warms up for one step at most: it compiles nothing, and a step of 48 M parameters may take a minute.
    """
    task = {
        "size": SIZES[work.size].as_dict(), "dropout": DROPOUT, "warm_up": work.warm_up, "seconds": work.seconds
    }  # fmt: skip
    batches = {**task, "batches": str(data.batches)}
    text = {
        **task, "directory": str(data.directory), "languages": [data.corpus.source, data.corpus.target],
        "batch_tokens": work.batch_tokens,
    }  # fmt: skip
    arms = {
        "plain": [
            Arm(f"torch.nn.Transformer, {precision}", "benchmarks.peers.plain:train",
                {**batches, "precision": precision}, peers.PYTHON)
            for precision in ("fp32", "bf16")
        ],
        "joeynmt": [Arm("JoeyNMT", "benchmarks.peers.joeynmt:train", text, peers.PYTHON)],
        "marian": [Arm("Hugging Face Marian", "benchmarks.peers.marian:train", batches, peers.PYTHON)],
        "mindspore": [
            Arm("MindSpore", "benchmarks.peers.mindspore:train",
                {**batches, "warm_up": min(work.warm_up, 1)}, peers.MINDSPORE.python)
        ],
    }  # fmt: skip
    return [arm for name in against for arm in arms[name]]
