"""A real model of a few thousand random weights, for every test that needs one. Trains nothing but its tokenizer."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from dragoman.model.directory import write_model
from dragoman.text.directions import read_directions, target_tags
from dragoman.text.mapped import Side, Table, sealed
from dragoman.text.tokenizer import Tokenizer, TokenizerConfig

WORDS = "the a small big red old dog cat bird house tree sees likes finds near under with and my your".split()
SIGNS = "我你他狗猫鸟树房子看见喜欢找到大小红老在的和了"


@dataclass(frozen=True)
class Parts:
    """What write_model asks for."""

    config: dict[str, dict[str, Any]]
    weights: dict[str, np.ndarray]
    tokenizers: dict[str, bytes]
    card: str = "# a model of random weights\n"

    def write(self, directory: Path) -> Path:
        write_model(
            directory, config=self.config, weights=self.weights, tokenizers=self.tokenizers, card=self.card
        )
        return directory


def lines(seed: int, count: int = 400) -> list[str]:
    """English-looking and Chinese-looking sentences."""
    draw = np.random.default_rng(seed)
    text = []
    for _ in range(count // 2):
        text.append(" ".join(draw.choice(WORDS, draw.integers(2, 9))).capitalize() + ".")
        text.append("".join(draw.choice(list(SIGNS), draw.integers(2, 12))) + "。")
    return text


def parts(
    seed: int = 1,
    joint: bool = True,
    vocab_size: int = 360,
    placeholders: int = 0,
    directions: tuple[str, ...] = (),
    symbols: tuple[str, ...] = (),
    **model: Any,
) -> Parts:
    """Deterministic parts of a model; `model` are fields of TransformerConfig.

    directions: several, from en>zh on; symbols: more that may stand before a source.
    """
    import torch

    from dragoman.transformer.model import Transformer, TransformerConfig

    tokenizer = TokenizerConfig(vocab_size=vocab_size, joint=joint, placeholders=placeholders)
    names = ("joint",) if joint else ("source", "target")
    symbols = (*target_tags(read_directions(directions)).values(), *symbols)
    trained = {name: Tokenizer.train(lines(seed + i), tokenizer, symbols) for i, name in enumerate(names)}
    config = TransformerConfig(
        **dict(d_model=16, d_ff=32, n_heads=2, encoder_layers=2, decoder_layers=1, norm="pre", dropout=0.0)
        | model  # type: ignore[arg-type]
    )
    torch.manual_seed(seed)
    sizes = [tokenizer.vocab_size for tokenizer in trained.values()] * (2 if joint else 1)
    state = Transformer(config, *sizes).state_dict()
    return Parts(
        config={
            "model": {"kind": "transformer", **asdict(config)},
            "languages": {"source": "en", "target": "zh"}
            | ({"directions": list(directions)} if directions else {}),
            "cleaning": {"normalize": True, "simplify": ""},
            "decoding": {"max_length": 24},
        },
        weights={name: weight.numpy() for name, weight in state.items()},
        tokenizers={name: tokenizer.serialized for name, tokenizer in trained.items()},
    )


def with_positions(directory: Path, name: str) -> Path:
    """The directory of a model with another encoding of positions."""
    return parts(positions=name).write(directory)


def many(codes: tuple[str, ...], told: tuple[Side, ...] = ("source", "target")) -> Parts:
    """A model of many languages, as imported ones are: a token names them, in front of these sides."""
    import torch

    from dragoman.transformer.model import Transformer, TransformerConfig

    made = parts(norm="pre", positions="fairseq", output_bias=True)
    tokenizer = Tokenizer(made.tokenizers["joint"])
    words = [*tokenizer.vocabulary(), *(f"__{code}__" for code in codes)]
    leads = {code: i for i, code in enumerate(codes, tokenizer.vocab_size)}
    tables = {
        side: Table("m2m100", words, *((leads, side) if side in told else ({},))) for side in get_args(Side)
    }
    config = {**made.config, "cleaning": {"normalize": False}}
    config["tokenizer"] = {"kind": "mapped", "joint": False, "vocab_size": len(words)}
    torch.manual_seed(1)
    settings = {name: value for name, value in config["model"].items() if name != "kind"}
    state = Transformer(TransformerConfig(**settings), len(words), len(words)).state_dict()
    return Parts(
        config=config,
        weights={name: weight.numpy() for name, weight in state.items()},
        tokenizers={side: sealed(table, tokenizer.serialized) for side, table in tables.items()},
    )
