"""The same word in two sentences: its vectors after each part of the encoder, and where each looks. Draws nothing.

In the table a word has one row, whatever it means; each layer then adds what its neighbours tell it.

Dimensions: S source, L layers, H heads, D model, V vocabulary, n tokens of the word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from dragoman.errors import UsageError
from dragoman.explain.trace.beside import Apart, Beside, WordIn
from dragoman.explain.trace.layers import Guess, Token
from dragoman.explain.trace.tokens import SPACE, tokens_of
from dragoman.explain.watch.broken import machine
from dragoman.explain.watch.subject import Subject, subject_of
from dragoman.ids import EOS
from dragoman.lineage.wordvectors import read_vectors
from dragoman.transformer.attention import padding_mask
from dragoman.transformer.model import Transformer

NEAR = 6  # words nearest to the one vector
_SPACELESS = r"\u2e80-\u9fff\uac00-\ud7af\u0e00-\u0eff"  # letters of scripts that set no space between words
_WORDS = re.compile(rf"[{_SPACELESS}]|[^\W_{_SPACELESS}]+(?:['’][^\W_{_SPACELESS}]+)*")


def beside(subject: Subject, text: str, word: str | None, vectors: Path | None) -> Beside:
    """The word, or the one that both sentences share, in both. Raises UsageError for what cannot be compared."""
    module = subject.module
    if not isinstance(module, Transformer):
        raise UsageError(
            f"{subject.translator.model.path.name} has no layers of attention to compare a word in"
        )
    other = subject_of(subject.translator, text, None, "", {})
    texts = subject.prepared, other.prepared
    word = _shared(*texts) if word is None else word.strip()
    read = [tokens_of(one.source_tokenizer, one.ids, one.prepared) for one in (subject, other)]
    places = [_places(one, tokens, word) for one, tokens in zip(texts, read, strict=True)]
    with torch.inference_mode():
        stages, looks = zip(*(_read(module, one.source()) for one in (subject, other)), strict=True)
        apart = _apart(module, stages, places)
        first, second = (
            WordIn(one.prepared, tokens, tuple(at), _looks(found, at))
            for one, tokens, at, found in zip((subject, other), read, places, looks, strict=True)
        )
        near = (
            _near_in(vectors, word)
            if vectors
            else _near(subject, module, [subject.ids[i] for i in places[0]])
        )
    return Beside(word, first, second, apart, vectors.name if vectors else None, near)


# -- the word -----------------------------------------------------------------------------------------------------


def _places(text: str, tokens: Sequence[Token], word: str) -> list[int]:
    """Of the first time that the word stands in the text: the tokens that spell it."""
    span = _find(text, word)
    if span is None:
        raise UsageError(f"{word!r} does not stand in {text!r}: give a word that is in both sentences")
    begin, end = span
    found = [
        i for i, token in enumerate(tokens) if token.span and token.span[0] < end and token.span[1] > begin
    ]
    if not found:
        raise UsageError(f"{word!r} has no token of its own in {text!r}: give another word")
    return found


def _find(text: str, word: str) -> tuple[int, int] | None:
    """As it is written, else in other capitals; a word of letters with spaces around it is found whole: no "it" in
    "with"."""
    if not word:
        return None
    inside = rf"[^\W{_SPACELESS}]"
    first = rf"(?<!{inside})" if re.match(inside, word[0]) else ""
    last = rf"(?!{inside})" if re.match(inside, word[-1]) else ""
    pattern = f"{first}{re.escape(word)}{last}"
    found = re.search(pattern, text) or re.search(pattern, text, re.IGNORECASE)
    return found.span() if found else None


def _shared(one: str, other: str) -> str:
    """The only word of both sentences. Raises UsageError that names them where there are others, or none."""
    known = {word.casefold() for word in _WORDS.findall(other)}
    both = list(dict.fromkeys(word for word in _WORDS.findall(one) if word.casefold() in known))
    if len(both) == 1:
        return both[0]
    if both:
        raise UsageError(f"say with --word which word is to be compared: they share {', '.join(both)}")
    raise UsageError(
        f"no word of {one!r} stands in {other!r}: give --beside a sentence that shares one with it"
    )


# -- its vectors --------------------------------------------------------------------------------------------------


def _read(module: Transformer, source: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Of one sentence: the rows of the table, with positions, and after each layer, each [S, D]; weights [S, H, S] of
    each layer."""
    watched = machine(module, watched=True)
    whole, tape = watched.module, watched.tape
    real = torch.ones_like(source, dtype=torch.bool)
    x = whole.source_input(source, whole.source_table)
    stages = [whole.source_table(source)[0], x[0]]
    mask = padding_mask(whole.read(source, real))
    for layer in whole.encoder.layers:
        x = layer(x, mask)
        stages.append(x[0])
    names = [f"encoder.layers.{i}.self_attention" for i in range(len(whole.encoder.layers))]
    return stages, [tape.calls[name][0]["weights"] for name in names]


