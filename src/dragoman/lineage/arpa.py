"""ARPA files, the text format of n-gram models that KenLM, SRILM and others share. Estimates nothing.

A line of it is the log10 of a probability, the n words, and the log10 of the backoff if longer n-grams begin so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from dragoman.corpus.lines import new_file, read_lines
from dragoman.errors import ModelError
from dragoman.ids import PAD, SPECIALS
from dragoman.lineage.ngram import HIGHEST_ORDER, UNPREDICTED, Floats, Ints, NgramModel, find

_ROWS_AT_ONCE = 100_000
_SPELLED_OTHERWISE = {"<UNK>": "<unk>", "<S>": "<s>", "</S>": "</s>"}


# -- writing ----------------------------------------------------------------------------------------------------


def write_arpa(path: Path, model: NgramModel, words: Sequence[str]) -> None:
    """Write the model, packed if `path` ends in .gz or .zst. `words` are the tokens by id: [V]."""
    for word in words:
        if not word or re.search(r"\s", word):
            raise ModelError(
                f"the token {word!r} cannot stand in an ARPA file, where white space parts tokens"
            )
    with new_file(path) as file:
        counts = (f"ngram {n}={len(values) - (n == 1)}" for n, values in enumerate(model.logprobs, 1))
        file.write("\n".join(("\\data\\", *counts, "")).encode())
        for n in range(1, model.order + 1):
            file.write(f"\n\\{n}-grams:\n".encode())
            for start in range(0, len(model.logprobs[n - 1]), _ROWS_AT_ONCE):
                rows = np.arange(start, min(start + _ROWS_AT_ONCE, len(model.logprobs[n - 1])))
                file.write("".join(_lines(model, n, rows, words)).encode())
        file.write(b"\n\\end\\\n")


def _lines(model: NgramModel, n: int, rows: Ints, words: Sequence[str]) -> Iterator[str]:
    backoffs = model.backoffs[n - 1][rows].tolist() if n < model.order else [0.0] * len(rows)
    logprobs = model.logprobs[n - 1][rows].tolist()
    for tokens, logprob, backoff in zip(model.tokens(n, rows).tolist(), logprobs, backoffs, strict=True):
        if tokens != [PAD]:  # <pad> is no word
            # Nine digits give back the same float32.
            weight = f"\t{backoff:.9g}" if backoff else ""
            yield f"{logprob:.9g}\t{' '.join([words[i] for i in tokens])}{weight}\n"


# -- reading ----------------------------------------------------------------------------------------------------


def read_arpa(path: Path) -> tuple[NgramModel, tuple[str, ...]]:
    """The model in an ARPA file, and its words by id. Raises ModelError with the line that is wrong."""
    lines = _Lines(path)
    sizes = _header(lines)
    words, logprobs, backoffs = _unigrams(lines, sizes[0])
    ids = {word: i for i, word in enumerate(words)}
    keys: list[Ints] = []
    for n, size in enumerate(sizes[1:], 2):
        lines.expect(f"\\{n}-grams:")
        found, chances, weights = _longer(lines, n, size, ids, keys)
        keys.append(found)
        logprobs.append(chances)
        backoffs.append(weights)
    lines.expect("\\end\\")
    return NgramModel(len(words), tuple(keys), tuple(logprobs), tuple(backoffs[:-1])), words


class _Lines:
    """The lines of a file that hold anything, with their numbers for errors."""

    def __init__(self, path: Path) -> None:
        self.path, self.number = path, 0
        self._lines = self._numbered()

    def _numbered(self) -> Iterator[str]:
        for number, line in enumerate(read_lines(self.path), 1):
            self.number = number
            if line := line.strip():
                yield line

    def next(self) -> str:
        return next(self._lines, "")

    def some(self, count: int) -> Iterator[str]:
        yield from islice(self._lines, count)

    def expect(self, line: str) -> None:
        found = self.next()
        if found != line:
            raise self.wrong(
                f"{found[:40]!r} where {line} should stand" if found else f"it ends before {line}"
            )

    def wrong(self, what: str) -> ModelError:
        return ModelError(f"{self.path}:{self.number}: {what}; this is no ARPA file, or a damaged one")


def _header(lines: _Lines) -> list[int]:
    """How many n-grams of each order are announced. What stands before \\data\\ is a comment."""
    while (line := lines.next()) != "\\data\\":
        if not line:
            raise lines.wrong("there is no \\data\\ in it")
    sizes: list[int] = []
    while line := lines.next():
        if match := re.fullmatch(rf"ngram\s+{len(sizes) + 1}\s*=\s*(\d+)", line):
            sizes.append(int(match[1]))
            continue
        if line == "\\1-grams:" and sizes:
            break
        raise lines.wrong(f"{line[:40]!r} among the counts")
    if len(sizes) > HIGHEST_ORDER:
        raise lines.wrong(f"it is of order {len(sizes)}, and {HIGHEST_ORDER} is the highest here")
    return sizes


def _unigrams(lines: _Lines, size: int) -> tuple[tuple[str, ...], list[Floats], list[Floats]]:
    words = dict.fromkeys(SPECIALS, (UNPREDICTED, 0.0))
    seen = set()
    for logprob, (word,), backoff in _entries(lines, 1, size):
        word = _SPELLED_OTHERWISE.get(word, word)
        if word in seen:
            raise lines.wrong(f"{word!r} stands there twice")
        seen.add(word)
        words[word] = (logprob, backoff)
    values = np.asarray(list(words.values()), np.float32).reshape(-1, 2)
    return tuple(words), [values[:, 0].copy()], [values[:, 1].copy()]


def _entries(lines: _Lines, n: int, size: int) -> Iterator[tuple[float, list[str], float]]:
    read = 0
    for line in lines.some(size):
        read += 1
        parts = line.split()
        if len(parts) not in (n + 1, n + 2):
            raise lines.wrong(f"{line[:40]!r} is no {n}-gram")
        try:
            # SRILM writes log10 of zero as -inf or -99.
            logprob = max(float(parts[0]), UNPREDICTED)
            backoff = max(float(parts[n + 1]), UNPREDICTED) if len(parts) == n + 2 else 0.0
        except ValueError as error:
            raise lines.wrong(f"{line[:40]!r} has no number where one should be") from error
        if not logprob <= 0:
            raise lines.wrong(f"{parts[0]} is no log10 of a probability")
        yield logprob, parts[1 : n + 1], backoff
    if read < size:
        raise lines.wrong(f"it ends after {read:,} of {size:,} {n}-grams")


def _longer(
    lines: _Lines, n: int, size: int, ids: dict[str, int], keys: list[Ints]
) -> tuple[Ints, Floats, Floats]:
    """Keys [R], sorted, log10 probabilities and backoffs of the n-grams, given the keys of all shorter ones."""
    tokens, values = np.empty((size, n), np.int64), np.empty((size, 2), np.float32)
    for row, (logprob, words, backoff) in enumerate(_entries(lines, n, size)):
        try:
            tokens[row] = [ids[_SPELLED_OTHERWISE.get(word, word)] for word in words]
        except KeyError as error:
            raise lines.wrong(f"the word {error} is none of the 1-grams") from error
        values[row] = logprob, backoff
    context: Ints = tokens[:, 0]
    for m, shorter in enumerate(keys, 1):
        context = find(shorter, context * len(ids) + tokens[:, m])
    if (context < 0).any():
        raise lines.wrong(f"a {n}-gram begins with {n - 1} words that are no {n - 1}-gram")
    found = context * len(ids) + tokens[:, -1]
    order = np.argsort(found)
    found = found[order]
    if (found[1:] == found[:-1]).any():
        raise lines.wrong(f"a {n}-gram stands there twice")
    return found, values[order, 0], values[order, 1]
