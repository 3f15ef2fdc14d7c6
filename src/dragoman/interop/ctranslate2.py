"""A Transformer's weights in the format of CTranslate2. Arrays in, files out; computes no translation.

Its converter is not used: it imports torch, which takes longer than the translation of a sentence; the format is
a plain list of named arrays. Reads model revision 7 of CTranslate2 (since 3.0).

Dimensions: D model, F feed-forward, K head width, V vocabulary.
"""

from __future__ import annotations

import json
import math
import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from dragoman.errors import ConfigError, ModelError
from dragoman.transformer.description import NUMBERS, Computes, description, unlisted

Quantization = Literal["float32", "float16", "int8", "int7"]
# The largest entry of a matrix of bytes.
LARGEST = {"int8": 127, "int7": 63}

BINARY_VERSION, REVISION = 6, 7
TYPE_IDS = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4}
ACTIVATIONS = {"relu": 0, "gelu_tanh": 1, "swish": 2, "swiglu": 2, "gelu": 3}
LAYER_NORM_EPSILON = 1e-5  # torch's default

# What there are arrays for. A setting that has no line here may change what a model computes.
COMPUTES: Computes = {
    **NUMBERS,
    "kind": ("transformer",),
    "norm": ("post", "pre"),
    "activation": tuple(ACTIVATIONS),
    "positions": ("sinusoidal", "fairseq", "learned", "rotary"),
    "tie": ("all", "target", "none"),
    "output_bias": (False, True),
    "source_eos": (False, True),
    "norm_epsilon": None,
    "attention_dropout": None,  # of training
}

# Sinusoids go on for ever, a file does not: no sentence is longer than this, source or target, in tokens.
SINUSOIDAL_POSITIONS = 4096


@dataclass(frozen=True)
class Shape:
    """What the arrays do not tell: the settings of TransformerConfig that the format needs."""

    n_heads: int
    encoder_layers: int
    decoder_layers: int
    norm: str
    activation: str
    positions: str
    tie: str
    output_bias: bool = False
    source_eos: bool = True
    norm_epsilon: float = LAYER_NORM_EPSILON

    @classmethod
    def of(cls, config: object) -> Shape:
        """`config` has these settings as attributes or as keys."""
        settings = description(config)
        return cls(**{name: settings[name] for name in cls.__dataclass_fields__ if name in settings})


def refusal(config: object) -> str | None:
    """Why CTranslate2 does not compute a model, or None; `config` is as in `convert`."""
    why = unlisted(description(config), COMPUTES)
    return None if why is None else f"CTranslate2 does not compute {why}"


def convert(
    weights: Mapping[str, Any],
    config: object,
    source_vocab: Sequence[str],
    target_vocab: Sequence[str],
    quantization: Quantization = "float32",
) -> dict[str, bytes]:
    """The files of a CTranslate2 model by name, in memory.

    weights: numpy arrays or tensors by the names of the Transformer's parameters; config: its TransformerConfig,
    or the same as a mapping; vocabularies: a string for each id, with <unk>, <s>, </s> as ids 1, 2, 3.
    float32 keeps every bit, and CTranslate2 still computes in int8 if asked to; the others make smaller files. int7 is
    int8 of which seven bits are used: see engines.instructions.adds_exactly.
    Raises ConfigError for a model with a setting that CTranslate2 does not compute (see `refusal`), ModelError for a
    vocabulary in which two ids share a string, or that does not fit the weights.
    """
    if why := refusal(config):
        raise ConfigError(f"{why}: use the torch engine")
    shape = Shape.of(config)
    arrays = {name: np.asarray(array) for name, array in _transformer(_Weights(weights), shape)}
    for side, name, vocab in (
        ("source", "encoder/embeddings_0/weight", source_vocab),
        ("target", "decoder/embeddings/weight", target_vocab),
    ):
        _check_vocabulary(side, vocab, len(arrays[name]))
    aliases = _shared(arrays)
    vocabularies = {"source": source_vocab, "target": target_vocab}
    if list(source_vocab) == list(target_vocab):
        vocabularies = {"shared": source_vocab}
    return {
        "model.bin": _serialise({k: v for k, v in arrays.items() if k not in aliases}, aliases, quantization),
        "config.json": json.dumps(_settings(target_vocab, arrays, shape), indent=2).encode(),
        **{
            f"{side}_vocabulary.json": json.dumps(list(words)).encode()
            for side, words in vocabularies.items()
        },
    }


def export(
    weights: Mapping[str, Any],
    config: object,
    source_vocab: Sequence[str],
    target_vocab: Sequence[str],
    directory: str | Path,
    quantization: Quantization = "float32",
) -> None:
    """Write the files of `convert` to `directory`, which ctranslate2.Translator opens. Tokens in, tokens out."""
    files = convert(weights, config, source_vocab, target_vocab, quantization)
    Path(directory).mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (Path(directory) / name).write_bytes(content)


# -- the model, box by box ----------------------------------------------------------------------------------------

