"""The neural probabilistic language model: a fixed window of learned word vectors, and one hidden layer. Knows no text.

Bengio et al., "A Neural Probabilistic Language Model" (2003), equation 1:  y = b + W x + U tanh(d + H x), where x is
the vectors of the last N - 1 words side by side, and W is zero where there are no direct connections.

Dimensions: B batch, T tokens, N - 1 window, M width of a word vector, H hidden units, V vocabulary, R rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor, nn

from dragoman.bounds import SHARE, SIZE, refuse_out_of_bounds
from dragoman.ids import BOS
from dragoman.lineage.causal import CausalLM
from dragoman.lineage.kinds import NeuralKind
from dragoman.transformer.parts import PAGE, Parts


@dataclass(frozen=True)
class NnlmConfig:
    """The shape of a neural probabilistic language model."""

    kind: Annotated[Literal["nnlm"], "of language model"] = "nnlm"
    window: Annotated[int, "tokens that are looked at to predict the next", SIZE] = 4
    d_model: Annotated[int, "width of a word vector", SIZE] = 128
    d_hidden: Annotated[int, "hidden units", SIZE] = 256
    direct: Annotated[bool, "connections from the word vectors to the output, past the hidden layer"] = False
    dropout: Annotated[float, "on the features before the output", SHARE] = 0.2

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self, "model")


@dataclass(frozen=True)
class Window:
    """The last N - 2 tokens [R, N - 2]: with the next one they are a window. Belongs to the search."""

    tokens: Tensor

    def select(self, rows: Tensor) -> Window:
        return Window(self.tokens[rows])


class Nnlm(CausalLM):
    """Before the first token the window is filled with <s>."""

    def __init__(self, config: NnlmConfig, vocab: int, parts: Parts = PAGE) -> None:
        super().__init__()
        c = self.config = config
        width = c.window * c.d_model
        self.embedding = parts.table(vocab, c.d_model)
        self.hidden = nn.Linear(width, c.d_hidden)
        # U, W and b in one matrix: [V, H (+ (N - 1) M) + 1].
        self.output = nn.Linear(c.d_hidden + c.direct * width + 1, vocab, bias=False)
        self.dropout = parts.dropout(c.dropout)
        nn.init.normal_(self.embedding.weight, std=1.0)
        nn.init.xavier_uniform_(self.hidden.weight)
        nn.init.zeros_(self.hidden.bias)
        nn.init.normal_(self.output.weight, std=0.5 * self.output.in_features**-0.5)

    @property
    def output_weight(self) -> Tensor:
        return self.output.weight

    def empty(self, rows: int) -> Window:
        shape = (rows, self.config.window - 1)
        return Window(torch.full(shape, BOS, device=self.embedding.weight.device))

    def advance(self, tokens: Tensor, state: Window) -> tuple[Tensor, Window]:
        """tokens [R, n] -> tanh(d + H x) [R, n, H], then x if there are direct connections, then 1 (which b is for)."""
        window = self.config.window
        seen = torch.cat((state.tokens, tokens), 1)  # [R, N - 2 + n]
        x = self.embedding(seen)
        x = torch.cat([x[:, i : i + tokens.size(1)] for i in range(window)], -1)  # [R, n, (N - 1) M]
        features = [torch.tanh(self.hidden(x)), *([x] if self.config.direct else [])]
        features = [*map(self.dropout, features), torch.ones_like(x[..., :1])]
        return torch.cat(features, -1), Window(seen[:, seen.size(1) - window + 1 :])


NNLM = NeuralKind("nnlm", NnlmConfig, Nnlm, {"optimizer": {"peak_lr": 2e-3}}, reads="window")
