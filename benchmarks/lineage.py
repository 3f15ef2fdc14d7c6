"""The ladder of systems, each trained on the bundled corpus by a command that anybody can type, and measured.

    python -m benchmarks.lineage                      train what is missing, measure, write docs/lineage.md
    python -m benchmarks.lineage --only rnn --only gpt
    python -m benchmarks.lineage --report             write the page from what is there

One system after another, each in a process of its own; an interrupted one goes on where it stopped, and one that is
done is not done again. Draws nothing: lineage_page.py does.
"""

from __future__ import annotations

import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from benchmarks import lineage_page, machine
from dragoman.files import publish

ROOT = Path(__file__).parents[1]
TRAIN = ("corpus/tatoeba/train.tsv.gz", "corpus/captions/train.tsv.gz")
DEV = ("corpus/tatoeba/dev.tsv.gz", "corpus/captions/val.tsv.gz")
RUNS, PAGE = Path("runs/lineage"), Path("docs/lineage.md")
# Upper ends of the classes of source length, in words; the last class has none.
LENGTHS = (5, 8, 11, 15)
NEIGHBOURS = ("红", "三", "吃", "狗", "昨天", "医生")
LM_STEPS, TRANSLATOR_STEPS = 2000, 1500


@dataclass(frozen=True)
class System:
    """One rung: `arguments` of the command line train it into {run}, beside the others in {runs}."""

    name: str
    title: str
    task: Literal["words", "language model", "translation"]
    arguments: tuple[str, ...]
    steps: int = 0  # of training; 0: it is counted, not trained in steps

    def command(self, runs: Path, share: float) -> list[str]:
        """share: of the steps (and of the pairs that are translated), for a quick look."""
        words = [word.format(run=runs / self.name, runs=runs) for word in self.arguments]
        return words + (_steps(max(round(self.steps * share), 2)) if self.steps else [])


def _steps(number: int) -> list[str]:
    return ["--set", f"training.max_steps={number}"]


def _set(**settings: Any) -> tuple[str, ...]:
    """a__b=1 -> --set a.b=1"""
    return tuple(
        word for name, value in settings.items() for word in ("--set", f"{name.replace('__', '.')}={value}")
    )


def _lm(kind: str, title: str, *settings: str) -> System:
    name = f"{kind}-lm"
    every = _set(training__batch_tokens=2048, validation__every=200)
    return System(
        name,
        title,
        "language model",
        ("lm", "train", *TRAIN, "-o", "{run}", "--kind", kind, *settings, *every),
        LM_STEPS,
    )


def translator(
    name: str, title: str, preset: str, corpora: tuple[str, ...] = TRAIN, **settings: Any
) -> System:
    """The same for all but what `settings` say: data, vocabulary, batches, steps, dropout, schedule, and the optimiser
    but for one of the two Transformers, which shows what Muon does for it; to a recurrent cell it does nothing."""
    same = {
        "optimizer__weight_decay": 0.0, "optimizer__schedule": "cosine", "optimizer__warmup_steps": 300,
        "tokenizer__vocab_size": 6000, "tokenizer__sampling": 0.1, "training__batch_tokens": 2048,
        "validation__metric": "loss", "validation__every": 250, "validation__patience": 0,
        "optimizer__kind": "adamw", "optimizer__peak_lr": 2e-3, "model__dropout": 0.2,
    }  # fmt: skip
    return System(
        name,
        title,
        "translation",
        ("train", *corpora, "--source-lang", "en", "--target-lang", "zh", "-o", "{run}", "--preset", preset,
         *_set(**same | settings)),
        TRANSLATOR_STEPS,
    )  # fmt: skip


