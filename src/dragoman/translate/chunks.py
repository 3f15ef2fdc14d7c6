"""Texts by and by, each with its prefix, in lists that are translated at once. Knows no model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import repeat, zip_longest
from typing import Any

from dragoman.errors import UsageError

Texts = list[tuple[str, str]]  # with prefixes

# A chunk is what is translated at once: enough to sort by length, little enough to hold in memory.
CHUNK_TEXTS, CHUNK_CHARACTERS = 2048, 1_000_000


def with_prefixes(texts: Iterable[str], prefixes: Iterable[str] | None) -> Iterator[tuple[str, str]]:
    """Each text with its prefix, checked as it comes."""
    missing = object()
    pairs: Iterable[tuple[Any, Any]] = (
        zip(texts, repeat("")) if prefixes is None else zip_longest(texts, prefixes, fillvalue=missing)
    )
    for number, (text, prefix) in enumerate(pairs, 1):
        if text is missing or prefix is missing:
            raise UsageError(
                f"there must be as many prefixes as texts; number {number:,} has only one of the two"
            )
        if not isinstance(text, str) or not isinstance(prefix, str):
            wrong = prefix if isinstance(text, str) else text
            raise UsageError(f"text {number:,} is of type {type(wrong).__name__}: give strings")
        yield text, prefix


def chunks(asked: Iterable[tuple[str, str]], most: int) -> Iterator[Texts]:
    """Texts in lists of at most `most`, cut earlier where they are long; reads no further than it gives."""
    chunk: Texts = []
    characters = 0
    for text, prefix in asked:
        chunk.append((text, prefix))
        characters += len(text)
        if len(chunk) >= most or characters >= CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk
