"""The reader of images that comes with the package, made anew, and what it is worth to tell it where a patch lies.

    python -m benchmarks.digits                train what is missing, measure, print the table, seal the one that ships
    python -m benchmarks.digits --only none

Three models that differ in one setting, each trained by a command that anybody can type; an interrupted one goes on
where it stopped. Minutes each on one core.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

ROOT = Path(__file__).parents[1]
RUNS, SHIPPED = Path("runs/digits"), Path("src/dragoman/models/images/digits")
POSITIONS = {
    "grid": "the row and the column of a patch (2-D)",
    "sinusoidal": "the number of a patch, row by row (1-D)",
    "none": "nothing",
}
IMAGES, SEED = 2000, 1  # that are measured on: others than training looks at

CARD = """# digits: handwriting read off an image

A Transformer whose encoder reads patches of an image (`dragoman digits`). It shows that cross-attention asks whatever
the encoder made, a sentence or not; it is small on purpose, and knows nothing but ten digits.

- {parameters:,} parameters, float16, {size:.2f} MB; kept is step {step:,} of {steps:,}
- images of {width} x {height} pixels, cut into {patches} patches of {patch} x {patch}; two to four digits each (in
  training also one), in one to three lines, at places by chance; in training no image comes twice
- data: the test set of "Optical Recognition of Handwritten Digits" (E. Alpaydin and C. Kaynak, 1998, UCI Machine
  Learning Repository, https://doi.org/10.24432/C50P49), under the licence CC BY 4.0: 1,500 of its 1,797 digits; the
  other {held} are kept apart to measure on
- licence: MIT, as the code

## Measured

On {images:,} images of the handwriting that was kept apart (`dragoman digits evaluate --images {images}`):

{table}

An image counts as read if all its digits are right, in their order.

## Made by

    dragoman {command}

and measured and sealed by `python -m benchmarks.digits`, which also trains the other two
(`--set model.positions=sinusoidal`, `=none`).
"""


def command(positions: str) -> list[str]:
    """What trains a model; the first one with nothing but defaults."""
    ways = [] if positions == "grid" else ["--set", f"model.positions={positions}"]
    return ["digits", "train", "-o", str(RUNS / positions), *ways]


def train(positions: str) -> None:
    run = RUNS / positions
    if (run / "done").exists():
        return
    words = [*command(positions), *(["--resume"] if (run / "checkpoints").exists() else [])]
    print(shlex.join(["dragoman", *words]), file=sys.stderr, flush=True)
    if code := subprocess.run([sys.executable, "-m", "dragoman", *words]).returncode:
        sys.exit(code)  # it has said why
    (run / "done").touch()


def measure(positions: str) -> dict[str, Any]:
    from dragoman.model.imagereaders import open_reader
    from dragoman.training.tasks.images import accuracy, held_out_images

    opened = open_reader(RUNS / positions)
    shape = opened.module.config
    found = accuracy(
        opened.module, opened.vocabulary, held_out_images(IMAGES, shape.height, shape.width, SEED)
    )
    return {"images": found.images, "right": found.share, "same_digits": found.same_digits / found.images}


def table(found: dict[str, dict[str, Any]]) -> str:
    """In Markdown, a row for each."""
    heads = (
        "| what a patch is told of its place | images read | the right digits, in any order |\n|---|--:|--:|"
    )
    rows = (
        f"| {POSITIONS[name]} | {one['right']:.1%} | {one['same_digits']:.1%} |"
        for name, one in found.items()
    )
    return "\n".join((heads, *rows))


def seal(found: dict[str, dict[str, Any]]) -> None:
    """The trained model with its card and its numbers, and nothing else of the run."""
    from dragoman.config import dump_toml
    from dragoman.corpus.digits import HELD_OUT
    from dragoman.model.contents import CARD as NAME
    from dragoman.model.contents import CONFIG, read_files, write_files
    from dragoman.model.imagereaders import open_reader

    run, opened = RUNS / "grid", open_reader(RUNS / "grid")
    files, shape = read_files(run), opened.module.config
    measured = {name: round(value, 4) for name, value in found["grid"].items()}
    files[CONFIG] += b"\n" + dump_toml({"measured": measured}).encode()
    log = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    files[NAME] = CARD.format(
        parameters=sum(weight.numel() for weight in opened.module.parameters()),
        size=sum(map(len, files.values())) / 1e6,
        step=max(one["step"] for one in log if one["kind"] == "validation" and one["best"]),
        steps=opened.config["training"]["max_steps"], width=shape.width, height=shape.height,
        patches=shape.patches, patch=shape.patch, held=HELD_OUT, images=IMAGES, table=table(found),
        command=shlex.join(command("grid")),
    ).encode()  # fmt: skip
    write_files(SHIPPED, files)


app = App("digits", help=__doc__, default_parameter=Parameter(negative_bool=(), negative_iterable=()))


@app.default
def main(
    *, only: Annotated[list[str] | None, Parameter(help="grid, sinusoidal or none; may be repeated")] = None
) -> None:
    """Train, measure and seal. Paths are those below the repository."""
    os.chdir(ROOT)
    if unknown := set(only or ()) - POSITIONS.keys():
        sys.exit(f"there is no {', '.join(sorted(unknown))}: there are {', '.join(POSITIONS)}")
    found = {}
    for name in only or POSITIONS:
        train(name)
        found[name] = measure(name)
    print(table(found))
    if found.keys() == POSITIONS.keys():
        seal(found)


if __name__ == "__main__":
    app()
