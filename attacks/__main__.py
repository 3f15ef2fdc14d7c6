"""`python -m attacks`: every promise attacked for some minutes, and a table of what held. Attacks nothing itself."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Parameter
from rich.console import Console

from attacks import (
    clocks,
    divergence,
    growth,
    health,
    imports,
    kills,
    load,
    models,
    pages,
    report,
    requests,
    rivals,
    runs,
    schema,
    sockets,
    streams,
    surroundings,
    tokenizers,
    uploads,
)
from attacks.attack import Attack
from attacks.product import Product
from attacks.runner import Outcome, run

ATTACKS: tuple[Attack[Product], ...] = (
    kills.KILLS, kills.DISK, runs.RESUME, rivals.RIVALS, divergence.DIVERGENCE,
    models.CONFIG, models.MANIFESTS, models.WEIGHTS, tokenizers.TOKENIZERS, imports.IMPORTS,
    requests.HTTP, sockets.SOCKETS, schema.SCHEMA, uploads.UPLOADS, growth.GROWTH, health.HEALTH,
    load.LOAD, load.ENDINGS, load.CRASHES, pages.SCRIPTS, surroundings.ENVIRONMENT, streams.STREAMS, clocks.CLOCK,
)  # fmt: skip
NAMES = tuple(attack.name for attack in ATTACKS)

MINUTES = 10.0
SMALL = 1.0  # minutes
SLOW_TO_BEGIN = ("schema", "scripts")  # not worth their beginning in so short a time
GUIDE = Path(__file__).parents[1] / "docs" / "guide"
PAGES = ((GUIDE / "reliability.md", False), (GUIDE / "reliability.zh-CN.md", True))

console = Console(stderr=True)
app = App(
    "attacks",
    help="Dragoman attacked at random: what is promised, tried until it fails. Exit code 1 if anything did.\n\n"
    + "\n\n".join(f"{attack.name}: {attack.promise}" for attack in ATTACKS),
    usage="python -m attacks [OPTIONS]",
    help_format="plaintext",
    version_flags=(),
    default_parameter=Parameter(negative_bool=(), negative_iterable=(), show_default=True),
    result_action="return_value",
)


@app.default
def attack(
    *,
    seed: Annotated[
        int | None, Parameter(help="of every random choice; a new one, which is printed, by default")
    ] = None,
    minutes: Annotated[float, Parameter(help="for all of them together")] = MINUTES,
    only: Annotated[list[str] | None, Parameter(consume_multiple=True, help="names of attacks")] = None,
    case: Annotated[int | None, Parameter(help="the seed of one case of --only, to try that alone")] = None,
    small: Annotated[
        bool, Parameter(help=f"{SMALL:g} minutes, without {' and '.join(SLOW_TO_BEGIN)}")
    ] = False,
    format: Annotated[Literal["text", "json"], Parameter(help="for people, or all that was found")] = "text",
    write: Annotated[bool, Parameter(help="put the table into the pages of the guide too")] = False,
) -> int:
    """Attack, and say what held."""
    chosen = selected(only, case, small)
    if write and (only or small):
        raise ValueError(
            "--write goes with neither --only nor --small: the guide has a line for every attack"
        )
    if not 0 < minutes < math.inf:
        raise ValueError(f"--minutes {minutes:g}: must be above 0")
    seed = random.SystemRandom().getrandbits(31) if seed is None else seed
    console.print(f"seed {seed}", highlight=False)
    with Product() as product:
        outcomes = run(chosen, product, seed, 60 * (SMALL if small else minutes), case, _tell)
    if format == "json":
        print(report.as_json(outcomes, seed))
    else:
        Console().print(report.table(outcomes, seed))
    if write:
        for page, chinese in PAGES:
            report.write_into(page, report.markdown(outcomes, seed, chinese))
    return int(any(outcome.counts.failed for outcome in outcomes))


def selected(only: Sequence[str] | None, case: int | None, small: bool) -> list[Attack[Product]]:
    """Those that were asked for. Raises ValueError for a name that there is not."""
    for name in only or ():
        if name not in NAMES:
            raise ValueError(f"--only {name}: there are {', '.join(NAMES)}")
    if case is not None and (only is None or len(only) != 1):
        raise ValueError("--case goes with --only and one name: a case belongs to one attack")
    if only:
        return [attack for attack in ATTACKS if attack.name in only]
    return [attack for attack in ATTACKS if not (small and attack.name in SLOW_TO_BEGIN)]


def _tell(outcome: Outcome) -> None:
    counts = outcome.counts
    said = (
        f"left out: {counts.left_out}"
        if counts.left_out
        else f"{counts.tried:,} tried, {counts.failed:,} failed"
    )
    console.print(f"{outcome.name:<12} {said}  ({outcome.seconds:.0f} s)", highlight=False, markup=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, and return the exit code."""
    try:
        return int(
            app(sys.argv[1:] if arguments is None else arguments, exit_on_error=False, print_error=False) or 0
        )
    except (CycloptsError, ValueError) as error:
        console.print(f"attacks: {' '.join(str(error).split())}", highlight=False, markup=False)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
