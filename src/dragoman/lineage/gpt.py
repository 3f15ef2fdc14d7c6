"""GPT: the decoder without an encoder, which reads a text and says what comes next. Knows no text.

Radford et al., "Improving Language Understanding by Generative Pre-Training" (2018); the order of norms and the start
values are those of "Language Models are Unsupervised Multitask Learners" (2019, GPT-2). A decoder layer without
cross-attention is an encoder layer under a causal mask, so the layers are those of transformer/encoder.py.

Dimensions: B batch, T tokens, D model, H heads, K head width, V vocabulary, R rows, n new tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
from torch import Tensor, nn

from dragoman.errors import ModelError
from dragoman.lineage import huggingface
from dragoman.lineage.causal import CausalLM, Range
from dragoman.transformer.attention import KVCache, causal_mask
from dragoman.transformer.embedding import InputEmbedding
from dragoman.transformer.parts import PAGE, Layers, Parts
from dragoman.transformer.positions import ENCODINGS, Sizes, check_positions


@dataclass(frozen=True)
class GptConfig:
    """The shape of a GPT."""

    kind: Annotated[Literal["gpt"], "of language model"] = "gpt"
    d_model: Annotated[int, "width of the residual stream"] = 256
    d_ff: Annotated[int, "width inside the feed-forward layers"] = 1024
    n_heads: Annotated[int, "attention heads; must divide d_model"] = 4
    layers: Annotated[int, "decoder layers, without cross-attention"] = 4
    positions: Annotated[Literal["learned", "sinusoidal", "rotary", "alibi"], "how order is told"] = "learned"
    max_length: Annotated[int, "tokens of the longest text it can read, <s> included"] = 256
    activation: Annotated[
        Literal["gelu", "gelu_tanh", "relu", "swiglu"], "of the feed-forward layers; gelu_tanh is GPT-2's"
    ] = "gelu"
    dropout: Annotated[float, "on embeddings and on each sublayer's answer"] = 0.1
    attention_dropout: Annotated[float, "on attention weights"] = 0.0
    norm_epsilon: Annotated[float, "added to the variance in each norm"] = 1e-5

    def __post_init__(self) -> None:
        least = dict.fromkeys(("d_model", "d_ff", "n_heads", "layers", "max_length"), 1)
        Range(least, ("dropout", "attention_dropout")).check(self)
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
        self.input = InputEmbedding(
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


def set_epsilon(module: nn.Module, epsilon: float) -> None:
    for part in module.modules():
        if isinstance(part, nn.LayerNorm):
            part.eps = epsilon


# -- weights from elsewhere -------------------------------------------------------------------------------------

# What GPT-2 calls its activations.
_ACTIVATIONS = {"gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "gelu": "gelu", "relu": "relu"}
_OFF = ("scale_attn_by_inverse_layer_idx", "reorder_and_upcast_attn", "add_cross_attention")


def from_hugging_face(directory: Path) -> Gpt:
    """GPT-2 as transformers' save_pretrained writes it. Raises ModelError for what is not it."""
    settings, weights = huggingface.read(directory, "gpt2")
    for key in _OFF:
        if settings.get(key):
            raise ModelError(f"{directory}: {key} = true, which is not computed here")
    activation = huggingface.choose(directory, settings, "activation_function", _ACTIVATIONS)
    width = settings["n_embd"]
    config = GptConfig(
        d_model=width,
        d_ff=settings.get("n_inner") or 4 * width,
        n_heads=settings["n_head"],
        layers=settings["n_layer"],
        max_length=settings["n_positions"],
        activation=activation,  # type: ignore[arg-type]
        dropout=settings["resid_pdrop"],
        attention_dropout=settings["attn_pdrop"],
        norm_epsilon=settings["layer_norm_epsilon"],
    )
    # attn.bias and attn.masked_bias are masks that older versions stored.
    given = huggingface.Sorter(directory, weights, "transformer.", (".attn.bias", ".attn.masked_bias"))
    state = _renamed(given, config.layers)
    output = given.left.pop("lm_head.weight", None)
    if output is not None and not torch.equal(output, state["embedding.weight"]):
        raise ModelError(f"{directory}: lm_head.weight is not the token table, which GPT-2's is")
    given.finish()
    with torch.device("meta"):
        model = Gpt(config, settings["vocab_size"])
    try:
        model.load_state_dict(state, assign=True)
    except RuntimeError as error:
        raise ModelError(f"{directory}: the weights have other sizes than config.json says") from error
    return model.eval().requires_grad_(False)


def _renamed(given: huggingface.Sorter, layers: int) -> dict[str, Tensor]:
    """GPT-2 keeps its matrices as [in, out] ("Conv1D"), and q, k and v of a layer in one."""
    state = {"embedding.weight": given.take("wte.weight"), "input.learned.weight": given.take("wpe.weight")}
    for i in range(layers):
        ours, theirs = f"decoder.layers.{i}", f"h.{i}"
        state |= given.pair(f"{theirs}.ln_1", f"{ours}.residuals.0.norm")
        state |= given.pair(f"{theirs}.ln_2", f"{ours}.residuals.1.norm")
        both = {part: given.take(f"{theirs}.attn.c_attn.{part}").chunk(3, -1) for part in ("weight", "bias")}
        for j, name in enumerate("qkv"):
            state |= {f"{ours}.self_attention.{name}.{part}": both[part][j].t().clone() for part in both}
        for name, foreign in (
            ("self_attention.output", "attn.c_proj"),
            ("feed_forward.inner", "mlp.c_fc"),
            ("feed_forward.outer", "mlp.c_proj"),
        ):
            pair = given.pair(f"{theirs}.{foreign}", f"{ours}.{name}")
            state |= {key: weight.t().contiguous() for key, weight in pair.items()}
    return state | given.pair("ln_f", "decoder.norm")
