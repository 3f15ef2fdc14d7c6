"""A Transformer's weights as compiled.c reads them: its structures (compiled.h), and matrices packed (tiles.h).

Computes nothing. Which models there are structures for is said in compiled.py.
"""

from __future__ import annotations

import ctypes
import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dragoman.native import INT, POINTER
from dragoman.transformer.attention import MultiHeadAttention
from dragoman.transformer.decoder import DecoderLayer
from dragoman.transformer.encoder import EncoderLayer
from dragoman.transformer.model import Transformer

LANES = 16  # rows of weights side by side, and keys of a block
BLOCK_ROWS = 32  # of a product; its left matrix is read in whole blocks


class Linear(ctypes.Structure):
    _fields_ = (("weights", POINTER), ("bias", POINTER), ("inner", INT), ("outer", INT))


class Norm(ctypes.Structure):
    _fields_ = (("weight", POINTER), ("bias", POINTER))


class Layer(ctypes.Structure):
    _fields_ = (
        ("norms", Norm * 3),
        *((name, Linear) for name in ("qkv", "mixed", "asked", "kept", "answered", "inner", "outer")),
    )


class Model(ctypes.Structure):
    _fields_ = (
        *((name, INT) for name in ("width", "inner", "heads", "pre_norm", "swish")),
        ("epsilon", ctypes.c_float),
        ("encoder_layers", INT),
        ("decoder_layers", INT),
        ("encoder", ctypes.POINTER(Layer)),
        ("decoder", ctypes.POINTER(Layer)),
        ("encoder_norm", Norm),
        ("decoder_norm", Norm),
        ("output", Linear),
    )


class Packer:
    """A Transformer's weights as compiled.c reads them; holds the tensors that the structures point to."""

    def __init__(self) -> None:
        self.kept: list[Any] = []

    def model(self, model: Transformer) -> Model:
        c = model.config
        encoder = (Layer * c.encoder_layers)(*map(self._encoder_layer, model.encoder.layers))
        decoder = (Layer * c.decoder_layers)(*map(self._decoder_layer, model.decoder.layers))
        self.kept += encoder, decoder
        epsilon = model.encoder.layers[0].residuals[0].norm.eps
        shape = (
            c.d_model,
            c.d_ff,
            c.n_heads,
            c.norm == "pre",
            c.activation == "swish",
            epsilon,
            len(encoder),
            len(decoder),
        )
        norms = self._norm(model.encoder.norm), self._norm(model.decoder.norm)
        return Model(*shape, encoder, decoder, *norms, self._linear(model.output_weight, model.output_bias))

    def _encoder_layer(self, layer: EncoderLayer) -> Layer:
        return Layer(self._norms(layer), **self._attention(layer.self_attention), **self._feed_forward(layer))

    def _decoder_layer(self, layer: DecoderLayer) -> Layer:
        ask = layer.cross_attention
        return Layer(
            self._norms(layer),
            **self._attention(layer.self_attention),
            asked=self._linear(*_scaled(ask)),
            kept=self._linear(*_beside(_plain(ask.k), _plain(ask.v))),
            answered=self._linear(*_plain(ask.output)),
            **self._feed_forward(layer),
        )

    def _attention(self, attention: MultiHeadAttention) -> dict[str, Linear]:
        qkv = _beside(_scaled(attention), _plain(attention.k), _plain(attention.v))
        return {"qkv": self._linear(*qkv), "mixed": self._linear(*_plain(attention.output))}

    def _feed_forward(self, layer: EncoderLayer | DecoderLayer) -> dict[str, Linear]:
        inner, outer = layer.feed_forward.inner, layer.feed_forward.outer
        return {"inner": self._linear(*_plain(inner)), "outer": self._linear(*_plain(outer))}

    def _norms(self, layer: EncoderLayer | DecoderLayer) -> Any:
        return (Norm * 3)(*(self._norm(residual.norm) for residual in layer.residuals))

    def _norm(self, norm: nn.LayerNorm | None) -> Norm:
        return Norm() if norm is None else Norm(self._address(norm.weight), self._address(norm.bias))

    def _linear(self, weight: Tensor, bias: Tensor | None = None) -> Linear:
        packed = pack(weight)
        outer = packed.numel() // weight.size(1)
        # Read in whole blocks, as the rows of weights are.
        address = None if bias is None else self._address(F.pad(bias, (0, outer - len(bias))))
        return Linear(self._address(packed, torch.bfloat16), address, weight.size(1), outer)

    def _address(self, x: Tensor, dtype: torch.dtype = torch.float32) -> int:
        x = x.detach().to(dtype, copy=True).contiguous()
        self.kept.append(x)
        return x.data_ptr()


def pack(weight: Tensor) -> Tensor:
    """[outer, inner] -> [outer / 16, inner / 2, 16, 2] in bfloat16, with rows of zeros after the last: see tiles.h."""
    weight = weight.detach().bfloat16()
    missing = -len(weight) % BLOCK_ROWS
    weight = torch.cat((weight, weight.new_zeros(missing, weight.size(1))))
    return weight.view(-1, LANES, weight.size(1) // 2, 2).transpose(1, 2).contiguous()


def _plain(linear: nn.Linear) -> tuple[Tensor, Tensor]:
    return linear.weight, linear.bias


def _scaled(attention: MultiHeadAttention) -> tuple[Tensor, Tensor]:
    """The projection to queries, which then come scaled by 1 / sqrt(K)."""
    q = attention.q
    scale = 1 / math.sqrt(q.out_features // attention.n_heads)
    return q.weight.float() * scale, q.bias.float() * scale


def _beside(*parts: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    weights, biases = zip(*parts, strict=True)
    return torch.cat([w.float() for w in weights]), torch.cat([b.float() for b in biases])
