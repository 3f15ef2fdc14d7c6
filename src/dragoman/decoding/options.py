"""What a search is asked for and what it answers. Loads no torch: every engine speaks in these."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Annotated, Any

from dragoman.bounds import LARGEST_WHOLE, LENGTH, MOST_TOKENS, Within, refuse_out_of_bounds
from dragoman.errors import ConfigError

# Length limits come in few sizes, so that sentences of like length can share a batch with one limit.
LIMIT_STEP = 32

# Limits of what a search may be asked for, by a model's config.toml as by a person: a search takes time and memory for
# each of its hypotheses and each of their tokens, and one without end looks like a program that hangs. A hundred is
# already a wide beam (Koehn and Knowles, 2017, go to 1,000).
MOST_HYPOTHESES, MOST_WORK = 1000, 2**18  # MOST_WORK: hypotheses x longest translation

NOT_NUMBERS = (
    "the model gives probabilities that are not numbers (NaN): its weights are damaged or have diverged"
)

SAMPLING_ONLY = ("temperature", "top_k", "top_p")

# With these values a field asks for nothing; where a field is not named, with its default. A length is always limited.
NEUTRAL: dict[str, object] = {
    "beam_size": 1,
    "n_best": 1,
    "length_penalty": 0.0,
    "max_length": None,
    "max_length_ratio": 0.0,
}


@dataclass(frozen=True)
class DecodingOptions:
    """How a translation is searched for, or drawn. Lengths are in tokens; `</s>` is not one of them."""

    beam_size: Annotated[int, "hypotheses kept at each step; 1 = greedy", Within(1, MOST_HYPOTHESES)] = 5
    n_best: Annotated[int, "translations returned for each sentence", Within(1, MOST_HYPOTHESES)] = 1
    length_penalty: Annotated[
        float, "a: rank by log-probability / (tokens with </s>)^a; 0 prefers short", Within(0, 10)
    ] = 1.0
    max_length: Annotated[int, "longest translation", LENGTH] = 256
    max_length_ratio: Annotated[
        float,
        "longest translation for each source token, rounded up to leave 32 to 63 more; 0 = max_length only",
        Within(0, MOST_TOKENS),
    ] = 3.0
    min_length: Annotated[int, "shortest translation", Within(0, MOST_TOKENS)] = 0
    no_repeat_ngram: Annotated[
        int, "no sequence of so many tokens occurs twice; 0 = off", Within(0, MOST_TOKENS)
    ] = 0
    sample: Annotated[bool, "draw tokens at random instead of searching for the most probable"] = False
    temperature: Annotated[
        float, "of sampling: below 1 keeps to probable tokens, above 1 strays", Within(1e-6, 1e6)
    ] = 1.0
    top_k: Annotated[int, "sample among the k most probable tokens; 0 = all", Within(0, LARGEST_WHOLE)] = 0
    top_p: Annotated[
        float,
        "sample among the fewest tokens that have this probability together",
        Within(0, 1, open_least=True),
    ] = 1.0
    seed: Annotated[
        int,
        "of sampling; a sentence's draws depend on it and on the sentence alone",
        Within(0, LARGEST_WHOLE),
    ] = 0

    def __post_init__(self) -> None:
        if self.temperature <= 0:
            raise ConfigError(
                f"decoding.temperature = {self.temperature}: must be above 0; for the most probable token at each "
                "step use decoding.beam_size = 1 without decoding.sample"
            )
        refuse_out_of_bounds(self, "decoding")
        self._refuse_contradictions()

    def _refuse_contradictions(self) -> None:
        if self.min_length >= self.max_length:
            raise ConfigError(
                f"decoding.min_length = {self.min_length} leaves nothing below "
                f"decoding.max_length = {self.max_length}"
            )
        for name in ("beam_size", "n_best"):
            if getattr(self, name) * self.max_length > MOST_WORK:
                raise ConfigError(
                    f"decoding.{name} = {getattr(self, name)} times decoding.max_length = {self.max_length} is more "
                    f"than the {MOST_WORK:,} tokens that a search may keep: lower one of them"
                )
        if self.sample and self.beam_size != 1:
            raise ConfigError(
                f"decoding.sample = true draws each translation by itself, decoding.beam_size = {self.beam_size} "
                "compares several: set decoding.beam_size = 1 (decoding.n_best asks for more draws)"
            )
        if not self.sample and self.n_best > self.beam_size:
            raise ConfigError(
                f"decoding.n_best = {self.n_best} is more than decoding.beam_size = {self.beam_size} hypotheses "
                "can give: raise decoding.beam_size"
            )
        for name in SAMPLING_ONLY:
            if not self.sample and getattr(self, name) != getattr(DecodingOptions, name):
                raise ConfigError(_without_sampling(name, getattr(self, name)))

    def changed(self, **changes: Any) -> DecodingOptions:
        """These options with some exchanged; the later word wins where the two cannot both be meant.

        Asking to sample ends a beam search of the defaults, and asking for a beam ends their sampling, so nobody
        has to undo a default by hand. A seed may wait in the options for somebody to sample, but who asks for one has
        to sample. Raises ConfigError for an unknown name or a contradiction in `changes`.
        """
        if not changes:
            return self
        known = [field.name for field in fields(self)]
        for name in changes:
            if name not in known:
                raise ConfigError(f"decoding.{name} is no option; there are {', '.join(known)}")
        merged: dict[str, Any] = dict(changes)
        sample = merged.get("sample", self.sample and merged.get("beam_size", 1) == 1)
        if merged.get("seed", self.seed) != self.seed and not sample:
            raise ConfigError(_without_sampling("seed", merged["seed"]))
        if sample and not self.sample:
            merged.setdefault("beam_size", 1)
        if self.sample and not sample:
            merged.setdefault("sample", False)
            for name in SAMPLING_ONLY:
                merged.setdefault(name, getattr(DecodingOptions, name))
        return replace(self, **merged)

    @cached_property
    def demands(self) -> Mapping[str, Any]:
        """The fields that ask for something, with their values: an engine heeds each of them, or refuses it."""
        waiting = () if self.sample else (*SAMPLING_ONLY, "seed")
        values = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
        return {
            name: value
            for name, (value, default) in values.items()
            if value != NEUTRAL.get(name, default) and name not in waiting
        }

    @property
    def candidates(self) -> int:
        """Extensions of a sentence that can be needed: 2 k, so that k go on even if k of them end.

        A beam of one is over when it ends, so one is enough.
        """
        return 2 * self.beam_size if self.beam_size > 1 else 1

    def limit(self, source_length: int, prefix_length: int = 0) -> int:
        """Tokens after which a translation is cut off.

        A sentence the model loops on would otherwise cost max_length steps, many times its real length.
        """
        if prefix_length >= self.max_length:
            raise ConfigError(
                f"a forced prefix of {prefix_length} tokens leaves no room below decoding.max_length = "
                f"{self.max_length}"
            )
        if not self.max_length_ratio:
            return self.max_length
        wanted = max(self.max_length_ratio * source_length, self.min_length, prefix_length)
        return min(self.max_length, LIMIT_STEP * (math.ceil(wanted / LIMIT_STEP) + 1))

    def normalise(self, log_probability: float, tokens: int) -> float:
        """The score by which hypotheses of different length compare; `tokens` counts `</s>`."""
        return log_probability / math.pow(tokens, self.length_penalty)


def _without_sampling(name: str, value: object) -> str:
    return (
        f"decoding.{name} = {value} has no effect while decoding.sample = false: set decoding.sample = true"
    )


# Asked between the steps of a search: whether anybody still waits for what it finds.
Wanted = Callable[[], bool]


class Unwanted(Exception):
    """A search that was given up, since nobody waits for it. Told to whoever asked for it, and to no user."""


@dataclass(frozen=True)
class SearchRequest:
    """What is asked of a search, and what has to be said about each hypothesis.

    attention: fill Hypothesis.attention.
    token_scores: without them an engine to which they are work may give each token an even share of the sum.
    placeholders: ids that a translation may have once each, and only where its source has them.
    rough: the attention of the first token may be even, where knowing it takes time.
    scores: without them and token_scores, it may give nothing: a score of 0 that is the sum of no token_scores.
    """

    options: DecodingOptions
    attention: bool = False
    scores: bool = True
    token_scores: bool = False
    rough: bool = False
    placeholders: tuple[int, ...] = ()


@dataclass(frozen=True)
class Hypothesis:
    """One translation, as ids.

    tokens: without <s> and </s>; a forced prefix stands in front.
    score: sum of token_scores / len(token_scores) ** length_penalty.
    token_scores: log-probability of each token, then of </s> if `finished`, among the tokens that were allowed;
        0 for a forced one.
    attention: where each token looked: a row for each token, a column for each source token and its </s>.
    finished: False when the length limit cut it off before </s>.
    """

    tokens: list[int]
    score: float
    token_scores: list[float]
    attention: list[list[float]] | None = None
    finished: bool = True


def no_prefixes(prefixes: Sequence[Sequence[int]] | None, sentences: int) -> Sequence[Sequence[int]]:
    """The forced prefixes, one for each sentence: empty where none was asked for."""
    if prefixes is None:
        return [()] * sentences
    assert len(prefixes) == sentences, f"{len(prefixes)} prefixes for {sentences} sentences"
    return prefixes
