"""How time and memory grow: with the batch, the model, the sentence, the corpus, and the file that is translated.

No peer here: each table is Dragoman against itself, its rows measured in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from benchmarks import inputs, machine
from benchmarks.alternate import Arm
from benchmarks.comparison import WORK, Column, How, Question, compare
from benchmarks.sizes import SIZES, Size
from dragoman.model.directory import find_model, open_model

TIME = (
    Column("step_seconds", "median step, s", ".3f", higher_is_better=False),
    Column("tokens_per_second", "target tokens/s"),
    Column("peak_mib", "memory, MiB", higher_is_better=False),
)
MEMORY = (Column("peak_mib", "memory, MiB", higher_is_better=False),)
BATCHES = (512, 1024, 2048, 4096, 8192, 16384)
WIDTHS = (128, 256, 384, 512)
LENGTHS = (8, 16, 32, 64, 128)
DIFFERENT_LINES = 10_000
TRAIN = "benchmarks.ours.training:train"

TableName = Literal["batch", "model", "length", "corpus", "stream"]


@dataclass(frozen=True)
class Work:
    """What is varied, and around what."""

    tables: Annotated[
        tuple[TableName, ...], Parameter(help="which to measure; default all", consume_multiple=True)
    ] = ("batch", "model", "length", "corpus", "stream")
    size: Annotated[Literal["toy", "small", "base"], Parameter(help="model where it is not what varies")] = (
        "small"
    )
    corpus: Annotated[
        tuple[Path, ...], Parameter(help="sentence pairs; default Multi30k under DRAGOMAN_DATA, or captions")
    ] = ()
    source_lang: Annotated[str, Parameter(help="language code of the source")] = ""
    target_lang: Annotated[str, Parameter(help="language code of the target")] = ""
    batch_tokens: Annotated[int, Parameter(help="budget where it is not what varies")] = 4096
    lines: Annotated[
        tuple[int, ...], Parameter(help="sizes of the corpus and of the file", consume_multiple=True)
    ] = (10_000, 100_000, 1_000_000)
    model: Annotated[
        str,
        Parameter(name=("--model", "-m"), help="what translates the file: a bundled model, or a directory"),
    ] = "en-zh-tiny"
    seconds: Annotated[float, Parameter(help="each turn is timed for so long")] = 10.0


def main(
    work: Annotated[Work, Parameter(name="*")] = Work(),  # noqa: B008 - frozen
    how: Annotated[How, Parameter(name="*")] = How(),  # noqa: B008 - frozen
) -> list[Path]:
    """Measure time per step and memory against what makes them grow."""
    return [compare(*TABLES[name](work, how), how) for name in work.tables]


def _step(work: Work, threads: int) -> dict[str, Any]:
    """What a timed training step is told, but for the size and the batches."""
    return {
        "dropout": 0.1, "optimizer": "muon", "precision": machine.fast_precision(), "workers": threads,
        "warm_up": 2, "seconds": work.seconds,
    }  # fmt: skip


def _corpus(work: Work) -> inputs.Corpus:
    return inputs.corpus(work.corpus, work.source_lang, work.target_lang)


def _on_corpus(work: Work, how: How) -> dict[str, Any]:
    """What a timed training step on the corpus is told, but for the size and the budget."""
    data = inputs.training_data(_corpus(work), SIZES[work.size].vocab, work.batch_tokens)
    languages = [data.corpus.source, data.corpus.target]
    return {**_step(work, how.all_threads), "directory": str(data.directory), "languages": languages}


def batch(work: Work, how: How) -> tuple[Question, list[Arm]]:
    size = SIZES[work.size]
    task = {**_on_corpus(work, how), "size": size.as_dict()}
    arms = [Arm(f"{tokens:,}", TRAIN, {**task, "batch_tokens": tokens}) for tokens in BATCHES]
    title = f"Time per step against batch tokens, {size.parameters / 1e6:.1f} M parameters"
    return _question("batch", title, "batch tokens", TIME), arms


def model(work: Work, how: How) -> tuple[Question, list[Arm]]:
    task = {**_on_corpus(work, how), "batch_tokens": work.batch_tokens}
    vocab = SIZES[work.size].vocab
    sizes = [Size(width, 4 * width, 4, width // 64, vocab) for width in WIDTHS]
    arms = [Arm(f"{size.d_model:,}", TRAIN, {**task, "size": size.as_dict()}) for size in sizes]
    title = f"Time per step against model width, 4+4 layers, batches of {work.batch_tokens:,} tokens"
    return _question("model", title, "d_model", (*TIME, Column("parameters", "parameters"))), arms


def length(work: Work, how: How) -> tuple[Question, list[Arm]]:
    size = SIZES[work.size]
    task = {**_step(work, how.all_threads), "size": size.as_dict(), "batch_tokens": work.batch_tokens}
    arms = [
        Arm(f"{length:,}", "benchmarks.ours.training:random_sentences", {**task, "length": length})
        for length in LENGTHS
    ]
    title = (
        f"Time per step against sentence length, {work.batch_tokens:,} tokens a side, none of them padding"
    )
    return _question("length", title, "tokens of a sentence", TIME), arms


def corpus(work: Work, how: How) -> tuple[Question, list[Arm]]:
    """Preparing a corpus of so many lines, and training on it, each in a process of its own."""
    found, size, arms = _corpus(work), SIZES[work.size], []
    for lines in work.lines:
        directory = WORK / "lines" / str(lines)
        languages = [found.source, found.target]
        task = {"directory": str(directory), "languages": languages}
        preparing = {**task, "files": list(map(str, found.files)), "lines": lines, "vocab": size.vocab}
        training = {
            **task, **_step(work, how.all_threads), "size": size.as_dict(), "batch_tokens": work.batch_tokens
        }  # fmt: skip
        arms += [
            Arm(f"{lines:,}, preparing", "benchmarks.ours.training:prepare_lines", preparing),
            Arm(f"{lines:,}, training", TRAIN, training),
        ]
    return _question("corpus", "Memory against the size of the corpus", "pairs", MEMORY), arms


def stream(work: Work, how: How) -> tuple[Question, list[Arm]]:
    path = find_model(work.model)
    languages = open_model(path).languages
    files = work.corpus if (work.source_lang, work.target_lang) == languages else ()
    source, _ = inputs.text_files(inputs.corpus(files, *languages), DIFFERENT_LINES)
    task = {"model": str(path), "source": str(source)}
    function = "benchmarks.ours.translating:stream"
    arms = [Arm(f"{lines:,}", function, {**task, "lines": lines}) for lines in work.lines]
    columns = (*MEMORY, Column("sentences_per_second", "sentences/s"))
    title = "Memory against the length of the file that is translated, greedy, short lines"
    return _question("stream", title, "lines", columns), arms


def _question(name: str, title: str, subject: str, columns: Sequence[Column]) -> Question:
    return Question(f"scaling-{name}", title, tuple(columns), subject=subject)


TABLES: dict[str, Callable[[Work, How], tuple[Question, list[Arm]]]] = {
    "batch": batch, "model": model, "length": length, "corpus": corpus, "stream": stream
}  # fmt: skip
