"""The twin of a sentence, the same words in another order, and how far apart a model holds the two. Draws nothing.

Attention asks each word for each other, whatever the order: without positions a permuted sentence gives the same rows
in another order, and the decoder, which asks all of them at once, the same logits.

Dimensions: S source, T target, D model.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dragoman.explain.trace.layers import Token
from dragoman.explain.trace.trials import TwinPlace
from dragoman.explain.watch.record import answers
from dragoman.text.words import SPACE
from dragoman.transformer.model import Transformer

WIDE = 0x2E80  # from here on, letters of scripts that set no space between words


def other_order(tokens: Sequence[Token]) -> list[int]:
    """Places [S] of the source's tokens, </s> last, in the order of the twin: its words from the last to the first.

    Signs stay where they are. Of a sentence that reads the same backwards another order is taken; of a single word
    only </s> moves.
    """
    end = len(tokens) - 1
    words = _words(tokens[:end])
    spoken = [word for word in words if _spoken(tokens[word[0]])]
    turned = iter(spoken[::-1])
    backwards = [i for word in words for i in (next(turned) if _spoken(tokens[word[0]]) else word)]
    whole = list(range(end))
    rotated = [[*whole[1:], *whole[:1], end]] if len(spoken) > 1 else []
    candidates = [[*backwards, end], *rotated, [end, *whole]]
    ids = [token.id for token in tokens]
    return next((order for order in candidates if [ids[i] for i in order] != ids), [*whole, end])


def _words(tokens: Sequence[Token]) -> list[list[int]]:
    """The places of each word: a piece with no space before it goes on with the letters that it follows."""
    words: list[list[int]] = []
    for i, token in enumerate(tokens):
        if words and _goes_on(tokens[i - 1], token):
            words[-1].append(i)
        else:
            words.append([i])
    return words


def _goes_on(before: Token, token: Token) -> bool:
    if before.byte and token.byte:
        return True
    letters = before.text[-1:], token.text[:1]
    joined = _spoken(before) and _spoken(token) and not token.piece.startswith(SPACE)
    return joined and all(letter and ord(letter) < WIDE for letter in letters)


def _spoken(token: Token) -> bool:
    """Not a symbol that only the model reads, as ⟨zh⟩, though there are letters in it."""
    return token.byte or (token.span is not None and any(sign.isalnum() for sign in token.text))


def apart(
    placed: Transformer, bare: Transformer, source: Tensor, order: Sequence[int], fed: Tensor
) -> tuple[TwinPlace, ...]:
    """The distance of both sentences after each part, each word beside itself, and of their logits.

    placed and bare are the model with positions and without; source [1, S], fed [1, T].
    """
    twin = source[:, list(order)]
    with_, without = (
        [
            _largest(a, b)
            for a, b in zip(_stages(one, source, fed), _stages(one, twin, fed, order), strict=True)
        ]
        for one in (placed, bare)
    )
    layers = [f"encoder.{i + 1}" for i in range(len(placed.encoder.layers))]
    names = ["embedding", *layers, "logits"]
    return tuple(map(TwinPlace, names, without, with_))


def first_parted(places: Sequence[TwinPlace], limit: float) -> str | None:
    return next((place.name for place in places if place.placed > limit + 10 * place.bare), None)


def _largest(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max())


def _stages(
    module: Transformer, source: Tensor, fed: Tensor, order: Sequence[int] | None = None
) -> list[Tensor]:
    """The embedding [S, D], the stream after each encoder layer [S, D], and the logits [T, V]; rows of the source go
    back from `order` to where their words stand in the other sentence."""
    real = torch.ones_like(source, dtype=torch.bool)
    with answers([module.source_input, *module.encoder.layers]) as seen:
        logits = module(source, real, fed)[0].float()
    back = slice(None) if order is None else torch.tensor(order, device=source.device).argsort()
    return [*(stream[0][back] for stream in seen), logits]
