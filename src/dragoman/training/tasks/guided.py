"""A Transformer one of whose heads is also trained to look where the words of a pair are linked. Counts no links.

Garg et al. (2019), "Jointly Learning to Align and Translate", section 4: of the cross-attention of one decoder layer,
one head; the loss of its weights against the links is added to that of the words. What the others look at stays free.

Dimensions: B batch, T target, S source.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dragoman.corpus.lexicon import Lexicon
from dragoman.protocols import Batch, CrossEntropy, Loss
from dragoman.transformer.attention import attention_weights, causal_mask, padding_mask
from dragoman.transformer.model import (
    GUIDED_HEAD,
    Transformer,
    TransformerConfig,
    cross_entropy,
    labelled_loss,
    with_bias,
)
from dragoman.transformer.parts import PAGE, Parts

NOTHING = 1e-6  # added to a weight before its logarithm


class Guided(Transformer):
    """The same weights and the same words; its loss in training has the links in it, weighed with `weight`."""

    def __init__(
        self, lexicon: Lexicon, weight: float, config: TransformerConfig, source_vocab: int, target_vocab: int,
        parts: Parts = PAGE,
    ) -> None:  # fmt: skip
        super().__init__(config, source_vocab, target_vocab, parts)
        self.lexicon, self.weight = lexicon, weight

    def loss(self, batch: Batch, cross_entropy: CrossEntropy = cross_entropy) -> Loss:
        """As the Transformer's, and `weight` times the nats that the guided head lacks on the links of a batch."""
        if not self.training:
            return super().loss(batch, cross_entropy)
        inputs, labels = batch.target[:, :-1], batch.target[:, 1:]
        mask = self.read(batch.source, batch.source_mask)
        hidden, looked = self._decoded(inputs, self.encode(batch.source, mask), mask)
        hidden, weight = with_bias(hidden, self.output_weight, self.output_bias)
        found = labelled_loss(hidden, weight, labels, batch.target_mask[:, 1:], cross_entropy)
        links = linked(self.lexicon, batch).to(looked.device)
        missed = -(links * (looked + NOTHING).log()).sum()
        return Loss(found.sum + self.weight * missed, found.nll, found.tokens)

    def _decoded(self, target: Tensor, memory: Tensor, source_mask: Tensor) -> tuple[Tensor, Tensor]:
        """As `decode` [B, T, D], and where the head looks [B, T, S] in fp32, both with a gradient."""
        mask, memory_mask = causal_mask(target.size(1), device=target.device), padding_mask(source_mask)
        x = self.target_input(target, self.target_table)
        *before, last = self.decoder.layers
        for layer in before:
            x = layer(x, memory, mask, memory_mask)
        written = last.residuals[0](x, lambda x: last.self_attention(x, x, mask))
        ask = last.cross_attention
        q = ask.queries(last.residuals[1].before(written))[:, GUIDED_HEAD].float()
        looked = attention_weights(q, ask.keys_values(memory).keys[:, GUIDED_HEAD].float(), memory_mask[:, 0])
        x = last(x, memory, mask, memory_mask)
        return (x if self.decoder.norm is None else self.decoder.norm(x)), looked


def linked(lexicon: Lexicon, batch: Batch) -> Tensor:
    """Where each token that is predicted has its links [B, T, S] in fp32; </s> and padding have none."""
    sources, targets = batch.source.cpu().numpy(), batch.target.cpu().numpy()
    # </s> ends a source; a target has <s> before it, too.
    lengths = zip(
        (batch.source_mask.sum(1) - 1).tolist(), (batch.target_mask.sum(1) - 2).tolist(), strict=True
    )
    found = torch.zeros(len(sources), targets.shape[1] - 1, sources.shape[1])
    for row, (source, target) in enumerate(lengths):
        if source > 0 and target > 0:
            links = lexicon.links(sources[row, :source], targets[row, 1 : target + 1])
            found[row, :target, :source] = torch.from_numpy(links)
    return found
