"""Who computes a translation: ids in, ids out. Knows no text, and loads no engine until one is asked for."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Sequence
from typing import Protocol

from dragoman.decoding.options import DecodingOptions, Hypothesis, SearchRequest, Wanted
from dragoman.errors import ConfigError

Ids = Sequence[int]


class Engine(Protocol):
    """A model made ready to translate. Sources and targets are ids without <s> and </s>.

    An engine names the fields of DecodingOptions that it heeds. It refuses (ConfigError) options that demand
    anything else.
    """

    @property
    def name(self) -> str: ...

    @property
    def heeds(self) -> Collection[str]:
        """What `begin` heeds."""

    @property
    def heeds_in_drafts(self) -> Collection[str]:
        """What `write` heeds."""

    def begin(
        self,
        sources: Sequence[Ids],
        request: SearchRequest,
        prefixes: Sequence[Ids] | None = None,
        wanted: Wanted | None = None,
    ) -> Iterator[list[Hypothesis]]:
        """Set going the search for the n best of each source; what comes back waits for each result.

        They come in the order of the sources, and no result depends on the others. `prefixes` holds what each
        translation must begin with. An empty source has one translation, which is its prefix.
        Whoever lets go of what comes back wants no more of it. `wanted` is asked again and again, from any thread:
        when it says no, what comes back raises Unwanted, after one step more or one batch.
        """

    def write(
        self, source: Ids, options: DecodingOptions, prefix: Ids = (), placeholders: Ids = ()
    ) -> Generator[int, None, None]:
        """A draft: the greedy translation of one source, each token when it is chosen.

        The prefix is not given back, nor is </s>. Of `placeholders` none is written that the source lacks. Closing the
        iterator stops it.
        """


def translate(
    engine: Engine,
    sources: Sequence[Ids],
    request: SearchRequest,
    prefixes: Sequence[Ids] | None = None,
    wanted: Wanted | None = None,
) -> list[list[Hypothesis]]:
    """Engine.begin, and all its results."""
    return list(engine.begin(sources, request, prefixes, wanted))


def unheeded(options: DecodingOptions, heeds: Collection[str]) -> dict[str, object]:
    """The options that demand what is not in `heeds`."""
    return {name: value for name, value in options.demands.items() if name not in heeds}


def refuse_unheeded(engine: str, options: DecodingOptions, heeds: Collection[str], doing: str = "") -> None:
    """Raise ConfigError for the first option that an engine of this name does not heed."""
    for name, value in unheeded(options, heeds).items():
        said = str(value).lower() if isinstance(value, bool) else value
        instead = "leave it out" if engine == "torch" else "use the torch engine, or leave it out"
        raise ConfigError(
            f"decoding.{name} = {said}: the {engine} engine does not heed it{doing and f' {doing}'}: {instead}"
        )


def empty(prefix: Ids, attention: bool) -> list[Hypothesis]:
    """What an empty source translates to."""
    return [
        Hypothesis(list(prefix), 0.0, [0.0] * (len(prefix) + 1), [[1.0]] * len(prefix) if attention else None)
    ]
