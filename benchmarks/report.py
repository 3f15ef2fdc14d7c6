"""Tables and plots from result files, and their place in README.md. Runs nothing, adds no number of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from benchmarks import peers
from benchmarks.alternate import ROOT, Summary, ratio, values
from benchmarks.comparison import KIND, RESULTS, say
from dragoman.errors import UsageError
from dragoman.files import publish

BEGIN, END = "<!-- results: written by `python -m benchmarks report` -->", "<!-- end of results -->"
Result = dict[str, Any]


def main(
    *files: Annotated[Path, Parameter(help="result files; default all of runs/benchmarks/results")],
    readme: Annotated[Path | None, Parameter(help="write the tables between its two marks instead")] = None,
    plots: Annotated[bool, Parameter(help="also draw each result, as an .svg beside it")] = False,
) -> None:
    """Print the tables of result files."""
    paths = files or tuple(path for path in sorted(RESULTS.glob("*.json")) if is_result(path))
    if not paths:
        raise UsageError(f"{RESULTS} holds no results: run a benchmark first, or name result files")
    results = [read(path) for path in paths]
    text = "\n\n".join(section(result) for result in results)
    if plots:
        peers.install()
        subprocess.run(
            [str(peers.PYTHON), "-m", "benchmarks.plot", *(str(path.resolve()) for path in paths)],
            cwd=ROOT, check=True,
        )  # fmt: skip
    if readme is None:
        print(text)
    else:
        publish(readme, replaced(readme.read_text(encoding="utf-8"), text).encode())
        say(f"wrote {len(results)} results into {readme}")


def is_result(path: Path) -> bool:
    """Results of other kinds may stand beside ours."""
    try:
        read(path)
    except UsageError:
        return False
    return True


def read(path: Path) -> Result:
    """Raises UsageError for what is no result file."""
    try:
        result: Result = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is no result of a benchmark: {error}") from error
    if not isinstance(result, dict) or result.get("kind") != KIND:
        raise UsageError(f"{path} is no result of a benchmark: it is of another kind")
    return result


def replaced(document: str, text: str) -> str:
    """The document with the text between the two marks. Raises UsageError where they are missing."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UsageError(f"the document must hold the line {BEGIN} and, further down, {END}")
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def section(result: Result) -> str:
    """A heading, the table, and what was measured on which machine by which command."""
    return f"### {result['title']}\n\n{comparison(result)}\n\n{circumstances(result)}"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; the first column is text, the others are numbers."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def comparison(result: Result) -> str:
    """Arms with their medians, then the ratios."""
    columns = [
        c for c in result["columns"] if any(c["key"] in t for ts in result["turns"].values() for t in ts)
    ]
    rows = []
    for name, turns in result["turns"].items():
        first, *others = columns
        rows.append([name, _spread(turns, first), *(_spread(turns, c, extremes=False) for c in others)])
    rows += [[name, f"failed: {why}", *[""] * (len(columns) - 1)] for name, why in result["failed"].items()]
    parts = [markdown([result["subject"], *(column["title"] for column in columns)], rows)]
    measure = columns[0] if columns else None
    found = [pair for pair in result["ratios"] if all(name in result["turns"] for name in pair)]
    if found and measure:
        parts.append(markdown(RATIO_HEAD, [_ratio_row(result, measure, *pair) for pair in found]))
    return "\n\n".join(parts)


RATIO_HEAD = ("times as fast", "median", "least", "most", "rounds")


def _ratio_row(result: Result, measure: dict[str, Any], ours: str, theirs: str) -> list[str]:
    a, b = (values(result["turns"][name], measure["key"]) for name in (ours, theirs))
    found = ratio(a, b) if measure["higher_is_better"] else ratio(b, a)
    return [
        f"{ours} / {theirs}",
        *(f"{x:.2f}" for x in (found.median, found.least, found.most)),
        str(found.turns),
    ]


def _spread(turns: Sequence[Result], column: dict[str, Any], extremes: bool = True) -> str:
    """Median, and least to most; a dash where the arm does not measure this."""
    if any(column["key"] not in turn for turn in turns):
        return "-"
    found = Summary.of([column["times"] * x for x in values(turns, column["key"])])
    median, least, most = (format(x, column["format"]) for x in (found.median, found.least, found.most))
    return f"{median} ({least} to {most})" if extremes and found.turns > 1 else median


def circumstances(result: Result) -> str:
    """Machine, versions, settings, command, date: one paragraph of small facts."""
    about = result["machine"]
    facts = [
        f"{about['processor']}, {about['cores']} cores, {about['threads']} threads",
        *([f"{about['memory_gib']} GiB"] if "memory_gib" in about else []),
        f"flags {' '.join(about['flags']) or 'none of interest'}",
        *([f"load {about['load_before']} before"] if "load_before" in about else []),
        versions(result),
        *(f"{key} {_setting(value)}" for key, value in result["settings"].items()),
        f"{result['date']}: `{result['command']}`",
    ]
    return "; ".join(fact for fact in facts if fact) + "."


def versions(result: Result) -> str:
    """Every version that any arm ran with."""
    found: dict[str, set[str]] = {}
    for turn in (turn for turns in result["turns"].values() for turn in turns):
        for name, version in turn["versions"].items():
            found.setdefault(name, set()).add(version)
    return ", ".join(f"{name} {' and '.join(sorted(which))}" for name, which in found.items())


def _setting(value: Any) -> str:
    if isinstance(value, dict):
        return "(" + ", ".join(f"{key} {_setting(inner)}" for key, inner in value.items()) + ")"
    return f"{value:,}" if isinstance(value, int) else str(value)
