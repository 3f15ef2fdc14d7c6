"""A recurrent network as language model, after Mikolov et al., "Recurrent Neural Network Based Language Model" (2010).

The layers are those of the encoder-decoder (rnn.py). Knows no text.

Dimensions: D model, R rows, n new tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from torch import Tensor

from dragoman.bounds import LAYERS, SHARE, SIZE, refuse_out_of_bounds
from dragoman.lineage.causal import CausalLM
from dragoman.lineage.kinds import NeuralKind
from dragoman.lineage.rnn import Memory, Stack, initialise, select
from dragoman.transformer.embedding import InputEmbedding
from dragoman.transformer.parts import PAGE, Parts
from dragoman.transformer.positions import Positions, Sizes


@dataclass(frozen=True)
class RnnLmConfig:
    """The shape of a recurrent language model."""

    kind: Annotated[Literal["rnn"], "of language model"] = "rnn"
    cell: Annotated[Literal["gru", "lstm"], "Cho et al. (2014), or Hochreiter and Schmidhuber (1997)"] = (
        "lstm"
    )
    d_model: Annotated[int, "width of embeddings and states", SIZE] = 256
    layers: Annotated[int, "recurrent layers", LAYERS] = 1
    dropout: Annotated[float, "on embeddings, between layers and before the output", SHARE] = 0.3

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self, "model")


@dataclass(frozen=True)
class RnnLmState:
    """The recurrent state. Belongs to the search."""

    layers: tuple[Memory, ...] | None  # None: nothing read yet
    rows: int

    def select(self, rows: Tensor) -> RnnLmState:
        return RnnLmState(self.layers and select(self.layers, rows), len(rows))


class RnnLm(CausalLM):
    """All that came before, in one vector."""

    def __init__(self, config: RnnLmConfig, vocab: int, parts: Parts = PAGE) -> None:
        super().__init__()
        c = self.config = config
        dropout = partial(parts.dropout, c.dropout)
        self.embedding = parts.table(vocab, c.d_model)
        self.input = InputEmbedding(Positions(Sizes(c.d_model, 1)), c.d_model, dropout())
        self.stack = Stack(c.cell, c.d_model, c.d_model, c.layers, dropout)
        self.dropout = dropout()
        initialise(self, c.d_model)

    @property
    def output_weight(self) -> Tensor:
        return self.embedding.weight

    def empty(self, rows: int) -> RnnLmState:
        return RnnLmState(None, rows)

    def advance(self, tokens: Tensor, state: RnnLmState) -> tuple[Tensor, RnnLmState]:
        """tokens [R, n] -> [R, n, D]."""
        hidden, layers = self.stack(self.input(tokens, self.embedding), state.layers)
        return self.dropout(hidden), RnnLmState(layers, state.rows)


RNN_LM = NeuralKind("rnn", RnnLmConfig, RnnLm, {"optimizer": {"peak_lr": 3e-3}}, reads="carried along")
