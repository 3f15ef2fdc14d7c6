"""`dragoman lineage --years`: the systems by year, beside those that came with the program. Computes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dragoman.cli.language import Say
from dragoman.cli.terminal import aligned

if TYPE_CHECKING:
    from collections.abc import Mapping


def years(sizes: Mapping[str, int], told: Say) -> list[str]:
    """sizes: the numbers of each kind that came with the program."""
    from dragoman.lineage.years import MILESTONES

    rows = [list(map(told, ("year", "system", "paper", "what was new", "then, millions", "here")))]
    for one in MILESTONES:
        then = "" if one.weights is None else f"{round(one.weights):,}"
        size = sizes.get(one.here or "")
        here = "" if size is None else f"{size:,}"
        rows.append([str(one.year), one.system, one.paper, told(one.new), then, here])
    return [
        *aligned(rows),
        "",
        told("GPT and BERT have one root, the Transformer: GPT kept its decoder, BERT its encoder."),
        told(
            "A decoder alone is simpler: one stack in place of two, and two sublayers in a layer in place of three,"
        ),
        told(
            "since there is no memory to look into. What is simple could be made large: 117 million weights in 2018,"
        ),
        told("175,000 million in 2020."),
    ]


def as_json(sizes: Mapping[str, int]) -> list[dict[str, Any]]:
    from dataclasses import asdict

    from dragoman.lineage.years import MILESTONES

    return [{**asdict(one), "weights_here": sizes.get(one.here or "")} for one in MILESTONES]


def sizes_here() -> dict[str, int]:
    """How many numbers each bundled model has; those of the first translator that is a Transformer, too."""
    from dragoman.lineage.ngram import NgramModel
    from dragoman.model.directory import list_models, open_model
    from dragoman.model.languagemodels import list_lms, open_lm

    found = {}
    for name in list_lms():
        opened = open_lm(name)
        model = opened.model
        found[opened.kind.name] = (
            sum(map(len, model.logprobs))
            if isinstance(model, NgramModel)
            else sum(w.numel() for w in model.parameters())
        )
    for path in list_models():
        directory = open_model(path)
        if directory.config["model"]["kind"] == "transformer":
            found.setdefault("transformer", sum(weight.size for weight in directory.weights.values()))
    return found
