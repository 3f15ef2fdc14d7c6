"""The reader of images that comes with the package, made anew, and what it is worth to tell it where a patch lies.

    python -m benchmarks.digits                train what is missing, compare, measure and seal the one that ships
    python -m benchmarks.digits --only grid    train one
    python -m benchmarks.digits --no-train     compare and seal what there is

Three models differ in one setting, and are compared by what their runs measured at the last step that all have come to;
the first of them is the one that ships. Each is trained by a command that anybody can type; an interrupted one goes on
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
    "grid": "its row and its column (2-D)",
    "sinusoidal": "its number, row by row (1-D)",
    "none": "nothing",
}
SETTINGS: dict[str, tuple[str, ...]] = {
    "grid": (),
    "sinusoidal": ("model.positions=sinusoidal",),
    "none": ("model.positions=none",),
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

On {images:,} images of the handwriting that was kept apart (`dragoman digits evaluate --images {images}`); training
looked at 300 others of the same handwriting, to choose the step that is kept:

- {right:.1%} are read without a mistake: all digits right, and in their order
- in {same_digits:.1%} the digits are the right ones, in whatever order

## Made by

    {command}

and measured and sealed by `python -m benchmarks.digits`.
"""


def command(name: str) -> list[str]:
    """What trains a model; the first one with nothing but defaults."""
    ways = [word for one in SETTINGS[name] for word in ("--set", one)]
    return ["digits", "train", "-o", str(RUNS / name), *ways]


def train(name: str) -> None:
    words = [*command(name), *(["--resume"] if (RUNS / name / "checkpoints").exists() else [])]
    print(shlex.join(["dragoman", *words]), file=sys.stderr, flush=True)
    if code := subprocess.run([sys.executable, "-m", "dragoman", *words]).returncode:
        sys.exit(code)  # it has said why


def validations(name: str) -> dict[int, dict[str, Any]]:
    """What a run measured, by the step."""
    log = (RUNS / name / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return {one["step"]: one for one in map(json.loads, log) if one["kind"] == "validation"}


def table() -> str:
    """Of the three, at the last step that all have measured; in Markdown."""
    found = {name: validations(name) for name in POSITIONS}
    step = max(set.intersection(*(set(steps) for steps in found.values())))
    heads = f"| what a patch is told of its place | images read, at step {step:,} | loss, nats a token |\n|---|--:|--:|"
    rows = (
        f"| {POSITIONS[name]} | {steps[step]['accuracy']:.1%} | {steps[step]['loss']:.2f} |"
        for name, steps in found.items()
    )
    return "\n".join((heads, *rows))


def seal(name: str) -> None:
    """The trained model with its card and its numbers, and nothing else of the run."""
    from dragoman.config import dump_toml
    from dragoman.corpus.digits import HELD_OUT
    from dragoman.model.contents import CARD as NAME
    from dragoman.model.contents import CONFIG, read_files, write_files
    from dragoman.model.imagereaders import open_reader
    from dragoman.training.tasks.images import accuracy, held_out_images

    opened = open_reader(RUNS / name)
    files, shape = read_files(RUNS / name), opened.module.config
    found = accuracy(
        opened.module, opened.vocabulary, held_out_images(IMAGES, shape.height, shape.width, SEED)
    )
    measured = {"images": IMAGES, "right": found.share, "same_digits": found.same_digits / IMAGES}
    files[CONFIG] += b"\n" + dump_toml({"measured": measured}).encode()
    files[NAME] = CARD.format(
        parameters=sum(weight.numel() for weight in opened.module.parameters()),
        size=sum(map(len, files.values())) / 1e6,
        step=max(step for step, one in validations(name).items() if one["best"]),
        steps=opened.config["training"]["max_steps"], width=shape.width, height=shape.height,
        patches=shape.patches, patch=shape.patch, held=HELD_OUT, **measured,
        command=shlex.join(["dragoman", *command(name)]),
    ).encode()  # fmt: skip
    write_files(SHIPPED, files)
    print(f"{SHIPPED}: {found.share:.1%} of {IMAGES:,} images read")


app = App("digits", help=__doc__, default_parameter=Parameter(negative_bool=(), negative_iterable=()))


@app.default
def main(
    *,
    only: Annotated[list[str] | None, Parameter(help=f"{', '.join(SETTINGS)}; may be repeated")] = None,
    train_first: Annotated[bool, Parameter(name="--train", negative="--no-train")] = True,
) -> None:
    """Train, compare, measure and seal. Paths are those below the repository."""
    os.chdir(ROOT)
    if unknown := set(only or ()) - SETTINGS.keys():
        sys.exit(f"there is no {', '.join(sorted(unknown))}: there are {', '.join(SETTINGS)}")
    for name in (only or SETTINGS) if train_first else ():
        train(name)
    if only:
        return
    print(table())
    seal("grid")


if __name__ == "__main__":
    app()
