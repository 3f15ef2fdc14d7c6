"""How long a file and a function may be: who reads one can hold it. Parameters are counted by ruff (PLR0913)."""

from __future__ import annotations

import ast
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(chain.from_iterable((ROOT / room).rglob("*.py") for room in ("src", "attacks", "benchmarks")))
LONGEST_FILE, LONGEST_FUNCTION = 350, 60  # lines


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_and_its_functions_are_no_longer_than_they_may_be(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = len(text.splitlines())
    assert lines <= LONGEST_FILE, f"{lines} lines: two things stand in it, and each wants a file"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{node.name} has {length} lines: what are its steps called?"
