"""The corpus beside the program is what its pages say: its pairs, a source for each, nothing of what is held out."""

from __future__ import annotations

import gzip
import lzma
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

CORPUS = Path(__file__).parents[2] / "corpus"
OPENERS = {".gz": gzip.open, ".xz": lzma.open}
COUNTS = re.findall(
    r"^\| `(\S+)` \| ([\d,]+) \|", (CORPUS / "README.md").read_text(encoding="utf-8"), re.MULTILINE
)


def rows(path: Path) -> Iterator[list[str]]:
    with OPENERS.get(path.suffix, open)(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield line.rstrip("\n").split("\t")


def bare(text: str) -> str:
    """Without case and punctuation."""
    return re.sub(r"\W", "", text).casefold()


@pytest.mark.parametrize(("pattern", "count"), COUNTS)
def test_there_are_as_many_pairs_as_it_says(pattern: str, count: str) -> None:
    found = sum(1 for path in CORPUS.glob(pattern) for _ in rows(path))
    assert f"{found:,}" == count


@pytest.mark.parametrize("path", sorted(CORPUS.glob("phrases/*")), ids=lambda path: path.name)
def test_no_phrase_stands_in_what_is_held_out(path: Path) -> None:
    held = [
        *CORPUS.glob("*/dev.tsv.gz"),
        CORPUS / "captions/val.tsv.gz",
        CORPUS.parent / "benchmarks/sentences.tsv",
    ]
    known = {bare(text) for one in held for row in rows(one) for text in row[:2]} - {""}
    found = list(rows(path))
    assert all(len(row) == 2 for row in found)
    assert len({tuple(row) for row in found}) == len(found)
    assert not [text for row in found for text in row if bare(text) in known]


@pytest.mark.parametrize("name", sorted(path.name for path in CORPUS.glob("general/*.tsv.*")))
def test_every_line_has_a_source_that_the_notice_tells_of(name: str) -> None:
    notice = (CORPUS / "general/NOTICE.md").read_text(encoding="utf-8")
    found = list(rows(CORPUS / "general" / name))
    assert {len(row) for row in found} == {3}
    assert f"| `{name}` | {len(found):,} |" in notice
    for source, count in Counter(row[2] for row in found).items():
        told = rf"`{re.escape(source)}` \| {count:,} \| [^|]+ \| [^|?]+ \|"
        assert re.search(told, notice) or name.startswith("dev"), source
