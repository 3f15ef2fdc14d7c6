"""Words with a vector each: who is near whom, and word2vec's two file formats. Learns nothing.

Text: a line "V D", then a line for each word: the word, and D numbers. Binary: the same first line, then for each word
the word, a space, and D little-endian float32. Dimensions: V words, D width of a vector.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from dragoman.corpus.lines import DAMAGED, new_file, open_file, unpacked
from dragoman.errors import ModelError, UsageError

Vectors = NDArray[np.float32]
Neighbours = list[tuple[str, float]]

WORD_START = "▁"  # what SentencePiece puts where a word begins
LONGEST_WORD_BYTES = 2**12
LONGEST_LINE_BYTES = 2**24


@dataclass(frozen=True)
class WordVectors:
    """`vectors` float32 [V, D] of `words`, the most frequent first if that is known."""

    words: tuple[str, ...]
    vectors: Vectors
    strange: frozenset[int] = frozenset()  # ids of what is no word, and so nobody's neighbour

    @cached_property
    def ids(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(self.words)}

    @cached_property
    def directions(self) -> Vectors:
        """The vectors, each of length one."""
        lengths = np.linalg.norm(self.vectors, axis=1, keepdims=True)
        return (self.vectors / np.maximum(lengths, 1e-12)).astype(np.float32)

    def id_of(self, word: str) -> int:
        """Its place, or that of the subword that begins with it. Raises UsageError with the nearest spelled."""
        for spelled in (word, WORD_START + word):
            if spelled in self.ids:
                return self.ids[spelled]
        near = difflib.get_close_matches(word, self.words, 3) or [w for w in self.words if word in w][:3]
        hint = f"; near it are {', '.join(near)}" if near else ""
        raise UsageError(f"{word!r} is none of the {len(self.words):,} words of this vocabulary{hint}")

    def similarity(self, one: str, other: str) -> float:
        """The cosine of the angle between two words."""
        return float(self.directions[self.id_of(one)] @ self.directions[self.id_of(other)])

    def nearest(self, word: str, count: int = 10) -> Neighbours:
        """The words with the highest cosine, best first, and without the word itself."""
        here = self.id_of(word)
        return self._best(self.directions @ self.directions[here], [here], count)

    def analogy(self, a: str, b: str, c: str, count: int = 10) -> Neighbours:
        """What is to `c` as `b` is to `a`: nearest to b - a + c, without these three (Mikolov et al., 2013a)."""
        ids = [self.id_of(word) for word in (a, b, c)]
        from_a, from_b, from_c = self.directions[ids]
        wanted = from_b - from_a + from_c
        return self._best(self.directions @ (wanted / np.linalg.norm(wanted)), ids, count)

    def _best(self, cosines: Vectors, without: Sequence[int], count: int) -> Neighbours:
        without = [*without, *self.strange]
        best = np.argsort(-cosines, kind="stable")[: count + len(without)]
        return [(self.words[i], float(cosines[i])) for i in best if i not in without][:count]

    def plane(self, ids: Sequence[int]) -> Vectors:
        """Some words as points of a plane, as far apart as a flat picture can show them: PCA, float32 [n, 2]."""
        centred = self.directions[ids] - self.directions[ids].mean(0)
        left, lengths, _ = np.linalg.svd(centred, full_matrices=False)
        points = np.zeros((len(ids), 2), np.float32)
        points[:, : lengths[:2].size] = left[:, :2] * lengths[:2]
        return points


# -- files ------------------------------------------------------------------------------------------------------


def write_vectors(path: Path, found: WordVectors) -> None:
    """Binary if `path` ends in .bin, else text; packed if .gz or .zst follows."""
    binary = ".bin" in path.suffixes[-2:]
    for word in found.words:
        if not word or " " in word or "\n" in word:
            raise ModelError(f"the word {word!r} cannot stand in a word2vec file, where a space ends a word")
    with new_file(path) as file:
        file.write(f"{len(found.words)} {found.vectors.shape[1]}\n".encode())
        for word, row in zip(found.words, found.vectors.astype("<f4"), strict=True):
            if binary:
                file.write(word.encode() + b" " + row.tobytes() + b"\n")
            else:
                # astype(str) writes as few digits as give back the same float32.
                file.write(f"{word} {' '.join(row.astype(str).tolist())}\n".encode())


def read_vectors(path: Path) -> WordVectors:
    """Either format, told by its content. Raises ModelError."""
    with open_file(path) as file, unpacked(path, file) as stream:
        try:
            return _read(path, stream)
        except DAMAGED as error:
            raise ModelError(f"{path}: damaged or cut off: {error}; copy it again") from error


def _read(path: Path, stream: Any) -> WordVectors:
    size, width = _header(path, stream)
    words: dict[str, None] = {}
    rows: list[Vectors] = []
    for word, row in _rows(path, stream, size, width):
        # Large files from elsewhere have words twice, spelled in different bytes; the first is the more frequent.
        if word not in words:
            words[word] = None
            rows.append(row)
    found = np.stack(rows)
    if not np.isfinite(found).all():
        raise ModelError(f"{path}: not all of its numbers are finite")
    return WordVectors(tuple(words), found)


def _header(path: Path, stream: BinaryIO) -> tuple[int, int]:
    first = stream.readline(100).split()
    if len(first) != 2 or not all(part.isdigit() for part in first) or not int(first[0]) * int(first[1]):
        raise ModelError(
            f"{path} is no file of word vectors: word2vec's begin with two numbers, how many words and how wide"
        )
    return int(first[0]), int(first[1])


def _rows(path: Path, stream: Any, size: int, width: int) -> Iterator[tuple[str, Vectors]]:
    """Each word and its vector float32 [D]."""
    start = stream.peek(LONGEST_WORD_BYTES)[:LONGEST_WORD_BYTES]
    line, end, _ = start.partition(b" ")[2].partition(b"\n")
    text = line and not line.strip(b"0123456789.+-eE ") and (not end or len(line.split()) == width)
    read = _text_row if text else _binary_row
    for number in range(1, size + 1):
        row = read(stream, width)
        if row is None:
            raise ModelError(
                f"{path}: word {number:,} of {size:,} is cut off, or not followed by {width} numbers; copy it again"
            )
        yield row


def _text_row(stream: Any, width: int) -> tuple[str, Vectors] | None:
    word, *numbers = stream.readline(LONGEST_LINE_BYTES).rstrip().split(b" ")
    if len(numbers) != width:
        return None
    try:
        return word.decode(), np.array(numbers, np.float32)
    except ValueError:
        return None


def _binary_row(stream: Any, width: int) -> tuple[str, Vectors] | None:
    word = bytearray()
    while (byte := stream.read(1)) != b" ":
        if not byte or len(word) > LONGEST_WORD_BYTES:
            return None
        word += byte
    numbers = stream.read(4 * width)
    if len(numbers) < 4 * width:
        return None
    try:
        # word2vec.c ends a row with a line feed, gensim does not.
        return word.lstrip(b"\n").decode(), np.frombuffer(numbers, "<f4").astype(np.float32)
    except UnicodeDecodeError:
        return None
