"""One vector for three words and for forty: BLEU over length, with sentences of the corpus joined to longer ones.

    python -m benchmarks.bottleneck                 train what is missing, measure, write docs/bottleneck.md
    python -m benchmarks.bottleneck --only rnn

The sentences of the bundled corpus are short: one vector nearly holds them. Here three systems learn from the same
pairs, half of which are joined with the next one or two in the same line, and translate dev sentences joined one, two,
three, four and six at a time. The longest are longer than any that was trained on, for all three alike. Each text goes
through the model whole: `dragoman translate` would cut it into its sentences again.
"""

from __future__ import annotations

import json
import os
import shlex
import statistics
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from benchmarks import drawing, lineage, machine
from dragoman.files import publish

if TYPE_CHECKING:
    from dragoman.corpus.pairs import Pair
    from dragoman.model.directory import ModelDirectory

RUNS, PAGE = Path("runs/bottleneck"), Path("docs/bottleneck.md")
STEPS = 1500
TOGETHER = (1, 2, 3, 4, 6)  # sentences of a text
TEXTS = 100  # of each length
# Smaller than those of `make lineage`, and the shorter of the two corpora, so that some minutes of one core are enough.
TRAIN, DEV = ("corpus/tatoeba/train.tsv.gz",), ("corpus/tatoeba/dev.tsv.gz",)
SMALL: dict[str, Any] = {
    "model__d_model": 128, "tokenizer__vocab_size": 3500, "tokenizer__sampling": 0.0, "optimizer__peak_lr": 4e-3,
    "optimizer__warmup_steps": 150, "model__dropout": 0.1, "augment__joined": 0.5, "training__batch_tokens": 1024,
    "validation__every": 500, "training__weights": "float16",
}  # fmt: skip
SYSTEMS = (
    lineage.translator("rnn", "RNN without attention", "rnn", TRAIN, model__layers=1, model__attention="none",
                       **SMALL),
    lineage.translator("rnn-additive", "RNN, additive attention", "rnn", TRAIN, model__layers=1,
                       model__attention="additive", **SMALL),
    lineage.translator("transformer-adamw", "Transformer, 2+1 layers", "small", TRAIN, **lineage.TRANSFORMER, **SMALL),
)  # fmt: skip

_PAGE = """# The bottleneck, measured

Written by `python -m benchmarks.bottleneck`. Three systems of [the ladder](lineage.md), trained for {steps:,} steps
on the same pairs, half of them joined with the next one or two; then {texts} texts of each kind, made of so many
sentences of the dev set one after another, translated whole with greedy search. BLEU by sacreBLEU
(`{signature}`).

{table}

![BLEU by sentences joined](bottleneck.svg)

{reading}

Short runs, all three: read the columns against each other, not as what each could come to.

```
{commands}
```
"""


def texts(pairs: Sequence[Pair], together: int) -> list[tuple[str, str]]:
    """So many sentences one after another, and their translations; each sentence in one text at most."""
    starts = range(0, len(pairs) - together + 1, together)[:TEXTS]
    runs = [pairs[start : start + together] for start in starts]
    return [(" ".join(one.source for one in run), "".join(one.target for one in run)) for run in runs]


def measure(system: lineage.System) -> dict[str, Any]:
    """BLEU of the texts of each kind, and their words on average."""
    from sacrebleu import BLEU

    from dragoman.corpus.pairs import read_corpus
    from dragoman.model.directory import open_model

    pairs = list(read_corpus(DEV, "en", "zh"))
    opened = open_model(RUNS / system.name)
    model, metric, scores, words = opened.build(), BLEU(tokenize="zh"), [], []
    for together in TOGETHER:
        found = texts(pairs, together)
        said = [whole(model, opened, source) for source, _ in found]
        scores.append(metric.corpus_score(said, [[target for _, target in found]]).score)
        words.append(statistics.mean(len(source.split()) for source, _ in found))
    command = shlex.join(["dragoman", *system.command(RUNS, 1.0)])
    return {
        "name": system.name, "title": system.title, "bleu": scores, "words": words, "command": command,
        "signature": str(metric.get_signature()),
    }  # fmt: skip


def whole(model: Any, opened: ModelDirectory, source: str) -> str:
    """A text through the model as one sentence, whatever it consists of; greedy search."""
    import torch

    from dragoman.decoding.options import DecodingOptions
    from dragoman.decoding.search import search
    from dragoman.ids import EOS
    from dragoman.text.normalize import normalize

    ids = torch.tensor([[*opened.source_tokenizer.encode(normalize(source)), EOS]])
    with torch.no_grad():
        (best,) = search(
            model, ids, torch.ones_like(ids).bool(), DecodingOptions(beam_size=1, max_length=200)
        )
    return opened.target_tokenizer.decode(best[0].tokens)


def write(found: Sequence[dict[str, Any]], steps: int) -> None:
    heads = [f"{n} ({words:.0f} words)" for n, words in zip(TOGETHER, found[0]["words"], strict=True)]
    rows = ["| system | " + " | ".join(heads) + " |", "|---|" + "---:|" * len(heads)]
    rows += [
        f"| {one['title']} | " + " | ".join(f"{bleu:.1f}" for bleu in one["bleu"]) + " |" for one in found
    ]
    kept = [f"{one['title']} keeps {one['bleu'][-1] / max(one['bleu'][0], 1e-9):.0%}" for one in found]
    reading = f"Of its BLEU on single sentences, on six joined {'; '.join(kept)}."
    text = _PAGE.format(
        steps=steps, texts=TEXTS, signature=found[0]["signature"], table="\n".join(rows), reading=reading,
        commands="\n".join(one["command"] for one in found),
    )  # fmt: skip
    drawn = drawing.lines(
        {one["title"]: one["bleu"] for one in found}, [str(n) for n in TOGETHER], "sentences joined to one"
    )
    publish(PAGE.with_suffix(".svg"), drawn.encode())
    publish(PAGE, text.encode())


app = App("bottleneck", help=__doc__, default_parameter=Parameter(negative_bool=(), negative_iterable=()))


@app.default
def main(
    *,
    only: Annotated[list[str] | None, Parameter(help="names of systems; may be repeated")] = None,
    steps: Annotated[int, Parameter(help="of training")] = STEPS,
) -> None:
    """Train, measure, write the page from what is there."""
    os.chdir(lineage.ROOT)
    RUNS.mkdir(parents=True, exist_ok=True)
    publish(RUNS / "machine.json", json.dumps(machine.describe(machine.cores())).encode())
    found = []
    for system in (replace(one, steps=steps) for one in SYSTEMS):
        path = RUNS / f"{system.name}.json"
        if not path.exists() and (not only or system.name in only):
            lineage.train(RUNS, system, 1.0)
            publish(path, json.dumps(measure(system), ensure_ascii=False, indent=1).encode())
        if path.exists():
            found.append(json.loads(path.read_text(encoding="utf-8")))
    if not found:
        sys.exit(f"{RUNS} has no results yet")
    write(found, steps)


if __name__ == "__main__":
    app()
