"""GPT: the decoder without an encoder, which reads a text and says what comes next. Knows no text.

Radford et al., "Improving Language Understanding by Generative Pre-Training" (2018); the order of norms and the start
values are those of "Language Models are Unsupervised Multitask Learners" (2019, GPT-2). A decoder layer without
cross-attention is an encoder layer under a causal mask, so the layers are those of transformer/encoder.py.

Dimensions: B batch, T tokens, D model, H heads, K head width, V vocabulary, R rows, n new tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from torch import Tensor, nn

from dragoman.bounds import HEADS, LAYERS, SHARE, SIZE, refuse_out_of_bounds
from dragoman.lineage.causal import CausalLM
from dragoman.lineage.kinds import NeuralKind
from dragoman.transformer.attention import KVCache, causal_mask
from dragoman.transformer.parts import PAGE, Layers, Parts, set_epsilon
from dragoman.transformer.positions import ENCODINGS, Sizes, check_positions


@dataclass(frozen=True)
class GptConfig:
    """The shape of a GPT."""

    kind: Annotated[Literal["gpt"], "of language model"] = "gpt"
    d_model: Annotated[int, "width of the residual stream", SIZE] = 256
    d_ff: Annotated[int, "width inside the feed-forward layers", SIZE] = 1024
    n_heads: Annotated[int, "attention heads; must divide d_model", HEADS] = 4
    layers: Annotated[int, "decoder layers, without cross-attention", LAYERS] = 4
    positions: Annotated[Literal["learned", "sinusoidal", "rotary", "alibi"], "how order is told"] = "learned"
    max_length: Annotated[int, "tokens of the longest text it can read, <s> included", SIZE] = 256
    activation: Annotated[
        Literal["gelu", "gelu_tanh", "relu", "swiglu"], "of the feed-forward layers; gelu_tanh is GPT-2's"
    ] = "gelu"
    dropout: Annotated[float, "on embeddings and on each sublayer's answer", SHARE] = 0.1
    attention_dropout: Annotated[float, "on attention weights", SHARE] = 0.0
    norm_epsilon: Annotated[float, "added to the variance in each norm", SHARE] = 1e-5

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self, "model")
        check_positions(self.positions, self.sizes)

    @property
    def sizes(self) -> Sizes:
        return Sizes(self.d_model, self.n_heads, self.max_length)


@dataclass(frozen=True)
class GptState:
    """Keys and values of the tokens read so far, a cache a layer. Belongs to the search."""

    past: tuple[KVCache, ...]

    @property
    def length(self) -> int:
        return self.past[0].length

    def select(self, rows: Tensor) -> GptState:
        return GptState(tuple(cache.select(rows) for cache in self.past))


class Gpt(CausalLM):
    """Tokens and positions, pre-norm layers under a causal mask, and the token table again as output."""

    def __init__(self, config: GptConfig, vocab: int, parts: Parts = PAGE) -> None:
        super().__init__()
        c = self.config = config
        positions = ENCODINGS[c.positions](c.sizes)
        self.longest = c.max_length if positions.ends else None
        self.embedding = parts.table(vocab, c.d_model)
        # Scaled vectors are for sinusoids of unit size; learned positions start as small as the tokens.
        self.input = parts.embedding(
            positions, c.d_model, parts.dropout(c.dropout), scaled=not positions.weights
        )
        layers = Layers(
            c.d_model, c.d_ff, c.n_heads, c.activation, True, c.dropout, c.attention_dropout, parts
        )
        self.decoder = layers.encoder(c.layers, positions, last_norm=True)
        set_epsilon(self, c.norm_epsilon)
        self.initialise()

    def initialise(self) -> None:
        """N(0, 0.02); what ends in the residual stream smaller, by the root of how many such there are (GPT-2, 2.3)."""
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                ends = name.endswith(("self_attention.output.weight", "outer.weight"))
                nn.init.normal_(weight, std=0.02 * (2 * self.config.layers) ** (-0.5 if ends else 0))
            elif name.endswith("bias"):
                nn.init.zeros_(weight)

    @property
    def output_weight(self) -> Tensor:
        return self.embedding.weight

    def features(self, tokens: Tensor) -> Tensor:
        """All T positions at once: tokens [B, T] -> [B, T, D]."""
        mask = causal_mask(tokens.size(1), device=tokens.device)
        return self.decoder(self.input(tokens, self.embedding), mask)

    def empty(self, rows: int) -> GptState:
        c, weight = self.config, self.embedding.weight
        nothing = weight.new_zeros(rows, c.n_heads, 0, c.d_model // c.n_heads)
        return GptState((KVCache(nothing, nothing),) * c.layers)

    def advance(self, tokens: Tensor, state: GptState) -> tuple[Tensor, GptState]:
        """tokens [R, n] -> [R, n, D]."""
        x, past = self.decoder.step(self.input(tokens, self.embedding, state.length), state.past)
        return x, GptState(past)


GPT = NeuralKind("gpt", GptConfig, Gpt, {"optimizer": {"peak_lr": 2e-3}}, reads="all before")
