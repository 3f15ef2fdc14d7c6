"""Recurrent networks: the encoder-decoder that the Transformer replaced. Knows no text, and no language model.

Without attention the encoder's last state is all that the decoder gets (Sutskever et al., "Sequence to Sequence
Learning with Neural Networks", 2014). With it the decoder looks at every state of the encoder, at each step anew:
additive, before the step (Bahdanau et al., "Neural Machine Translation by Jointly Learning to Align and Translate",
2014, section 3), or by dot product, after it (Luong et al., "Effective Approaches to Attention-based Neural Machine
Translation", 2015, section 3.1).

Dimensions: B batch, S source, T target, D model, V vocabulary, R rows (sentences x beams), n new tokens, L layers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from dragoman.bounds import LARGEST_SIZE, SHARE, Within, refuse_out_of_bounds
from dragoman.errors import ConfigError
from dragoman.protocols import Batch, CrossEntropy, Loss
from dragoman.transformer.embedding import InputEmbedding, check_tie
from dragoman.transformer.model import cross_entropy, labelled_loss
from dragoman.transformer.parts import PAGE, Parts
from dragoman.transformer.positions import Positions, Sizes
from dragoman.transformer.sublayers import Dropout

CELLS: dict[str, type[nn.GRU | nn.LSTM]] = {"gru": nn.GRU, "lstm": nn.LSTM}
MOST_LAYERS = 4

Memory = tuple[Tensor, ...]  # of one layer: h, or h and c of an LSTM; [R, D] each


@dataclass(frozen=True)
class RnnConfig:
    """The shape of a recurrent encoder-decoder."""

    kind: Annotated[Literal["rnn"], "transformer or rnn"] = "rnn"
    cell: Annotated[Literal["gru", "lstm"], "Cho et al. (2014), or Hochreiter and Schmidhuber (1997)"] = "gru"
    d_model: Annotated[int, "width of embeddings and states", Within(2, LARGEST_SIZE)] = 256
    layers: Annotated[int, "of the encoder, and of the decoder: 1 to 4", Within(1, MOST_LAYERS)] = 2
    directions: Annotated[
        int, "1: the encoder reads forwards; 2: half its width reads backwards", Within(1, 2)
    ] = 2
    attention: Annotated[
        Literal["none", "additive", "dot"], "nothing but the last state; Bahdanau (2014); Luong (2015)"
    ] = "additive"
    tie: Annotated[
        Literal["all", "target", "none"],
        "one table for source, target and output; target and output; or three",
    ] = "all"
    dropout: Annotated[float, "on embeddings, between layers and before the output", SHARE] = 0.3

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self, "model")
        if self.d_model % 2:
            raise ConfigError(f"model.d_model = {self.d_model}: must be an even number, half for a direction")


class Stack(nn.Module):
    """L recurrent layers with dropout between them.

    Not torch's own stack of layers: its dropout takes no generator, and a resumed run would draw other numbers.
    """

    def __init__(
        self,
        cell: str,
        inputs: int,
        d_model: int,
        layers: int,
        dropout: Callable[[], Dropout],
        directions: int = 1,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            CELLS[cell](
                d_model if i else inputs,
                d_model // directions,
                batch_first=True,
                bidirectional=directions == 2,
            )
            for i in range(layers)
        )
        self.dropouts = nn.ModuleList(dropout() for _ in range(layers - 1))

    def forward(self, x: Any, before: tuple[Memory, ...] | None = None) -> tuple[Any, tuple[Memory, ...]]:
        """x [R, T, *], or a packed batch; the states before it, zero if None -> [R, T, D], the states after it."""
        after = []
        for i, layer in enumerate(self.layers):
            if i:
                x = _map(self.dropouts[i - 1], x)
            state = (
                None if before is None else tuple(part[None] for part in before[i])
            )  # torch wants [1, R, D]
            x, state = layer(x, state[0] if state is not None and len(state) == 1 else state)
            parts = state if isinstance(state, tuple) else (state,)
            # The last states of both directions, side by side: [directions, R, D / directions] -> [R, D].
            after.append(tuple(part.transpose(0, 1).flatten(1) for part in parts))
        return x, tuple(after)


def _map(function: Callable[[Tensor], Tensor], x: Any) -> Any:
    """On a tensor, or on what a packed batch holds."""
    return function(x) if isinstance(x, Tensor) else x._replace(data=function(x.data))


def initialise(module: nn.Module, d_model: int) -> None:
    """N(0, 1/D) for tables, orthogonal for recurrent matrices, Xavier for others, zero for biases."""
    for name, weight in module.named_parameters():
        if "embedding" in name or name.startswith("output"):
            nn.init.normal_(weight, std=d_model**-0.5)
        elif weight.dim() < 2:
            nn.init.zeros_(weight)
        else:
            for gate in torch.split(weight, weight.size(1)) if "weight_hh" in name else (weight,):
                (nn.init.orthogonal_ if "weight_hh" in name else nn.init.xavier_uniform_)(gate)


class AdditiveAttention(nn.Module):
    """score(s, m) = v . tanh(W s + U m) (Bahdanau et al., 2014, appendix A.1.2)."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.query = nn.Linear(d_model, d_model)
        self.key = nn.Linear(d_model, d_model, bias=False)
        self.v = nn.Linear(d_model, 1, bias=False)

    def keys(self, memory: Tensor) -> Tensor:
        """memory [R, S, D] -> U m [R, S, D], once a sentence."""
        return self.key(memory)

    def scores(self, states: Tensor, keys: Tensor) -> Tensor:
        """states [R, T, D] -> [R, T, S]."""
        return self.v(torch.tanh(self.query(states)[:, :, None] + keys[:, None])).squeeze(-1)


