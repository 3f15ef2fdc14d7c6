"""What Marian, Pegasus and M2M-100 share in transformers: the names of BART's layers, and of the settings of a search.

Their sinusoids stand in halves, sines before cosines; here they alternate. Features are only names, so all weights
are written with the features of the residual stream in another order: no number changes.

Dimensions: D model, F feed-forward.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import safetensors.numpy

from dragoman.decoding.options import DecodingOptions
from dragoman.ids import BOS, EOS, PAD, UNWRITTEN

# As we call them, and they.
ACTIVATIONS = {"relu": "relu", "gelu": "gelu", "gelu_tanh": "gelu_pytorch_tanh", "swish": "swish"}
Weights = Mapping[str, np.ndarray]
Named = Iterator[tuple[str, np.ndarray]]
SUBLAYERS = {
    "encoder": ("self_attn_layer_norm", "final_layer_norm"),
    "decoder": ("self_attn_layer_norm", "encoder_attn_layer_norm", "final_layer_norm"),
}


def generation(options: DecodingOptions) -> dict[str, Any]:
    """generation_config.json: the model's own search, as far as it has names there."""
    return {
        "pad_token_id": PAD,
        "bos_token_id": BOS,
        "eos_token_id": EOS,
        "decoder_start_token_id": BOS,
        "num_beams": 1 if options.sample else options.beam_size,
        "length_penalty": options.length_penalty,
        "max_length": options.max_length + 1,  # <s> counts
        "early_stopping": True,  # a beam is over when it has found as many endings as it is wide
        "suppress_tokens": list(UNWRITTEN),
        "renormalize_logits": True,  # probabilities are among the tokens that may be written
        **({"no_repeat_ngram_size": options.no_repeat_ngram} if options.no_repeat_ngram else {}),
        **({"min_length": options.min_length + 1} if options.min_length else {}),
    }


def sizes(c: Mapping[str, Any]) -> dict[str, Any]:
    """By their names for each stack; `c` is our [model] section."""
    return {
        f"{side}_{theirs}": c[ours]
        for side in ("encoder", "decoder")
        for theirs, ours in (
            ("layers", f"{side}_layers"), ("attention_heads", "n_heads"), ("ffn_dim", "d_ff"),
        )
    }  # fmt: skip


def saved(arrays: Named) -> bytes:
    """A safetensors file in float32."""
    whole = {name: np.ascontiguousarray(array, np.float32) for name, array in arrays}
    # save_pretrained says so too, and older versions refuse a file that does not.
    return safetensors.numpy.save(whole, metadata={"format": "pt"})


def pairs_to_halves(width: int) -> np.ndarray:
    """The sines, then the cosines: by their feature ours [D]."""
    return np.concatenate((np.arange(0, width, 2), np.arange(1, width, 2)))


def layers(c: Mapping[str, Any], weights: Weights, order: np.ndarray) -> Named:
    """All layers, and the norms after them; features in another order."""
    for stack, norms in SUBLAYERS.items():
        if c["norm"] == "pre":
            yield from _norm(weights, f"{stack}.norm", f"model.{stack}.layer_norm", order)
        for i in range(c[f"{stack}_layers"]):
            ours, theirs = f"{stack}.layers.{i}", f"model.{stack}.layers.{i}"
            yield from _attention(weights, f"{ours}.self_attention", f"{theirs}.self_attn", order)
            if stack == "decoder":
                yield from _attention(weights, f"{ours}.cross_attention", f"{theirs}.encoder_attn", order)
            yield from _reads(weights, f"{ours}.feed_forward.inner", f"{theirs}.fc1", order)
            yield from _writes(weights, f"{ours}.feed_forward.outer", f"{theirs}.fc2", order)
            for j, norm in enumerate(norms):
                yield from _norm(weights, f"{ours}.residuals.{j}.norm", f"{theirs}.{norm}", order)


def _attention(weights: Weights, ours: str, theirs: str, order: np.ndarray) -> Named:
    for name in "qkv":
        yield from _reads(weights, f"{ours}.{name}", f"{theirs}.{name}_proj", order)
    yield from _writes(weights, f"{ours}.output", f"{theirs}.out_proj", order)


def _reads(weights: Weights, ours: str, theirs: str, order: np.ndarray) -> Named:
    """A layer that reads the residual stream: its columns follow the stream's features."""
    yield f"{theirs}.weight", weights[f"{ours}.weight"][:, order]
    yield f"{theirs}.bias", weights[f"{ours}.bias"]


def _writes(weights: Weights, ours: str, theirs: str, order: np.ndarray) -> Named:
    yield f"{theirs}.weight", weights[f"{ours}.weight"][order]
    yield f"{theirs}.bias", weights[f"{ours}.bias"][order]


def _norm(weights: Weights, ours: str, theirs: str, order: np.ndarray) -> Named:
    for part in ("weight", "bias"):
        yield f"{theirs}.{part}", weights[f"{ours}.{part}"][order]
