"""`dragoman lm compare`: how probable whole sentences are, side by side. Computes nothing itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from dragoman.cli.flags import FormatFlag
from dragoman.cli.language import LangFlag, Say, chosen, speaker
from dragoman.cli.terminal import aligned, say, say_json
from dragoman.errors import UsageError

if TYPE_CHECKING:
    from dragoman.lineage.perplexity import Scored

USAGE = "dragoman lm compare TEXT TEXT... [-m DIR] [OPTIONS]"
EXAMPLES = (
    "Examples:\n\n"
    "  dragoman lm compare 今天晚上吃饭。 饭吃上晚天今。\n\n"
    "  dragoman lm compare 我打你。 你打我。 -m runs/gpt"
)


def compare(
    *text: Annotated[str, Parameter(help="a sentence")],
    model: Annotated[
        list[str] | None,
        Parameter(
            name=("--model", "-m"),
            help="directory of a language model, to be asked instead of the bundled ones; may be repeated",
        ),
    ] = None,
    format: FormatFlag = "text",
    lang: LangFlag = None,
) -> None:
    """How probable whole sentences are: a language as a distribution over them, and not as a set."""
    from dragoman.model.languagemodels import list_lms, open_lm
    from dragoman.text.normalize import normalize

    if len(text) < 2:
        raise UsageError(
            "give two sentences or more, such as  dragoman lm compare 今天晚上吃饭。 饭吃上晚天今。"
        )
    told = speaker(chosen(lang))
    lines = [normalize(one) for one in text]
    opened = {one: open_lm(Path(one)) for one in model or list_lms()}
    asked = {
        one: lm for one, lm in opened.items() if model or "perplexity" in lm.kind.verbs
    }  # BERT writes no text
    found = {one.removeprefix("lineage/"): lm.language_model().score(lines) for one, lm in asked.items()}
    if format == "json":
        nats = [{name: scores[i].logprob for name, scores in found.items()} for i in range(len(text))]
        say_json({"sentences": [{"text": one, "nats": each} for one, each in zip(text, nats, strict=True)]})
        return
    rows = [[told("ln p of the whole sentence"), *found]]
    rows += [[one, *(f"{scores[i].logprob:.1f}" for scores in found.values())] for i, one in enumerate(text)]
    say("\n".join([*aligned(rows), "", *_said(text, found, told)]))


def _said(text: tuple[str, ...], found: dict[str, list[Scored]], told: Say) -> list[str]:
    lines = []
    for name, scores in found.items():
        order = sorted(range(len(text)), key=lambda i: -scores[i].logprob)
        apart = (scores[order[0]].logprob - scores[order[-1]].logprob) / 2.302585
        ends = {"first": text[order[0]], "last": text[order[-1]]}
        lines.append(
            told(
                "{name}: {first} is 10^{apart:.1f} times as probable as {last}",
                name=name,
                apart=apart,
                **ends,
            )
        )
    return [
        *lines,
        "",
        told("A language seen as a set: a sentence is in it or it is not, and a grammar says which."),
        told(
            "Seen as a distribution: every string has a probability, all together have 1. None is out; most are"
        ),
        told("next to impossible. That is what can be learnt from text, without a grammar."),
    ]
