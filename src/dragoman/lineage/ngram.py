"""An n-gram language model: interpolated modified Kneser-Ney over token ids. Knows no text and no file.

Chen and Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling" (1998), section 3; in the details
as KenLM's lmplz (Heafield et al., 2013): <s> is never predicted, n-grams that begin with it keep their raw counts, and
the unigrams are interpolated with a uniform distribution, which is all that <unk> gets.

The n-grams of one order are one sorted array of keys. A key is (row of the first n - 1 tokens in the array of order
n - 1) * V + last token; the row of an n-gram is its place in its array, the row of a unigram its token. So the rows of
one order at all positions of a text give the keys of the next, and a text is looked up with N - 1 binary searches.

Dimensions: T tokens of a text, V vocabulary, N order, R n-grams of one order (rows).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from dragoman.bounds import Within, refuse_out_of_bounds
from dragoman.errors import ConfigError, CorpusError
from dragoman.ids import BOS, EOS, PAD, UNK
from dragoman.lineage.kinds import CountedKind

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]

HIGHEST_ORDER = 6
UNPREDICTED = -99.0  # log10 of the probability of what is never predicted (<s>), as SRILM writes it
# What lmplz takes for D1, D2, D3+ under --discount_fallback.
FALLBACK = (0.5, 1.0, 1.5)


@dataclass(frozen=True)
class NgramConfig:
    """Which n-grams are counted, and which of them are kept."""

    order: Annotated[
        int, "the longest n-grams: so many tokens, the predicted one included", Within(1, HIGHEST_ORDER)
    ] = 5
    prune: Annotated[
        tuple[int, ...],
        "leave out n-grams seen at most so often, for n = 1, 2, ...; the last holds for the rest",
    ] = (0,)
    discount_fallback: Annotated[
        bool, "where a corpus is too small to estimate discounts, take 0.5, 1 and 1.5"
    ] = False

    def __post_init__(self) -> None:
        if not 1 <= self.order <= HIGHEST_ORDER:
            raise ConfigError(f"order {self.order}: must lie between 1 and {HIGHEST_ORDER}")
        if len(self.prune) > self.order:
            raise ConfigError(f"prune {self.prune}: more thresholds than the order, {self.order}")
        if any(low < 0 for low in self.prune) or list(self.prune) != sorted(self.prune):
            raise ConfigError(f"prune {self.prune}: thresholds are 0 or more, and must not fall with n")
        if self.prune and self.prune[0] > 0:
            raise ConfigError(
                f"prune {self.prune}: the first must be 0, since single tokens are the vocabulary"
            )

    def threshold(self, n: int) -> int:
        """The count up to which n-grams of this order are left out."""
        return self.prune[min(n, len(self.prune)) - 1] if self.prune else 0


@dataclass(frozen=True)
class NgramShape:
    """What a directory says of its n-grams."""

    order: Annotated[int, "the longest n-grams", Within(1, HIGHEST_ORDER)]

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self, "model")


NGRAM = CountedKind("ngram", NgramConfig, NgramShape, ("perplexity", "sample", "export"))


# -- the model --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NgramModel:
    """Backed-off probabilities: log10 p(w | context) of the n-grams there are, log10 backoff of the contexts.

    `keys[n - 2]` are the int64 [R] sorted keys of order n = 2..N; `logprobs[n - 1]` and `backoffs[n - 1]` float32 [R]
    belong to order n, with R = V for unigrams. The highest order has no backoffs.
    """

    vocab_size: int
    keys: tuple[Ints, ...]
    logprobs: tuple[Floats, ...]
    backoffs: tuple[Floats, ...]

    @property
    def order(self) -> int:
        return len(self.logprobs)

    def rows(self, ids: Ints) -> list[Ints]:
        """For each order the row of the n-gram that ends at each position of ids [T], or -1: N arrays of int64 [T]."""
        found: list[Ints] = [ids.astype(np.int64)]
        for keys in self.keys:
            before = found[-1][:-1]
            wanted = np.where(before >= 0, before * self.vocab_size + ids[1:], -1)
            found.append(np.concatenate(([-1], find(keys, wanted))))
        return found

    def tokens(self, n: int, rows: Ints) -> Ints:
        """The n-grams in some rows of order n: int64 [len(rows), n]."""
        columns: list[Ints] = []
        for keys in self.keys[n - 2 :: -1] if n > 1 else ():
            rows, last = np.divmod(keys[rows], self.vocab_size)
            columns.append(last)
        return np.stack([rows, *reversed(columns)], axis=1)

    def score(self, sentences: Sequence[Sequence[int]]) -> list[Floats]:
        """log10 of the probability of each token and of </s> at the end, for each sentence: float64 [length + 1]."""
        if not sentences:
            return []
        ids, starts = stream(sentences)
        rows = self.rows(ids)
        total = self.logprobs[0][ids].astype(np.float64)
        for n in range(2, self.order + 1):
            here, context = rows[n - 1], rows[n - 2][:-1]
            # No n-gram spans two sentences: nothing follows </s>, so that </s> <s> is in no array.
            backoff = np.where(context >= 0, self.backoffs[n - 2][context], 0.0)
            backed_off = total.copy()
            backed_off[1:] += backoff
            total = np.where(here >= 0, self.logprobs[n - 1][here], backed_off)
        return [scores[1:] for scores in np.split(total, starts[1:])]

    def distribution(self, context: Sequence[int]) -> Floats:
        """p(w | context) of every w: float64 [V], which sums to one. The last N - 1 tokens of the context count."""
        chances = 10.0 ** self.logprobs[0].astype(np.float64)
        chances[[PAD, BOS]] = 0.0
        tail = np.asarray(context[max(len(context) - self.order + 1, 0) :], np.int64)
        if not len(tail):
            return chances
        for n, rows in enumerate(self.rows(tail)[: self.order - 1], 2):
            row = int(rows[-1])
            if row < 0:
                continue
            first, last = np.searchsorted(
                self.keys[n - 2], [row * self.vocab_size, (row + 1) * self.vocab_size]
            )
            chances *= 10.0 ** float(self.backoffs[n - 2][row])
            followers = self.keys[n - 2][first:last] % self.vocab_size
            chances[followers] = 10.0 ** self.logprobs[n - 1][first:last].astype(np.float64)
        return chances

    def sample(
        self, prompt: Sequence[int], longest: int, temperature: float, draw: np.random.Generator
    ) -> list[int]:
        """Tokens that go on from `prompt` until </s>, at most `longest`, drawn one after another."""
        tokens = [BOS, *prompt]
        while len(tokens) < 1 + len(prompt) + longest:
            chances = self.distribution(tokens)
            chances[UNK] = 0.0  # nobody could read it
            # In this form no temperature overflows.
            with np.errstate(divide="ignore"):
                scaled = np.log(chances) / temperature
            chances = np.exp(scaled - scaled.max())
            token = int(draw.choice(self.vocab_size, p=chances / chances.sum()))
            if token == EOS:
                break
            tokens.append(token)
        return tokens[1 + len(prompt) :]


def stream(sentences: Sequence[Sequence[int]]) -> tuple[Ints, Ints]:
    """All sentences in one array, each from <s> to </s>, and where each begins."""
    lengths = np.fromiter(map(len, sentences), np.int64, len(sentences)) + 2
    starts = np.cumsum(lengths) - lengths
    ids = np.empty(int(lengths.sum()), np.int32)
    inside = np.ones(len(ids), bool)
    inside[starts] = inside[starts + lengths - 1] = False
    ids[starts], ids[starts + lengths - 1] = BOS, EOS
    if inside.any():
        ids[inside] = np.concatenate([np.asarray(sentence, np.int32) for sentence in sentences])
    return ids, starts


def find(keys: Ints, wanted: Ints) -> Ints:
    """The place of each wanted key in the sorted `keys`, or -1; a wanted -1 is none of them."""
    if not len(keys):
        return np.full(len(wanted), -1, np.int64)
    # In order, so that the search goes through memory once: six times as fast on a million keys.
    ordered, places = _sorted(wanted + 1)
    ordered -= 1
    at = np.minimum(np.searchsorted(keys, ordered), len(keys) - 1)
    found = np.empty(len(wanted), np.int64)
    found[places] = np.where(keys[at] == ordered, at, -1)
    return found


# -- counting ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Counts:
    """The n-grams of one order, sorted by key; unigrams are all V tokens, seen or not."""

    keys: Ints  # int64 [R]
    raw: Ints  # int64 [R]; how often it was seen
    prefix: Ints  # int64 [R]; row of its first n - 1 tokens
    suffix: Ints  # int64 [R]; row of its last n - 1 tokens
    initial: NDArray[np.bool_]  # [R]; whether it begins with <s>


def count(ids: Ints, order: int, vocab_size: int) -> list[Counts]:
    """The n-grams of a stream of sentences, for n = 1..order."""
    here = np.arange(len(ids))
    inside = here - np.maximum.accumulate(
        np.where(ids == BOS, here, 0)
    )  # tokens before this one, <s> included
    tokens = np.arange(vocab_size)
    nothing = np.zeros(vocab_size, np.int64)
    seen = np.bincount(ids, minlength=vocab_size)
    seen[BOS] = 0  # it is never predicted
    levels = [Counts(tokens, seen, nothing, nothing, tokens == BOS)]
    rows = ids.astype(np.int64)  # of the n-gram of the last order that ends at each position
    for n in range(2, order + 1):
        ends = np.flatnonzero(inside >= n - 1)
        keys, places = _sorted(rows[ends - 1] * vocab_size + ids[ends])
        new = np.ones(len(keys), bool)
        new[1:] = keys[1:] != keys[:-1]
        first = np.flatnonzero(new)
        keys = keys[first]
        prefix = keys // vocab_size
        suffix = rows[ends[places[first]]]
        raw = np.diff(first, append=len(places))
        levels.append(Counts(keys, raw, prefix, suffix, levels[-1].initial[prefix]))
        rows = np.full(len(ids), -1)
        rows[ends[places]] = np.cumsum(new) - 1
    return levels


def _sorted(keys: Ints) -> tuple[Ints, Ints]:
    """The keys in order, and the place each of them had."""
    bits = max(len(keys) - 1, 1).bit_length()
    if len(keys) and int(keys.max()).bit_length() + bits < 64:
        # Sorting numbers is ten times as fast as sorting places by numbers: here each number carries its place.
        both = keys << bits
        both |= np.arange(len(keys))
        both.sort()
        return both >> bits, both & ((1 << bits) - 1)
    places = np.argsort(keys, kind="stable")
    return keys[places], places


# -- estimation -------------------------------------------------------------------------------------------------


def train(sentences: Sequence[Sequence[int]], vocab_size: int, config: NgramConfig) -> NgramModel:
    """Count the sentences (token ids, without <s> and </s>) and estimate. Raises CorpusError for too few of them."""
    if not sentences:
        raise CorpusError("there is no sentence to count n-grams in")
    ids, _ = stream(sentences)
    return estimate(count(ids, config.order, vocab_size), vocab_size, config)


def estimate(levels: Sequence[Counts], vocab_size: int, config: NgramConfig) -> NgramModel:
    """Interpolated modified Kneser-Ney: p(w | c) = (a(cw) - D(a(cw))) / a(c .) + gamma(c) p(w | c without its first).

    a is the adjusted count: of n-grams of the highest order, and of those that begin with <s>, the raw one; of others
    the number of different tokens that stand before it. gamma gives what D took, and what was pruned, to the rest.
    """
    lower = np.full(vocab_size, 1.0 / (vocab_size - 2))  # uniform, over all but <pad> and <s>
    lower[[PAD, BOS]] = 0.0
    keys: list[Ints] = []
    logprobs: list[Floats] = []
    backoffs: list[Floats] = []
    renamed = np.arange(1)  # row before pruning -> row after it, of the contexts; -1 for what was pruned
    for n, level in enumerate(levels, 1):
        adjusted = _adjusted(level, levels[n] if n < len(levels) else None)
        kept = level.raw > config.threshold(n) if n > 1 else np.ones(vocab_size, bool)
        contexts = len(levels[n - 2].raw) if n > 1 else 1
        share, gamma = _share(level.prefix, adjusted, kept, contexts, _discounts(adjusted, n, config))
        chances = share + gamma[level.prefix] * (lower[level.suffix] if n > 1 else lower)
        if n > 1:
            backoffs.append(_log10(gamma[renamed >= 0]))
            keys.append(renamed[level.prefix[kept]] * vocab_size + level.keys[kept] % vocab_size)
        logprobs.append(_log10(chances[kept]))
        renamed = np.where(kept, np.cumsum(kept) - 1, -1)
        lower = chances
    return NgramModel(vocab_size, tuple(keys), tuple(logprobs), tuple(backoffs))


def _adjusted(level: Counts, longer: Counts | None) -> Ints:
    """How much each n-gram counts: int64 [R]."""
    if longer is None:
        return level.raw
    before = np.bincount(longer.suffix, minlength=len(level.raw))
    return np.where(level.initial, level.raw, before)


def _discounts(adjusted: Ints, n: int, config: NgramConfig) -> Floats:
    """D for adjusted counts 0, 1, 2 and 3 or more: float64 [4]. Equation 26 of Chen and Goodman."""
    seen = np.bincount(np.minimum(adjusted, 5), minlength=6)
    if seen[1] and seen[2] and seen[3]:
        y = seen[1] / (seen[1] + 2 * seen[2])
        found = np.array([0.0, *(i - (i + 1) * y * seen[i + 1] / seen[i] for i in (1, 2, 3))])
        if (found >= 0).all() and (found <= range(4)).all():
            return found
    if config.discount_fallback:
        return np.array([0.0, *FALLBACK])
    raise CorpusError(
        f"this corpus is too small for order {config.order}: of its {n}-grams {seen[1]:,} count once, {seen[2]:,} "
        f"twice, {seen[3]:,} three times and {seen[4]:,} four times, from which no discounts can be estimated; use "
        "more text, a smaller --order, or --discount-fallback"
    )


def _share(
    prefix: Ints, adjusted: Ints, kept: NDArray[np.bool_], contexts: int, discounts: Floats
) -> tuple[Floats, Floats]:
    """The discounted relative frequency of each n-gram [R], and the mass that each context has left [contexts]."""
    taken = np.where(kept, discounts[np.minimum(adjusted, 3)], adjusted)
    total = np.bincount(prefix, adjusted, contexts)
    left = np.bincount(prefix, taken, contexts)
    with np.errstate(invalid="ignore"):
        gamma = np.where(total > 0, left / total, 1.0)  # of a context that nothing follows: all
    return (adjusted - taken) / np.maximum(total, 1)[prefix], gamma


def _log10(chances: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.maximum(np.log10(chances), UNPREDICTED).astype(np.float32)
