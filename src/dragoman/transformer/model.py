"""The whole of Figure 1: configuration, embeddings, encoder, decoder, output. Knows no text and no search.

Dimensions: B batch, S source, T target, D model, V vocabulary, R rows (sentences x beams), n new tokens.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dragoman.bounds import HEADS, LAYERS, SHARE, SIZE, refuse_out_of_bounds
from dragoman.ids import EOS
from dragoman.protocols import Batch, CrossEntropy, Loss, MaskedCrossEntropy
from dragoman.transformer.attention import attention_weights, causal_mask, padding_mask
from dragoman.transformer.decoder import DecoderState
from dragoman.transformer.embedding import check_tie
from dragoman.transformer.parts import PAGE, Layers, Parts, set_epsilon
from dragoman.transformer.positions import ENCODINGS, PositionsName, Sizes, check_positions


@dataclass(frozen=True)
class TransformerConfig:
    """The shape of a Transformer; the defaults are the paper's base model (Table 3)."""

    d_model: Annotated[int, "width of the residual stream", SIZE] = 512
    d_ff: Annotated[int, "width inside the feed-forward layers", SIZE] = 2048
    n_heads: Annotated[int, "attention heads; must divide d_model", HEADS] = 8
    encoder_layers: Annotated[int, "layers of the encoder", LAYERS] = 6
    decoder_layers: Annotated[int, "layers of the decoder", LAYERS] = 6
    norm: Annotated[
        Literal["post", "pre"], "LayerNorm after the addition (the paper) or before the sublayer"
    ] = "post"
    activation: Annotated[
        Literal["relu", "gelu", "gelu_tanh", "swish", "swiglu"], "of the feed-forward layers"
    ] = "relu"
    positions: Annotated[PositionsName, "how order is told"] = "sinusoidal"
    tie: Annotated[
        Literal["all", "target", "none"],
        "one table for source, target and output; target and output; or three",
    ] = "all"
    output_bias: Annotated[bool, "a number of its own for each word is added to its logit"] = False
    source_eos: Annotated[bool, "the encoder reads the </s> at the end of a sentence"] = True
    norm_epsilon: Annotated[float, "added to the variance in each norm", SHARE] = 1e-5
    dropout: Annotated[float, "on embeddings and on each sublayer's answer", SHARE] = 0.1
    attention_dropout: Annotated[float, "on attention weights", SHARE] = 0.0
    max_length: Annotated[int, "longest sentence in tokens, for learned positions", SIZE] = 512
    columns: Annotated[int, "tokens of a row, for positions on a grid", SIZE] = 16

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self, "model")
        check_positions(self.positions, self.sizes)

    @property
    def sizes(self) -> Sizes:
        return Sizes(self.d_model, self.n_heads, self.max_length, self.columns)


BIAS_COLUMNS = 16  # of which all but one are zeros: what computes in vectors wants whole ones


