"""`dragoman models`: what models there are, and what is known about one. Opens them, loads no engine."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from dragoman.cli.flags import FormatFlag
from dragoman.cli.terminal import say, say_json, tell

USAGE = "dragoman models [MODEL] [OPTIONS]"
EXAMPLES = """Examples:

  dragoman models

  dragoman models runs/de-en"""


def models(
    model: Annotated[
        str | None, Parameter(help="a bundled model by name, or a model directory: show its card")
    ] = None,
    /,
    *,
    format: FormatFlag = "text",
) -> None:
    """List the bundled models, or show the card of one: data, scores, licence, weaknesses."""
    from dragoman.model.directory import find_model, list_models, open_model
    from dragoman.model.languagemodels import list_lms

    lms = list_lms() if model is None else [model] if model in list_lms() else []
    paths = list_models() if model is None else [] if lms else [find_model(model)]
    found = [open_model(path) for path in paths]
    if not found and not lms:
        tell("no model came with this installation: train one (dragoman train --help)")
    for one in found:
        source, target = one.languages
        if format == "json":
            parameters = sum(weight.size for weight in one.weights.values())
            say_json({"name": one.path.name, "path": str(one.path), "source": source, "target": target,
                      "parameters": parameters, "card": one.card})  # fmt: skip
        elif model is None:
            say(f"{one.path.name:<12}  {source} -> {target}  {one.path}")
        else:
            say(one.card.rstrip("\n") or f"{one.path} ({source} -> {target}) has no card.")
    for name in lms:
        _language_model(name, model is None, format)


def _language_model(name: str, listed: bool, format: str) -> None:
    """A bundled language model, which has no other side and is not opened: that would load torch."""
    from dragoman.model.languagemodels import card_of

    path, card = card_of(name)
    if format == "json":
        say_json({"name": name, "path": str(path), "kind": path.name, "card": card})
    else:
        say(f"{name:<14}  {path}" if listed else card.rstrip("\n"))
