"""`dragoman doctor`: a line for each property of a model, and whether all hold. Examines nothing itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from dragoman.cli.flags import Corpus, FormatFlag
from dragoman.cli.language import LangFlag, Say, chosen, speaker
from dragoman.cli.terminal import say, say_json
from dragoman.doctor.finding import Line
from dragoman.explain import sentences
from dragoman.model.modules import require_torch
from dragoman.processor import uncollected

USAGE = "dragoman doctor [MODEL] [CORPUS...] [OPTIONS]"
EXAMPLES = """Examples:

  dragoman doctor en-zh

  dragoman doctor runs/de-en test.de test.en

  dragoman doctor runs/de-en test.tsv --format json"""

_SIGNS = {"passed": "ok  ", "failed": "FAIL", "unchecked": "-   "}


def doctor(
    model: Annotated[str, Parameter(help="a bundled model by name, or a model directory")] = "en-zh",
    /,
    *corpus: Corpus,
    format: FormatFlag = "text",
    lang: LangFlag = None,
) -> int:
    """Prove on a model that it is wired right: one line a property, exit code 1 if one fails.

    With a corpus, also that the two belong together.
    """
    language = chosen(lang)
    told = speaker(language)
    require_torch("a model is examined by torch")
    with uncollected():
        from dragoman.doctor.examination import examine
    failed: list[str] = []
    for line in examine(model, list(map(Path, corpus))):
        if line.finding.state == "failed":
            failed.append(line.name)
        if format == "json":
            say_json(line.to_json())
        else:
            say(_told(line, told, language))
    if format == "text":
        say(
            told("{n} failed: {names}", n=len(failed), names=", ".join(failed))
            if failed
            else told("nothing failed")
        )
    return 1 if failed else 0


def _told(line: Line, told: Say, language: str) -> str:
    found, key = line.finding, f"proofs.{line.name}"
    statement = sentences.say(key, language) if sentences.known(key) else told(line.statement)
    return f"{_SIGNS[found.state]} {line.name:<26} {statement}  [{told(found.said, **found.values)}]"
