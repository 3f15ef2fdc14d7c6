"""The five models of `dragoman lineage`, made anew: trained, measured and sealed into the package.

    python -m benchmarks.blank                  train what is missing, measure, seal into src/dragoman/models/lineage
    python -m benchmarks.blank --only bert

Each is trained by a command that anybody can type, which its card repeats; an interrupted one goes on where it
stopped. Counts and small networks of Chinese characters: half an hour on two cores, eight megabytes together.
"""

from __future__ import annotations

import json
import os
import random
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

ROOT = Path(__file__).parents[1]
RUNS, SHIPPED = Path("runs/blank"), Path("src/dragoman/models/lineage")
TRAIN = ("corpus/tatoeba/train.tsv.gz", "corpus/captions/train.tsv.gz", "corpus/phrases/train.tsv")
DEV = ("corpus/tatoeba/dev.tsv.gz", "corpus/captions/val.tsv.gz")
BEST = 5
LONGEST = 62  # characters of a line with a blank: what fits into 64 positions beside <s> and </s>
HALF = 30  # characters of the longest half of a line that is asked about

# The same for all that learn; of the Transformers the same shape too.
_COMMON = (
    "data.longest=64",
    "training.batch_tokens=2048",
    "validation.every=500",
    "training.weights=float16",
)
_SHAPE = ("model.d_model=128", "model.d_ff=512", "model.layers=2", "model.n_heads=4", "model.max_length=64",
          "optimizer.kind=muon", "optimizer.peak_lr=3e-3")  # fmt: skip


@dataclass(frozen=True)
class Ancestor:
    """One of the five, and what is said of it in its card."""

    name: str
    about: str
    settings: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()

    @property
    def command(self) -> list[str]:
        learns = (
            [word for one in (*_COMMON, *self.settings) for word in ("--set", one)] if self.settings else []
        )
        dev = ["--dev", str(RUNS / "dev.tsv")] if learns else []
        return ["lm", "train", str(RUNS / "train.tsv"), *dev, "-o", str(RUNS / self.name),
                "--kind", self.name, "--unit", "characters", *self.flags, *learns]  # fmt: skip


FIVE = (
    Ancestor("ngram", "an n-gram model of order 3, interpolated modified Kneser-Ney: it sees two characters",
             flags=("--order", "3", "--prune", "0", "1", "1")),
    Ancestor("nnlm", "a neural probabilistic language model (Bengio et al., 2003): it sees a window of four characters",
             ("model.window=4", "model.d_model=64", "model.d_hidden=128", "model.dropout=0.1",
              "training.max_steps=1500")),
    Ancestor("rnn", "a recurrent language model, one LSTM layer: all that it has read is in one state",
             ("model.d_model=128", "model.dropout=0.1", "training.max_steps=3000")),
    Ancestor("gpt", "a GPT of two layers: it sees all that stands before, and nothing after",
             (*_SHAPE, "training.max_steps=4000")),
    Ancestor("bert", "a BERT of two layers: it sees both sides, and says whether one sentence follows another",
             (*_SHAPE, "data.next_sentence=true", "data.cut_lines=true", "training.max_steps=8000")),
)  # fmt: skip

CARD = """# {title}: {about}

One of the five models of `dragoman lineage`, which fills one blank with each of them. It knows {words:,} characters
and is small on purpose: it shows what its kind can see, and is of no other use.

- {parameters} in {size:.1f} MB{kept}
- data: the Chinese side of `corpus/tatoeba` (26,655 sentences), `corpus/captions` (23,931 picture captions) and
  `corpus/phrases` (534), cleaned, with traditional characters made simplified: 50,910 lines, 766,417 characters
- licence: MIT, as the code. The sentences of Tatoeba (https://tatoeba.org) are under CC BY 2.0 FR, and who wrote
  each stands in the third column of `corpus/tatoeba/train.tsv.gz`; the captions (3AM) are under the MIT licence

## Measured

On the Chinese side of `corpus/tatoeba/dev.tsv.gz` and `corpus/captions/val.tsv.gz`, 1,000 lines each, of which none was
trained on; where training looked at them, it was to choose the step that is kept:

{measured}

A blank is one character, drawn at random, of each line of at most 62 characters; what stands after it is shown to BERT
only. Names, numbers and written language the five hardly know: they have read everyday sentences and picture captions.

## Made by

    {clean}
    dragoman {command}

and measured and sealed by `python -m benchmarks.blank`.
"""


def main_data() -> list[list[str]]:
    """The commands that clean the two texts."""
    pairs = ((TRAIN, "train.tsv"), (DEV, "dev.tsv"))
    return [["data", "clean", *files, "--source-lang", "en", "--target-lang", "zh", "--simplify", "target",
             "-o", str(RUNS / name)] for files, name in pairs]  # fmt: skip


def dragoman(*words: str) -> None:
    print(shlex.join(["dragoman", *words]), file=sys.stderr, flush=True)
    if code := subprocess.run([sys.executable, "-m", "dragoman", *words]).returncode:
        sys.exit(code)  # it has said why


def train(one: Ancestor) -> None:
    run = RUNS / one.name
    if (run / "checkpoints").exists():
        dragoman(*one.command, "--resume")
    elif not (run / "manifest.json").exists():
        dragoman(*one.command)


# -- measuring --------------------------------------------------------------------------------------------------


