"""What the guide says that a command prints is what it prints, on the bundled model, in both languages."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from scripts import script

generate = script("docs/guide/generate.py")
OUTPUTS = [output for page in generate.PAGES for output in generate.outputs(page)]


@cache
def measured(command: str) -> str:
    """What a script prints is the same for every page."""
    (output, *_) = (output for output in OUTPUTS if output.command == command)
    return str(output.printed())


@pytest.mark.slow(reason="runs every command of the guide on the bundled model, and measures its alignments")
@pytest.mark.parametrize("output", OUTPUTS, ids=lambda output: f"{output.page.name}: {output.command}")
def test_the_output_in_the_guide_is_what_is_printed(output: Any) -> None:
    printed = measured(output.command) if output.command.startswith("python ") else output.printed()
    assert generate.same(output.shown, printed), "run: python docs/guide/generate.py"


def test_no_output_is_missing() -> None:
    assert len(OUTPUTS) > 10
    for page in generate.PAGES:
        assert "```text\n```" not in page.read_text(encoding="utf-8")


# -- when two outputs are the same --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shown, printed",
    [
        ("p 0.63", "p 0.64"),  # the last digit
        ("took 22 ms", "took 871 ms"),
        ("measured 3.3e-06, limit 1e-04", "measured 1.1e-06, limit 1e-04"),
        ("你   . 29  5", "你  : 30  5"),  # a shade follows from its number
        ("-0.61   ####", "-0.62   ###"),
    ],
)
def test_what_belongs_to_the_machine_may_differ(shown: str, printed: str) -> None:
    assert generate.same(shown, printed)


@pytest.mark.parametrize(
    "shown, printed",
    [
        ("p 0.63", "p 0.65"),
        ("chose 你", "chose 您"),
        ("5 steps", "8 steps"),
        ("8 of 8 proofs hold", "8 of 8 proofs hold 1"),
        ("holds", "FAILED"),
        ("22 ms", "22"),
    ],
)
def test_what_belongs_to_the_model_may_not(shown: str, printed: str) -> None:
    assert not generate.same(shown, printed)
