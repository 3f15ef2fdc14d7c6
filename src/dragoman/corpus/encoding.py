"""Pairs as token ids, a block at once, in any process: what becomes of a block depends on that block alone.

Loads no torch. Chooses no pair but by its length in tokens.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from dragoman.corpus.processes import Kind, Work
from dragoman.text.mapped import tokenizer_of
from dragoman.text.tokenizer import Tokenizer

Rows = tuple[np.ndarray, np.ndarray]  # ids one after another; where each side ends among them


@dataclass(frozen=True)
class Encoding:
    """How texts become ids: by side ("source", "target") or "joint" the files of the tokenizers."""

    tokenizers: Mapping[str, bytes]
    languages: tuple[str, str]
    sampling: float  # chance that a piece is split in two
    longest: int  # pairs with more tokens on a side are left out

    @property
    def kind(self) -> Kind:
        files = {name: base64.b64encode(data).decode() for name, data in self.tokenizers.items()}
        return Kind(encoding, [files, self.languages, self.sampling, self.longest])


def block_of(
    texts: list[tuple[str, str]],
    plain: dict[int, tuple[str, str]],
    before: list[list[int]],
    seeds: tuple[int, int],
) -> Any:
    """What is encoded at once: `plain` are the texts of pairs that were changed as they were, which may be shorter.

    before: ids before each source. seeds: of what is sampled, for either side.
    """
    same = before[1:] == before[:-1]
    return {
        "texts": texts,
        "plain": list(plain.items()),
        "before": before[:1] if same else before,
        "seeds": seeds,
    }


def rows_of(answer: Any) -> Rows:
    """What `encoding` made of a block."""
    ids, ends = (np.frombuffer(base64.b64decode(part), np.uint32) for part in answer)
    return ids, ends


def encoding(settings: Any) -> Work:
    """Blocks to ids, as JSON."""
    files, languages, rate, longest = settings
    found = {name: tokenizer_of(base64.b64decode(data), name) for name, data in files.items()}
    own = {name: tokenizer.between(*languages) for name, tokenizer in found.items()}
    sides = [own["joint" if "joint" in own else side] for side in ("source", "target")]

    def encode(block: Any) -> Any:
        plain, befores = dict(block["plain"]), block["before"]
        every = zip(*(_side(block, number, sides[number], rate) for number in (0, 1)), strict=True)
        rows: list[list[int]] = []
        for number, (source, target) in enumerate(every):
            before = befores[number if len(befores) > 1 else 0]
            if number in plain and max(len(before) + len(source), len(target)) > longest:
                # As it was: an emoji is four bytes.
                source, target = (one.encode(text) for one, text in zip(sides, plain[number], strict=True))
            if max(len(before) + len(source), len(target)) <= longest:
                rows += [*before, *source], target
        ids = np.fromiter(chain.from_iterable(rows), np.uint32)
        ends = np.cumsum(np.fromiter(map(len, rows), np.uint32), dtype=np.uint32)
        return [base64.b64encode(part.tobytes()).decode() for part in (ids, ends)]

    return encode


def _side(block: Any, number: int, tokenizer: Tokenizer, rate: float) -> list[list[int]]:
    texts = [pair[number] for pair in block["texts"]]
    return (
        tokenizer.sample_batch(texts, rate, block["seeds"][number]) if rate else tokenizer.encode_batch(texts)
    )
