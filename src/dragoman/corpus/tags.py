"""Symbols that tell a model what kind of text a source is: that of a corpus, such as <bt> of one that a machine wrote.

Caswell et al. (2019), "Tagged Back-Translation": a model that is told which sources a machine wrote learns from them
without taking over their manner. Knows corpora by their names; opens no file.
"""

from __future__ import annotations

from collections.abc import Sequence

from dragoman.corpus.named import Named, parsed
from dragoman.text.directions import check_symbol


class Tags(Named[str]):
    """The symbol of each corpus, and of each source that a corpus names in its third column; none for all others."""

    def __init__(self, given: Sequence[str]) -> None:
        """`given`: "NAME=SYMBOL" each. Raises ConfigError."""
        super().__init__("data.tags", parsed(given, "data.tags", str, "NAME=SYMBOL, such as mined=<bt>"), "")
        for symbol in self.by_name.values():
            check_symbol(symbol, "data.tags")

    @property
    def symbols(self) -> tuple[str, ...]:
        """All of them, each once."""
        return tuple(dict.fromkeys(self.by_name.values()))
