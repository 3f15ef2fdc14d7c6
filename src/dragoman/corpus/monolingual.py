"""Text of one language for language models and word vectors: lines out of files. Knows no token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from dragoman.corpus.lines import read_lines
from dragoman.corpus.pairs import read_corpus
from dragoman.errors import CorpusError
from dragoman.text.normalize import normalize

Side = Literal["source", "target"]
_PAIRS = {".tsv", ".jsonl", ".json"}


def read_texts(
    paths: Sequence[Path | str], side: Side = "target", source: str = "", target: str = ""
) -> Iterator[str]:
    """The lines of texts, normalised, without empty ones; of sentence pairs (.tsv, .jsonl) one side.

    `source` and `target` are language codes, for JSON that names its sides by them. Raises CorpusError.
    """
    if not paths:
        raise CorpusError("no corpus file was given")
    empty = True
    for path in map(Path, paths):
        pairs = bool(_PAIRS & {suffix.lower() for suffix in path.suffixes})
        lines = (
            (getattr(pair, side) for pair in read_corpus([path], source, target))
            if pairs
            else read_lines(path)
        )
        for line in lines:
            if line := normalize(line):
                empty = False
                yield line
    if empty:
        raise CorpusError(f"nothing to read: {', '.join(map(str, paths))} has no text")
