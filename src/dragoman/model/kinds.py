"""The kinds of model a directory can hold: which weights each must have, and how its module is built.

An explicit table: no class is ever looked up by a name that stands in a file. Loads no torch until a module is built.

Dimensions: D model, F feed-forward, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from dragoman.errors import ConfigError, MissingExtraError, ModelError

if TYPE_CHECKING:
    from torch import nn

C = TypeVar("C")
Settings = Mapping[str, Any]
Shapes = dict[str, tuple[int, ...]]

# Far above any real model; below them no product of sizes runs out of memory before it is compared with the file.
LARGEST_WIDTH, MOST_LAYERS = 2**20, 1000


@dataclass(frozen=True)
class Kind:
    """`shapes` tells the weights a [model] section asks for; `build` makes the module, with those weights in it."""

    shapes: Callable[[Settings, int, int], Shapes]
    build: Callable[[Settings, int, int, Mapping[str, np.ndarray]], nn.Module]


def transformer_shapes(model: Settings, source_vocab: int, target_vocab: int) -> Shapes:
    """Name -> shape of every weight of a Transformer. Raises ModelError for a setting that has no sense."""
    width = _integer(model, "d_model", LARGEST_WIDTH)
    shapes = _tables(model, source_vocab, target_vocab, width)
    for name, shape in _positions(model, width).items():
        shapes |= {f"{side}_input.{name}": shape for side in ("source", "target")}
    pre = _choice(model, "norm", ("pre", "post")) == "pre"
    for stack, sublayers in {
        "encoder": ("self_attention", "feed_forward"),
        "decoder": ("self_attention", "cross_attention", "feed_forward"),
    }.items():
        for i in range(_integer(model, f"{stack}_layers", MOST_LAYERS)):
            for j, sublayer in enumerate(sublayers):
                layer = f"{stack}.layers.{i}"
                inner = _feed_forward(model, width) if sublayer == "feed_forward" else _attention(width)
                shapes |= {f"{layer}.{sublayer}.{name}": shape for name, shape in inner.items()}
                shapes |= _norm(f"{layer}.residuals.{j}.norm", width)
        if pre:
            shapes |= _norm(f"{stack}.norm", width)
    return shapes


def _positions(model: Settings, width: int) -> Shapes:
    """The weights that a stack's positions have in its embedding.

    Those that translating without torch can meet stand here; of the others, which need it, the class itself tells.
    """
    name = model.get("positions")
    if name in ("sinusoidal", "rotary"):
        return {}
    if name == "learned":
        return {"learned.weight": (_integer(model, "max_length", LARGEST_WIDTH), width)}
    if not isinstance(name, str):
        raise ModelError(f"config.toml: model.positions = {name!r}: must be the name of an encoding")
    _require_torch(f"a model with positions = {name!r} needs torch")
    from dragoman.transformer.positions import ENCODINGS, Sizes, check_positions

    numbers = {key: _integer(model, key, LARGEST_WIDTH) for key in ("n_heads", "max_length", "columns")}
    sizes = Sizes(width, **numbers)
    try:
        check_positions(name, sizes)
    except ConfigError as error:
        raise ModelError(f"config.toml: {error}") from error
    import torch

    with torch.device("meta"):
        weights = ENCODINGS[name](sizes).weights
    return {
        f"{module}.{key}": tuple(weight.shape)
        for module, owned in weights.items()
        for key, weight in owned.state_dict().items()
    }


def _tables(model: Settings, source_vocab: int, target_vocab: int, width: int) -> Shapes:
    tie = _choice(model, "tie", ("all", "target", "none"))
    if tie == "all":
        if source_vocab != target_vocab:
            raise ModelError(
                f"config.toml: model.tie = 'all' needs one vocabulary, but the tokenizers have {source_vocab:,} "
                f"and {target_vocab:,} pieces"
            )
        shapes: Shapes = {"embedding.weight": (source_vocab, width)}
    else:
        shapes = {
            "source_embedding.weight": (source_vocab, width),
            "target_embedding.weight": (target_vocab, width),
        }
    if tie == "none":
        shapes["output.weight"] = (target_vocab, width)
    return shapes


def rnn_shapes(model: Settings, source_vocab: int, target_vocab: int) -> Shapes:
    """Name -> shape of every weight of a recurrent encoder-decoder. Raises ModelError as above."""
    width = _integer(model, "d_model", LARGEST_WIDTH)
    layers, directions = _integer(model, "layers", 4), _integer(model, "directions", 2)
    attention = _choice(model, "attention", ("none", "additive", "dot"))
    shapes = _tables(model, source_vocab, target_vocab, width)
    for i in range(layers):
        shapes |= _recurrent(model, f"encoder.layers.{i}", width, width // directions, directions)
        fed = width if attention == "additive" and i == 0 else 0
        shapes |= _recurrent(model, f"decoder.layers.{i}", width + fed, width, 1)
        shapes |= _linear(f"bridge.{i}", width, width)
    if attention == "none":
        return shapes
    shapes |= _linear("combine", width, 2 * width) | {"attention.query.weight": (width, width)}
    if attention == "additive":
        shapes |= {
            "attention.query.bias": (width,), "attention.key.weight": (width, width), "attention.v.weight": (1, width)
        }  # fmt: skip
    return shapes


def _recurrent(model: Settings, name: str, inputs: int, width: int, directions: int) -> Shapes:
    """torch's names: the matrices of all gates stand on each other."""
    rows = width * (3 if _choice(model, "cell", ("gru", "lstm")) == "gru" else 4)
    shapes: Shapes = {}
    for end in ("", "_reverse")[:directions]:
        shapes |= {f"{name}.weight_ih_l0{end}": (rows, inputs), f"{name}.weight_hh_l0{end}": (rows, width)}
        shapes |= {f"{name}.bias_{side}_l0{end}": (rows,) for side in ("ih", "hh")}
    return shapes


