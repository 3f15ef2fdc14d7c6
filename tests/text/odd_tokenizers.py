"""SentencePiece models with something odd in them, read and used one after another. Judges nothing.

    python odd_tokenizers.py MODEL SEED COUNT

Run as a program of its own: what it looks for ends programs. Before each model its name is printed, then what came of
it: `ok`, or the sentence that a person would read. Whatever else is raised ends it with a traceback.

The format is a protocol buffer (sentencepiece_model.proto); few lines write and read one.
"""

from __future__ import annotations

import contextlib
import random
import signal
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from dragoman.errors import DragomanError
from dragoman.text.tokenizer import Tokenizer

SECONDS = 60  # of the processor
TEXTS = [
    "The small dog sees a tree.",
    "我看见小狗",
    "",
    " ",
    "🙂 é\u0301 \x00",
    "▁ <s> </s> <unk>",
    "x" * 300,
]
PIECES, TRAINER, NORMALIZER, SELF_TEST, DENORMALIZER = 1, 2, 3, 4, 5
PIECE, SCORE, TYPE = 1, 2, 3  # of a piece
MODEL_TYPE, BYTE_FALLBACK, UNK_ID, BOS_ID, EOS_ID, PAD_ID, UNK_SURFACE = (
    3,
    35,
    40,
    41,
    42,
    43,
    44,
)  # of the trainer
CHARSMAP = 2  # of the normalizer
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5

Entry = tuple[int, int, int | bytes]  # number of the field, wire type, value


def read(data: bytes) -> list[Entry]:
    """The entries of a message; from where another mutation has cut it off, none."""
    found: list[Entry] = []
    with contextlib.suppress(IndexError):
        place = 0
        while place < len(data):
            entry, place = _entry(data, place)
            found.append(entry)
    return found


def _entry(data: bytes, place: int) -> tuple[Entry, int]:
    key, place = _varint(data, place)
    if key & 7 == VARINT:
        value, place = _varint(data, place)
        return (key >> 3, VARINT, value), place
    length = {FIXED64: 8, FIXED32: 4}.get(key & 7)
    if length is None:
        length, place = _varint(data, place)
    return (key >> 3, key & 7, data[place : place + length]), place + length


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place


def write(entries: list[Entry]) -> bytes:
    out = bytearray()
    for number, wire, value in entries:
        out += varint(number << 3 | wire)
        if isinstance(value, int):
            out += varint(value)
        else:
            out += (varint(len(value)) if wire == LENGTH else b"") + value
    return bytes(out)


def varint(value: int) -> bytes:
    value &= 2**64 - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes((*out, value))


def piece(text: bytes, score: float = -1.0, kind: int = 1) -> bytes:
    return write([(PIECE, LENGTH, text), (SCORE, FIXED32, struct.pack("<f", score)), (TYPE, VARINT, kind)])


Mutation = Callable[[list[Entry], random.Random], list[Entry]]


def _some_piece(change: Callable[[bytes, random.Random], bytes]) -> Mutation:
    def mutate(entries: list[Entry], draw: random.Random) -> list[Entry]:
        places = [i for i, entry in enumerate(entries) if entry[0] == PIECES]
        for i in draw.sample(places, draw.choice((1, 3, len(places)))):
            entries[i] = (PIECES, LENGTH, change(entries[i][2], draw))  # type: ignore[arg-type]
        return entries

    return mutate


def _in(section: int, number: int, wire: int, values: tuple[int | bytes, ...]) -> Mutation:
    def mutate(entries: list[Entry], draw: random.Random) -> list[Entry]:
        inner = [e for s, _, data in entries if s == section for e in read(data)]  # type: ignore[arg-type]
        inner = [e for e in inner if e[0] != number] + [(number, wire, draw.choice(values))]
        return [e for e in entries if e[0] != section] + [(section, LENGTH, write(inner))]

    return mutate


def _changed(number: int, wire: int, values: tuple[int | bytes, ...]) -> Mutation:
    def change(data: bytes, draw: random.Random) -> bytes:
        return write([e for e in read(data) if e[0] != number] + [(number, wire, draw.choice(values))])

    return _some_piece(change)


def _shuffled(entries: list[Entry], draw: random.Random) -> list[Entry]:
    draw.shuffle(entries)
    return entries


def _cut(entries: list[Entry], draw: random.Random) -> list[Entry]:
    return draw.sample(entries, draw.randrange(len(entries)))


