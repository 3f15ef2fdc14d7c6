"""A directory of each kind of model, of random weights. Trains nothing but tokenizers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from dragoman.lineage.kinds import names
from dragoman.lineage.ngram import NgramConfig
from dragoman.lineage.ngramlm import train_lm
from dragoman.model.fields import fields_of
from dragoman.model.kinds import TRANSLATORS
from dragoman.model.languagemodels import write_ngram
from tiny import parts
from toys import CHARACTERS, lines, random_lm

TRANSLATOR_KINDS = [f"{name}, a translator" for name in TRANSLATORS]
KINDS = [*TRANSLATOR_KINDS, *names()]


def write(path: Path, kind: str) -> None:
    """Of one of KINDS."""
    if kind == "ngram":
        write_ngram(path, train_lm(lines(), CHARACTERS, NgramConfig(2, discount_fallback=True)), {})
    elif kind in names():
        random_lm(path, kind)
    else:
        _translator(kind.split(",")[0]).write(path)


def _translator(kind: str) -> Any:
    made = parts()
    sections = {
        "data": {"longest": 20},
        "cleaning": {"normalize": True, "simplify": ""},
        "decoding": made.config["decoding"] | {"beam_size": 2},
    }
    if kind == "transformer":
        return replace(made, config=made.config | sections)
    from dragoman.text.tokenizer import Tokenizer

    config, build = TRANSLATORS[kind].load()
    vocab = Tokenizer(made.tokenizers["joint"]).vocab_size
    model = config(d_model=8, layers=1)
    weights = {name: weight.numpy() for name, weight in build(model, vocab, vocab).state_dict().items()}
    settings = {option.key: getattr(model, option.key) for option in fields_of(config, "model")}
    return replace(made, config=made.config | sections | {"model": settings}, weights=weights)