def measure(run: Path, lines: list[str]) -> dict[str, Any]:
    """What goes into [measured] of config.toml."""
    from dragoman.lineage.perplexity import perplexity
    from dragoman.model.languagemodels import open_lm

    opened = open_lm(run)
    found: dict[str, Any] = blanks(opened, lines)
    if "perplexity" in opened.kind.verbs:
        scored = perplexity(opened.language_model().score(lines))
        return {**found, "perplexity": round(scored.per_character, 2)}
    return {**found, **pairs(opened, lines)}


def blanks(opened: Any, lines: list[str]) -> dict[str, Any]:
    """How often the character that was taken out is the first guess, or one of five."""
    from dragoman.lineage.blank import Gap, fill

    draw, ranks = random.Random(1), []
    for line in (line for line in lines if len(line) <= LONGEST):
        place = draw.randrange(len(line))
        found = fill(opened.kind, opened.model, opened.vocabulary, Gap(line[:place], line[place + 1 :]), BEST)
        guesses = [guess.token.replace("▁", " ") for guess in found.guesses]
        ranks.append(guesses.index(line[place]) if line[place] in guesses else BEST)
    share = {"first": ranks.count(0) / len(ranks), "five": 1 - ranks.count(BEST) / len(ranks)}
    return {"blanks": len(ranks), **{name: round(value, 4) for name, value in share.items()}}


def pairs(opened: Any, lines: list[str]) -> dict[str, Any]:
    """Next sentence: the halves of a line beside a half of another line, as often one as the other."""
    bert, draw = opened.masked("next"), random.Random(1)
    cuts = [(line[:cut], line[cut:]) for line in lines if (cut := line.find("，") + 1) > 1]
    # Any two of them fit into its positions; `second` is more than a stop.
    halves = [(first, second) for first, second in cuts if len(first) <= HALF and 1 < len(second) <= HALF]
    others = [second for _, second in halves]
    draw.shuffle(others)
    own = [bert.follows(first, second) for first, second in halves]
    foreign = [bert.follows(first, other) for (first, _), other in zip(halves, others, strict=True)]
    right = sum(p > 0.5 for p in own) + sum(p < 0.5 for p in foreign)
    prefers = sum(p > q for p, q in zip(own, foreign, strict=True))
    return {"pairs": 2 * len(halves), "next_sentence": round(right / (2 * len(halves)), 4),
            "own_before_other": round(prefers / len(halves), 4)}  # fmt: skip


# -- sealing ----------------------------------------------------------------------------------------------------


def seal(one: Ancestor, found: dict[str, Any]) -> None:
    """The trained model with its card and its numbers, and nothing else of the run."""
    from dragoman.cli.lineage import title
    from dragoman.config import dump_toml
    from dragoman.lineage.ngram import NgramModel
    from dragoman.model.contents import CARD as NAME
    from dragoman.model.contents import CONFIG, read_files, write_files
    from dragoman.model.languagemodels import open_lm

    run, opened = RUNS / one.name, open_lm(RUNS / one.name)
    files = read_files(run)
    files[CONFIG] += b"\n" + dump_toml({"measured": found}).encode()
    model = opened.model
    counted = isinstance(model, NgramModel)
    number = (
        sum(map(len, model.logprobs)) if counted else sum(weight.numel() for weight in model.parameters())
    )
    says = {
        "perplexity": "perplexity a character: {perplexity:.2f}",
        "first": "{blanks:,} blanks: {first:.1%} right at the first guess, {five:.1%} within five",
        "next_sentence": "next sentence, the second half of a line after its first comma or that of another line: "
        "{next_sentence:.1%} of {pairs:,} pairs right (p above or below one half); beside that of another line, its "
        "own is the more probable one in {own_before_other:.1%}",
    }
    files[NAME] = CARD.format(
        title=title(one.name), about=one.about, words=len(opened.vocabulary.words) - 4,
        parameters=f"{number:,} {'n-grams' if counted else 'parameters, float16'}",
        kept=_kept(run, opened.config), size=sum(map(len, files.values())) / 1e6,
        measured="\n".join("- " + text.format(**found) for name, text in says.items() if name in found),
        clean="\n    ".join(shlex.join(["dragoman", *words]) for words in main_data()), command=shlex.join(one.command),
    ).encode()  # fmt: skip
    write_files(SHIPPED / one.name, files)


def _kept(run: Path, config: dict[str, Any]) -> str:
    """Which step of the run it is that is kept: the one that validation found best."""
    if not (run / "log.jsonl").exists():
        return ""
    log = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    best = max(record["step"] for record in log if record["kind"] == "validation" and record["best"])
    return f"; kept is step {best:,} of {config['training']['max_steps']:,}"


app = App("blank", help=__doc__, default_parameter=Parameter(negative_bool=(), negative_iterable=()))


@app.default
def main(
    *, only: Annotated[list[str] | None, Parameter(help="names of models; may be repeated")] = None
) -> None:
    """Train, measure and seal. Paths are those below the repository."""
    from dragoman.corpus.monolingual import read_texts

    os.chdir(ROOT)
    if unknown := set(only or ()) - {one.name for one in FIVE}:
        sys.exit(
            f"no model is called {', '.join(sorted(unknown))}: there are {', '.join(one.name for one in FIVE)}"
        )
    RUNS.mkdir(parents=True, exist_ok=True)
    for words, name in zip(main_data(), ("train.tsv", "dev.tsv"), strict=True):
        if not (RUNS / name).exists():
            dragoman(*words)
    lines = list(read_texts([RUNS / "dev.tsv"]))
    for one in FIVE:
        if not only or one.name in only:
            train(one)
            found = measure(RUNS / one.name, lines)
            print(one.name, found, file=sys.stderr, flush=True)
            seal(one, found)


if __name__ == "__main__":
    app()