Arrays = Iterator[tuple[str, np.ndarray | np.generic]]


class _Weights:
    """Weights by name, as float32 arrays; an array asked for twice is the same object."""

    def __init__(self, weights: Mapping[str, Any]) -> None:
        self._weights, self._arrays = weights, dict[str, np.ndarray]()

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._arrays:
            weight = self._weights[name]
            if hasattr(
                weight, "detach"
            ):  # a tensor, without importing torch to ask; float() because bf16 has no array
                weight = weight.detach().cpu().float().numpy()
            self._arrays[name] = np.ascontiguousarray(weight, dtype=np.float32)
        return self._arrays[name]


def _transformer(weights: _Weights, shape: Shape) -> Arrays:
    tied = shape.tie == "all"
    source = weights["embedding.weight" if tied else "source_embedding.weight"]
    target = weights["embedding.weight" if tied else "target_embedding.weight"]
    yield "encoder/embeddings_0/weight", source
    yield "encoder/embeddings_merge", np.int8(0)
    yield "decoder/embeddings/weight", target
    yield "decoder/projection/weight", weights["output.weight"] if shape.tie == "none" else target
    if shape.output_bias:
        yield "decoder/projection/bias", weights["output_bias"]
    yield "decoder/alignment_layer", np.int16(-1)  # the last
    yield "decoder/alignment_heads", np.int16(shape.n_heads)  # the mean of all
    yield "decoder/start_from_zero_embedding", np.int8(False)
    for stack, layers in (("encoder", shape.encoder_layers), ("decoder", shape.decoder_layers)):
        yield f"{stack}/num_heads", np.int16(shape.n_heads)
        yield f"{stack}/pre_norm", np.int8(shape.norm == "pre")
        yield f"{stack}/activation", np.int8(ACTIVATIONS[shape.activation])
        yield f"{stack}/scale_embeddings", np.int8(True)  # by sqrt(D)
        if shape.norm == "pre":
            yield from _norm(weights, f"{stack}/layer_norm", f"{stack}.norm")
        for i in range(layers):
            yield from _layer(weights, shape, f"{stack}/layer_{i}", f"{stack}.layers.{i}", stack == "decoder")
    yield from _positions(weights, shape, source.shape[1])


def _layer(weights: _Weights, shape: Shape, theirs: str, ours: str, decoder: bool) -> Arrays:
    inside, asks = f"{ours}.self_attention", f"{ours}.cross_attention"
    yield from _linear(
        weights, f"{theirs}/self_attention/linear_0", f"{inside}.q", f"{inside}.k", f"{inside}.v"
    )
    yield from _linear(weights, f"{theirs}/self_attention/linear_1", f"{inside}.output")
    sublayers = ["self_attention", "ffn"]
    if shape.positions == "rotary":
        yield from _rotary(f"{theirs}/self_attention")
    if decoder:
        sublayers.insert(1, "attention")
        yield from _linear(weights, f"{theirs}/attention/linear_0", f"{asks}.q")
        yield from _linear(weights, f"{theirs}/attention/linear_1", f"{asks}.k", f"{asks}.v")
        yield from _linear(weights, f"{theirs}/attention/linear_2", f"{asks}.output")
    gated = shape.activation == "swiglu"
    yield from _linear(
        weights, f"{theirs}/ffn/linear_0", f"{ours}.feed_forward.{'gate' if gated else 'inner'}"
    )
    if gated:
        yield from _linear(weights, f"{theirs}/ffn/linear_0_noact", f"{ours}.feed_forward.inner")
    yield from _linear(weights, f"{theirs}/ffn/linear_1", f"{ours}.feed_forward.outer")
    for j, sublayer in enumerate(sublayers):
        yield from _norm(weights, f"{theirs}/{sublayer}/layer_norm", f"{ours}.residuals.{j}.norm")


def _linear(weights: _Weights, theirs: str, *ours: str) -> Arrays:
    """Linear layers that read the same input are one product there, their outputs side by side."""
    for kind in ("weight", "bias"):
        parts = [weights[f"{name}.{kind}"] for name in ours]
        yield f"{theirs}/{kind}", parts[0] if len(parts) == 1 else np.concatenate(parts)


def _norm(weights: _Weights, theirs: str, ours: str) -> Arrays:
    yield f"{theirs}/gamma", weights[f"{ours}.weight"]
    yield f"{theirs}/beta", weights[f"{ours}.bias"]


def _rotary(theirs: str) -> Arrays:
    yield f"{theirs}/rotary_dim", np.int32(0)  # all features of a head
    yield f"{theirs}/rotary_interleave", np.int8(True)  # neighbours make a pair
    yield f"{theirs}/rotary_base", np.float32(10_000)


