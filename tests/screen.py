"""What a terminal would show of a drawing, for tests that read it. Draws nothing itself."""

from __future__ import annotations

import io

from rich.console import Console, RenderableType


def printed(lines: list[RenderableType] | RenderableType, width: int = 60) -> list[str]:
    """The text of each line, without colours and trailing space."""
    console = Console(file=io.StringIO(), width=width, color_system=None, highlight=False)
    for line in lines if isinstance(lines, list) else [lines]:
        console.print(line)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]
