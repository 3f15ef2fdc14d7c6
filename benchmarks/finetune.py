"""What pre-training is worth: a classifier fine-tuned from the bundled BERT, and the same network from scratch.

    python -m benchmarks.finetune train.tsv.gz test.tsv.gz       tables of text, tab, label

Learns from 100 of the labelled texts, from 1,000 and from all, each time by `dragoman lm classify --train`, and prints
a Markdown table. From scratch is the bundled BERT's shape and vocabulary with weights at random. Each may choose the
better of two learning rates on the texts held out of those that it learns from. Texts that are longer than the
positions of the bundled BERT are left out.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from dragoman.files import publish

RUNS = Path("runs/finetune")
SIZES = (100, 1000, 0)  # labelled texts; 0: all of them
RATES = (3e-4, 1e-3)  # of which each may have the better, on its held-out texts
STEPS = 300


def tables(train: Path, test: Path, longest: int, sizes: Sequence[int]) -> dict[str, Path]:
    """The labelled texts that fit, by the name of their file."""
    from dragoman.training.tasks.classifier import Example, read_labelled

    def write(name: str, examples: Sequence[Example]) -> Path:
        path = RUNS / f"{name}.tsv"
        publish(path, "".join(f"{one.texts[0]}\t{one.label}\n" for one in examples).encode())
        return path

    some, others = (
        [one for one in read_labelled(path) if sum(map(len, one.texts)) + 2 <= longest]
        for path in (train, test)
    )
    return {
        "test": write("test", others),
        **{f"{size}": write(f"train-{size}", some[: size or None]) for size in sizes},
    }


def scratch(directory: Path) -> None:
    """The bundled BERT with nothing learnt."""
    import torch

    from dragoman.model.fields import configured
    from dragoman.model.languagemodels import open_lm, write_lm

    bundled = open_lm("lineage/bert")
    config = configured(bundled.kind.config, bundled.config["model"])
    torch.manual_seed(1)
    weights = bundled.kind.build(config, len(bundled.vocabulary.words)).state_dict()  # type: ignore[union-attr]
    write_lm(directory, config, {name: one.numpy() for name, one in weights.items()}, bundled.vocabulary, {})


def accuracy(base: str, rate: float, train: Path, test: Path) -> tuple[float, float]:
    """On the texts held out of `train`, and on the test texts."""
    run = RUNS / f"{Path(base).name}-{train.stem}-{rate:g}"
    if not (run / "manifest.json").exists():
        dragoman("lm", "classify", "--train", str(train), "-m", base, "-o", str(run),
                 "--set", f"optimizer.peak_lr={rate}", "--set", f"training.max_steps={STEPS}",
                 "--set", "data.longest=64")  # fmt: skip
    lines = (run / "log.jsonl").read_text(encoding="utf-8").splitlines()
    held = max(one["accuracy"] for one in map(json.loads, lines) if "accuracy" in one)
    said = dragoman("lm", "classify", "--test", str(test), "-m", str(run), "--format", "json")
    return held, json.loads(said)["accuracy"]


def dragoman(*words: str) -> str:
    done = subprocess.run([sys.executable, "-m", "dragoman", *words], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(done.returncode)  # it has said why
    return done.stdout


app = App("finetune", help=__doc__, default_parameter=Parameter(negative_bool=(), negative_iterable=()))


@app.default
def main(
    train: Annotated[Path, Parameter(help="labelled texts to learn from")],
    test: Annotated[Path, Parameter(help="labelled texts to measure on")],
    /,
    *,
    size: Annotated[
        list[int] | None, Parameter(help="labelled texts to learn from, 0 for all; may be repeated")
    ] = None,
) -> None:
    """Train, measure, print the table."""
    from dragoman.model.languagemodels import open_lm

    RUNS.mkdir(parents=True, exist_ok=True)
    sizes = size or SIZES
    files = tables(train, test, open_lm("lineage/bert").config["model"]["max_length"], sizes)
    scratch(RUNS / "scratch")
    bases = {"bundled": "lineage/bert", "scratch": str(RUNS / "scratch")}
    counts = [len(files[f"{size}"].read_text(encoding="utf-8").splitlines()) for size in sizes]
    print("| labelled texts | " + " | ".join(f"{count:,}" for count in counts) + " |")
    print("|---|" + "---:|" * len(sizes))
    for name, title in (("scratch", "from scratch"), ("bundled", "fine-tuned from lineage/bert")):
        cells = []
        for size in sizes:
            tried = [accuracy(bases[name], rate, files[f"{size}"], files["test"]) for rate in RATES]
            cells.append(f"{max(tried)[1]:.1%}")
        print(f"| {title} | " + " | ".join(cells) + " |", flush=True)
    print(f"\nAccuracy on {len(files['test'].read_text(encoding='utf-8').splitlines()):,} texts.")


if __name__ == "__main__":
    app()
