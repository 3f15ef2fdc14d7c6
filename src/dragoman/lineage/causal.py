"""What the language models of this package have in common: the next token from those before it. Knows no network.

A model says how it turns tokens into features, all at once or a step at a time; the rest is the same for all, and is
what training and search ask for. Search starts from nothing: the source is ignored.

Dimensions: B batch, T tokens, F features, V vocabulary, R rows, n new tokens.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dragoman.protocols import Batch, CrossEntropy, Loss
from dragoman.transformer.model import cross_entropy, labelled_loss


class CausalLM(nn.Module):
    """p(token | tokens before it), for every position of a text that begins with <s>."""

    longest: int | None = None  # tokens it can read, where there is a limit

    @property
    def output_weight(self) -> Tensor:
        """The projection to logits [V, F]."""
        raise NotImplementedError

    def empty(self, rows: int) -> Any:
        """The state before <s>."""
        raise NotImplementedError

    def advance(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        """tokens [R, n] -> features [R, n, F], each blind to later tokens, and the state that has seen them."""
        raise NotImplementedError

    def features(self, tokens: Tensor) -> Tensor:
        """tokens [B, T], padded on the right -> [B, T, F]."""
        return self.advance(tokens, self.empty(tokens.size(0)))[0]

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits [B, T, V] of the token after each."""
        return F.linear(self.features(tokens), self.output_weight)

    def loss(self, batch: Batch, cross_entropy: CrossEntropy = cross_entropy) -> Loss:
        """Every token of batch.target but the first is predicted; its source is nothing."""
        features = self.features(batch.target[:, :-1])
        return labelled_loss(
            features, self.output_weight, batch.target[:, 1:], batch.target_mask[:, 1:], cross_entropy
        )

    def start(self, source: Tensor, source_mask: Tensor) -> Any:
        return self.empty(source.size(0))

    def step(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        """tokens [R, n] -> logits [R, V] of the token after the last of them, and the new state."""
        features, state = self.advance(tokens, state)
        return F.linear(features[:, -1], self.output_weight), state


@torch.no_grad()
def log_probabilities(model: CausalLM, tokens: Tensor, real: Tensor) -> Tensor:
    """tokens [B, T], real [B, T] -> log p [B, T - 1] of each but the first, 0 at padding."""
    found = model(tokens[:, :-1]).float().log_softmax(-1)
    return found.gather(2, tokens[:, 1:, None]).squeeze(2).masked_fill(~real[:, 1:], 0.0)
