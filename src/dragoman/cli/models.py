"""`dragoman models`: what models there are, and what is known about one, the mean of several. Loads no engine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from dragoman.cli.flags import FormatFlag
from dragoman.cli.terminal import say, say_json, tell
from dragoman.errors import UsageError
from dragoman.text.directions import all_told, written

USAGE = "dragoman models [MODEL] [OPTIONS]"
EXAMPLES = """Examples:

  dragoman models

  dragoman models runs/de-en

  dragoman models get Helsinki-NLP/opus-mt-en-zh -o models/opus-en-zh

  dragoman models average --last 5 runs/de-en -o runs/averaged"""

models = App("models", usage=USAGE, help_epilogue=EXAMPLES)


@models.default
def show(
    model: Annotated[
        str | None, Parameter(help="a bundled model by name, or a model directory: show its card")
    ] = None,
    /,
    *,
    format: FormatFlag = "text",
) -> None:
    """List the bundled models, or show the card of one: data, scores, licence, weaknesses."""
    from dragoman.model.directory import find_model, list_models, open_model
    from dragoman.model.imagereaders import list_readers
    from dragoman.model.languagemodels import list_lms

    others = [*list_lms(), *list_readers()]  # that translate nothing
    lms = others if model is None else [model] if model in others else []
    paths = list_models() if model is None else [] if lms else [find_model(model)]
    found = [open_model(path) for path in paths]
    if not found and not lms:
        tell("no model came with this installation: train one (dragoman train --help)")
    for one in found:
        source, target = one.languages
        if format == "json":
            parameters = sum(weight.size for weight in one.weights.values())
            say_json({"name": one.path.name, "path": str(one.path), "source": source, "target": target,
                      **({"directions": [*map(written, one.directions)]} if len(one.directions) > 1 else {}),
                      "parameters": parameters, "card": one.card})  # fmt: skip
        elif model is None:
            say(f"{one.path.name:<12}  {all_told(one.directions)}  {one.path}")
        else:
            say(one.card.rstrip("\n") or f"{one.path} ({all_told(one.directions)}) has no card.")
    for name in lms:
        _other(name, model is None, format)


def _other(name: str, listed: bool, format: str) -> None:
    """A bundled model that has no two languages, and is not opened: that would load torch."""
    from dragoman.model.contents import config_of, read_files
    from dragoman.model.languagemodels import card_of

    path, card = card_of(name)
    if format == "json":
        kind = config_of(read_files(path))["model"]["kind"]
        say_json({"name": name, "path": str(path), "kind": kind, "card": card})
    else:
        say(f"{name:<14}  {path}" if listed else card.rstrip("\n"))


@models.command(
    usage="dragoman models get [OWNER/MODEL] [-o DIR] [OPTIONS]",
    help_epilogue=(
        "Examples:\n\n"
        "  dragoman models get\n\n"
        "  dragoman models get Helsinki-NLP/opus-mt-en-zh -o models/opus-en-zh"
    ),
)
def get(
    name: Annotated[
        str | None, Parameter(help="a model of the Hugging Face hub; none: list some that work")
    ] = None,
    /,
    *,
    output: Annotated[
        Path | None,
        Parameter(name=("--output", "-o"), help="directory of the model that is made; models/MODEL"),
    ] = None,
    revision: Annotated[str | None, Parameter(help="branch, tag or commit; the newest")] = None,
    source_lang: Annotated[str | None, Parameter(help="as in dragoman import")] = None,
    target_lang: Annotated[str | None, Parameter(help="as in dragoman import")] = None,
) -> None:
    """Fetch a model from the Hugging Face hub and import it; without a name, list some that are known to work."""
    from dragoman.interop import hub

    if name is None:
        for known, what in hub.KNOWN:
            say(f"{known:<36}  {what}")
        return
    from dragoman.cli.bring import bring

    if not hub.NAME.fullmatch(name) or Path(name).exists():
        raise UsageError(
            f"{name[:80]!r} is no name on the Hugging Face hub, which is OWNER/MODEL (dragoman models get lists some); "
            "a directory or a file is taken by dragoman import"
        )
    directory = output or Path("models") / name.rpartition("/")[2]
    bring(Path(name), output=directory, source_lang=source_lang, target_lang=target_lang, revision=revision)


@models.command(
    usage="dragoman models average MODEL|CHECKPOINT... -o DIR",
    help_epilogue=(
        "Examples:\n\n"
        "  dragoman models average --last 5 runs/de-en -o runs/averaged\n\n"
        "  dragoman models average runs/one runs/two/checkpoints/step-00004000 -o runs/averaged"
    ),
)
def average(
    *model: Annotated[
        str, Parameter(help="models by name or directory, or checkpoints of runs; with --last one run")
    ],
    output: Annotated[
        Path | None, Parameter(name=("--output", "-o"), help="directory to seal the new model in")
    ] = None,
    last: Annotated[int | None, Parameter(help="so many checkpoints of one run, the newest")] = None,
) -> None:
    """Write a model whose weights are the mean of others: of the last checkpoints of a run, or of its continuations."""
    from dragoman.model.modules import require_torch

    if output is None:
        raise UsageError("where should the model go? Add -o and a directory, such as -o runs/averaged")
    if last is not None and len(model) != 1:
        raise UsageError(f"--last {last} takes one run, and {len(model)} were named")
    require_torch("checkpoints are read with torch")
    from dragoman.training.tasks.average import average as averaged
    from dragoman.training.tasks.average import last_of

    for note in averaged(model if last is None else last_of(Path(model[0]), last), output):
        tell(f"note: {note}")
    say(str(output))
