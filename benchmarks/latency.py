"""How long one sentence takes, warm: Dragoman against ctranslate2 by hand, text in and text out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from benchmarks import inputs, peers
from benchmarks.alternate import Arm
from benchmarks.comparison import Column, How, Question, compare
from dragoman.model.directory import find_model, open_model

WARM_UP = 20


@dataclass(frozen=True)
class Sentences:
    """What is translated, one at a time."""

    model: Annotated[str, Parameter(name=("--model", "-m"), help="a bundled model, or a model directory")] = (
        "en-zh-tiny"
    )
    corpus: Annotated[
        tuple[Path, ...], Parameter(help="sentence pairs; default Multi30k under DRAGOMAN_DATA, or captions")
    ] = ()
    count: Annotated[int, Parameter(help=f"sentences that are timed, after {WARM_UP} that are not")] = 500
    beam: Annotated[int, Parameter(help="beam size")] = 5


def main(
    sentences: Annotated[Sentences, Parameter(name="*")] = Sentences(),  # noqa: B008 - frozen
    how: Annotated[How, Parameter(name="*")] = How(),  # noqa: B008 - frozen
) -> Path:
    """Time single sentences, warm."""
    peers.install()
    model = open_model(find_model(sentences.model))
    corpus = inputs.corpus(sentences.corpus, *model.languages)
    texts = [pair.source for pair in islice(corpus.pairs(), WARM_UP + sentences.count)]
    task = {
        "sources": texts,
        "warm_up": WARM_UP,
        "beam_size": sentences.beam,
        "length_penalty": model.config["decoding"].get("length_penalty", 1.0),
    }
    by_hand = {**task, "model": str(inputs.for_ctranslate2(model.path))}
    peer = "benchmarks.peers.ctranslate2:latency"
    arms = [Arm("Dragoman", "benchmarks.ours.translating:latency", {**task, "model": str(model.path)})]
    arms += [
        Arm(_by_hand(threads), peer, {**by_hand, "threads": threads}, peers.PYTHON)
        for threads in sorted({1, how.all_threads})
    ]
    question = Question(
        name=f"latency-beam{sentences.beam}",
        title=f"One sentence, warm, {len(texts) - WARM_UP:,} sentences of {corpus.title}, beam {sentences.beam}",
        columns=(
            Column("p50_ms", "p50, ms", ".2f", higher_is_better=False),
            Column("p95_ms", "p95, ms", ".2f", higher_is_better=False),
            Column("peak_mib", "memory, MiB", higher_is_better=False),
        ),
        ratios=tuple(("Dragoman", arm.name) for arm in arms[1:]),
        settings={"corpus": corpus.title},
    )
    return compare(question, arms, how)


def _by_hand(threads: int) -> str:
    return f"ctranslate2 int8, {threads} thread{'s'[: threads > 1]}"