class DotAttention(nn.Module):
    """score(s, m) = (W s) . m (Luong et al., 2015, "general")."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.query = nn.Linear(d_model, d_model, bias=False)

    def keys(self, memory: Tensor) -> Tensor:
        return memory

    def scores(self, states: Tensor, keys: Tensor) -> Tensor:
        """states [R, T, D] -> [R, T, S]."""
        return self.query(states) @ keys.transpose(1, 2)


@dataclass(frozen=True)
class RnnState:
    """What decoding remembers: the recurrent state, and the memory if there is attention. Belongs to the search."""

    layers: tuple[Memory, ...]
    memory: Tensor  # [R, S, D]
    keys: Tensor  # [R, S, D]
    mask: Tensor  # [R, S]

    def select(self, rows: Tensor) -> RnnState:
        """Keep, repeat, reorder or drop rows."""
        return RnnState(select(self.layers, rows), *(x[rows] for x in (self.memory, self.keys, self.mask)))


def select(layers: tuple[Memory, ...], rows: Tensor) -> tuple[Memory, ...]:
    return tuple(tuple(part[rows] for part in memory) for memory in layers)


class Rnn(nn.Module):
    """An encoder-decoder of recurrent layers, with the `loss`, `start`, `step` and `align` of the Transformer."""

    def __init__(self, config: RnnConfig, source_vocab: int, target_vocab: int, parts: Parts = PAGE) -> None:
        super().__init__()
        c = self.config = config
        dropout = partial(parts.dropout, c.dropout)
        check_tie(c.tie, source_vocab, target_vocab)
        if c.tie == "all":
            self.embedding = parts.table(source_vocab, c.d_model)
        else:
            self.source_embedding = parts.table(source_vocab, c.d_model)
            self.target_embedding = parts.table(target_vocab, c.d_model)
        if c.tie == "none":
            self.output = nn.Linear(c.d_model, target_vocab, bias=False)
        self.input = InputEmbedding(Positions(Sizes(c.d_model, 1)), c.d_model, dropout())
        self.encoder = Stack(c.cell, c.d_model, c.d_model, c.layers, dropout, c.directions)
        # From the encoder's last states to the decoder's first.
        self.bridge = nn.ModuleList(nn.Linear(c.d_model, c.d_model) for _ in range(c.layers))
        kinds: dict[str, type[AdditiveAttention | DotAttention]] = {
            "additive": AdditiveAttention, "dot": DotAttention
        }  # fmt: skip
        self.attention = None if c.attention == "none" else kinds[c.attention](c.d_model)
        self.feeds = c.attention == "additive"  # the context enters the recurrence, beside the token
        self.decoder = Stack(c.cell, c.d_model * (1 + self.feeds), c.d_model, c.layers, dropout)
        self.combine = None if self.attention is None else nn.Linear(2 * c.d_model, c.d_model)
        self.dropout = dropout()
        initialise(self, c.d_model)

    @property
    def source_table(self) -> nn.Embedding:
        return self.embedding if self.config.tie == "all" else self.source_embedding

    @property
    def target_table(self) -> nn.Embedding:
        return self.embedding if self.config.tie == "all" else self.target_embedding

    @property
    def output_weight(self) -> Tensor:
        """The projection to logits [V, D]."""
        return self.output.weight if self.config.tie == "none" else self.target_table.weight

    # -- the two halves -----------------------------------------------------------------------------------------

    def start(self, source: Tensor, source_mask: Tensor) -> RnnState:
        """source [B, S] -> the state before the first token. The encoder runs here, and never again."""
        lengths = source_mask.sum(1).cpu()
        x = pack_padded_sequence(self.input(source, self.source_table), lengths, True, enforce_sorted=False)
        packed, last = self.encoder(x)
        memory, _ = pad_packed_sequence(packed, batch_first=True, total_length=source.size(1))
        # An LSTM's cell starts empty: its sum over a whole sentence says little of where to begin.
        layers = tuple(
            (torch.tanh(bridge(parts[0])), *(torch.zeros_like(cell) for cell in parts[1:]))
            for bridge, parts in zip(self.bridge, last, strict=True)
        )
        keys = memory if self.attention is None else self.attention.keys(memory)
        return RnnState(layers, memory, keys, source_mask)

    def _look(self, states: Tensor, state: RnnState) -> tuple[Tensor, Tensor]:
        """states [R, T, D] -> the weights [R, T, S] of the memory, and its mean under them [R, T, D]."""
        assert self.attention is not None
        scores = self.attention.scores(states, state.keys)
        scores = scores.masked_fill(~state.mask[:, None], torch.finfo(scores.dtype).min)
        weights = scores.softmax(-1)
        return weights, weights @ state.memory

    def _decode(self, tokens: Tensor, state: RnnState) -> tuple[Tensor, Tensor | None, RnnState]:
        """tokens [R, n] -> hidden [R, n, D], attention [R, n, S] if there is any, the state after them."""
        x = self.input(tokens, self.target_table)
        if self.attention is None:
            hidden, layers = self.decoder(x, state.layers)
            weights = None
        elif self.feeds:
            states, contexts, looked, layers = [], [], [], state.layers
            for token in x.split(1, dim=1):
                weight, context = self._look(layers[-1][0][:, None], state)
                y, layers = self.decoder(torch.cat((token, context), -1), layers)
                states.append(y)
                contexts.append(context)
                looked.append(weight)
            hidden, context, weights = (torch.cat(parts, 1) for parts in (states, contexts, looked))
        else:
            hidden, layers = self.decoder(x, state.layers)
            weights, context = self._look(hidden, state)
        if self.combine is not None:
            hidden = torch.tanh(self.combine(torch.cat((hidden, context), -1)))
        after = RnnState(layers, state.memory, state.keys, state.mask)
        return self.dropout(hidden), weights, after

    # -- what training and search ask for -----------------------------------------------------------------------

    def forward(self, source: Tensor, source_mask: Tensor, target: Tensor) -> Tensor:
        """Logits [B, T, V] of the token after each target position."""
        return F.linear(self._decode(target, self.start(source, source_mask))[0], self.output_weight)

    def loss(self, batch: Batch, cross_entropy: CrossEntropy = cross_entropy) -> Loss:
        """Teacher forcing, as in the Transformer; but the recurrence still goes from token to token."""
        hidden, _, _ = self._decode(batch.target[:, :-1], self.start(batch.source, batch.source_mask))
        return labelled_loss(
            hidden, self.output_weight, batch.target[:, 1:], batch.target_mask[:, 1:], cross_entropy
        )

    def step(self, tokens: Tensor, state: RnnState) -> tuple[Tensor, RnnState]:
        """tokens [R, n] -> logits [R, V] of the token after the last of them, and the new state."""
        hidden, _, state = self._decode(tokens, state)
        return F.linear(hidden[:, -1], self.output_weight), state

    @property
    def align(self) -> Callable[[Tensor, Tensor, Tensor], Tensor] | None:
        """(source, source_mask, target) -> where each target position looks [B, T, S]; None without attention."""
        return None if self.attention is None else self._align

    def _align(self, source: Tensor, source_mask: Tensor, target: Tensor) -> Tensor:
        weights = self._decode(target, self.start(source, source_mask))[1]
        assert weights is not None
        return weights
