"""The rewriting rules inside a SentencePiece model: how much one of them may write. Applies none.

A `tokenizer.model` may say that a character becomes another text before it is cut into pieces, or pieces another text
when they are joined. A rule that writes 100,000 letters for one would take any bound on characters away.
Its format is a protocol buffer (https://protobuf.dev/programming-guides/encoding/) whose fields 3 and 5 hold, in their
field 2, a compiled map: four bytes for the size of a trie, the trie, and what the rules write, each ended by a NUL.
"""

from __future__ import annotations

from collections.abc import Iterator

from dragoman.errors import ModelError

NORMALIZERS, CHARACTER_MAP = (3, 5), 2
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
# Bytes that a rule may write. NFKC's longest are 33, for U+FDFA, which is a sentence in one sign.
MOST_WRITTEN = 64


def refuse_endless(serialized: bytes, name: str) -> None:
    """Raises ModelError for a model of which a character may become more than MOST_WRITTEN bytes.

    SentencePiece itself refuses pieces that are long.
    """
    longest = longest_written(serialized, name)
    if longest > MOST_WRITTEN:
        raise ModelError(
            f"{name}: a rule of its normalisation writes {longest:,} bytes for one character or a few: more than "
            f"{MOST_WRITTEN} are not read"
        )


def longest_written(serialized: bytes, name: str) -> int:
    """Bytes of the longest text that a rule writes. Raises ModelError for what is no protocol buffer."""
    longest = 0
    try:
        for number, spec in _messages(serialized):
            if number in NORMALIZERS:
                maps = (value for key, value in _messages(spec) if key == CHARACTER_MAP)
                longest = max([longest, *(_longest_in(compiled) for compiled in maps)])
    except (IndexError, ValueError) as error:
        raise ModelError(f"{name} is not a SentencePiece model, or is damaged: {error}") from error
    return longest


def _longest_in(compiled: bytes) -> int:
    # A rule points anywhere behind the trie, and writes up to the next NUL.
    return max(map(len, compiled[4 + int.from_bytes(compiled[:4], "little") :].split(b"\0")))


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of a message that are bytes, with their numbers."""
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        kind = key & 7
        if kind == BYTES:
            size, at = _varint(data, at)
            if size > end - at:
                raise ValueError("a field is cut short")
            yield key >> 3, data[at : at + size]
            at += size
        elif kind == VARINT:
            _, at = _varint(data, at)
        elif kind in (FIXED32, FIXED64):
            at += 4 if kind == FIXED32 else 8
        else:
            raise ValueError(f"a field of kind {kind}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    byte = data[at]
    if byte < 128:  # most are
        return byte, at + 1
    value, shift = byte & 127, 7
    while byte >= 128:
        at += 1
        byte = data[at]
        value |= (byte & 127) << shift
        shift += 7
        if shift > 70:
            raise ValueError("a number without end")
    return value, at + 1
