"""Who computes a translation: ids in, ids out. Knows no text, and loads no engine until one is asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Sequence
from typing import Protocol

from dragoman.decoding.options import DecodingOptions, Hypothesis

Ids = Sequence[int]


class Engine(Protocol):
    """A model made ready to translate. Sources and targets are ids without <s> and </s>."""

    name: str

    def translate(
        self,
        sources: Sequence[Ids],
        options: DecodingOptions,
        prefixes: Sequence[Ids] | None = None,
        *,
        attention: bool = False,
        scores: bool = True,
        token_scores: bool = True,
    ) -> list[list[Hypothesis]]:
        """The n best of each source, in the order of the sources; no result depends on the others.

        `prefixes` holds what each translation must begin with. Hypothesis.attention is there if `attention` asks for
        it. Without `token_scores` an engine to which they are work may give each token an even share of the sum, and
        without `scores` nothing: a score of 0 that is the sum of no token_scores.
        An empty source has one translation, which is its prefix.
        """
        ...

    def write(self, source: Ids, options: DecodingOptions, prefix: Ids = ()) -> Generator[int, None, None]:
        """The greedy translation of one source, each token when it is chosen; closing the iterator stops it.

        The prefix is not given back, nor is </s>. Of the options the length limits are heeded.
        """
        ...


class Background(ABC):
    """An engine that computes outside of Python, while Python does something else."""

    @abstractmethod
    def begin(
        self,
        sources: Sequence[Ids],
        options: DecodingOptions,
        prefixes: Sequence[Ids] | None = None,
        *,
        attention: bool = False,
        scores: bool = True,
        token_scores: bool = True,
    ) -> Iterator[list[Hypothesis]]:
        """Engine.translate in two steps: this one sets it going, and what comes back waits for each result.

        Whoever lets go of what comes back wants no more of it.
        """

    def translate(
        self,
        sources: Sequence[Ids],
        options: DecodingOptions,
        prefixes: Sequence[Ids] | None = None,
        *,
        attention: bool = False,
        scores: bool = True,
        token_scores: bool = True,
    ) -> list[list[Hypothesis]]:
        """See Engine."""
        asked = {"attention": attention, "scores": scores, "token_scores": token_scores}
        return list(self.begin(sources, options, prefixes, **asked))


def empty(prefix: Ids, attention: bool) -> list[Hypothesis]:
    """What an empty source translates to."""
    return [
        Hypothesis(list(prefix), 0.0, [0.0] * (len(prefix) + 1), [[1.0]] * len(prefix) if attention else None)
    ]
