"""Translation end to end, text file in, text file out: Dragoman against ctranslate2 by hand and against a plain loop.

Every arm reads the same file and uses the same weights and the same beam; `sentences_per_second` counts from the open
file to the written one, with the model loaded before, and the BLEU beside it shows that the work was done.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from benchmarks import inputs, peers
from benchmarks.alternate import Arm, ArmFailed, run_arm
from benchmarks.comparison import Column, How, Question, compare, say
from dragoman.engines.instructions import use_wide_vectors
from dragoman.model.directory import ModelDirectory, find_model, open_model

BATCH = 512  # sentences of a batch of the plain loop
SENTENCES = Column("sentences_per_second", "sentences/s")
TOKENS = Column("tokens_per_second", "target tokens/s")
OTHERS = (
    Column("load_seconds", "loading, s", ".1f"),
    Column("peak_mib", "memory, MiB"),
    Column("bleu", "BLEU", ".1f"),
)


@dataclass(frozen=True)
class Work:
    """What is translated, and with what."""

    model: Annotated[str, Parameter(name=("--model", "-m"), help="a bundled model, or a model directory")] = (
        "en-zh-tiny"
    )
    corpus: Annotated[
        tuple[Path, ...], Parameter(help="sentence pairs; default Multi30k under DRAGOMAN_DATA, or captions")
    ] = ()
    limit: Annotated[int | None, Parameter(help="only so many sentences")] = None
    beam: Annotated[int, Parameter(help="beam size")] = 5


def main(
    work: Annotated[Work, Parameter(name="*")] = Work(),  # noqa: B008 - frozen
    engine: Annotated[
        Literal["ctranslate2", "torch"],
        Parameter(help="the fast engine and ctranslate2, or the reference and a loop"),
    ] = "ctranslate2",
    sweep: Annotated[
        int, Parameter(help="sentences on which ctranslate2's settings are chosen; 0 = do not sweep")
    ] = 2000,
    how: Annotated[How, Parameter(name="*")] = How(),  # noqa: B008 - frozen
) -> Path:
    """Translate a file end to end."""
    peers.install()
    model = open_model(find_model(work.model))
    corpus = inputs.corpus(work.corpus, *model.languages)
    files = inputs.text_files(corpus, work.limit)
    question = fast_question if engine == "ctranslate2" else reference_question
    asked, arms = question(model, work, corpus, files, sweep, how.all_threads)
    return compare(asked, arms, how, partial(bleu, files[1], model.languages[1]))


def fast_question(
    model: ModelDirectory,
    work: Work,
    corpus: inputs.Corpus,
    files: tuple[Path, Path],
    sweep: int,
    threads: int,
) -> tuple[Question, list[Arm]]:
    """Dragoman with both engines and from the command line; ctranslate2 at its best settings and with none.

    Where the processor gains by it, also ctranslate2 with the instructions that Dragoman asks it for.
    """
    exported, task = inputs.for_ctranslate2(model.path), _task(files[0])
    search = {"beam_size": work.beam, "length_penalty": model.config["decoding"].get("length_penalty", 1.0)}
    by_hand = {"model": str(exported), **search}
    chosen = (
        best_settings(by_hand, corpus, sweep, threads) if sweep else DEFAULT_BY_HAND | {"workers": threads}
    )
    ours, line, best, plain = "Dragoman", "dragoman translate", "ctranslate2, best", "ctranslate2, default"
    in_torch = "Dragoman, torch engine, bfloat16"
    task_of_ours = {"model": str(model.path), **task, **search}
    wider = f"{best}, 512-bit vectors"
    peer = "benchmarks.peers.ctranslate2"
    arms = [
        Arm(ours, "benchmarks.ours.translating:translate", task_of_ours),
        Arm(best, f"{peer}:translate", {**by_hand, **task, "settings": chosen}, peers.PYTHON),
        Arm(plain, f"{peer}:translate_by_default", {**by_hand, **task}, peers.PYTHON),
        Arm(
            line,
            "benchmarks.ours.translating:command",
            {"model": str(model.path), **task, "beam_size": work.beam},
        ),
        Arm(
            in_torch,
            "benchmarks.ours.translating:translate",
            {**task_of_ours, "engine": "torch", "compute_type": "bfloat16"},
        ),
    ]
    own = ours, in_torch, line
    ratios = [(one, other) for other in (best, plain) for one in own]
    use_wide_vectors(wide := dict[str, str]())
    if wide:  # what Dragoman sets where the processor gains by it, and nobody's sweep would try
        arms.insert(
            2, Arm(wider, f"{peer}:translate", {**arms[1].settings, "environment": wide}, peers.PYTHON)
        )
        ratios += [(one, wider) for one in own]
    question = Question(
        name=f"translate-beam{work.beam}",
        title=f"Translation, file to file, {_count(files[0]):,} sentences, beam {work.beam}",
        columns=(SENTENCES, TOKENS, *OTHERS),
        ratios=tuple(ratios),
        settings={"corpus": corpus.title, "best of ctranslate2": chosen},
    )
    return question, arms


DEFAULT_BY_HAND = {"threads": 1, "compute_type": "int8", "batch_type": "tokens", "batch_size": 1024}


def best_settings(
    by_hand: dict[str, Any], corpus: inputs.Corpus, sentences: int, threads: int
) -> dict[str, Any]:
    """What makes ctranslate2 fastest here, chosen on a part of the file. Raises ArmFailed."""
    source, _ = inputs.text_files(corpus, sentences)
    settings = {
        **by_hand,
        "source": str(source),
        "output": str(source.with_suffix(".swept")),
        "threads": threads,
    }
    found = run_arm(Arm("sweep", "benchmarks.peers.ctranslate2:sweep", settings, peers.PYTHON), threads)
    for tried in found["tried"]:
        say(f"ctranslate2 {tried}")
    best: dict[str, Any] = found["best"]
    return best


def reference_question(
    model: ModelDirectory,
    work: Work,
    corpus: inputs.Corpus,
    files: tuple[Path, Path],
    sweep: int,
    threads: int,
) -> tuple[Question, list[Arm]]:
    """The PyTorch engine in both precisions and with one or more workers; a plain loop in both precisions."""
    task = _task(files[0])
    own = {"model": str(model.path), **task, "beam_size": 1, "length_penalty": 1.0, "engine": "torch"}
    arms, ratios = [], []
    for kind in ("bfloat16", "float32"):
        loop = f"plain loop, {kind}"
        arms.append(
            Arm(loop, "benchmarks.peers.plain:translate",
                {"model": str(model.path), **task, "compute_type": kind, "batch": BATCH}, peers.PYTHON)
        )  # fmt: skip
        for workers in sorted({1, threads}):
            name = f"Dragoman torch, {kind}, {workers} worker{'s'[: workers > 1]}"
            arms.append(
                Arm(
                    name,
                    "benchmarks.ours.translating:translate",
                    {**own, "compute_type": kind, "workers": workers},
                )
            )
            ratios.append((name, loop))
    question = Question(
        name="decoder",
        title=f"The PyTorch reference decoder, greedy, {_count(files[0]):,} sentences",
        columns=(TOKENS, SENTENCES, *OTHERS),
        ratios=tuple(ratios),
        settings={"corpus": corpus.title, "batch of the plain loop": BATCH},
    )
    return question, arms


def _task(source: Path) -> dict[str, str]:
    return {"source": str(source), "output": str(source.with_suffix(".output"))}


def bleu(reference: Path, language: str, arm: Arm) -> dict[str, float]:
    """Of the file that the arm has just written, in %; removes it. Raises ArmFailed where lines are missing."""
    import sacrebleu

    from dragoman.evaluate import bleu_tokenizer

    output = Path(arm.settings["output"])
    if not output.exists():
        raise ArmFailed("nothing was written")
    found, wanted = (path.read_text(encoding="utf-8").split("\n")[:-1] for path in (output, reference))
    output.unlink()
    if len(found) != len(wanted):
        raise ArmFailed(f"{len(found):,} lines were written for {len(wanted):,}")
    return {"bleu": sacrebleu.corpus_bleu(found, [wanted], tokenize=bleu_tokenizer(language)).score}


def _count(path: Path) -> int:
    return path.read_bytes().count(b"\n")
