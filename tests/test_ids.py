"""The special ids have one home, and the tokenizer keeps to it. They once had five."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from dragoman import ids
from dragoman.text.tokenizer import Tokenizer
from tiny import Parts

SOURCE = Path(__file__).parents[1] / "src" / "dragoman"
NAMES = {"PAD", "UNK", "BOS", "EOS", "SPECIALS", "UNWRITTEN"}


def assigned(tree: ast.Module) -> set[str]:
    targets = [t for node in tree.body if isinstance(node, ast.Assign) for t in node.targets]
    return {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}


def test_nobody_else_says_what_the_special_ids_are() -> None:
    homes = {p for p in SOURCE.rglob("*.py") if NAMES & assigned(ast.parse(p.read_text(encoding="utf-8")))}
    # What is written beside an export runs without Dragoman.
    alone = {p for p in homes if p.parent.name == "scripts"}
    assert homes - alone == {SOURCE / "ids.py"}
    for path in alone:
        said = {}
        exec(
            re.search(r"^.*\bBOS\b.* = .*$", path.read_text(encoding="utf-8"), re.MULTILINE).group(), {}, said
        )  # type: ignore[union-attr]
        assert said == {name: getattr(ids, name) for name in said}


def test_every_tokenizer_has_them_in_front(tiny_parts: Parts) -> None:
    vocabulary = Tokenizer(next(iter(tiny_parts.tokenizers.values()))).vocabulary()
    assert tuple(vocabulary[:4]) == ids.SPECIALS
    assert [vocabulary.index(special) for special in ids.SPECIALS] == [ids.PAD, ids.UNK, ids.BOS, ids.EOS]
    assert set(ids.UNWRITTEN) == {ids.PAD, ids.UNK, ids.BOS}
