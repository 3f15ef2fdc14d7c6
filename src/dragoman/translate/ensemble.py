"""Which models can translate together: those that mean the same by each token, and prepare text alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dragoman.corpus.cleaning import CleaningConfig
from dragoman.errors import ConfigError
from dragoman.model.directory import ModelDirectory
from dragoman.text.languages import base_language

if TYPE_CHECKING:
    from torch import nn

# What a text passes before a model reads it; cleaning has other settings, which only choose pairs.
_PREPARED_BY = ("normalize", "simplify")


def refuse_unlike(first: ModelDirectory, others: Sequence[ModelDirectory]) -> None:
    """Raises ConfigError, with the names of both, for a model whose tokens are not those of the first."""
    for other in others:
        both = f"{first.path} and {other.path} cannot translate together"
        ways = [[[*map(base_language, way)] for way in one.directions] for one in (first, other)]
        if ways[0] != ways[1]:
            said = [", ".join(map("-".join, one.directions)) for one in (first, other)]
            raise ConfigError(f"{both}: they translate {' and '.join(said)}")
        for side in ("target", "source"):
            own, its = (getattr(one, f"{side}_tokenizer") for one in (first, other))
            if own.serialized != its.serialized:
                sizes = f"{own.vocab_size:,} and {its.vocab_size:,} pieces"
                raise ConfigError(
                    f"{both}: their {side} vocabularies differ ({sizes}). An ensemble has one vocabulary: the same "
                    "corpus, --dev and [tokenizer] give the same, whatever training.seed and [model] are"
                )
        for name in _PREPARED_BY:
            values = [_prepared_by(one.config["cleaning"], name) for one in (first, other)]
            if values[0] != values[1]:
                raise ConfigError(
                    f"{both}: cleaning.{name} is {values[0]!r} in one and {values[1]!r} in the "
                    "other, so they were trained on text that was prepared otherwise"
                )


def _prepared_by(cleaning: dict[str, Any], name: str) -> object:
    return cleaning.get(name, getattr(CleaningConfig, name))


def built(models: Sequence[ModelDirectory]) -> nn.Module:
    """The module of one model, or of several that translate together. Imports torch."""
    if len(models) == 1:
        return models[0].build()
    members = [model.build() for model in models]  # says how to install torch, where it is missing
    from dragoman.engines.ensemble import Ensemble

    return Ensemble(members)
