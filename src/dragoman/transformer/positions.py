"""How order is told: one small class an encoding, and the table that names them. Knows no token, no layer, no mask.

An encoding may act in three places, and leaves alone what it does not override: `add` on what enters the stack, `turn`
on the queries and keys of its self-attention, `bias` on the scores there. Cross-attention is between two sentences and
knows no positions. To try another one: write a class, give it a line in ENCODINGS and its name to PositionsName.

Dimensions: B batch, T length or queries, S keys, D model, H heads, K head width.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

import torch
from torch import Tensor, nn

from dragoman.errors import ConfigError, UsageError

PositionsName = Literal["sinusoidal", "fairseq", "learned", "rotary", "alibi", "grid"]
Place = Literal["add", "turn", "bias"]
PLACES: tuple[Place, ...] = ("add", "turn", "bias")


@dataclass(frozen=True)
class Sizes:
    """All that an encoding may ask of the stack it is for."""

    d_model: int
    n_heads: int
    max_length: int = 512
    columns: int = 16

    @property
    def head_width(self) -> int:
        return self.d_model // self.n_heads


class Positions:
    """No positions at all: what recurrent networks need, and what every encoding begins from.

    One object serves the embedding and all self-attentions of a stack. It is no module, since several parts hold it;
    the embedding owns its `weights`.
    """

    ends = False  # whether there are no positions from sizes.max_length on

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self.weights: Mapping[str, nn.Module] = {}  # by the names they have in the embedding

    @classmethod
    def refusal(cls, sizes: Sizes) -> str | None:
        """Why a stack of these sizes cannot have it, or None."""
        return None

    @classmethod
    def places(cls) -> frozenset[Place]:
        """Where it acts: found from what the class overrides, so that none can be forgotten."""
        return frozenset(place for place in PLACES if getattr(cls, place) is not getattr(Positions, place))

    def add(self, x: Tensor, offset: int = 0) -> Tensor:
        """x [B, T, D], the first of them at position `offset` -> [B, T, D]."""
        return x

    def turn(self, x: Tensor, offset: int = 0) -> Tensor:
        """Queries or keys x [B, H, T, K] -> [B, H, T, K]."""
        return x

    def bias(self, q: Tensor, k: Tensor) -> Tensor | None:
        """What is added to the scaled scores of q [B, H, T, K] and k [B, H, S, K]: [H, T, S], or None for nothing.

        The last query stands where the last key does, as under a causal mask.
        """
        return None

    def table(self, length: int, like: Tensor) -> Tensor:
        """What there is to show of the first `length` positions [N, D]: what is added to the input."""
        return self.add(like.new_zeros(1, length, self.sizes.d_model))[0]

    def __repr__(self) -> str:
        return type(self).__name__


# -- added to the input ---------------------------------------------------------------------------------------------


def sinusoids(length: int, d_model: int, device: torch.device | None = None) -> Tensor:
    """PE(pos, 2i) = sin(pos / 10000^(2i/D)), PE(pos, 2i+1) = cos(same) (paper 3.5) -> [T, D], fp32."""
    return _table(1 << (max(length, 1) - 1).bit_length(), d_model, device)[:length]


@cache
def _table(length: int, d_model: int, device: torch.device | None) -> Tensor:
    """One for each power of two, and none is ever dropped: a captured CUDA graph reads it where it lies."""
    with torch.inference_mode(False):  # the table is kept, and one made for inference cannot be trained with
        position = torch.arange(length, dtype=torch.float64).unsqueeze(1)  # [T, 1]
        rates = torch.arange(0, d_model, 2, dtype=torch.float64) * (-math.log(1e4) / d_model)
        angle = position * rates.exp()
        return torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(1).float().to(device)  # [T, D]


class Sinusoidal(Positions):
    """A wave of another length for each pair of features (paper 3.5)."""

    @classmethod
    def refusal(cls, sizes: Sizes) -> str | None:
        return f"model.d_model = {sizes.d_model}: positions need an even width" if sizes.d_model % 2 else None

    def add(self, x: Tensor, offset: int = 0) -> Tensor:
        return x + sinusoids(offset + x.size(1), x.size(2), x.device)[offset:].to(x.dtype)


class Fairseq(Sinusoidal):
    """The waves of fairseq and tensor2tensor, from which the paper's formula differs: the longest is exactly 10000
    times the shortest, and the first token stands at position 2 (M2M-100, NLLB). Sines and cosines in pairs, as ours.
    """

    FIRST = 2  # fairseq's padding index, and one

    def add(self, x: Tensor, offset: int = 0) -> Tensor:
        return x + self.waves(offset + x.size(1), x.device)[offset:].to(x.dtype)

    def waves(self, length: int, device: torch.device | None = None) -> Tensor:
        """fp32 [T, D]."""
        return _fairseq_table(1 << (max(length, 1) - 1).bit_length(), self.sizes.d_model, device)[:length]


@cache
def _fairseq_table(length: int, d_model: int, device: torch.device | None) -> Tensor:
    with torch.inference_mode(False):
        pairs = d_model // 2
        # In the precision that fairseq counts in: far from the beginning the last bits of an angle show.
        rates = torch.exp(torch.arange(pairs).float() * -(math.log(1e4) / max(pairs - 1, 1)))
        angle = torch.arange(Fairseq.FIRST, length + Fairseq.FIRST).float()[:, None] * rates
        return torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(1).to(device)  # [T, D]


class LearnedPositions(nn.Embedding):
    """One trained vector a position; a sentence longer than the table cannot be placed."""

    def forward(self, positions: Tensor) -> Tensor:
        if positions.numel() and int(positions[-1]) >= self.num_embeddings:
            raise UsageError(
                f"position {int(positions[-1])} lies beyond the {self.num_embeddings} learned positions: "
                "split the sentence, or train with a larger model.max_length or positions = 'sinusoidal'"
            )
        return super().forward(positions)


class Learned(Positions):
    """One trained vector a position, up to sizes.max_length."""

    ends = True

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self._vectors = LearnedPositions(sizes.max_length, sizes.d_model)
        self.weights = {"learned": self._vectors}

    def add(self, x: Tensor, offset: int = 0) -> Tensor:
        return x + self._vectors(torch.arange(offset, offset + x.size(1), device=x.device))

    def table(self, length: int, like: Tensor) -> Tensor:
        return self._vectors.weight[:length]


class Grid(Positions):
    """Sinusoids of two dimensions: half the features tell the row, half the column (after Dosovitskiy et al., 2021,
    appendix D.4, and Parmar et al., 2018).

    For the patches of an image, row by row; a sentence is laid out in rows of sizes.columns tokens.
    """

    @classmethod
    def refusal(cls, sizes: Sizes) -> str | None:
        if sizes.d_model % 4:
            return f"model.d_model = {sizes.d_model}: positions on a grid need a width that four divides"
        if sizes.columns < 1:
            return f"model.columns = {sizes.columns}: must be at least 1"
        return None

    def add(self, x: Tensor, offset: int = 0) -> Tensor:
        columns, half = self.sizes.columns, x.size(2) // 2
        places = torch.arange(offset, offset + x.size(1), device=x.device)
        rows = sinusoids(-(-(offset + x.size(1)) // columns), half, x.device)
        row, column = (
            rows[places // columns],
            sinusoids(columns, half, x.device)[places % columns],
        )
        return x + torch.cat((row, column), 1).to(x.dtype)


# -- in the attentions ----------------------------------------------------------------------------------------------


def rotate(x: Tensor, offset: int = 0) -> Tensor:
    """Turn each pair of features of x [B, H, T, K] by an angle that grows with its position."""
    angles = sinusoids(offset + x.size(2), x.size(3), x.device)[offset:].to(x.dtype)  # [T, K]
    sin, cos = angles[:, 0::2], angles[:, 1::2]
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)


class Rotary(Positions):
    """Queries and keys turn with their position (Su et al., 2021): their product then depends on the distance only."""

    @classmethod
    def refusal(cls, sizes: Sizes) -> str | None:
        odd = sizes.d_model % 2 or sizes.head_width % 2
        return f"model.d_model = {sizes.d_model}: positions need an even width per head" if odd else None

    def turn(self, x: Tensor, offset: int = 0) -> Tensor:
        return rotate(x, offset)

    def table(self, length: int, like: Tensor) -> Tensor:
        """The sines and cosines of the angles that a head turns by [N, K]."""
        return sinusoids(length, self.sizes.head_width, like.device)


@cache
def slopes(n_heads: int, device: torch.device | None = None) -> Tensor:
    """What each head takes off for a step of distance, fp32 [H] (Press et al., 2022, section 3).

    2^(-8/H), 2^(-16/H), ... where H is a power of two. Else those of the power below it, and between them as many as
    are missing: every second of the power above, as in the authors' code.
    """

    def of_power(heads: int) -> list[float]:
        return [2 ** (-8 * i / heads) for i in range(1, heads + 1)]

    power = 1 << (n_heads.bit_length() - 1)
    with torch.inference_mode(False):  # kept, as the table above
        found = of_power(power) + of_power(2 * power)[::2][: n_heads - power]
        return torch.tensor(found, device=device)


class Alibi(Positions):
    """Attention with linear biases (Press et al., 2022): the farther a key, the less its score, at a rate a head.

    In the encoder, where a query sees both sides, the distance is |i - j|; under a causal mask that is i - j.
    """

    def bias(self, q: Tensor, k: Tensor) -> Tensor | None:
        queries, keys = q.size(2), k.size(2)
        places = torch.arange(keys, device=q.device)
        distance = (places[keys - queries :, None] - places).abs()  # [T, S]
        # In fp32 up to here: bf16 cannot count beyond 256.
        return (-slopes(self.sizes.n_heads, q.device)[:, None, None] * distance).to(q.dtype)


ENCODINGS: dict[str, type[Positions]] = {
    "sinusoidal": Sinusoidal,
    "fairseq": Fairseq,
    "learned": Learned,
    "rotary": Rotary,
    "alibi": Alibi,
    "grid": Grid,
}


def check_positions(name: str, sizes: Sizes) -> None:
    """Raises ConfigError for sizes that the encoding cannot have, or heads that cannot share the width."""
    if name not in ENCODINGS:
        raise ConfigError(f"model.positions = {name!r}: must be one of {', '.join(ENCODINGS)}")
    if sizes.d_model % sizes.n_heads:
        raise ConfigError(
            f"model.d_model = {sizes.d_model} cannot be divided among model.n_heads = {sizes.n_heads}"
        )
    if why := ENCODINGS[name].refusal(sizes):
        raise ConfigError(why)
