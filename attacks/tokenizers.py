"""A tokenizer.model of any bytes, and of any pieces in its own format: translated with, or refused in one sentence.

The format is SentencePiece's ModelProto, a protocol buffer; the weights are told to belong to what came of it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from attacks.attack import Trials
from attacks.models import ENGINES, Change, staged
from attacks.product import Product
from attacks.protobuf import BYTES, FIXED32, VARINT, Field, parse, written
from attacks.sealing import belong_together, damaged

PIECE, TEXT_OF, SCORE, TYPE = 1, 1, 2, 3  # fields of SentencePiece's ModelProto, and of a piece
NORMALIZER, DENORMALIZER, CHARACTER_MAP = 3, 5, 2
TYPES = (
    1, 2, 3, 4, 5, 6, 0, 7, 2**31, 2**63,
)  # fmt: skip


def tokenizer_change(rng: random.Random) -> Change:
    what = rng.choice(("pieces", "pieces", "pieces", "bytes", "rules"))
    return Change(what, rng.choice(ENGINES), rng.getrandbits(32))


def change_tokenizer(model: Path, change: Change) -> str:
    path = model / "tokenizer.model"
    data, rng = path.read_bytes(), random.Random(change.number)
    if change.what == "bytes":
        data = damaged(data, rng)
        done = "bytes"
    elif change.what == "rules":
        data, done = with_odd_rules(data, rng), "rules"
    else:
        fields, deeds = parse(data), []
        for _ in range(rng.randint(1, 3)):
            fields, deed = with_odd_piece(fields, rng)
            deeds.append(deed)
        data, done = written(fields), ", ".join(deeds)
    path.write_bytes(data)
    belong_together(model)
    return f"tokenizer: {done}"


def with_odd_piece(fields: Sequence[Field], rng: random.Random) -> tuple[list[Field], str]:
    """A SentencePiece model with one piece of another type, text or score; doubled, moved, or gone. And which."""
    found = list(fields)
    places = [at for at, field in enumerate(found) if field.number == PIECE and field.kind == BYTES]
    at = rng.choice((places[:6], places)[rng.random() < 0.6])
    value = found[at].value
    assert isinstance(value, bytes)
    try:
        piece = {field.number: field for field in parse(value)}
    except (ValueError, IndexError):  # one that was damaged before
        return found, f"piece {places.index(at)} once more"
    odd_texts = (
        b"",
        b"\xff\xfe",
        b"\xe2\x96",
        b"x" * 100_000,
        b"<unk>",
        b"<0x41>",
        b"<0xZZ>",
        b"\0",
        b" ",
        "▁".encode() * 99,
    )
    kinds: dict[str, Callable[[], Any]] = {
        "text": lambda: piece.update({TEXT_OF: Field(TEXT_OF, BYTES, rng.choice(odd_texts))}),
        "type": lambda: piece.update({TYPE: Field(TYPE, VARINT, rng.choice(TYPES))}),
        "score": lambda: piece.update(
            {
                SCORE: Field(
                    SCORE, FIXED32, np.float32(rng.choice((np.nan, np.inf, -np.inf, 3e38, 0.0))).tobytes()
                )
            }
        ),
        "no text": lambda: piece.pop(TEXT_OF, None),
    }
    kind = rng.choice((*sorted(kinds), "double", "swap", "gone", "bytes"))
    if kind in kinds:
        kinds[kind]()
        found[at] = Field(PIECE, BYTES, written(list(piece.values())))
    elif kind == "double":  # and another gone, for the count has to fit the weights
        found[rng.choice(places)] = found[at]
    elif kind == "swap":
        other = rng.choice(places)
        found[at], found[other] = found[other], found[at]
    elif kind == "gone":
        del found[at]
    else:
        found[at] = Field(PIECE, BYTES, damaged(value, rng))
    return found, f"{kind} of piece {places.index(at)}"


def with_odd_rules(data: bytes, rng: random.Random) -> bytes:
    """The same model, that rewrites a text before or after: some letters become up to 300,000."""
    written_out = b"".join(rng.choice((b"b", b" ", b"\xff", "狗".encode())) * rng.choice((1, 60, 5000, 300_000)) + b"\0"
                           for _ in range(rng.randint(1, 4)))  # fmt: skip
    # A trie of random units: most lead somewhere for some letter.
    trie = rng.randbytes(4 * rng.choice((1, 256, 512)))
    size = rng.choice((len(trie), len(trie), 0, 2**32 - 1, len(trie) + 10**6)).to_bytes(4, "little")
    rules = written([Field(CHARACTER_MAP, BYTES, size + trie + written_out)])
    return data + written([Field(rng.choice((NORMALIZER, DENORMALIZER)), BYTES, rules)])


TOKENIZERS: Trials[Product, Change] = Trials(
    "tokenizer",
    "a tokenizer.model of any bytes or pieces is translated with, or refused in one sentence",
    staged(change_tokenizer), tokenizer_change,
    show=lambda change: f"{change}#{change.number}", share=1.5,
)  # fmt: skip
