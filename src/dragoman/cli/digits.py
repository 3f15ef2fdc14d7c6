"""`dragoman digits`: handwritten digits, read off an image by a Transformer. No arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Group, Parameter

from dragoman.cli.flags import FormatFlag
from dragoman.cli.language import LangFlag, chosen, speaker
from dragoman.cli.runs import RunFlags
from dragoman.cli.terminal import say, say_json, tell
from dragoman.config import Resolved, explain, resolve
from dragoman.errors import UsageError

if TYPE_CHECKING:
    from dragoman.corpus.digits import Image
    from dragoman.explain.trace.image import ImageTrace
    from dragoman.model.imagereaders import ReaderDirectory
    from dragoman.training.tasks.images import ImageRunConfig

digits = App(
    "digits",
    help="Beyond text: read handwritten digits off an image, with the same Transformer.",
    usage="dragoman digits COMMAND ...",
    help_epilogue=(
        "Examples:\n\n"
        "  dragoman digits read 3142\n\n"
        "  dragoman digits explain 3142\n\n"
        "  dragoman digits explain 3142 -o page.html\n\n"
        "  dragoman digits train -o runs/digits"
    ),
)

MODEL = "images/digits"  # the bundled one
_GROUP = Group("training", sort_key=11)
What = Annotated[
    str,
    Parameter(
        help="digits, drawn in handwriting that no training has seen, or a picture of them (.png, .pgm); "
        "without any, an image made up by chance"
    ),
]
Directory = Annotated[
    str, Parameter(name=("--model", "-m"), help="directory of an image reader", show_default=True)
]
PositionsFlag = Annotated[
    str | None,
    Parameter(
        help="tell the places of patches in another way than the model was trained with: none, sinusoidal, grid"
    ),
]
SeedFlag = Annotated[
    int, Parameter(help="of the handwriting and the places of what is drawn", show_default=True)
]


@dataclass(frozen=True)
class View:
    """What of a reading is drawn, and how."""

    step: Annotated[int | None, Parameter(help="one step t, from 0; all without it")] = None
    layer: Annotated[int | None, Parameter(help="decoder layer, from 1; the last without it")] = None
    head: Annotated[int | None, Parameter(help="head, from 1; the mean of all without it")] = None
    output: Annotated[
        Path | None, Parameter(name=("--output", "-o"), help="write a page (.html) or a picture (.svg)")
    ] = None
    theme: Annotated[str | None, Parameter(help="of a picture: light or dark; light without it")] = None

    @property
    def suffix(self) -> str:
        return "" if self.output is None else self.output.suffix

    def check(self, format: str) -> None:
        """Raises UsageError for what goes with another output than is asked for."""
        if self.suffix not in ("", ".html", ".svg") or (self.output is not None and not self.suffix):
            raise UsageError(f"-o {self.output}: a page ends in .html, a picture in .svg")
        if self.theme not in (None, "light", "dark"):
            raise UsageError(f"--theme {self.theme}: must be light or dark")
        if self.theme is not None and self.suffix != ".svg":
            raise UsageError("--theme goes with -o and a picture (.svg): a page has a switch")
        if self.output is not None and format == "json":
            raise UsageError("-o writes a page or a picture, --format json prints: ask for one of them")
        chosen = {"--step": self.step, "--layer": self.layer, "--head": self.head}
        whole = [flag for flag, value in chosen.items() if value is not None]
        if self.suffix == ".svg":
            whole = [flag for flag in whole if flag == "--step"]
        if whole and (self.suffix or format == "json"):
            raise UsageError(
                f"{whole[0]} goes without {'-o' if self.suffix else '--format json'}, which has all of them"
            )

    def check_against(self, trace: ImageTrace) -> None:
        """Raises UsageError for a step, layer or head that there is not."""
        layers, heads = len(trace.looks), len(trace.looks[0][0])
        for flag, value, first, last in (
            ("--step", self.step, 0, len(trace.steps) - 1), ("--layer", self.layer, 1, layers),
            ("--head", self.head, 1, heads),
        ):  # fmt: skip
            if value is not None and not first <= value <= last:
                raise UsageError(f"{flag} {value}: there are {first} to {last}")


@digits.command(
    usage="dragoman digits train -o DIR [OPTIONS]",
    help_epilogue=(
        "Examples:\n\n"
        "  dragoman digits train -o runs/digits\n\n"
        "  dragoman digits train -o runs/digits-zh --set data.writes=chinese\n\n"
        "  dragoman digits train -o runs/no-positions --set model.positions=none"
    ),
)
def train(
    *,
    output: Annotated[Path | None, Parameter(name=("--output", "-o"), help="directory for the model")] = None,
    flags: Annotated[RunFlags, Parameter(name="*", group=_GROUP)] = RunFlags(),  # noqa: B008 - frozen
) -> None:
    """Train a reader on images that are made up as it goes: one to four digits, in lines, at places by chance."""
    from dragoman.model.modules import require_torch

    require_torch("training needs torch")
    from dragoman.training.tasks.images import start

    base = None if flags.base is None else _opened(str(flags.base))
    resolved = _resolved(flags, base)
    if flags.print_config:
        say(explain(resolved).rstrip("\n"))
        return
    if output is None:
        raise UsageError("where should the model go? Add -o and a directory, such as -o runs/digits")
    start(output, resolved.value, flags.session(), base=base)


def _resolved(flags: RunFlags, base: ReaderDirectory | None) -> Resolved[ImageRunConfig]:
    """The whole configuration of a run."""
    from dragoman.training.tasks.images import ImageRunConfig, defaults, writes

    layers: list[tuple[str, Any]] = [("digits", defaults())]
    if base is not None:
        own = {"model": base.config["model"], "data": {"writes": writes(base.vocabulary)}}
        layers.append((str(base.path), own))
    return resolve(ImageRunConfig, flags.over(layers))


@digits.command(
    usage="dragoman digits read [DIGITS|PICTURE...] [-m DIR] [OPTIONS]",
    help_epilogue=(
        "Examples:\n\n"
        "  dragoman digits read 3142\n\n"
        "  dragoman digits read picture.png\n\n"
        "  dragoman digits read 3142 2718 --seed 7 --format json"
    ),
)
def read(
    *what: What,
    model: Directory = MODEL,
    seed: SeedFlag = 1,
    positions: PositionsFlag = None,
    format: FormatFlag = "text",
) -> None:
    """Write down what stands in an image, one line for each."""
    opened = _opened(model, positions)
    import torch

    from dragoman.lineage.reading import read as read_all

    for one, image in zip(what or ("",), _images(what, opened, seed), strict=True):
        (found,) = read_all(opened.module, opened.vocabulary, torch.from_numpy(image.pixels)[None])
        if format == "json":
            say_json(
                {"image": one, "digits": image.digits, "text": found.text, "probability": found.probability}
            )
        else:
            say(found.text)


@digits.command(
    name="explain",
    usage="dragoman digits explain [DIGITS|PICTURE] [-m DIR] [OPTIONS]",
    help_epilogue=(
        "Examples:\n\n"
        "  dragoman digits explain 3142\n\n"
        "  dragoman digits explain 3142 --step 1 --layer 2 --head 3\n\n"
        "  dragoman digits explain 3142 -o page.html\n\n"
        "  dragoman digits explain 3142 -o picture.svg --theme dark"
    ),
)
def explain_image(
    what: What = "",
    /,
    *,
    model: Directory = MODEL,
    seed: SeedFlag = 1,
    positions: PositionsFlag = None,
    view: Annotated[View, Parameter(name="*")] = View(),  # noqa: B008 - frozen
    format: FormatFlag = "text",
    lang: LangFlag = None,
) -> None:
    """Read an image and show how: where each word looks, laid over the patches; who asks and who answers."""
    language = chosen(lang)
    view.check(format)
    opened = _opened(model, positions)
    from dragoman.explain.watch.image import look_at

    (image,) = _images((what,) if what else (), opened, seed)
    trace = look_at(opened.module, opened.vocabulary, image)
    view.check_against(trace)
    if view.output is not None:
        _write(trace, view.output, view, language if lang or view.suffix == ".svg" else None)
    elif format == "json":
        say_json(trace.to_dict())
    else:
        from dragoman.cli.explain import written_on
        from dragoman.explain.terminal.image import image_view

        screen, draw = written_on(language)
        draw(image_view(trace, screen, view.step, view.layer, view.head))


@digits.command(
    usage="dragoman digits evaluate [-m DIR] [OPTIONS]",
    help_epilogue="Examples:\n\n  dragoman digits evaluate --images 1000",
)
def evaluate(
    *,
    model: Directory = MODEL,
    positions: PositionsFlag = None,
    images: Annotated[int, Parameter(help="images to read", show_default=True)] = 500,
    seed: Annotated[int, Parameter(help="of the images", show_default=True)] = 1,
    format: FormatFlag = "text",
    lang: LangFlag = None,
) -> None:
    """How many images are read without a mistake, of handwriting that no training has seen."""
    if images < 1:
        raise UsageError(f"--images {images}: must be at least 1")
    told = speaker(chosen(lang))
    opened = _opened(model, positions)
    from dragoman.training.tasks.images import accuracy, held_out_images

    shape = opened.module.config
    found = accuracy(
        opened.module, opened.vocabulary, held_out_images(images, shape.height, shape.width, _natural(seed))
    )
    if format == "json":
        say_json({**asdict(found), "accuracy": found.share})
        return
    sentence = (
        "{right:,} of {images:,} images are read without a mistake, {share:.1%}; in {any:.1%} the digits are the right "
        "ones, in whatever order"
    )
    say(told(sentence, right=found.right, images=images, share=found.share, any=found.same_digits / images))


# -- what is read -----------------------------------------------------------------------------------------------


def _opened(model: str, positions: str | None = None) -> ReaderDirectory:
    from dragoman.model.imagereaders import open_reader, told_otherwise

    opened = open_reader(model)
    return opened if positions is None else told_otherwise(opened, positions)


def _images(what: Sequence[str], opened: ReaderDirectory, seed: int) -> list[Image]:
    """Each of these as an image of the model's size; where there are none, one made up."""
    import numpy as np

    from dragoman.corpus.digits import Image, any_image, image_of
    from dragoman.corpus.pictures import PICTURES, read_picture

    shape, found = opened.module.config, []
    for one in what:
        numerals = "".join(one.split())
        if numerals.isascii() and numerals.isdecimal():
            draw = np.random.default_rng([_natural(seed), *map(int, numerals)])
            found.append(image_of([*map(int, numerals)], shape.height, shape.width, draw))
        elif Path(one).suffix.lower() in PICTURES:
            found.append(Image(read_picture(Path(one), shape.height, shape.width), (), ()))
        else:
            raise UsageError(
                f"{one[:60]!r}: give digits, such as 3142, or a picture of them ({', '.join(PICTURES)})"
            )
    return found or [any_image(shape.height, shape.width, "held out", np.random.default_rng(_natural(seed)))]


def _natural(seed: int) -> int:
    if seed < 0:
        raise UsageError(f"--seed {seed}: must be at least 0")
    return seed


def _write(trace: ImageTrace, output: Path, view: View, language: str | None) -> None:
    from dragoman.explain.page.image import write_image_page, write_picture

    if view.suffix == ".svg":
        write_picture(trace, output, view.theme or "light", language or "en", view.layer, view.head)
        tell(f"wrote {output}")
        return
    write_image_page(trace, output, language)
    tell(f"wrote {output}: open it in a browser")