TRANSFORMER = {"model__d_ff": 512, "model__encoder_layers": 2, "model__decoder_layers": 1}
SYSTEMS = (
    System("ngram", "n-gram, order 5, Kneser-Ney", "language model",
           ("lm", "train", *TRAIN, "-o", "{run}", "--kind", "ngram", "--order", "5")),
    _lm("nnlm", "NNLM, window of 4", *_set(model__window=4, model__d_model=128, model__d_hidden=256)),
    _lm("rnn", "RNN-LM, LSTM", *_set(model__d_model=256, model__layers=1)),
    _lm("gpt", "GPT, 4 layers", *_set(model__d_model=192, model__d_ff=768, model__layers=4, model__n_heads=4,
                                      model__dropout=0.2, optimizer__kind="muon")),
    System("word2vec", "word2vec, skip-gram", "words",
           ("words", "train", *TRAIN, "-o", "{run}.bin", "--epochs", "10")),
    translator("rnn", "RNN without attention", "rnn", model__attention="none"),
    translator("rnn-additive", "RNN, additive attention", "rnn", model__attention="additive"),
    translator("rnn-dot", "RNN, dot-product attention", "rnn", model__attention="dot"),
    translator("transformer-adamw", "Transformer, 2+1 layers", "small", **TRANSFORMER),
    translator("transformer", "Transformer, trained with Muon", "small", **TRANSFORMER, optimizer__kind="muon",
                optimizer__peak_lr=3e-3),
)  # fmt: skip

Result = dict[str, Any]


# -- running ----------------------------------------------------------------------------------------------------


def done(runs: Path, system: System, share: float) -> Result | None:
    """What was measured of this system, if it was trained by the same command."""
    path = runs / f"{system.name}.json"
    if not path.exists():
        return None
    result: Result = json.loads(path.read_text(encoding="utf-8"))
    return result if result["command"] == shlex.join(["dragoman", *system.command(runs, share)]) else None


def train(runs: Path, system: System, share: float) -> float:
    """Run the command, going on with what an earlier one left; returns the seconds it took."""
    words = system.command(runs, share)
    if any((runs / system.name).glob("**/checkpoints")):  # its own, or those of a recipe's first stages
        words = [*words, "--resume"]
    say(shlex.join(["dragoman", *words]))
    started = time.monotonic()
    if code := subprocess.run([sys.executable, "-m", "dragoman", *words]).returncode:
        sys.exit(code)  # it has said why
    return time.monotonic() - started


def measure(runs: Path, system: System, share: float, seconds: float) -> Result:
    """Train what is not trained, and measure it with the package itself."""
    look: dict[str, Callable[[Path, float, float], Result]] = {
        "words": _of_words, "language model": _of_language_model, "translation": _of_translator
    }  # fmt: skip
    found = look[system.task](runs / system.name, seconds, share)
    return {
        "name": system.name, "title": system.title, "task": system.task,
        "command": shlex.join(["dragoman", *system.command(runs, share)]), **found,
    }  # fmt: skip


def _of_words(run: Path, seconds: float, share: float) -> Result:
    from dragoman.lineage.wordvectors import read_vectors

    vectors = read_vectors(run.with_suffix(".bin"))
    known = [word for word in NEIGHBOURS if word in vectors.ids or f"▁{word}" in vectors.ids]
    return {
        "parameters": vectors.vectors.size,
        "seconds": seconds,
        "neighbours": {word: vectors.nearest(word, 6) for word in known},
    }


def _of_language_model(run: Path, seconds: float, share: float) -> Result:
    from dragoman.cli.lm import open_language_model
    from dragoman.corpus.monolingual import read_texts
    from dragoman.lineage.perplexity import perplexity

    lines = list(read_texts(DEV))
    model = open_language_model(run)
    found = perplexity(model.score(lines))
    result = {"perplexity_per_character": found.per_character, "perplexity_per_token": found.per_token}
    if (run / "log.jsonl").exists():
        return {**result, **_speed(run), "parameters": _weights(run)}
    counted = sum(len(values) for values in model.model.logprobs)  # type: ignore[attr-defined]
    tokens = sum(len(ids) + 1 for ids in model.encode(list(read_texts(TRAIN))))  # type: ignore[attr-defined]
    return {**result, "seconds": seconds, "tokens_per_second": tokens / seconds, "parameters": counted}


