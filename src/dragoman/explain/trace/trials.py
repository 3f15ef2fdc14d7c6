"""What was tried on a sentence besides translating it: teaching it, its twin, a word of the reader's. Holds values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from dragoman.errors import UsageError
from dragoman.explain.trace.layers import Guess, Token


@dataclass(frozen=True)
class Wanted:
    """What is to be tried while a sentence is traced; nothing, as a rule."""

    teach: int = 0  # steps of gradient descent
    say: tuple[int, str] | None = None  # at that step, that word
    lesson: bool = False  # the pair cut into characters, and one iteration
    beside: str | None = None  # another sentence
    word: str | None = None  # of both; the only one that they share where none is named
    vectors: Path | None = None  # of word2vec, with one vector a word
    boxes: bool = False  # the numbers of each norm and each feed-forward network


MOST_STEPS = 20  # of teaching
_SAID = re.compile(r"\s*([0-9]{1,6})=(.*\S.*)", re.DOTALL)


def wanted(
    teach: int | None,
    say: str | None,
    beside: str | None = None,
    word: str | None = None,
    vectors: Path | None = None,
) -> Wanted:
    """From what a person asks for: steps, "STEP=WORD", a sentence and a word of both. Raises UsageError."""
    if teach is not None and not 1 <= teach <= MOST_STEPS:
        raise UsageError(f"teach = {teach}: there can be 1 to {MOST_STEPS} steps")
    found = None if say is None else _SAID.fullmatch(say)
    if say is not None and found is None:
        raise UsageError(f"say = {say!r}: write a step from 0 and a word, as in --say 1=WORD")
    if beside is None and vectors is not None:
        raise UsageError("vectors goes with beside: give the other sentence")
    if word is not None and not word.strip():
        raise UsageError("word is empty: give one that stands in both sentences")
    return Wanted(teach or 0, found and (int(found[1]), found[2]), beside=beside, word=word, vectors=vectors)


# -- teaching -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TaughtRow:
    """One row of teacher forcing; `p` is the label's probability before the first step and after each."""

    t: int
    input: Token
    label: Token
    p: tuple[float, ...]


@dataclass(frozen=True)
class Box:
    """A box of the figure, such as "encoder.1.self", and the norm of the gradient in it at each step."""

    name: str
    norms: tuple[float, ...]


@dataclass(frozen=True)
class Translations:
    """What the model writes for a sentence before it was taught another and after."""

    text: str
    before: str
    after: str


@dataclass(frozen=True)
class Teaching:
    """Gradient descent on a copy of the weights; `loss` is nats a token before the first step and after each.

    `moved` is the norm of what was added to the weights, as a share of their own.
    """

    rate: float
    weights: int
    moved: float
    loss: tuple[float, ...]
    norms: tuple[float, ...]
    rows: tuple[TaughtRow, ...]
    boxes: tuple[Box, ...]
    own: Translations
    others: tuple[Translations, ...]


# -- twins --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TwinPlace:
    """How far two sentences of the same words are apart at one place, each word beside itself: the largest number."""

    name: str
    bare: float  # without positions
    placed: float  # with them


@dataclass(frozen=True)
class Twins:
    """The sentence beside the one with its words in another order; `first` is the place where they part.

    Of one word, or of words that are all alike, the twin has other places but reads alike.
    """

    text: str
    tokens: tuple[Token, ...]
    places: tuple[TwinPlace, ...]
    first: str | None

    def reads_as(self, text: str) -> bool:
        return self.text.split() == text.split()


# -- a word of the reader's -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SaidRow:
    """A row of training, before and after: what it was fed, what it says, what that costs."""

    t: int
    input: Token
    label: Token
    prediction: Guess
    after: Guess
    loss: float
    loss_after: float


@dataclass(frozen=True)
class SaidStep:
    """A step of the loop that went on from the reader's word; `was` is what it chose there before, if so far."""

    t: int
    input: Token
    was: Token | None
    chosen: Token
    p: float
    forced: bool


@dataclass(frozen=True)
class Said:
    """A word put into the model's mouth at step t: in training, and in inference."""

    t: int
    word: str
    text: str
    rows: tuple[SaidRow, ...]  # none without a reference
    steps: tuple[SaidStep, ...]
