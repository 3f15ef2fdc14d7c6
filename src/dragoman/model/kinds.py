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

from dragoman.errors import ModelError
from dragoman.model.fields import CONFIG, LARGEST_SIZE, MOST_LAYERS, Field, configured, fields_of
from dragoman.model.modules import assembled, require_torch, shapes_of

if TYPE_CHECKING:
    from torch import nn

Settings = Mapping[str, Any]
Shapes = dict[str, tuple[int, ...]]
Build = Callable[[Any, int, int], "nn.Module"]  # (config, source and target vocabulary) -> weights at random


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
        own = self.sketch.fields if self.sketch else fields_of(self.load()[0], "model", most=LARGEST_SIZE)
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

_size = partial(Field, "model", kind=int, least=1, most=LARGEST_SIZE)
_layers = partial(Field, "model", kind=int, least=1, most=MOST_LAYERS)

# As transformer.model.TransformerConfig has them.
TRANSFORMER_FIELDS = (
    _size("d_model"),
    _size("d_ff"),
    _size("n_heads"),
    _layers("encoder_layers"),
    _layers("decoder_layers"),
    Field("model", "norm", Literal["post", "pre"]),
    Field("model", "activation", Literal["relu", "gelu", "swiglu"]),
    Field("model", "positions", Literal["sinusoidal", "learned", "rotary"]),
    Field("model", "tie", Literal["all", "target", "none"]),
    Field("model", "dropout", float, below=1),
    Field("model", "attention_dropout", float, below=1),
    _size("max_length"),
)


def transformer_shapes(model: Settings, source_vocab: int, target_vocab: int) -> Shapes:
    """Name -> shape of every weight of a Transformer; `model` is checked against TRANSFORMER_FIELDS."""
    width = model["d_model"]
    if width % model["n_heads"]:
        raise ModelError(
            f"{CONFIG}: model.d_model = {width} cannot be divided among model.n_heads = {model['n_heads']}"
        )
    shapes = _tables(model, source_vocab, target_vocab, width)
    if model["positions"] == "learned":
        rows = model["max_length"]
        shapes |= {f"{side}_input.learned.weight": (rows, width) for side in ("source", "target")}
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
    from dragoman.transformer.model import Transformer, TransformerConfig

    return TransformerConfig, Transformer


def _rnn() -> tuple[type[Any], Build]:
    require_torch("a recurrent model needs torch, also to translate")
    from dragoman.lineage.rnn import Rnn, RnnConfig

    return RnnConfig, Rnn


TRANSLATORS: dict[str, TranslatorKind] = {
    kind.name: kind
    for kind in (
        TranslatorKind(
            "transformer",
            "Transformer",
            "small",
            _transformer,
            # Learned positions may end before a width of the grid does.
            few_shapes=lambda config: config.positions != "learned",
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
            f"{CONFIG}: model.kind = {name!r}: this version knows {', '.join(TRANSLATORS)}; "
            "a newer one may know more"
        )
    return TRANSLATORS[name]
