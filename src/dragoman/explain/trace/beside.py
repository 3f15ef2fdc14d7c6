"""One word in two sentences: where it stands, how far its two vectors are apart, where it looks. Holds values."""

from __future__ import annotations

from dataclasses import dataclass

from dragoman.explain.trace.layers import Guess, Token


@dataclass(frozen=True)
class WordIn:
    """The word in one sentence: the tokens of all of it, </s> last, and the places of those that spell the word.

    `looks` is, for each encoder layer and each head, how the word divides its attention over the tokens, [L][H][S];
    where the word is several tokens, their mean.
    """

    text: str
    tokens: tuple[Token, ...]
    places: tuple[int, ...]
    looks: tuple[tuple[tuple[float, ...], ...], ...]


@dataclass(frozen=True)
class Apart:
    """The cosine distance, 0 to 2, of the word's two vectors at one place: table, embedding, encoder.1 and so on.

    `others` is that of two different words, one of each sentence, on average: what the distance is to be held against.
    """

    name: str
    distance: float
    others: float | None  # none where there are no other words


@dataclass(frozen=True)
class Beside:
    """The same word in two sentences. `near` are the words nearest to the one vector that it has in a table of vectors
    (p is their cosine): that of `vectors`, or the model's own embedding where none are given."""

    word: str
    one: WordIn
    other: WordIn
    places: tuple[Apart, ...]
    vectors: str | None
    near: tuple[Guess, ...]
