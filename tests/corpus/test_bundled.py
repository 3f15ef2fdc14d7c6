"""The corpus beside the program: every line of the general text says where it is from, and the notice tells of each."""

from __future__ import annotations

import gzip
import lzma
import re
from collections import Counter
from pathlib import Path

import pytest

CORPUS = Path(__file__).parents[2] / "corpus" / "general"
FILES = sorted(path.name for path in CORPUS.glob("*.tsv.*"))


@pytest.mark.parametrize("name", FILES)
def test_every_line_has_a_source_that_the_notice_tells_of(name: str) -> None:
    notice = (CORPUS / "NOTICE.md").read_text(encoding="utf-8")
    read = lzma.open if name.endswith(".xz") else gzip.open
    with read(CORPUS / name, "rt", encoding="utf-8") as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines]
    assert {len(row) for row in rows} == {3}
    assert f"| `{name}` | {len(rows):,} |" in notice
    for source, count in Counter(row[2] for row in rows).items():
        told = rf"`{re.escape(source)}` \| {count:,} \| [^|]+ \| [^|?]+ \|"
        assert re.search(told, notice) or name.startswith("dev"), source