def _attention(width: int) -> Shapes:
    shapes: Shapes = {}
    for name in ("q", "k", "v", "output"):
        shapes |= _linear(name, width, width)
    return shapes


def _feed_forward(model: Settings, width: int) -> Shapes:
    inner = _integer(model, "d_ff", LARGEST_WIDTH)
    shapes = _linear("inner", inner, width) | _linear("outer", width, inner)
    if _choice(model, "activation", ("relu", "gelu", "swiglu")) == "swiglu":
        shapes |= _linear("gate", inner, width)
    return shapes


def _linear(name: str, rows: int, columns: int) -> Shapes:
    return {f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)}


def _norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _integer(model: Settings, key: str, most: int) -> int:
    value = model.get(key)
    if type(value) is not int or not 1 <= value <= most:
        raise ModelError(f"config.toml: model.{key} = {value!r}: must be a whole number from 1 to {most:,}")
    return value


def _choice(model: Settings, key: str, choices: tuple[str, ...]) -> str:
    value = model.get(key)
    if value not in choices:
        raise ModelError(f"config.toml: model.{key} = {value!r}: must be one of {', '.join(choices)}")
    return str(value)


def build_transformer(
    model: Settings, source_vocab: int, target_vocab: int, weights: Mapping[str, np.ndarray]
) -> nn.Module:
    """A Transformer in fp32, in evaluation mode."""
    _require_torch("this needs torch, and translating does not")
    from dragoman.transformer.model import Transformer, TransformerConfig

    config = _configured(TransformerConfig, model, "Transformer")
    return assembled(lambda: Transformer(config, source_vocab, target_vocab), weights)


def build_rnn(
    model: Settings, source_vocab: int, target_vocab: int, weights: Mapping[str, np.ndarray]
) -> nn.Module:
    """A recurrent encoder-decoder in fp32, in evaluation mode."""
    _require_torch("a recurrent model needs torch, also to translate")
    from dragoman.lineage.rnn import Rnn, RnnConfig

    config = _configured(RnnConfig, model, "recurrent network")
    return assembled(lambda: Rnn(config, source_vocab, target_vocab), weights)


def _require_torch(reason: str) -> None:
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(f"{reason}: install it with  pip install 'dragoman[train]'") from error


def _configured(config: type[C], model: Settings, name: str) -> C:
    try:
        return config(**{key: value for key, value in model.items() if key != "kind"})
    except (TypeError, ConfigError) as error:
        raise ModelError(f"config.toml: [model] describes no {name}: {error}") from error


def assembled(make: Callable[[], nn.Module], weights: Mapping[str, np.ndarray]) -> nn.Module:
    """The module that `make` makes, with these weights in fp32, in evaluation mode."""
    import torch

    with torch.device("meta"):  # no memory and no random numbers for weights that are replaced at once
        module = make()
    tensors = {name: torch.from_numpy(weight.astype(np.float32)) for name, weight in weights.items()}
    module.load_state_dict(tensors, assign=True)
    return module.eval().requires_grad_(False)


KINDS: dict[str, Kind] = {
    "transformer": Kind(transformer_shapes, build_transformer),
    "rnn": Kind(rnn_shapes, build_rnn),
}


def kind_of(model: Settings) -> Kind:
    name = model.get("kind")
    if not isinstance(name, str) or name not in KINDS:
        raise ModelError(
            f"config.toml: model.kind = {name!r}: this version knows {', '.join(KINDS)}; "
            "a newer one may know more"
        )
    return KINDS[name]
