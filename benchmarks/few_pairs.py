"""What `--recipe small-data` gives on Multi30k, stage by stage and both ways, and what each part of it is worth.

    python -m benchmarks small-data                  what is missing is trained, then all is measured
    python -m benchmarks small-data --only de-en en-de

The recipe as it is trains `de-en`, and its last stage `en-de`, which goes on from the same first stage. `alone` reads
one direction only, `plain` reads it without R-Drop, each as often as `de-en` read that direction. Needs the corpus
(`dragoman data fetch multi30k -o data/multi30k`). Printed as a table; the curve of both directions is drawn into the
training guide. A run that was interrupted goes on, and one that has ended is taken as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from benchmarks import drawing, lineage
from benchmarks.comparison import say
from dragoman import Translator
from dragoman.corpus.pairs import Pair, read_corpus
from dragoman.errors import UsageError
from dragoman.evaluate import evaluate
from dragoman.files import publish
from dragoman.training.recipe import find_recipe

RECIPE = find_recipe("small-data")
FIRST, LAST = (stage.name for stage in RECIPE.stages)
STEPS = RECIPE.stages[0].sections["training"]["max_steps"]
RUNS, CORPUS, DRAWING = Path("runs/small-data"), Path("data/multi30k"), Path("docs/guide/small-data.svg")
TEST = "test_2016_flickr"
WAYS = (("de", "en"), ("en", "de"))
FLOOR = 25  # BLEU, below which the curve shows nothing: how good it became is what is asked


def systems(corpus: Path) -> tuple[lineage.System, ...]:
    """In the order in which they are trained: some go on from others."""
    from_de, to_en = (
        ("--source-lang", "de", "--target-lang", "en"),
        ("train", f"{corpus}/train", "--dev", f"{corpus}/val"),
    )
    recipe = ("--recipe", RECIPE.name)
    last = (*recipe, "--stages", LAST, "--from")
    alone = ("--stages", FIRST, "--set", "data.both_ways=false")
    plain = ("--preset", "small", "--set", "validation.every=500", "--set", "validation.patience=0")

    def system(name: str, *words: str, steps: int = 0) -> lineage.System:
        return lineage.System(name, name, "translation", (*to_en, *words, "-o", "{run}"), steps)

    return (
        system("de-en", *from_de, *recipe),
        system("en-de", "--directions", "en-de", *last, f"{{runs}}/de-en/stages/{FIRST}"),
        system("alone", *from_de, *recipe, *alone, steps=STEPS // 2),
        system("alone-cooled", *from_de, *last, "{runs}/alone"),
        system("plain", *from_de, *plain, steps=STEPS // 2),
    )


def finished(runs: Path) -> Iterator[tuple[str, Path]]:
    """What the table tells of, of what is there: its words, and the run."""
    told = {
        "plain": f"one direction, without R-Drop, {STEPS // 2:,} steps",
        "alone": f"one direction, with R-Drop, {STEPS // 2:,} steps",
        "alone-cooled": f"and {LAST}",
        f"de-en/stages/{FIRST}": f"both directions, with R-Drop, {STEPS:,} steps",
        "de-en": f"and {LAST} into English",
        "en-de": "or into German",
    }
    for name, words in told.items():
        if (runs / name / "model.safetensors").exists():
            yield words, runs / name


@dataclass(frozen=True)
class Row:
    """One model, and BLEU of each direction that it has."""

    what: str
    bleu: dict[tuple[str, str], float]
    minutes: float

    def __str__(self) -> str:
        cells = (f"{self.bleu[way]:.1f}" if way in self.bleu else "" for way in WAYS)
        return f"| {self.what} | {' | '.join(cells)} | {self.minutes:.0f} |"


def row(what: str, run: Path, pairs: Sequence[Pair]) -> Row:
    """pairs: German and English."""
    found = {}
    with Translator.load(run) as translator:
        for way in WAYS:
            if way in translator.directions:
                turned = pairs if way == WAYS[0] else [Pair(pair.target, pair.source) for pair in pairs]
                found[way] = evaluate(translator.toward(*way), turned, perplexity=False, beam_size=5).bleu
    *_, last = records(run, "step")
    return Row(what, found, last["seconds"] / 60)


def curve(runs: Path) -> str:
    """BLEU of the dev set over the steps of both stages, a line for each direction."""
    points: dict[str, list[tuple[float, float]]] = {}
    for source, target in WAYS:
        first = records(runs / "de-en" / "stages" / FIRST, "validation")
        last = records(runs / f"{source}-{target}", "validation")
        points[f"{source} -> {target}"] = [
            *((seen["step"], seen[f"bleu {source}>{target}"]) for seen in first),
            *((STEPS + seen["step"], seen["bleu"]) for seen in last),
        ]
    return drawing.curves(points, "steps", FLOOR, [(STEPS, LAST)])


def records(run: Path, kind: str) -> Iterator[dict[str, float]]:
    """What a run's log holds of a kind."""
    for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if record["kind"] == kind:
            yield record


@dataclass(frozen=True)
class Asked:
    """What is trained and measured."""

    only: Annotated[tuple[str, ...], Parameter(help="names; without it, all", consume_multiple=True)] = ()
    corpus: Annotated[Path, Parameter(help="Multi30k, as `dragoman data fetch` leaves it")] = CORPUS
    runs: Annotated[Path, Parameter(help="where the models are kept")] = RUNS
    draw: Annotated[Path, Parameter(help="the drawing to write")] = DRAWING


def main(asked: Annotated[Asked, Parameter(name="*")] = Asked()) -> None:  # noqa: B008 - frozen
    """The recipe for few pairs on Multi30k: each stage, both directions, and what its parts are worth."""
    every = systems(asked.corpus)
    if unknown := set(asked.only) - {system.name for system in every}:
        raise UsageError(
            f"--only {', '.join(sorted(unknown))}: there are {', '.join(system.name for system in every)}"
        )
    for system in every:
        if not asked.only or system.name in asked.only:
            lineage.train(asked.runs, system, 1.0)
    pairs = list(read_corpus([asked.corpus / TEST], "de", "en"))
    say(f"| {TEST} | {' | '.join(f'{source} -> {target}' for source, target in WAYS)} | minutes |")
    say("|---|--:|--:|--:|")
    for what, run in finished(asked.runs):
        say(str(row(what, run, pairs)))
    if all((asked.runs / f"{source}-{target}" / "log.jsonl").exists() for source, target in WAYS):
        publish(asked.draw, curve(asked.runs).encode())