def _twice(entries: list[Entry], draw: random.Random) -> list[Entry]:
    return entries + draw.sample(entries, draw.randrange(1, len(entries)))


def _special_ids(entries: list[Entry], draw: random.Random) -> list[Entry]:
    for number in (UNK_ID, BOS_ID, EOS_ID, PAD_ID):
        if draw.random() < 0.5:
            entries = _in(TRAINER, number, VARINT, (-1, 0, 1, 2, 3, 5, 359, 360, 2**31 - 1, 2**63))(
                entries, draw
            )
    return entries


def _absurd(entries: list[Entry], draw: random.Random) -> list[Entry]:
    return entries + [(PIECES, LENGTH, piece(b"p%d" % n)) for n in range(draw.choice((1, 50_000)))]


def _charsmap(entries: list[Entry], draw: random.Random) -> list[Entry]:
    size = draw.choice((0, 1, 4, 8, 1024, 1028))
    blob = struct.pack("<I", draw.choice((0, 4, 1024, 2**31, 2**32 - 1))) + draw.randbytes(size)
    return _in(draw.choice((NORMALIZER, DENORMALIZER)), CHARSMAP, LENGTH, (blob, blob[:3]))(entries, draw)


FLOATS = tuple(
    struct.pack("<f", x) for x in (float("nan"), float("inf"), float("-inf"), 3e38, -3e38, 0.0, 1e-45)
)
SPELLED = (
    b"", b"\xff", b"\xe4\xb8", b"\0", b"\n", b" ", "▁".encode(), b"<s>", b"</s>", b"<unk>", b"<pad>", b"<0x00>",
    b"<0xZZ>", b"x" * 100_000, "\ud800".encode(errors="surrogatepass"), b"a", b"\xf4\x90\x80\x80", "\u202e".encode(),
)  # fmt: skip
MUTATIONS: dict[str, Mutation] = {
    "spelled otherwise": _changed(PIECE, LENGTH, SPELLED),
    "of another type": _changed(TYPE, VARINT, (0, 1, 2, 3, 4, 5, 6, 7, 2**31, 2**63)),
    "with another score": _changed(SCORE, FIXED32, FLOATS),
    "of random bytes": _some_piece(lambda data, draw: draw.randbytes(draw.randrange(20))),
    "in another order": _shuffled,
    "some left out": _cut,
    "some twice": _twice,
    "other special ids": _special_ids,
    "of another kind": _in(TRAINER, MODEL_TYPE, VARINT, (0, 1, 2, 3, 4, 5, 2**31)),
    "without bytes": _in(TRAINER, BYTE_FALLBACK, VARINT, (0, 1, 2)),
    "another unknown": _in(TRAINER, UNK_SURFACE, LENGTH, SPELLED),
    "with rules of normalisation": _charsmap,
    "with a test in it": lambda entries, draw: [*entries, (SELF_TEST, LENGTH, draw.randbytes(30))],
    "too many": _absurd,
}


def odd_models(whole: bytes, seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    draw = random.Random(seed)
    yield "as it is", whole
    for number in range(count):
        names = draw.sample(list(MUTATIONS), draw.choice((1, 1, 1, 2)))
        entries = read(whole)
        for name in names:
            entries = MUTATIONS[name](entries, draw)
        yield f"{number} pieces {', '.join(names)}", write(entries)
    for number in range(count):
        data = bytearray(whole)
        for _ in range(draw.choice((1, 3, 30))):
            data[draw.randrange(len(data))] = draw.randrange(256)
        yield f"{number} random bytes", bytes(data[: draw.choice((None, None, draw.randrange(len(data))))])


def use(data: bytes) -> None:
    tokenizer = Tokenizer(data, "tokenizer.model")
    for text in TEXTS:
        ids = tokenizer.encode(text)
        tokenizer.pieces(ids)
        tokenizer.decode(ids)
    tokenizer.decode(range(tokenizer.vocab_size))
    tokenizer.sample_batch(TEXTS[:2], 0.5, 1)
    tokenizer.vocabulary()


def main(model: str, seed: str, count: str) -> None:
    for name, data in odd_models(Path(model).read_bytes(), int(seed), int(count)):
        signal.setitimer(signal.ITIMER_PROF, SECONDS)  # which ends the program
        print(repr(name), end="\t", flush=True)
        try:
            use(data)
            print("ok", flush=True)
        except DragomanError as error:
            print(repr(str(error)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
