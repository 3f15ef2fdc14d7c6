"""What is said of corpora by their names, as NAME=VALUE: a weight, a tag, the languages of columns. Opens no file."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import PurePath
from typing import Generic, TypeVar

from dragoman.corpus.pairs import Pair, labels_of
from dragoman.errors import ConfigError

V = TypeVar("V")


class Named(Generic[V]):
    """A value for each corpus, and for each source that a corpus names in its third column."""

    def __init__(self, setting: str, by_name: Mapping[str, V], default: V) -> None:
        """setting: what errors call it, such as data.weights. default: of all others."""
        self.setting, self.by_name, self.default = setting, dict(by_name), default
        self._of_corpora: dict[str, V] = {}

    def __bool__(self) -> bool:
        return bool(self.by_name)

    def of(self, pair: Pair) -> V:
        """That of the source a labelled pair is from, or else of its corpus."""
        corpus, source = labels_of(pair)
        return self.by_name[source] if source and source in self.by_name else self.of_corpus(corpus)

    def of_corpus(self, corpus: str) -> V:
        """That of a file."""
        if corpus not in self._of_corpora:
            matching = [name for name in self.by_name if fits(name, corpus)]
            found = self.by_name[max(matching, key=len)] if matching else self.default  # the most exact name
            self._of_corpora[corpus] = found
        return self._of_corpora[corpus]

    def check(self, corpora: Collection[str], sources: Collection[str]) -> None:
        """Raises ConfigError for a name that fits no corpus and no source."""
        for name in self.by_name:
            if name not in sources and not any(fits(name, corpus) for corpus in corpora):
                known = [*corpora, *sources]
                near = "".join(f"; did you mean {one}?" for one in difflib.get_close_matches(name, known, 1))
                raise ConfigError(
                    f"{self.setting}: no corpus is called {name}{near} (there are {', '.join(known[:20])})"
                )


def parsed(given: Sequence[str], setting: str, value: Callable[[str], V], meant: str) -> dict[str, V]:
    """ "NAME=VALUE" each, by name; `value` raises ValueError for what is none, and `meant` says what would be.

    Raises ConfigError.
    """
    found: dict[str, V] = {}
    for text in given:
        name, equals, said = text.rpartition("=")
        try:
            if not (equals and name.strip()):
                raise ValueError
            made = value(said.strip())
        except ValueError:
            raise ConfigError(f"{setting}: {text} is not {meant}") from None
        if name.strip() in found:
            raise ConfigError(f"{setting} = {', '.join(given)}: each corpus has one")
        found[name.strip()] = made
    return found


def fits(name: str, corpus: str) -> bool:
    """Whether a corpus may be called so: `tatoeba`, `train` and `tatoeba/train` are all corpus/tatoeba/train.tsv.gz."""
    parts, asked = _parts(corpus), _parts(name)
    if not asked:
        return False
    return any(parts[at : at + len(asked)] == asked for at in range(len(parts) - len(asked) + 1))


def _parts(path: str) -> list[str]:
    pure = PurePath(path)
    return [*pure.parts[:-1], pure.name.partition(".")[0]] if pure.name.strip(".") else list(pure.parts)
