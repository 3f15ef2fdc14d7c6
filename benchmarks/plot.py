"""Draws result files, one .svg beside each: `python -m benchmarks.plot RESULT.json...` in the peers' environment.

matplotlib stands there, not beside Dragoman; nothing of Dragoman is imported here.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.alternate import Summary


def series(result: dict[str, Any]) -> tuple[list[str], list[Summary]]:
    """Arms that have the measure, and what they found of it."""
    column = result["columns"][0]
    found = {
        name: Summary.of([column["times"] * turn[column["key"]] for turn in turns])
        for name, turns in result["turns"].items()
        if all(column["key"] in turn for turn in turns)
    }
    return list(found), list(found.values())


def numbers(names: list[str]) -> list[float] | None:
    """The names as numbers, where all of them are: then a line is drawn, not bars."""
    try:
        return [float(name.replace(",", "")) for name in names]
    except ValueError:
        return None


def draw(path: Path) -> Path:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = path.name  # the same result gives the same file
    from matplotlib import pyplot as plt

    result = json.loads(path.read_text(encoding="utf-8"))
    names, found = series(result)
    spread = [[s.median - s.least for s in found], [s.most - s.median for s in found]]
    medians, at = [s.median for s in found], numbers(names)
    figure, axes = plt.subplots(
        figsize=(8, 1.2 + 0.4 * len(names) if at is None else 4), layout="constrained"
    )
    if at is None:
        axes.barh(names, medians, xerr=spread, capsize=3)
        axes.invert_yaxis()
        axes.set_xlabel(result["columns"][0]["title"])
    else:
        axes.errorbar(at, medians, yerr=spread, marker="o", capsize=3)
        axes.set(xscale="log", xlabel=result["subject"], ylabel=result["columns"][0]["title"], xticks=at)
        axes.set_xticks(at, names)
        axes.minorticks_off()
        axes.set_ylim(bottom=0)
    axes.set_title(result["title"], fontsize=10)
    image = path.with_suffix(".svg")
    figure.savefig(image, metadata={"Date": None})
    plt.close(figure)
    return image


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        print(draw(Path(argument)), file=sys.stderr)
