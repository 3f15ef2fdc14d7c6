"""The self-attention of a GPT's or a BERT's first layer, on one text: what each token takes of each. Draws nothing.

Dimensions: T tokens, <s> and BERT's </s> among them; D model, H heads, K head width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dragoman.ids import BOS, EOS
from dragoman.lineage.bert import Bert
from dragoman.lineage.gpt import Gpt
from dragoman.processor import one_thread
from dragoman.transformer.attention import attention_weights, causal_mask


@dataclass(frozen=True)
class Attended:
    """Where each token looks: a row of `weights` sums to one."""

    ids: tuple[int, ...]
    weights: tuple[tuple[tuple[float, ...], ...], ...]  # [H, T, T]
    width: int  # D, H times K


@one_thread()
@torch.no_grad()
def attended(model: Bert | Gpt, ids: list[int]) -> Attended:
    """ids: the tokens of a text, among them [MASK] for a blank where the model is a BERT."""
    tokens = torch.tensor([[BOS, *ids, *([EOS] if isinstance(model, Bert) else [])]])
    if isinstance(model, Bert):
        x, mask, layer = model.input(tokens), None, model.encoder.layers[0]
    else:
        x, mask, layer = (
            model.input(tokens, model.embedding),
            causal_mask(tokens.size(1)),
            model.decoder.layers[0],
        )
    x = layer.residuals[0].before(x)
    attention = layer.self_attention
    q, k = attention.queries(x), attention.keys_values(x).keys
    weights: Tensor = attention_weights(q, k, mask, attention.positions.bias(q, k))[0]
    rows = tuple(tuple(map(tuple, head)) for head in weights.tolist())
    return Attended(tuple(tokens[0].tolist()), rows, model.config.d_model)
