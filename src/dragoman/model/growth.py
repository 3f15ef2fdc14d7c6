"""The weights of a model whose vocabulary has become longer: rows for the new pieces, all others as they were.

A new row is the mean of those of the pieces that spelled it before, as in vocabulary adaptation by subword averages; of
what nothing spelled (a symbol, a sign that was <unk>), the mean of all. Knows no text.

Dimensions: V pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dragoman.errors import ModelError
from dragoman.ids import EOS, UNK
from dragoman.model.directory import ModelDirectory
from dragoman.model.kinds import kind_of
from dragoman.text.extension import spelling
from dragoman.text.tokenizer import Tokenizer


def grown(model: ModelDirectory, source: Tokenizer, target: Tokenizer) -> ModelDirectory:
    """The model with these tokenizers, whose vocabularies begin with its own. Raises ModelError for others."""
    before = model.source_tokenizer, model.target_tokenizer
    if (source.serialized, target.serialized) == tuple(one.serialized for one in before):
        return model
    spelled = [_spelled(old, new) for old, new in zip(before, (source, target), strict=True)]
    if _one_table(model):
        # Where a table serves two ways of cutting, the one that knows a piece says how it was spelled.
        spelled = [[one or other for one, other in zip(*spelled, strict=True)]]
    weights = dict(model.weights)
    for name, side, axis in _vocabulary_axes(model):
        weights[name] = _longer(weights[name], axis, spelled[side])
    return replace(model, weights=weights, source_tokenizer=source, target_tokenizer=target)


def _spelled(old: Tokenizer, new: Tokenizer) -> list[list[int]]:
    """For each new piece, the ids that spelled it before; none for a symbol, and for what nothing spelled."""
    pieces, known = new.vocabulary(), old.vocab_size
    if pieces[:known] != old.vocabulary():
        raise ModelError("the tokenizer is not that of the model with more pieces: its first ids mean others")
    found = [[] if piece in new.controls else spelling(old, piece) for piece in pieces[known:]]
    return [[] if UNK in ids else ids for ids in found]


def _one_table(model: ModelDirectory) -> bool:
    return model.source_tokenizer is model.target_tokenizer or model.config["model"].get("tie") == "all"


def _vocabulary_axes(model: ModelDirectory) -> list[tuple[str, int, int]]:
    """Name, side (0 source, 1 target) and axis of each weight that has a row for each piece."""
    config, kind = model.config["model"], kind_of(model.config["model"])
    sizes = [model.source_tokenizer.vocab_size, model.target_tokenizer.vocab_size]
    shared = _one_table(model)
    shapes, found = kind.shapes(config, *sizes), []
    for side in (0, 1):
        longer = [size + (shared or number == side) for number, size in enumerate(sizes)]
        for name, shape in kind.shapes(config, *longer).items():
            axes = [
                axis
                for axis, (one, other) in enumerate(zip(shape, shapes[name], strict=True))
                if one != other
            ]
            found += [(name, side, axis) for axis in axes]
        if shared:
            break
    return found


def _longer(weight: np.ndarray, axis: int, spelled: Sequence[Sequence[int]]) -> np.ndarray:
    rows = np.moveaxis(weight, axis, 0).astype(np.float32)  # [V, ...]
    # Of biases, those that forbid what is never written say nothing of a piece.
    mean = rows[EOS + 1 :].mean(0) if rows.ndim == 1 else rows.mean(0)
    new = [rows[list(ids)].mean(0) if ids else mean for ids in spelled]
    return np.ascontiguousarray(np.moveaxis(np.concatenate((rows, np.stack(new))), 0, axis)).astype(
        weight.dtype
    )
