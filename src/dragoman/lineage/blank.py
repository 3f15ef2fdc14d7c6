"""One blank in a sentence: what each kind of language model may see of the rest, and its best guesses. Opens no file.

All kinds answer the same question, what stands in the blank, so the end of the text is no answer: the probabilities
are those of a model that knows that something stands there. One that reads from left to right cannot use what
follows the blank, and is not told.

Dimensions: V vocabulary, T tokens of the text, of which the blank is one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import torch

from dragoman.errors import UsageError
from dragoman.ids import BOS, SPECIALS, UNK
from dragoman.lineage.causal import CausalLM
from dragoman.lineage.kinds import LmKind, Reads
from dragoman.lineage.masked import Guess, MaskedLM
from dragoman.lineage.ngram import Floats, NgramModel
from dragoman.processor import one_thread
from dragoman.text.normalize import normalize
from dragoman.text.splitter import SPACE
from dragoman.text.vocabulary import MASK, Vocabulary

BLANK = "[ ]"
EXAMPLE = f"今天晚上吃{BLANK}"
# As people type it, with the brackets of a Chinese keyboard too.
_BLANK = re.compile(r"\[\s*\]|［\s*］|【\s*】|" + re.escape(MASK))
_SOLID = "\u2e80"  # from here on signs are set without spaces between them
_HERE = "\ue000"  # a character of no language: normalising leaves the spaces beside it


@dataclass(frozen=True)
class Gap:
    """A text with one blank in it."""

    left: str
    right: str

    @classmethod
    def of(cls, text: str) -> Gap:
        """Raises UsageError for a text with no blank or with several."""
        parts = _BLANK.split(text)
        shown = f"{text[:60]}…" if len(text) > 60 else text
        if len(parts) == 1:
            raise UsageError(
                f"there is no blank in {shown!r}: write {BLANK} where a word is missing, such as {EXAMPLE!r}"
            )
        if len(parts) > 2:
            raise UsageError(
                f"there are {len(parts) - 1} blanks in {shown!r}: leave one, since models that read from left to "
                "right would need the first filled to guess the second"
            )
        left, _, right = normalize(_HERE.join(part.replace(_HERE, "") for part in parts)).partition(_HERE)
        # Beside Chinese a space sets the blank off for the eye, and is no part of the text.
        left = left.rstrip() if left.rstrip()[-1:] >= _SOLID else left
        right = right.lstrip() if right.lstrip()[:1] >= _SOLID else right
        return cls(left, right)

    @property
    def text(self) -> str:
        return f"{self.left}{BLANK}{self.right}"

    def filled(self, token: str) -> str:
        return normalize(f"{self.left}{token.replace(SPACE, ' ')}{self.right}")


@dataclass(frozen=True)
class Filled:
    """What one model makes of a blank."""

    kind: str
    reads: Reads
    left: tuple[str, ...]  # the tokens before the blank, as this model cuts text
    right: tuple[str, ...]
    seen_left: int  # so many of them, counted from the blank, make a difference
    seen_right: int
    unknown: tuple[str, ...]  # tokens that it does not know: it reads <unk> for each
    guesses: tuple[Guess, ...]  # the likeliest first

    @property
    def tokens(self) -> int:
        """T"""
        return len(self.left) + 1 + len(self.right)

    @property
    def ticks_to_read(self) -> int:
        """Steps of which each has to wait for the one before, until a text of T tokens is read."""
        return self.tokens if self.reads == "carried along" else 1

    @property
    def ticks_to_write(self) -> int | None:
        """The same, until it is written; None: it writes none."""
        return None if self.reads == "both sides" else self.tokens


@one_thread()
def fill(
    kind: LmKind, model: NgramModel | torch.nn.Module, vocabulary: Vocabulary, gap: Gap, best: int = 5
) -> Filled:
    """Ask one model. Raises UsageError for a text that is longer than it can read."""
    spaced = vocabulary.splitter.unit == "characters"  # elsewhere the space before a token is a part of it
    texts = (gap.left if spaced else gap.left.rstrip(), gap.right)
    left, right = vocabulary.splitter.split(texts)
    sides = vocabulary.numbered([left, right])
    if kind.reads == "both sides":
        masked = MaskedLM(model, vocabulary)  # type: ignore[arg-type]  # its kind says that it is a BERT
        guesses = masked.fill(f"{gap.left}{MASK}{gap.right}", best)[0]
    else:
        chances = _next(kind, model, sides[0], len(vocabulary.words))
        order = np.argsort(-chances, kind="stable")[: min(best, len(chances) - len(SPECIALS))]
        words = [vocabulary.words[i] for i in order]
        guesses = [
            Guess(word.strip(SPACE) or SPACE, float(chances[i]), gap.filled(word))
            for i, word in zip(order, words, strict=True)
        ]
    seen = len(left) if kind.reads != "window" else min(len(left), _window(model))
    both = kind.reads == "both sides"
    numbers = zip([*left, *right], [*sides[0], *sides[1]], strict=True)
    read = list(numbers) if both else list(numbers)[: len(left)]
    unknown = dict.fromkeys(token for token, number in read if number == UNK)
    return Filled(
        kind.name, kind.reads, tuple(left), tuple(right), seen, len(right) if both else 0, tuple(unknown),
        tuple(guesses),
    )  # fmt: skip


def _window(model: NgramModel | torch.nn.Module) -> int:
    """How many tokens before the one that it guesses a model looks at."""
    return model.order - 1 if isinstance(model, NgramModel) else model.config.window  # type: ignore[union-attr,return-value]


def _next(kind: LmKind, model: NgramModel | torch.nn.Module, ids: list[int], words: int) -> Floats:
    """p of each token after `ids`, given that it is one: float64 [V], 0 for the special ones."""
    if isinstance(model, NgramModel):
        chances = model.distribution([BOS, *ids])
    else:
        assert isinstance(model, CausalLM)
        if model.longest is not None and len(ids) + 1 > model.longest:
            raise UsageError(
                f"{len(ids):,} tokens before the blank are too many for the {kind.name}, which has "
                f"{model.longest:,} positions: shorten the text"
            )
        with torch.no_grad():
            logits = model(torch.tensor([[BOS, *ids]]))[0, -1].double()
        chances = logits.softmax(-1).numpy()
    chances[: len(SPECIALS)] = 0.0
    return chances / chances.sum()
