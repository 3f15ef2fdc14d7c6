"""A Transformer of d 4 and 2 heads whose whole trace can be worked out by hand, and a broken one to prove wrong.

Every vector of a token is one of three orthogonal ones of +1 and -1 (or its negative), so LayerNorm leaves it as it
is. All projections of all attentions are the identity, and no sublayer answers anything: its output is zero. So the
stream is 2 e, twice the vector of its token, from the first layer to the last; q, k and v are e, cut in two heads; and
the memory is e. The output table says which token follows which.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from dragoman.ids import BOS, EOS
from dragoman.text.tokenizer import Tokenizer
from dragoman.translate.translator import Translator
from tiny import Parts, parts

ONE, TWO, THREE = np.array([1, 1, -1, -1]), np.array([1, -1, 1, -1]), np.array([1, -1, -1, 1])
SOURCE = "dog cat"  # two tokens, and </s>
SOURCE_VECTORS = (ONE, TWO, -ONE)
TARGET = "狗"  # two tokens, the first a space
TARGET_VECTORS = (ONE, TWO, THREE)  # of <s> and of both
STRENGTH = 3.0  # a logit is STRENGTH e . e = 4 STRENGTH where the token fits


def toy_parts() -> Parts:
    made = parts(
        d_model=4, n_heads=2, d_ff=4, encoder_layers=1, decoder_layers=1, positions="learned", tie="none"
    )
    tokenizer = Tokenizer(made.tokenizers["joint"])
    source = [*tokenizer.encode(SOURCE), EOS]
    labels = [*tokenizer.encode(TARGET), EOS]
    weights = {name: np.zeros_like(weight) for name, weight in made.weights.items()}
    for name in weights:
        if name.endswith("norm.weight"):
            weights[name] = np.ones(4, np.float32)
        if name.split(".")[-2] in ("q", "k", "v") and name.endswith("weight"):
            weights[name] = np.eye(4, dtype=np.float32)
    weights["source_embedding.weight"][source] = SOURCE_VECTORS
    weights["target_embedding.weight"][[BOS, *labels[:-1]]] = TARGET_VECTORS
    weights["output.weight"][labels] = STRENGTH * np.array(TARGET_VECTORS)
    return replace(made, weights=weights)


def toy(directory: Path) -> Translator:
    return Translator.load(toy_parts().write(directory), engine="torch")
