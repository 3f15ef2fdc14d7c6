"""Signs that a translation may be bad, each a pure function of what is known about it. Decides nothing.

empty           the source has words, the translation has none (a full stop is none)
copied          the translation is the source
untranslated    words of the source stand in the translation as they were
loop            the same tokens over and over, where the source does no such thing
too_long        the search hit the maximum length: the translation breaks off
too_short       it has so few tokens that part of the source must be missing
low_confidence  the model gave its own words a low probability
meaningless     the model's numbers say nothing: no better than chance, or sure of every word of what is no sentence
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

_SMALL = r"[a-zß-öø-ÿ\u0430-\u044f]"
# What stands before it is looked at from behind its first letter: a pattern that begins with a set is searched in C.
_WORD = re.compile(rf"{_SMALL}(?<![^\W\d_].){_SMALL}{{2,}}(?![^\W\d_])")
_ANY_WORD = re.compile(r"[^\W\d_]+")

FLAGS = ("empty", "copied", "untranslated", "loop", "too_long", "too_short", "low_confidence", "meaningless")

# A loop is a stretch of tokens followed at once by three copies of itself or more, with at least five tokens in the
# copies, or a token six times over: "very, very, very good" is none.
LONGEST_PERIOD, FEWEST_COPIES, FEWEST_COPIED = 16, 3, 5

# Words that were left, and their share of the source's: names and words that two languages share are fewer.
FEWEST_LEFT, SHARE_LEFT = 3, 0.4
# Tokens of a translation for each of the source, where the source has as many as that. Of 739 English sentences, none
# of whose translations or Chinese references lacked a part, the shortest had 0.36.
SHORTEST, FEWEST_TOKENS = 0.3, 8

# Mean log-probability of the tokens, in nats: below it the model gave its tokens less than 27 % each (geometric mean).
# Measured on a half-trained English-Chinese model: of 200 held-out sentences like those it was trained on, 95 % lay
# above; nonsense words, a foreign script and medical terms lay below, at -1.4 to -2.1.
LOW_CONFIDENCE = -1.3

# Times log(choices), where all tokens are equally probable it is -1. A token that a search chooses lies above.
CHANCE = -0.97


class Evidence(NamedTuple):
    """One sentence and its translation.

    logprobs: of the tokens written, the end included. choices: how many tokens there are to choose from; 0 = unknown.
    """

    source: str
    text: str
    source_tokens: Sequence[object]
    tokens: Sequence[object]
    logprobs: Sequence[float]
    finished: bool
    choices: int = 0


def is_empty(evidence: Evidence) -> bool:
    return not any(_letters(evidence.text)) and any(_letters(evidence.source))


def is_copied(evidence: Evidence) -> bool:
    """Same letters and digits in the same order, whatever the case and the punctuation; "42" is no copy of "42"."""
    for one, other in zip_longest(_letters(evidence.source), _letters(evidence.text)):
        if one != other:  # nearly always the first letter
            return False
    return any(map(str.isalpha, _letters(evidence.source)))


def is_untranslated(evidence: Evidence) -> bool:
    """Words of three letters or more, written small: names are not."""
    written = set(_WORD.findall(evidence.text))
    source = _WORD.findall(evidence.source) if written else []
    if len(source) < FEWEST_LEFT:
        return False
    left = sum(word in written for word in source)
    words = len(_ANY_WORD.findall(evidence.source))
    return left >= max(FEWEST_LEFT, SHARE_LEFT * words) and not is_copied(evidence)


def is_loop(evidence: Evidence) -> bool:
    return loops(evidence.tokens) and not loops(evidence.source_tokens)


def is_too_long(evidence: Evidence) -> bool:
    return not evidence.finished


def is_too_short(evidence: Evidence) -> bool:
    tokens = len(evidence.source_tokens)
    return evidence.finished and tokens >= FEWEST_TOKENS and 0 < len(evidence.tokens) < SHORTEST * tokens


def is_low_confidence(evidence: Evidence) -> bool:
    logprobs = evidence.logprobs
    return len(logprobs) > 0 and sum(logprobs) / len(logprobs) < LOW_CONFIDENCE


def is_meaningless(evidence: Evidence) -> bool:
    """Weights of zero, or a millionth of what they were, make all tokens alike; weights of thousands leave one."""
    logprobs = evidence.logprobs
    if not logprobs:
        return False
    mean = sum(logprobs) / len(logprobs)
    if not math.isfinite(mean) or (evidence.choices > 1 and mean <= CHANCE * math.log(evidence.choices)):
        return True
    # To the last bit, which no trained model is of a whole sentence.
    return not any(logprobs) and (is_empty(evidence) or is_loop(evidence) or is_too_long(evidence))


_TESTS: dict[str, Callable[[Evidence], bool]] = dict(
    zip(
        FLAGS,
        (
            is_empty,
            is_copied,
            is_untranslated,
            is_loop,
            is_too_long,
            is_too_short,
            is_low_confidence,
            is_meaningless,
        ),
        strict=True,
    )
)


def flags_of(evidence: Evidence) -> tuple[str, ...]:
    """The flags that apply, in the order of FLAGS."""
    return tuple([flag for flag, test in _TESTS.items() if test(evidence)])


def loops(tokens: Sequence[object]) -> bool:
    """Whether some stretch of up to LONGEST_PERIOD tokens repeats itself. Linear in the number of tokens."""
    if len(tokens) - len(set(tokens)) < FEWEST_COPIED:  # as most: too few stand there a second time
        return False
    for period in range(1, min(LONGEST_PERIOD, len(tokens) // (FEWEST_COPIES + 1)) + 1):
        copied = 0  # tokens in a row that equal the one a period before
        for now, before in zip(tokens[period:], tokens, strict=False):
            copied = copied + 1 if now == before else 0
            if copied >= max(FEWEST_COPIED, FEWEST_COPIES * period):
                return True
    return False


def _letters(text: str) -> Iterator[str]:
    return filter(str.isalnum, text.casefold())