def _apart(
    module: Transformer, stages: Sequence[Sequence[Tensor]], places: Sequence[Sequence[int]]
) -> tuple[Apart, ...]:
    names = ["table", "embedding", *(f"encoder.{i + 1}" for i in range(len(module.encoder.layers)))]
    found = []
    for name, one, other in zip(names, *stages, strict=True):
        word, twin = (x[list(at)].mean(0).float() for x, at in zip((one, other), places, strict=True))
        distance = 1 - F.cosine_similarity(word, twin, dim=0)
        found.append(Apart(name, max(float(distance), 0.0), _of_others(one, other, places)))
    return tuple(found)


def _of_others(one: Tensor, other: Tensor, places: Sequence[Sequence[int]]) -> float | None:
    """The mean distance of a word of one sentence and another word of the other, without </s> and the word itself."""
    rest = [[i for i in range(len(x) - 1) if i not in at] for x, at in zip((one, other), places, strict=True)]
    if not all(rest):
        return None
    a, b = (F.normalize(x[at].float(), dim=-1) for x, at in zip((one, other), rest, strict=True))
    return float(1 - (a @ b.T).mean())


def _looks(weights: Sequence[Tensor], places: Sequence[int]) -> tuple[tuple[tuple[float, ...], ...], ...]:
    """weights [S, H, S] of each layer -> those of the word [L][H][S]."""
    return tuple(tuple(map(tuple, layer[list(places)].mean(0).tolist())) for layer in weights)


# -- the one vector -------------------------------------------------------------------------------------------------


def _near(subject: Subject, module: Transformer, ids: Sequence[int]) -> tuple[Guess, ...]:
    """In the model's own table: the pieces nearest to the row of the word."""
    tokenizer = subject.source_tokenizer
    rows = F.normalize(module.source_table.weight.float(), dim=-1)  # [V, D]
    cosines = rows @ F.normalize(module.source_table.weight[list(ids)].float().mean(0), dim=-1)
    cosines[: EOS + 1] = -1
    pieces = tokenizer.vocabulary()
    own = {pieces[i].removeprefix(SPACE).casefold() for i in ids}
    best = (
        i
        for i in cosines.argsort(descending=True).tolist()
        if _spoken(pieces[i]) and _bare(pieces[i]) not in own
    )
    return tuple(Guess(i, pieces[i], float(cosines[i])) for i, _ in zip(best, range(NEAR), strict=False))


def _bare(piece: str) -> str:
    return piece.removeprefix(SPACE).casefold()


def _spoken(piece: str) -> bool:
    return any(letter.isalpha() for letter in piece) and not piece.startswith("<0x")


def _near_in(path: Path, word: str) -> tuple[Guess, ...]:
    """In a file of word2vec. Raises UsageError for a word that it lacks, ModelError for a file that is none."""
    found = read_vectors(path)
    near = found.nearest(word if word in found.ids else word.casefold(), NEAR)
    return tuple(Guess(found.ids[one], one, cosine) for one, cosine in near)
