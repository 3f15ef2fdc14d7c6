"""Small language models for tests: trained for a second on sentences of a few words, or of random weights."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from dragoman.config import resolve
from dragoman.lineage.kinds import neural_kind
from dragoman.model.languagemodels import LmDirectory, open_lm, write_lm
from dragoman.text.splitter import Splitter
from dragoman.text.vocabulary import Vocabulary
from dragoman.training.run import Result
from dragoman.training.session import Session
from dragoman.training.tasks.languagemodels import OBJECTIVES, LmRunConfig, defaults, run_config, start
from tiny import lines as two_languages

SMALL: dict[str, dict[str, Any]] = {
    "nnlm": {"window": 3, "d_model": 8, "d_hidden": 16, "dropout": 0.0},
    "rnn": {"d_model": 16, "layers": 2, "dropout": 0.0},
    "gpt": {"d_model": 16, "d_ff": 32, "n_heads": 2, "layers": 2, "max_length": 24, "dropout": 0.0},
    "bert": {"d_model": 16, "d_ff": 32, "n_heads": 2, "layers": 2, "max_length": 24, "dropout": 0.0},
}
CHARACTERS = Splitter("characters")


def lines(seed: int = 1, count: int = 300) -> list[str]:
    """Chinese-looking sentences."""
    return two_languages(seed, 2 * count)[1::2]


def random_lm(directory: Path, kind: str, splitter: Splitter = CHARACTERS, **model: Any) -> LmDirectory:
    """A model of random weights, written and opened."""
    record = neural_kind(kind)
    config = record.config(**SMALL[kind] | model)
    vocabulary = Vocabulary.of(lines(), splitter, OBJECTIVES[record.objective].extra)
    torch.manual_seed(5)
    state = record.build(config, len(vocabulary.words)).state_dict()
    weights = {
        name: weight.numpy() * 1.5 for name, weight in state.items()
    }  # so that tokens differ in probability
    write_lm(directory, config, weights, vocabulary, {})
    return open_lm(directory)


def settings(kind: str, **sections: dict[str, Any]) -> LmRunConfig:
    layers: list[tuple[str, Any]] = [
        ("defaults", defaults(kind)),
        (
            "test",
            {
                "model": SMALL[kind],
                "data": {"longest": 24, "held_out": 20},
                "optimizer": {"warmup_steps": 5, "ema_decay": 0.9},
                "training": {"device": "cpu", "precision": "fp32", "batch_tokens": 300, "max_steps": 20},
                "validation": {"every": 10},
            },
        ),
        ("sections", sections),
    ]
    return resolve(run_config(kind), layers).value


def trained(
    directory: Path, config: LmRunConfig, text: list[str] | None = None, **options: Any
) -> tuple[Result, str]:
    """How the run ended, and what was said."""
    said = io.StringIO()
    base = options.pop("base", None)
    session = Session(Console(file=said, width=300), **options)
    result = start(text or lines(), [], directory, config, CHARACTERS, session, base)
    return result, said.getvalue()
