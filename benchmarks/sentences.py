"""Which cuts text into sentences with fewer mistakes: our splitter or pysbd, on the labelled set of the tests.

    pip install pysbd && python benchmarks/sentences.py

A mistake is a boundary that is not found, or one that is none. Trains nothing and translates nothing.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

LABELLED = Path(__file__).parents[1] / "tests" / "text" / "boundaries.tsv"

Splitter = Callable[[str, str], list[str]]


def read(path: Path) -> list[tuple[str, str, str, set[int]]]:
    """Language, kind, text, and after how many visible characters each sentence ends."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        language, kind, marked = line.split("\t", 2)
        sentences = marked.replace("↵", "\n").replace("→", "\t").split("|")
        rows.append((language, kind, "".join(sentences), ends(sentences)))
    return rows


def ends(sentences: list[str]) -> set[int]:
    """The last one is an end in any case, and is not counted. White space counts for nothing."""
    found, at = set(), 0
    for sentence in sentences[:-1]:
        at += len("".join(sentence.split()))
        found.add(at)
    return found - {0}


def mistakes(splitter: Splitter) -> tuple[int, int, Counter[str]]:
    """Boundaries missed, boundaries made up, and both by kind."""
    missed = invented = 0
    kinds: Counter[str] = Counter()
    for language, kind, text, wanted in read(LABELLED):
        found = ends([sentence for sentence in splitter(text, language) if sentence.strip()])
        found -= {len("".join(text.split()))}
        missed, invented = missed + len(wanted - found), invented + len(found - wanted)
        kinds[kind] += len(wanted ^ found)
    return missed, invented, +kinds


def ours(text: str, language: str) -> list[str]:
    from dragoman.text.sentences import split_paragraph

    pieces: list[str] = []
    for segment in split_paragraph(text, language):
        pieces.append(segment.text + (segment.separator if segment.separator.strip() else ""))
    return pieces


def pysbd(text: str, language: str) -> list[str]:
    import pysbd as library

    return [
        piece
        for line in text.splitlines()
        for piece in library.Segmenter(language, clean=False).segment(line)
    ]


def main() -> None:
    boundaries = sum(len(wanted) for *_, wanted in read(LABELLED))
    print(f"{boundaries} boundaries")
    for name, splitter in (("ours", ours), ("pysbd", pysbd)):
        try:
            missed, invented, kinds = mistakes(splitter)
        except ImportError:
            print(f"{name:<6} is not installed", file=sys.stderr)
            continue
        rate = 100 * (missed + invented) / boundaries
        print(f"{name:<6} {missed:>3} missed  {invented:>3} invented  {rate:5.1f} %  {dict(kinds)}")


if __name__ == "__main__":
    main()