def _positions(weights: _Weights, shape: Shape, d_model: int) -> Arrays:
    """A vector added to each position. Sinusoids too: CTranslate2's own are in another order, of other lengths."""
    name = "position_encodings/encodings"
    if shape.positions == "learned":
        for stack, side in (("encoder", "source"), ("decoder", "target")):
            yield f"{stack}/{name}", weights[f"{side}_input.learned.weight"]
    elif shape.positions in WAVES:  # rotary ones are in the layers
        table = WAVES[shape.positions](SINUSOIDAL_POSITIONS, d_model)
        yield f"encoder/{name}", table
        yield f"decoder/{name}", table


def sinusoids(length: int, d_model: int) -> np.ndarray:
    """PE(pos, 2i) = sin(pos / 10000^(2i/D)), PE(pos, 2i+1) = cos(same) (paper 3.5) -> [length, D]."""
    angle = np.arange(length)[:, None] * np.exp(np.arange(0, d_model, 2) * (-math.log(1e4) / d_model))
    return np.stack((np.sin(angle), np.cos(angle)), axis=-1).reshape(length, d_model).astype(np.float32)


def fairseq_sinusoids(length: int, d_model: int) -> np.ndarray:
    """What transformer.positions.Fairseq adds -> [length, D]."""
    pairs = d_model // 2
    rates = np.exp(np.arange(pairs, dtype=np.float32) * np.float32(-(math.log(1e4) / max(pairs - 1, 1))))
    angle = np.arange(2, length + 2, dtype=np.float32)[:, None] * rates
    return np.stack((np.sin(angle), np.cos(angle)), axis=-1).reshape(length, d_model)


WAVES = {"sinusoidal": sinusoids, "fairseq": fairseq_sinusoids}


# -- the files ----------------------------------------------------------------------------------------------------


def _check_vocabulary(side: str, vocab: Sequence[str], rows: int) -> None:
    if len(vocab) != rows:
        raise ModelError(
            f"the {side} vocabulary has {len(vocab):,} tokens, but the weights have {rows:,} rows"
        )
    if len(set(vocab)) != len(vocab):
        twice = next(word for word, count in Counter(vocab).items() if count > 1)
        raise ModelError(
            f"the {side} vocabulary holds {twice!r} twice: CTranslate2 knows tokens by their string, "
            "so the torch engine must be used"
        )


def _settings(vocab: Sequence[str], arrays: Mapping[str, np.ndarray], shape: Shape) -> dict[str, Any]:
    limits = {
        side: len(arrays[table])
        for side, table in (
            ("max_source_positions", "encoder/position_encodings/encodings"),
            ("max_target_positions", "decoder/position_encodings/encodings"),
        )
        if table in arrays
    }
    return {
        "unk_token": vocab[1],
        "bos_token": vocab[2],
        "eos_token": vocab[3],
        "decoder_start_token": vocab[2],
        "add_source_bos": False,
        "add_source_eos": shape.source_eos,
        "reads_source_eos": shape.source_eos,  # which CTranslate2 does not ask for
        "layer_norm_epsilon": shape.norm_epsilon,
        **limits,  # not of CTranslate2, which fails in the middle of a batch: for those who want to ask before
    }


def _shared(arrays: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Name -> the name under which the same array is stored: tied weights are stored once."""
    first: dict[int, str] = {}
    names = (
        (name, first.setdefault(id(array), name)) for name, array in sorted(arrays.items()) if array.ndim
    )
    return {name: stored for name, stored in names if name != stored}


def _serialise(
    arrays: Mapping[str, np.ndarray], aliases: Mapping[str, str], quantization: Quantization
) -> bytes:
    """Little-endian: version, name, revision, then each variable, then each alias."""
    aliases = dict(aliases)
    if quantization in LARGEST:
        arrays, scales = _quantised(arrays, LARGEST[quantization])
        aliases |= {f"{a}_scale": f"{name}_scale" for a, name in aliases.items() if f"{name}_scale" in scales}
        arrays = {**arrays, **scales}
    parts = [
        struct.pack("<I", BINARY_VERSION),
        _string("TransformerSpec"),
        struct.pack("<II", REVISION, len(arrays)),
    ]
    for name, array in sorted(arrays.items()):
        if quantization == "float16" and array.dtype == np.float32:
            array = array.astype(np.float16)
        parts += [_string(name), struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)]
        parts += [struct.pack("<BI", TYPE_IDS[array.dtype.name], array.nbytes), array.tobytes()]
    parts.append(struct.pack("<I", len(aliases)))
    for alias, name in sorted(aliases.items()):
        parts += [_string(alias), _string(name)]
    return b"".join(parts)


def _string(text: str) -> bytes:
    return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"


def _quantised(
    arrays: Mapping[str, np.ndarray], most: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Matrices as int8, each row with the scale that makes its largest entry `most`."""
    whole, scales = dict(arrays), {}
    for name, array in arrays.items():
        if name.endswith("/weight"):
            largest = np.abs(array).max(axis=1, keepdims=True)
            scale = (most / np.where(largest == 0, most, largest)).astype(np.float32)
            whole[name] = np.rint(array * scale).astype(np.int8)
            scales[f"{name}_scale"] = scale[:, 0]
    return whole, scales
