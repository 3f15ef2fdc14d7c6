"""The variables of CTranslate2 under our names: what a model is made of, then its weights. Reads no tokenizer.

A variable that is not understood is refused, not left out.

Dimensions: D model, F feed-forward, V vocabulary, N positions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dragoman.errors import ModelError
from dragoman.ids import BOS, EOS
from dragoman.interop.brought import INSTEAD
from dragoman.interop.ctranslate2 import ACTIVATIONS, LAYER_NORM_EPSILON, WAVES
from dragoman.interop.foreign import Read, Store
from dragoman.interop.naming import NEVER, Layout, Vocabulary, halves_to_pairs
from dragoman.interop.variables import Variables

ENCODINGS = "position_encodings/encodings"
BIAS = "decoder/projection/bias"
# What these switch on is not computed here.
OFF = (
    "multi_query_attention",
    "alibi",
    "scale_alibi",
    "alibi_use_positive_positions",
    "rms_norm",
    "embeddings_merge",
)
OLD_SCALE = "embeddings/multiply_by_sqrt_depth"  # what scale_embeddings was called
SETTINGS = ("num_heads", "pre_norm", "activation", "scale_embeddings", OLD_SCALE, "alignment_layer",
            "alignment_heads", "start_from_zero_embedding", *OFF)  # fmt: skip
# What stood among the variables before there was a config.json.
SAID = {"unk_token", "bos_token", "eos_token", "with_source_bos", "with_source_eos", "with_target_bos",
        "user_decoder_start_tokens"}  # fmt: skip
# Rotary positions as they are turned here: all features of a head, and neighbours make a pair.
ROTARY = {"rotary_dim": 0, "rotary_interleave": 1, "rotary_base": 10_000}
UNSTORED_POSITIONS = 1024  # of sinusoids that CTranslate2 computes by itself, so many are written down
CLOSE = 2e-3  # between numbers of a table and of the same table in float16, or counted in float32
NOWHERE = -1  # the row of a token that the model does not have: zeros


@dataclass(frozen=True)
class Foreign:
    """A model there, as it is made of here."""

    variables: Variables
    layout: Layout
    scale: float  # what embeddings are multiplied by there, to what they are here
    places: tuple[np.ndarray, np.ndarray] | None  # learnt positions of source and target [N, D]
    gated: bool

    @property
    def store(self) -> Store:
        arrays = {name: _reader(self.variables, name) for name in self.variables.entries}
        return Store(self.variables.path, arrays)


def _reader(variables: Variables, name: str) -> Read:
    return lambda: variables.array(name)


# -- what it is made of ---------------------------------------------------------------------------------------------


def foreign_of(variables: Variables, epsilon: object, one_vocabulary: bool) -> Foreign:
    """What a model is made of. Raises ModelError for what is not computed here, by its name there."""
    if epsilon is None:
        epsilon = LAYER_NORM_EPSILON
    if not isinstance(epsilon, float) or not 0 < epsilon < 1:
        raise ModelError(
            f"{variables.path.parent}: layer_norm_epsilon = {str(epsilon)[:40]}: must be above 0, and below 1"
        )
    for stack in ("encoder", "decoder"):
        for name in OFF:
            if variables.scalar(f"{stack}/{name}", 0):
                raise ModelError(f"{variables.path}: {stack}/{name} is switched on, and is not computed here")
    table = _source_table(variables)
    d, gated = variables.entries[table].shape[-1], "encoder/layer_0/ffn/linear_0_noact/weight" in variables
    scale = _scale(variables, d)
    positions, order, places = _positions(variables, d)
    model = {
        "kind": "transformer",
        "d_model": d,
        "d_ff": _rows(variables, "encoder/layer_0/ffn/linear_0/weight"),
        "n_heads": int(_same(variables, "num_heads", variables.heads)),
        **{f"{stack}_layers": _depth(variables, stack) for stack in ("encoder", "decoder")},
        "norm": "pre" if _same(variables, "pre_norm", 1) else "post",
        "activation": _activation(variables, gated),
        "positions": positions,
        "tie": _tie(variables, table, one_vocabulary and math.isclose(scale, 1, rel_tol=1e-3), scale),
        "dropout": 0.1,
        "attention_dropout": 0.0,
        "max_length": len(places[0]) if places else _length(variables),
        "columns": 16,
        **({} if epsilon == LAYER_NORM_EPSILON else {"norm_epsilon": epsilon}),
    }
    return Foreign(variables, Layout(model, order), scale, places if positions == "learned" else None, gated)


def _source_table(variables: Variables) -> str:
    name = next(
        (one for one in ("encoder/embeddings_0/weight", "encoder/embeddings/weight") if one in variables),
        None,
    )
    if name is None or len(variables.entries[name].shape) != 2:
        raise ModelError(f"{variables.path} has no table of the source's tokens: it is of another model")
    return name


def refuse_unfit(variables: Variables, sizes: tuple[int, int]) -> None:
    """Raises ModelError where the tables have not as many rows as the vocabularies of source and target."""
    for name, size in (
        (_source_table(variables), sizes[0]),
        ("decoder/embeddings/weight", sizes[1]),
        ("decoder/projection/weight", sizes[1]),
    ):
        if _rows(variables, name) != size:
            raise ModelError(
                f"{variables.path}: {name} has {_rows(variables, name):,} rows, and its vocabulary has {size:,} "
                "tokens: the two belong to different models"
            )


def _rows(variables: Variables, name: str) -> int:
    if name not in variables or not variables.entries[name].shape:
        raise ModelError(f"{variables.path} has no {name}: it is of another model, or cut short")
    return variables.entries[name].shape[0]


def _depth(variables: Variables, stack: str) -> int:
    depth = 0
    while f"{stack}/layer_{depth}/self_attention/linear_0/weight" in variables:
        depth += 1
    return depth


def _same(variables: Variables, name: str, usual: float) -> float:
    """A setting that is the same in encoder and decoder."""
    first, second = (variables.scalar(f"{stack}/{name}", usual) for stack in ("encoder", "decoder"))
    if first != second:
        raise ModelError(f"{variables.path}: encoder and decoder differ in {name}, which is not read")
    return first


def _scale(variables: Variables, d: int) -> float:
    """A flag, or the number itself; none is said where it is sqrt(D)."""
    found = []
    for stack in ("encoder", "decoder"):
        name = f"{stack}/scale_embeddings"
        if name not in variables:
            name = f"{stack}/{OLD_SCALE}"
        value = variables.scalar(name, 1)
        if name not in variables or variables.entries[name].type == 1:
            value = math.sqrt(d) if value else 1.0
        found.append(value / math.sqrt(d))
    if found[0] != found[1]:
        raise ModelError(
            f"{variables.path}: encoder and decoder differ in scale_embeddings, which is not read"
        )
    return found[0]


def _activation(variables: Variables, gated: bool) -> str:
    found = int(_same(variables, "activation", 0))
    names = {number: name for name, number in ACTIVATIONS.items() if (name == "swiglu") == gated}
    if found not in names:
        kind = "a gated activation" if gated else "an activation"
        raise ModelError(f"{variables.path}: {kind} of number {found}: known are {', '.join(names.values())}")
    return names[found]


def _tie(variables: Variables, source: str, equal: bool, scale: float) -> str:
    """What is stored once is one table."""
    target, output = (
        variables.entries.get(f"decoder/{name}/weight") for name in ("embeddings", "projection")
    )
    if target != output or not math.isclose(scale, 1, rel_tol=1e-3):
        return "none"
    return "all" if equal and variables.entries[source] == target else "target"


Found = tuple[str, np.ndarray | None, tuple[np.ndarray, np.ndarray] | None]


def _positions(variables: Variables, d: int) -> Found:
    """Their name here, the order of features, and the tables where they are learnt."""
    names = [f"{stack}/{ENCODINGS}" for stack in ("encoder", "decoder")]
    if names[0] not in variables and names[1] not in variables:
        rotary = "encoder/layer_0/self_attention/rotary_dim"
        if rotary not in variables:
            waves = _unstored(d)
            return "learned", None, (waves, waves)
        for name, value in ROTARY.items():
            if variables.scalar(f"encoder/layer_0/self_attention/{name}", value) != value:
                raise ModelError(f"{variables.path}: rotary positions with another {name} than {value}")
        return "rotary", None, None
    tables = [variables.array(name).astype(np.float32) for name in names]
    for table in tables:
        if table.ndim != 2 or table.shape[1] != d:
            raise ModelError(f"{variables.path}: its positions have shape {list(table.shape)}, and D is {d}")
    for name, wave in WAVES.items():
        for order in (None, halves_to_pairs(d)) if d % 2 == 0 else ():
            if all(
                _alike(table if order is None else table[:, order], wave(len(table), d)) for table in tables
            ):
                return name, order, None
    length = min(map(len, tables))
    return "learned", None, (tables[0][:length], tables[1][:length])


def _alike(table: np.ndarray, wave: np.ndarray) -> bool:
    return bool(np.abs(table - wave).max(initial=0) < CLOSE)


def _unstored(d: int) -> np.ndarray:
    """What CTranslate2 adds where a file holds no positions, as OpenNMT-tf does: counted from 1, sines first [N, D]."""
    rates = np.exp(np.arange(d // 2) * -(math.log(1e4) / max(d // 2 - 1, 1)))
    angle = np.arange(1, UNSTORED_POSITIONS + 1)[:, None] * rates
    return np.concatenate((np.sin(angle), np.cos(angle)), 1).astype(np.float32)


def _length(variables: Variables) -> int:
    name = f"decoder/{ENCODINGS}"
    return _rows(variables, name) if name in variables else 512


# -- its weights ----------------------------------------------------------------------------------------------------


def has_bias(variables: Variables, target: Vocabulary) -> bool:
    """Also where a token has no row of its own, and must not be written."""
    first = [int(i) for i in target.rows[: EOS + 1]]
    return BIAS in variables or NOWHERE in first or len(set(first)) < len(first)


def weights_of(foreign: Foreign, source: Vocabulary, target: Vocabulary) -> Iterator[tuple[str, np.ndarray]]:
    """All weights by our names. Raises ModelError for a variable that is not understood."""
    store, model = foreign.store, foreign.layout.model
    used = {"decoder/embeddings/weight", "decoder/projection/weight", BIAS, _source_table(foreign.variables)}
    used |= SAID
    used |= {f"{stack}/{name}" for stack in ("encoder", "decoder") for name in (*SETTINGS, ENCODINGS)}
    yield from _tables(foreign, store, source, target)
    for stack, places in zip(("source", "target"), foreign.places or (), strict=False):
        yield f"{stack}_input.learned.weight", places
    for ours, theirs, pick in _renamed(model, foreign.gated):
        used.add(theirs)
        yield ours, _turned(store, theirs, pick, ours, foreign.layout)
    rotary = {f"/self_attention/{name}" for name in ROTARY}
    for name in foreign.variables.entries:
        known = name in used or name.removesuffix("_scale") in used
        if not known and not any(name.endswith(end) for end in rotary):
            whose = "is of OpenNMT's relative positions" if "relative" in name else "no Transformer here has"
            raise ModelError(f"{store.path} has {name}, which {whose}: such models are not read; {INSTEAD}")


def _tables(
    foreign: Foreign, store: Store, source: Vocabulary, target: Vocabulary
) -> Iterator[tuple[str, np.ndarray]]:
    tie = foreign.layout.model["tie"]

    def rows(name: str, vocabulary: Vocabulary, scale: float = 1.0) -> np.ndarray:
        found = store.take(name)
        found = np.concatenate((found, np.zeros_like(found[:1])))[vocabulary.rows]
        if foreign.layout.order is not None:
            found = found[:, foreign.layout.order]
        return found if math.isclose(scale, 1, rel_tol=1e-3) else (found * scale).astype(found.dtype)

    if tie == "all":
        yield "embedding.weight", rows("decoder/embeddings/weight", target)
    else:
        first = _source_table(foreign.variables)
        yield "source_embedding.weight", rows(first, source, foreign.scale)
        yield "target_embedding.weight", rows("decoder/embeddings/weight", target, foreign.scale)
        if tie == "none":
            yield "output.weight", rows("decoder/projection/weight", target)
    if has_bias(foreign.variables, target):
        bias = store.take(BIAS) if BIAS in store else np.zeros(len(store.take("decoder/projection/weight")))
        own = np.append(bias, 0).astype(np.float32)[target.rows]
        own[target.rows == NOWHERE] = NEVER
        own[BOS] = NEVER
        yield "output_bias", own


Pick = Callable[[np.ndarray], np.ndarray]


def _renamed(model: Mapping[str, Any], gated: bool) -> Iterator[tuple[str, str, Pick]]:
    """Our name, theirs, and which part of it."""
    for stack in ("encoder", "decoder"):
        if model["norm"] == "pre":
            yield from _norm(f"{stack}.norm", f"{stack}/layer_norm")
        for i in range(model[f"{stack}_layers"]):
            ours, theirs = f"{stack}.layers.{i}", f"{stack}/layer_{i}"
            inside, asks = f"{ours}.self_attention", f"{ours}.cross_attention"
            yield from _linear(f"{theirs}/self_attention/linear_0", *(f"{inside}.{one}" for one in "qkv"))
            yield from _linear(f"{theirs}/self_attention/linear_1", f"{inside}.output")
            sublayers = ["self_attention", "ffn"]
            if stack == "decoder":
                sublayers.insert(1, "attention")
                yield from _linear(f"{theirs}/attention/linear_0", f"{asks}.q")
                yield from _linear(f"{theirs}/attention/linear_1", f"{asks}.k", f"{asks}.v")
                yield from _linear(f"{theirs}/attention/linear_2", f"{asks}.output")
            feed = f"{ours}.feed_forward"
            yield from _linear(f"{theirs}/ffn/linear_0", f"{feed}.{'gate' if gated else 'inner'}")
            if gated:
                yield from _linear(f"{theirs}/ffn/linear_0_noact", f"{feed}.inner")
            yield from _linear(f"{theirs}/ffn/linear_1", f"{feed}.outer")
            for j, sublayer in enumerate(sublayers):
                yield from _norm(f"{ours}.residuals.{j}.norm", f"{theirs}/{sublayer}/layer_norm")


def _linear(theirs: str, *ours: str) -> Iterator[tuple[str, str, Pick]]:
    """Linear layers that read the same input are one product there, their outputs side by side."""
    for kind in ("weight", "bias"):
        for place, name in enumerate(ours):
            yield f"{name}.{kind}", f"{theirs}/{kind}", _part(place, len(ours))


def _part(place: int, parts: int) -> Pick:
    return lambda array: array.reshape(parts, -1, *array.shape[1:])[place]


def _norm(ours: str, theirs: str) -> Iterator[tuple[str, str, Pick]]:
    yield f"{ours}.weight", f"{theirs}/gamma", _part(0, 1)
    yield f"{ours}.bias", f"{theirs}/beta", _part(0, 1)


def _turned(store: Store, theirs: str, pick: Pick, ours: str, layout: Layout) -> np.ndarray:
    """In our order of features: what writes them has it in its rows, what reads them in its columns."""
    order = slice(None) if layout.order is None else layout.order
    layer, kind = ours.rsplit(".", 2)[1:]
    whole = store.take(theirs)
    try:
        array = pick(whole)
        if layer in ("output", "outer", "norm"):
            return array[order]
        return array[:, order] if kind == "weight" else array
    except (ValueError, IndexError) as error:
        raise ModelError(
            f"{store.path}: {theirs} has shape {list(whole.shape)}, which does not fit the other weights"
        ) from error