def _of_translator(run: Path, seconds: float, share: float) -> Result:
    from sacrebleu import BLEU, CHRF

    from dragoman.corpus.pairs import read_corpus
    from dragoman.evaluate import evaluate
    from dragoman.translate.translator import Translator

    pairs = list(read_corpus(DEV, "en", "zh"))[:: max(round(1 / share), 1)]
    with Translator.load(run) as translator:
        report = evaluate(translator, pairs, beam_size=5, perplexity=False, protect=False)
    texts = [translation.text for translation in report.translations]
    by_length = []
    for name, members in classes([len(pair.source.split()) for pair in pairs]):
        said, meant = ([some[i] for i in members] for some in (texts, report.references))
        by_length.append(
            {
                "words": name,
                "pairs": len(members),
                "bleu": BLEU(tokenize="zh", effective_order=False).corpus_score(said, [meant]).score,
                "chrf": CHRF().corpus_score(said, [meant]).score,
            }
        )
    return {
        "bleu": report.bleu, "chrf": report.chrf, "bleu_signature": report.bleu_signature,
        "chrf_signature": report.chrf_signature, "by_length": by_length, **_speed(run), "parameters": _weights(run),
    }  # fmt: skip


def classes(lengths: Sequence[int]) -> Iterator[tuple[str, list[int]]]:
    """("6-8", places of the lengths that fall into it), without empty classes."""
    least = 1
    for most in (*LENGTHS, None):
        members = [
            i for i, length in enumerate(lengths) if least <= length and (most is None or length <= most)
        ]
        if members:
            yield (f"{least}-{most}" if most else f"{least}+"), members
        least = (most or 0) + 1


def _weights(run: Path) -> int:
    from safetensors import safe_open

    total = 0
    with safe_open(run / "model.safetensors", "numpy") as weights:
        for name in weights.keys():  # noqa: SIM118 - no mapping
            size = 1
            for side in weights.get_slice(name).get_shape():
                size *= side
            total += size
    return total


def _speed(run: Path) -> Result:
    """From the log of the run: the median over its pieces of a few seconds, and the time all steps took."""
    records = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    steps = [record for record in records if record["kind"] == "step"]
    return {
        "tokens_per_second": statistics.median(record["tokens_per_second"] for record in steps),
        "seconds": steps[-1]["seconds"],
    }


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# -- the command ------------------------------------------------------------------------------------------------

app = App("lineage", help=__doc__, default_parameter=Parameter(negative_bool=(), negative_iterable=()))


@app.default
def main(
    *,
    only: Annotated[list[str] | None, Parameter(help="names of systems; may be repeated")] = None,
    runs: Annotated[Path, Parameter(help="directory of the runs")] = RUNS,
    page: Annotated[Path, Parameter(help="page to write")] = PAGE,
    share: Annotated[float, Parameter(help="of the steps and of the dev pairs: 0.05 for a quick look")] = 1.0,
    report: Annotated[bool, Parameter(help="train nothing: write the page from what is there")] = False,
) -> None:
    """Train and measure each system, then write the page. Paths are those below the repository."""
    os.chdir(ROOT)
    names = [system.name for system in SYSTEMS]
    if unknown := set(only or ()) - set(names):
        sys.exit(f"no system is called {', '.join(sorted(unknown))}: there are {', '.join(names)}")
    chosen = [system for system in SYSTEMS if not only or system.name in only]
    runs.mkdir(parents=True, exist_ok=True)
    about = runs / "machine.json"
    if not report:
        publish(about, json.dumps(machine.describe(machine.cores())).encode())
        for system in chosen:
            if done(runs, system, share) is None:
                seconds = train(runs, system, share)
                result = measure(runs, system, share, seconds)
                publish(
                    runs / f"{system.name}.json", json.dumps(result, ensure_ascii=False, indent=1).encode()
                )
    found = [result for system in SYSTEMS if (result := done(runs, system, share)) is not None]
    if not found:
        sys.exit(f"{runs} has no results: run without --report first")
    page.parent.mkdir(parents=True, exist_ok=True)
    text, drawings = lineage_page.write(found, json.loads(about.read_text(encoding="utf-8")), page.stem)
    for name, drawing in drawings.items():
        publish(page.with_name(name), drawing.encode())
    publish(page, text.encode())
    say(f"wrote {page} from {len(found)} of {len(SYSTEMS)} systems")


if __name__ == "__main__":
    app()
