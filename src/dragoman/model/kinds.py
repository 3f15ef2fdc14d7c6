"""The kinds of translator: one record a kind. Loads no torch until a module is built.

What training, the command line and the reader of directories know of a kind is read off its record. An explicit table:
no class is ever looked up by a name that stands in a file. The kinds of language model have a table of their own
(lineage/kinds.py): the "rnn" of that one is another network than the "rnn" here.

Dimensions: D model, F feed-forward, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dragoman.bounds import HEADS, LAYERS, SHARE, SIZE, shown
from dragoman.errors import ConfigError, ModelError
from dragoman.model.fields import CONFIG, NOT_EMPTY, Field, configured, fields_of
from dragoman.model.modules import assembled, require_torch, shapes_of, weightless

if TYPE_CHECKING:
    from torch import nn

Settings = Mapping[str, Any]
Shapes = dict[str, tuple[int, ...]]
Build = Callable[..., "nn.Module"]  # (config, source and target vocabulary, parts) -> weights at random


@dataclass(frozen=True)
class Sketch:
    """What a model is made of, told without torch: translating does not load it."""

    fields: tuple[Field, ...]  # of [model]
    shapes: Callable[[Settings, int, int], Shapes]


@dataclass(frozen=True)
class TranslatorKind:
    """A translator. Its directory holds the fields of its configuration in [model], and the weights of its module."""

    name: str  # model.kind
    title: str  # on the card
    preset: str  # of training, where none is named
    load: Callable[[], tuple[type[Any], Build]]  # its configuration and its module; imports torch
    # Whether the shapes in its loss are known beforehand, so that few of them will do (training/gpu).
    few_shapes: Callable[[Any], bool]
    sketch: Sketch | None = None  # None: torch is asked, also to translate

    def fields(self) -> tuple[Field, ...]:
        """The settings of [model]."""
        own = self.sketch.fields if self.sketch else fields_of(self.load()[0], "model")
        kind = Field("model", "kind", Literal[self.name])
        return (kind, *(field for field in own if field.key != "kind"))

    def shapes(self, model: Settings, source_vocab: int, target_vocab: int) -> Shapes:
        """Name -> shape of the weights that a checked [model] section asks for. Raises ModelError."""
        if self.sketch:
            return self.sketch.shapes(model, source_vocab, target_vocab)
        return shapes_of(self._maker(model, source_vocab, target_vocab))

    def build(
        self, model: Settings, source_vocab: int, target_vocab: int, weights: Mapping[str, np.ndarray]
    ) -> nn.Module:
        """The module with these weights, in fp32, in evaluation mode."""
        return assembled(self._maker(model, source_vocab, target_vocab), weights)

    def _maker(self, model: Settings, source_vocab: int, target_vocab: int) -> Callable[[], nn.Module]:
        config, build = self.load()
        return partial(build, configured(config, model), source_vocab, target_vocab)


# -- a Transformer, without torch -------------------------------------------------------------------------------

_size = partial(Field, "model", kind=int, within=SIZE)
_layers = partial(Field, "model", kind=int, within=LAYERS)

# As transformer.model.TransformerConfig has them.
TRANSFORMER_FIELDS = (
    _size("d_model"),
    _size("d_ff"),
    _size("n_heads", within=HEADS),
    _layers("encoder_layers"),
    _layers("decoder_layers"),
    Field("model", "norm", Literal["post", "pre"]),
    Field("model", "activation", Literal["relu", "gelu", "gelu_tanh", "swish", "swiglu"]),
    Field("model", "positions", str, within=NOT_EMPTY),
    Field("model", "tie", Literal["all", "target", "none"]),
    Field("model", "dropout", float, within=SHARE),
    Field("model", "attention_dropout", float, within=SHARE),
    _size("max_length"),
    # Younger than the rest.
    _size("columns", required=False),
    Field("model", "output_bias", bool, required=False),
    Field("model", "source_eos", bool, required=False),
    Field("model", "norm_epsilon", float, within=SHARE, required=False),
)


def transformer_shapes(model: Settings, source_vocab: int, target_vocab: int) -> Shapes:
    """Name -> shape of every weight of a Transformer; `model` is checked against TRANSFORMER_FIELDS."""
    width = model["d_model"]
    if width % model["n_heads"]:
        raise ModelError(
            f"{CONFIG}: model.d_model = {width} cannot be divided among model.n_heads = {model['n_heads']}"
        )
    shapes = _tables(model, source_vocab, target_vocab, width)
    for name, shape in _positions(model, width).items():
        shapes |= {f"{side}_input.{name}": shape for side in ("source", "target")}
    pre = model["norm"] == "pre"
    for stack, sublayers in {
        "encoder": ("self_attention", "feed_forward"),
        "decoder": ("self_attention", "cross_attention", "feed_forward"),
    }.items():
        for i in range(model[f"{stack}_layers"]):
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
    name = model["positions"]
    if name in ("sinusoidal", "fairseq") and width % 2:
        raise ModelError(f"{CONFIG}: model.d_model = {width}: positions need an even width")
    if name == "rotary" and width // model["n_heads"] % 2:
        raise ModelError(f"{CONFIG}: model.d_model = {width}: positions need an even width per head")
    if name in ("sinusoidal", "fairseq", "rotary"):
        return {}
    if name == "learned":
        return {"learned.weight": (model["max_length"], width)}
    require_torch(f"a model with positions = {name!r} needs torch")
    from dragoman.transformer.positions import ENCODINGS, Sizes, check_positions

    sizes = Sizes(width, **{key: model[key] for key in ("n_heads", "max_length", "columns") if key in model})
    try:
        check_positions(name, sizes)
    except ConfigError as error:
        raise ModelError(f"{CONFIG}: {error}") from error
    with weightless():
        weights = ENCODINGS[name](sizes).weights
    return {
        f"{module}.{key}": tuple(weight.shape)
        for module, owned in weights.items()
        for key, weight in owned.state_dict().items()
    }


def _tables(model: Settings, source_vocab: int, target_vocab: int, width: int) -> Shapes:
    if model["tie"] == "all":
        if source_vocab != target_vocab:
            raise ModelError(
                f"{CONFIG}: model.tie = 'all' needs one vocabulary, but the tokenizers have {source_vocab:,} "
                f"and {target_vocab:,} pieces"
            )
        shapes: Shapes = {"embedding.weight": (source_vocab, width)}
    else:
        shapes = {
            "source_embedding.weight": (source_vocab, width),
            "target_embedding.weight": (target_vocab, width),
        }
    if model["tie"] == "none":
        shapes["output.weight"] = (target_vocab, width)
    if model.get("output_bias"):
        shapes["output_bias"] = (target_vocab,)
    return shapes


def _attention(width: int) -> Shapes:
    shapes: Shapes = {}
    for name in ("q", "k", "v", "output"):
        shapes |= _linear(name, width, width)
    return shapes


def _feed_forward(model: Settings, width: int) -> Shapes:
    inner = model["d_ff"]
    shapes = _linear("inner", inner, width) | _linear("outer", width, inner)
    if model["activation"] == "swiglu":
        shapes |= _linear("gate", inner, width)
    return shapes


def _linear(name: str, rows: int, columns: int) -> Shapes:
    return {f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)}


def _norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


# -- the table --------------------------------------------------------------------------------------------------


def _transformer() -> tuple[type[Any], Build]:
    require_torch("this needs torch, and translating does not")
    from dragoman.transformer.model import TransformerConfig, transformer

    return TransformerConfig, transformer


def _rnn() -> tuple[type[Any], Build]:
    require_torch("a recurrent model needs torch, also to translate")
    from dragoman.lineage.rnn import Rnn, RnnConfig

    return RnnConfig, Rnn


def _without_end(config: Any) -> bool:
    """Positions that end may do so before a width of the grid does."""
    from dragoman.transformer.positions import ENCODINGS

    return not ENCODINGS[config.positions].ends


TRANSLATORS: dict[str, TranslatorKind] = {
    kind.name: kind
    for kind in (
        TranslatorKind(
            "transformer",
            "Transformer",
            "small",
            _transformer,
            few_shapes=_without_end,
            sketch=Sketch(TRANSFORMER_FIELDS, transformer_shapes),
        ),
        # Recurrent networks ask the host for lengths.
        TranslatorKind("rnn", "Recurrent network", "rnn", _rnn, few_shapes=lambda config: False),
    )
}


def kind_of(model: Settings) -> TranslatorKind:
    """The record of the kind that a [model] section names. Raises ModelError for one that there is not."""
    name = model.get("kind")
    if not isinstance(name, str) or name not in TRANSLATORS:
        raise ModelError(
            f"{CONFIG}: model.kind = {shown(name)}: this version knows {', '.join(TRANSLATORS)}; "
            "a newer one may know more"
        )
    return TRANSLATORS[name]
