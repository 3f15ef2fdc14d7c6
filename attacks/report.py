"""What came of the attacks, as a table for people, as JSON, and as the table of the guide. Runs nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from attacks.attack import Example
from attacks.runner import Outcome

WIDEST = 110  # characters of an input or a fault that a table shows
BEGIN, END = "<!-- attacks: begin -->", "<!-- attacks: end -->"


def table(outcomes: Sequence[Outcome], seed: int) -> Table:
    """For a terminal."""
    found = Table(title=f"seed {seed}", caption=summary(outcomes), title_justify="left")
    for column in ("test", "tried", "held", "failed"):
        found.add_column(column, justify="left" if column == "test" else "right")
    found.add_column("least failing input", overflow="fold")
    found.add_column("its seed", justify="right")
    for outcome in outcomes:
        counts = outcome.counts
        numbers = [f"{n:,}" for n in (counts.tried, counts.held, counts.failed)]
        if not counts.examples:
            said = f"left out: {counts.left_out}" if counts.left_out else ""
            found.add_row(outcome.name, *numbers, escaped(said), "")
        for at, example in enumerate(sorted(counts.examples, key=lambda one: len(one.input))):
            said = f"{shortened(example.input)}\n  {shortened(example.fault)}"
            found.add_row(*([outcome.name, *numbers] if at == 0 else [""] * 4), escaped(said), _seed(example))
    return found


def escaped(text: str) -> str:
    """Square brackets are orders to rich."""
    return text.replace("[", "\\[")


def summary(outcomes: Sequence[Outcome]) -> str:
    tried, failed = (sum(getattr(o.counts, name) for o in outcomes) for name in ("tried", "failed"))
    return f"{tried:,} tried, {tried - failed:,} held, {failed:,} failed"


def as_json(outcomes: Sequence[Outcome], seed: int) -> str:
    """All that was found, every example whole."""
    found: list[dict[str, Any]] = [
        {
            "name": outcome.name,
            "promise": outcome.promise,
            "seconds": round(outcome.seconds, 1),
            "held": outcome.counts.held,
            **asdict(outcome.counts),
        }
        for outcome in outcomes
    ]
    return json.dumps({"seed": seed, "attacks": found}, ensure_ascii=False, indent=1)


def markdown(outcomes: Sequence[Outcome], seed: int, chinese: bool = False) -> str:
    """The table of the guide. It holds no date and no machine: only what the same seed gives again."""
    titles = (
        ("测试", "次数", "通过", "失败", "能重现失败的最小输入", "种子")
        if chinese
        else ("test", "tried", "held", "failed", "least failing input", "its seed")
    )
    lines = [
        f"`python -m attacks --seed {seed}`",
        "",
        f"| {' | '.join(titles)} |",
        "|---|--:|--:|--:|---|--:|",
    ]
    for outcome in outcomes:
        example, counts = least(outcome), outcome.counts
        said = _code(shortened(example.input)) + ": " + _plain(shortened(example.fault)) if example else ""
        if not counts.tried and counts.left_out:
            said = ("未测：" if chinese else "left out: ") + _plain(counts.left_out)
        cells = (outcome.name, *(f"{n:,}" for n in (counts.tried, counts.held, counts.failed)), said)
        lines.append(f"| {' | '.join(cells)} | {_seed(example) if example else ''} |")
    return "\n".join(lines)


def least(outcome: Outcome) -> Example | None:
    """The failure that takes the fewest characters to show."""
    return min(outcome.counts.examples, key=lambda example: len(example.input), default=None)


def _seed(example: Example) -> str:
    return "-" if example.seed is None else str(example.seed)


def shortened(text: str) -> str:
    """One line of printable characters."""
    line = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
    return line if len(line) <= WIDEST else f"{line[: WIDEST - 20]} ... ({len(text):,})"


def _code(text: str) -> str:
    """Between back-ticks, in a cell."""
    return "``" + f" {text} ".replace("|", "\\|") + "``"


def _plain(text: str) -> str:
    return re.sub(r"([|<>*_`\[\]\\])", r"\\\1", text)


def write_into(page: Path, found: str) -> None:
    """Put a table between the markers of a page of the guide."""
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n{found}\n{END}{after}", encoding="utf-8")