def with_bias(hidden: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    """hidden [..., D], weight [V, D], bias [V] -> the two whose product is hidden weightᵀ + bias, by itself.

    The bias is one column more of the weight, and meets a feature that is always 1: a loss need not know of it.
    """
    if bias is None:
        return hidden, weight
    one = F.pad(hidden.new_ones(*hidden.shape[:-1], 1), (0, BIAS_COLUMNS - 1))
    column = F.pad(bias.to(weight.dtype)[:, None], (0, BIAS_COLUMNS - 1))
    return torch.cat((hidden, one), -1), torch.cat((weight, column), -1)


def cross_entropy(hidden: Tensor, weight: Tensor, labels: Tensor) -> Loss:
    """The plain reference: hidden [N, D], weight [V, D], labels [N] -> summed -log p(label)."""
    loss = F.cross_entropy(F.linear(hidden, weight).float(), labels, reduction="sum")
    return Loss(loss, loss.detach(), labels.numel())


def labelled_loss(
    hidden: Tensor, weight: Tensor, labels: Tensor, real: Tensor, cross_entropy: CrossEntropy
) -> Loss:
    """The loss over the positions that have a label: hidden [B, T, D], labels [B, T], real [B, T] boolean."""
    if isinstance(cross_entropy, MaskedCrossEntropy):
        return cross_entropy.masked(hidden.flatten(0, 1), weight, labels.flatten(), real.flatten())
    where = real.flatten().nonzero().squeeze(1)  # [N]
    return cross_entropy(
        hidden.flatten(0, 1).index_select(0, where), weight, labels.flatten().index_select(0, where)
    )


GUIDED_HEAD = 0  # of the last decoder layer: the one that training may teach to look where words are linked


class Transformer(nn.Module):
    """An encoder-decoder: `loss` is training, `start` and `step` are inference (Figure 1)."""

    def __init__(
        self, config: TransformerConfig, source_vocab: int, target_vocab: int, parts: Parts = PAGE
    ) -> None:
        super().__init__()
        c = self.config = config
        check_tie(c.tie, source_vocab, target_vocab)
        if c.tie == "all":
            self.embedding = parts.table(source_vocab, c.d_model)
        else:
            self.source_embedding = parts.table(source_vocab, c.d_model)
            self.target_embedding = parts.table(target_vocab, c.d_model)
        if c.tie == "none":
            self.output = nn.Linear(c.d_model, target_vocab, bias=False)
        self.output_bias = nn.Parameter(torch.zeros(target_vocab)) if c.output_bias else None
        # A side has positions of its own: what is learnt of them may differ.
        source, target = (ENCODINGS[c.positions](c.sizes) for _ in range(2))
        self.source_input = parts.embedding(source, c.d_model, parts.dropout(c.dropout))
        self.target_input = parts.embedding(target, c.d_model, parts.dropout(c.dropout))
        pre = c.norm == "pre"
        layers = Layers(
            c.d_model, c.d_ff, c.n_heads, c.activation, pre, c.dropout, c.attention_dropout, parts
        )
        self.encoder = layers.encoder(c.encoder_layers, source, last_norm=pre)
        self.decoder = layers.decoder(c.decoder_layers, target, last_norm=pre)
        set_epsilon(self, c.norm_epsilon)
        self.initialise()

    def initialise(self, generator: torch.Generator | None = None) -> None:
        """Xavier for matrices, N(0, 1/D) for embeddings, so that scaled embeddings and logits start near unit size."""
        for name, weight in self.named_parameters():
            if name == "output_bias":
                nn.init.zeros_(weight)
            elif "embedding" in name or "_input." in name or name.startswith("output"):
                nn.init.normal_(weight, std=self.config.d_model**-0.5, generator=generator)
            elif weight.dim() == 2:
                # q, k and v are one matrix [D, 3 D] cut in three: each gets the spread of the whole.
                gain = math.sqrt(0.5) if name.split(".")[-2] in "qkv" else 1.0
                nn.init.xavier_uniform_(weight, gain, generator)
            elif name.endswith("bias"):
                nn.init.zeros_(weight)

    @property
    def source_table(self) -> nn.Embedding:
        return self.embedding if self.config.tie == "all" else self.source_embedding

    @property
    def target_table(self) -> nn.Embedding:
        return self.embedding if self.config.tie == "all" else self.target_embedding

    @property
    def output_weight(self) -> Tensor:
        """The projection to logits [V, D], tied to the target table unless told otherwise (paper 3.4)."""
        return self.output.weight if self.config.tie == "none" else self.target_table.weight

    def logits(self, hidden: Tensor) -> Tensor:
        """The decoder's output [..., D] -> logits [..., V] (Figure 1, "Linear")."""
        return F.linear(hidden, self.output_weight, self.output_bias)

    def read(self, source: Tensor, source_mask: Tensor) -> Tensor:
        """Which tokens of the source are looked at [B, S]: all that are no padding, </s> only where it is read.

        What nobody looks at changes nothing, as if it were not there. A sentence of nothing but </s> keeps it.
        """
        if self.config.source_eos:
            return source_mask
        words = source_mask & (source != EOS)
        return torch.where(words.any(1, keepdim=True), words, source_mask)

    def encode(self, source: Tensor, source_mask: Tensor) -> Tensor:
        """source [B, S], source_mask [B, S] -> memory [B, S, D]."""
        mask = padding_mask(self.read(source, source_mask))
        return self.encoder(self.source_input(source, self.source_table), mask)

    def decode(self, target: Tensor, memory: Tensor, source_mask: Tensor) -> Tensor:
        """target [B, T] (padding on the right, where no real position looks), memory [B, S, D] -> [B, T, D].

        source_mask [B, S] is what `read` says of the source.
        """
        return self.decoder(self.target_input(target, self.target_table), memory, padding_mask(source_mask))

    def forward(self, source: Tensor, source_mask: Tensor, target: Tensor) -> Tensor:
        """Logits [B, T, V] of the token after each target position."""
        mask = self.read(source, source_mask)
        return self.logits(self.decode(target, self.encode(source, mask), mask))

    def loss(self, batch: Batch, cross_entropy: CrossEntropy = cross_entropy) -> Loss:
        """Teacher forcing: the decoder reads the reference shifted right and predicts all its tokens at once."""
        inputs, labels = batch.target[:, :-1], batch.target[:, 1:]
        mask = self.read(batch.source, batch.source_mask)
        hidden = self.decode(inputs, self.encode(batch.source, mask), mask)
        hidden, weight = with_bias(hidden, self.output_weight, self.output_bias)
        return labelled_loss(hidden, weight, labels, batch.target_mask[:, 1:], cross_entropy)

    def start(self, source: Tensor, source_mask: Tensor) -> DecoderState:
        """source [B, S] -> the state before the first token. The encoder runs here, and never again."""
        mask = self.read(source, source_mask)
        return self.decoder.start(self.encode(source, mask), padding_mask(mask))

    def step(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """tokens [R, n] -> logits [R, V] of the token after the last of them, and the new state."""
        x, state = self.decoder.step(self.target_input(tokens, self.target_table, state.length), state)
        return self.logits(x[:, -1]), state

    def align(self, source: Tensor, source_mask: Tensor, target: Tensor) -> Tensor:
        """Where each target position looks: cross-attention of the last layer, mean of heads, [B, T, S].

        Computed beside the layers from the same pure functions; row t belongs to the token that follows
        target[:, t].
        """
        mask = causal_mask(target.size(1), device=target.device)
        memory_mask = padding_mask(self.read(source, source_mask))
        memory = self.encode(source, source_mask)
        x = self.target_input(target, self.target_table)
        *before, last = self.decoder.layers
        for layer in before:
            x = layer(x, memory, mask, memory_mask)
        x = last.residuals[0](x, lambda x: last.self_attention(x, x, mask))
        ask = last.cross_attention
        q, k = ask.queries(last.residuals[1].before(x)), ask.keys_values(memory).keys
        return attention_weights(q, k, memory_mask).mean(1)  # [B, H, T, S] -> [B, T, S]

    def cross_attentions(self, source: Tensor, source_mask: Tensor, target: Tensor) -> Tensor:
        """Where each target position looks, in every layer and head: [layers, B, H, T, S].

        Of the last layer, its mean over heads is `align`.
        """
        mask = causal_mask(target.size(1), device=target.device)
        memory_mask = padding_mask(self.read(source, source_mask))
        memory = self.encode(source, source_mask)
        x = self.target_input(target, self.target_table)
        found = []
        for layer in self.decoder.layers:
            written = layer.residuals[0](x, lambda x, layer=layer: layer.self_attention(x, x, mask))
            ask = layer.cross_attention
            q, k = ask.queries(layer.residuals[1].before(written)), ask.keys_values(memory).keys
            found.append(attention_weights(q, k, memory_mask))  # [B, H, T, S]
            x = layer(x, memory, mask, memory_mask)
        return torch.stack(found)


def transformer(
    config: TransformerConfig, source_vocab: int, target_vocab: int, parts: Parts = PAGE
) -> Transformer:
    """A Transformer made from these parts, the outermost included."""
    return (parts.transformer or Transformer)(config, source_vocab, target_vocab, parts)
