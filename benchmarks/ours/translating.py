"""Dragoman's translating, through its public doors. Imports no torch unless the reference engine is asked for.

Whatever this process imports counts in the memory it is measured to need.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Literal

from benchmarks.arm import rusage_mib
from dragoman import Translator


def translate(
    model: str,
    source: str,
    output: str,
    beam_size: int,
    length_penalty: float,
    engine: Literal["auto", "torch"] = "auto",
    compute_type: str | None = None,
    workers: int | None = None,
) -> dict[str, float]:
    """Dragoman from Python."""
    started = time.perf_counter()
    translator = Translator.load(model, engine=engine, compute_type=compute_type, workers=workers)
    loaded = time.perf_counter()
    sentences = tokens = 0
    with open(source, encoding="utf-8") as lines, open(output, "w", encoding="utf-8") as out:
        texts = (line.rstrip("\n") for line in lines)
        # Without scores, for the other arms do not ask for them either.
        search = {"beam_size": beam_size, "length_penalty": length_penalty, "scores": False}
        for translation in translator.stream(texts, **search):
            out.write(f"{translation.text}\n")
            sentences, tokens = sentences + 1, tokens + len(translation.tokens)
    taken = time.perf_counter() - loaded
    return {
        "sentences_per_second": sentences / taken,
        "tokens_per_second": tokens / taken,
        "load_seconds": loaded - started,
    }


def command(model: str, source: str, output: str, beam_size: int) -> dict[str, float]:
    """Dragoman from the command line: the whole process counts, from its start to its end."""
    words = [sys.executable, "-m", "dragoman", "translate", "-m", model, "--beam-size", str(beam_size)]
    started = time.perf_counter()
    with open(source, "rb") as lines, open(output, "wb") as out:
        subprocess.run(words, stdin=lines, stdout=out, check=True)
    taken = time.perf_counter() - started
    return {
        "sentences_per_second": Path(source).read_bytes().count(b"\n") / taken,
        "peak_mib": rusage_mib(resource.RUSAGE_CHILDREN),
    }


def latency(
    model: str, sources: list[str], warm_up: int, beam_size: int, length_penalty: float
) -> dict[str, float]:
    """Dragoman as it comes: nothing is set but the search."""
    taken = []
    with Translator.load(model) as translator:
        for text in sources:
            started = time.perf_counter()
            translator.translate(text, beam_size=beam_size, length_penalty=length_penalty, protect=False)
            taken.append(1000 * (time.perf_counter() - started))
    cuts = statistics.quantiles(taken[warm_up:], n=20)
    return {"p50_ms": cuts[9], "p95_ms": cuts[18]}


def stream(model: str, source: str, lines: int, words: int = 4) -> dict[str, float]:
    """Translate so many lines one after another: the beginnings of those of a file, over and over."""
    texts = [
        " ".join(line.split()[:words]) for line in Path(source).read_text(encoding="utf-8").split("\n")[:-1]
    ]
    with Translator.load(model) as translator:
        started = time.perf_counter()
        for _ in translator.stream(islice(cycle(texts), lines), beam_size=1):
            pass
        return {"sentences_per_second": lines / (time.perf_counter() - started)}
