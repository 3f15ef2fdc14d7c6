"""The ctranslate2 package used by hand, as its documentation shows it: SentencePiece before, SentencePiece after.

Nothing of Dragoman is imported; the model is a directory in CTranslate2's own format with the tokenizers beside it.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import ctranslate2
import sentencepiece

Settings = Mapping[str, Any]
COMPUTE_TYPES = ("int8", "int8_bfloat16", "int16", "bfloat16", "float32")
BATCHES = (
    ("tokens", 512),
    ("tokens", 1024),
    ("tokens", 4096),
    ("tokens", 16384),
    ("examples", 32),
    ("examples", 128),
)


def _tokenizers(model: str) -> tuple[Any, Any]:
    both = [Path(model) / f"tokenizer.{side}.model" for side in ("source", "target")]
    joint = Path(model) / "tokenizer.model"
    return tuple(  # type: ignore[return-value]
        sentencepiece.SentencePieceProcessor(model_file=str(joint if joint.exists() else path))
        for path in both
    )


def _translator(model: str, settings: Settings) -> Any:
    return ctranslate2.Translator(
        model,
        "cpu",
        compute_type=settings["compute_type"],
        inter_threads=settings["workers"],
        intra_threads=settings["threads"],
    )


def _file_to_file(
    translator: Any, tokenizers: tuple[Any, Any], source: str, output: str, beam_size: int,
    length_penalty: float, settings: Settings,
) -> tuple[int, int]:  # fmt: skip
    """Sentences and target tokens."""
    before, after = tokenizers
    pieces = before.encode(Path(source).read_text(encoding="utf-8").split("\n")[:-1], out_type=str)
    results = translator.translate_batch(
        pieces,
        beam_size=beam_size,
        length_penalty=length_penalty,
        max_batch_size=settings["batch_size"],
        batch_type=settings["batch_type"],
    )
    found = [result.hypotheses[0] for result in results]
    Path(output).write_text("".join(f"{after.decode(row)}\n" for row in found), encoding="utf-8")
    return len(found), sum(map(len, found))


def translate(
    model: str,
    source: str,
    output: str,
    beam_size: int,
    length_penalty: float,
    settings: Settings,
    environment: Mapping[str, str] | None = None,
) -> dict[str, float]:
    """Text file in, text file out, with everything set by hand; `environment` is read when it first computes."""
    os.environ.update(environment or {})
    started = time.perf_counter()
    translator, tokenizers = _translator(model, settings), _tokenizers(model)
    loaded = time.perf_counter()
    sentences, tokens = _file_to_file(
        translator, tokenizers, source, output, beam_size, length_penalty, settings
    )
    return _rates(sentences, tokens, started, loaded)


def translate_by_default(
    model: str, source: str, output: str, beam_size: int, length_penalty: float
) -> dict[str, float]:
    """Text file in, text file out, with nothing set but the search: the package's own translate_file."""
    started = time.perf_counter()
    translator, (before, after) = ctranslate2.Translator(model), _tokenizers(model)
    loaded = time.perf_counter()
    stats = translator.translate_file(
        source,
        output,
        beam_size=beam_size,
        length_penalty=length_penalty,
        source_tokenize_fn=lambda line: before.encode(line, out_type=str),
        target_detokenize_fn=after.decode,
    )
    return _rates(stats.num_examples, stats.num_tokens, started, loaded)


def _rates(sentences: int, tokens: int, started: float, loaded: float) -> dict[str, float]:
    taken = time.perf_counter() - loaded
    return {
        "sentences_per_second": sentences / taken,
        "tokens_per_second": tokens / taken,
        "load_seconds": loaded - started,
    }


def candidates(threads: int, best: Settings) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """What to try, one setting after another: each stage varies one thing and keeps the best of the others.

    `best` is read when a stage begins, so the caller changes it between stages.
    """
    shares = sorted(
        {(workers, threads // workers) for workers in range(1, threads + 1) if threads % workers == 0}
    )
    yield "workers x threads", [{**best, "workers": w, "threads": t} for w, t in shares]
    supported = ctranslate2.get_supported_compute_types("cpu")
    yield "compute type", [{**best, "compute_type": kind} for kind in COMPUTE_TYPES if kind in supported]
    yield "batch", [{**best, "batch_type": kind, "batch_size": size} for kind, size in BATCHES]


def sweep(
    model: str, source: str, output: str, beam_size: int, length_penalty: float, threads: int
) -> dict[str, Any]:
    """The fastest settings for this file: each is timed twice, and its better time counts."""
    best: dict[str, Any] = {
        "workers": 1, "threads": threads, "compute_type": "int8", "batch_type": "tokens", "batch_size": 1024
    }  # fmt: skip
    tokenizers, tried = _tokenizers(model), []
    for stage, settings in candidates(threads, best):
        rates = []
        for setting in settings:
            translator = _translator(model, setting)
            seconds = []
            for _ in range(2):
                started = time.perf_counter()
                sentences, _ = _file_to_file(
                    translator, tokenizers, source, output, beam_size, length_penalty, setting
                )
                seconds.append(time.perf_counter() - started)
            rates.append(sentences / min(seconds))
            tried.append({"stage": stage, **setting, "sentences_per_second": rates[-1]})
        best.update(settings[rates.index(max(rates))])
    return {"best": best, "tried": tried}


def latency(
    model: str, sources: list[str], warm_up: int, beam_size: int, length_penalty: float, threads: int
) -> dict[str, float]:
    """One sentence at a time, warm, int8: text in, text out."""
    translator = ctranslate2.Translator(model, "cpu", compute_type="int8", intra_threads=threads)
    before, after = _tokenizers(model)
    taken = []
    for text in sources:
        started = time.perf_counter()
        result = translator.translate_batch(
            [before.encode(text, out_type=str)], beam_size=beam_size, length_penalty=length_penalty
        )
        after.decode(result[0].hypotheses[0])
        taken.append(1000 * (time.perf_counter() - started))
    cuts = statistics.quantiles(taken[warm_up:], n=20)
    return {"p50_ms": cuts[9], "p95_ms": cuts[18]}
