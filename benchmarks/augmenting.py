"""What each change of `[augment]` teaches: small translators that read it, that read all but it, and that read none.

    python -m benchmarks augment                 twelve trainings of a few minutes each, printed as a table
    python -m benchmarks augment --only upper joined

Every change stands for texts that people send. Those texts are made of held-out pairs by the change itself, of
those that it can change, and translated by three models: one that read no changed pair, one that read all changes but
this one, one that read all. Same pairs, steps, seed and shares for all; a run that is there already is not repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from benchmarks import lineage
from benchmarks.alternate import ROOT
from benchmarks.bottleneck import whole
from dragoman import Translator
from dragoman.corpus.augment import AugmentConfig, Setting, augmented
from dragoman.corpus.pairs import Pair, read_corpus
from dragoman.errors import UsageError
from dragoman.evaluate import scored
from dragoman.model.directory import open_model

RUNS = Path("runs/augment")
TRAIN, DEV = ("corpus/tatoeba/train.tsv.gz",), ROOT / "corpus/tatoeba/dev.tsv.gz"
NONE, EVERY = "none", "all"
CHANGES = tuple(one.name for one in fields(AugmentConfig))
TEXTS = 300  # of each kind at most
STEPS = 1200
# What a translator protects, through which these two go; of the others the model gets each text whole.
PROTECTED = {"placeholders": ("{name}", "{count}", "{day}", "{place}"), "tags": ("%1$s", "%2$s")}


@dataclass(frozen=True)
class Found:
    """BLEU of the texts that one change stands for, by what the model had read."""

    what: str
    texts: int
    none: float
    without: float | None  # None for the pairs as they are, which stand for no change
    every: float

    def __str__(self) -> str:
        without = "" if self.without is None else f"{self.without:.1f}"
        return f"| {self.what} | {self.texts} | {self.none:.1f} | {without} | {self.every:.1f} |"


def system(name: str) -> lineage.System:
    """The translator that reads all changes but the one of its name, or none of them, or all."""
    off = {f"augment__{change}": 0.0 for change in CHANGES if name in (change, NONE)}
    return replace(
        lineage.translator(
            name,
            name,
            "small",
            TRAIN,
            model__d_model=128,
            model__d_ff=256,
            model__encoder_layers=2,
            model__decoder_layers=2,
            model__dropout=0.1,
            tokenizer__vocab_size=5000,
            tokenizer__placeholders=16,
            optimizer__kind="muon",
            optimizer__peak_lr=3e-3,
            validation__every=STEPS,
            **off,
        ),
        steps=STEPS,
    )


def texts(change: str, pairs: Sequence[Pair], most: int = TEXTS) -> list[Pair]:
    """The first pairs that the change makes others of, changed."""
    setting = Setting("en", "zh", PROTECTED.get(change, ()))
    config = replace(AugmentConfig.off(), **{change: 1.0})
    made = zip(pairs, augmented(pairs, config, setting, seed=1, epoch=0), strict=True)
    return [new for old, new in made if new != old][:most]


def bleu(run: Path, pairs: Sequence[Pair], protect: bool) -> float:
    """Of a model's translations: each text whole, or as a translator does it, protected and cut into sentences."""
    if protect:
        with Translator.load(run) as translator:
            found = [one.text for one in translator.translate([pair.source for pair in pairs])]
    else:
        opened = open_model(run)
        model = opened.build()
        found = [whole(model, opened, pair.source) for pair in pairs]
    score, _ = scored(found, [pair.target for pair in pairs], "zh", True)
    return score


@dataclass(frozen=True)
class Asked:
    """What is measured."""

    only: Annotated[tuple[str, ...], Parameter(help="changes; without it, all", consume_multiple=True)] = ()
    runs: Annotated[Path, Parameter(help="where the models are kept")] = RUNS


def main(asked: Annotated[Asked, Parameter(name="*")] = Asked()) -> None:  # noqa: B008 - frozen
    """What each change of [augment] teaches a small translator."""
    if unknown := set(asked.only) - set(CHANGES):
        raise UsageError(f"--only {', '.join(sorted(unknown))}: there are {', '.join(CHANGES)}")
    changes = asked.only or CHANGES
    for name in (NONE, EVERY, *changes):
        if not (asked.runs / name / "model.safetensors").exists():
            lineage.train(asked.runs, system(name), 1.0)
    pairs = list(read_corpus([DEV], "en", "zh"))
    print("| texts | of them | no changes | all but this | all |\n|---|--:|--:|--:|--:|")
    plain = pairs[:TEXTS]
    none, every = (bleu(asked.runs / name, plain, False) for name in (NONE, EVERY))
    print(Found("as they stand in the dev set", len(plain), none, None, every))
    for change in changes:
        some, protect = texts(change, pairs), change in PROTECTED
        scores = [bleu(asked.runs / name, some, protect) for name in (NONE, change, EVERY)]
        print(Found(f"`{change}`", len(some), *scores))
