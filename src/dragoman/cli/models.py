"""`dragoman models`: what models there are, and what is known about one. Opens them, loads no engine."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from dragoman.cli.flags import FormatFlag
from dragoman.cli.terminal import say, say_json, tell
from dragoman.text.directions import all_told, written

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

    found = [open_model(path) for path in (list_models() if model is None else [find_model(model)])]
    if not found:
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
