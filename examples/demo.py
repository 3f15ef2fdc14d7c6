"""What `make demo` shows: a few sentences through the bundled model, both ways, and what comes next. Trains nothing."""

from __future__ import annotations

import sys
import time

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dragoman import DragomanError, Translator

# The last three of each language stand in no corpus.
SENTENCES = [
    "Are you OK ?",
    "Where did you buy that book?",
    "Two dogs are playing in the snow.",
    "Click the button below to reset your password.",
    "What would you like for dinner tonight?",
    "I left my umbrella on the bus this morning.",
    "你好吗？",
    "我不知道该说什么。",
    "请点击下面的按钮重置密码。",
    "今天早上我把雨伞落在公交车上了。",
    "您没有权限删除此文件夹。",
]

NEXT = [
    ('dragoman translate "How old are you?"', "a sentence of your own"),
    ('dragoman translate "你多大了？"', "and the other way: the script tells"),
    ('dragoman translate "I am cold." --n-best 3', "the runners-up too"),
    ("dragoman translate < english.txt > chinese.txt", "a file, line by line"),
    ("dragoman models en-zh", "what this model is good for"),
    ("make install", "then train your own (README)"),
]


def main() -> None:
    console = Console(highlight=False)
    started = time.perf_counter()
    with Translator.load("en-zh") as translator:
        loaded = time.perf_counter()
        translations = translator.translate(SENTENCES)
        done = time.perf_counter()
    console.print()
    console.print(columns([(t.source, t.text) for t in translations], "", "bold"))
    console.print(
        f"\n  [dim]loaded in {loaded - started:.2f} s, {len(SENTENCES)} sentences translated in "
        f"{1000 * (done - loaded):.0f} ms[/dim]\n"
    )
    console.print("Try next, after  [bold]source .venv/bin/activate[/bold]\n")
    console.print(columns(NEXT, "bold", "dim"))
    console.print()


def columns(rows: list[tuple[str, str]], first: str, second: str) -> Table:
    """Two columns; the first is never broken, so that a command can be copied."""
    table = Table(box=None, show_header=False, pad_edge=True, padding=(0, 0, 0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for left, right in rows:
        table.add_row(Text(left, first), Text(right, second))
    return table


if __name__ == "__main__":
    try:
        main()
    except DragomanError as error:
        sys.exit(f"demo: {error}")
