"""What layer norm and the feed-forward network do to the numbers of each word, on both sides. Holds values."""

from __future__ import annotations

from dataclasses import dataclass

from dragoman.explain.trace.layers import Token


@dataclass(frozen=True)
class Spread:
    """The D numbers of one word's vector: their mean, their variance, and how many fall into each bin."""

    mean: float
    variance: float
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Normed:
    """One layer norm: of each word, the numbers that went in; centred and divided by their spread; and with the learnt
    gain and bias."""

    name: str
    before: tuple[Spread, ...]
    middle: tuple[Spread, ...]
    after: tuple[Spread, ...]


@dataclass(frozen=True)
class Unit:
    """One inner unit of a feed-forward network: what it sums up, what its activation makes of that, and the length of
    what it then adds to the answer."""

    unit: int  # from 1
    inner: float
    fires: float
    adds: float


@dataclass(frozen=True)
class Fed:
    """One feed-forward network: of each word three units that add most, and two that sum up least."""

    name: str
    units: tuple[tuple[Unit, ...], ...]


@dataclass(frozen=True)
class Boxes:
    """Each norm and each feed-forward network. `tokens` are the encoder's words, `written` those that the decoder was
    fed. `edges` are those of the bins, which all share; the first and the last bin also hold what lies beyond."""

    tokens: tuple[Token, ...]
    edges: tuple[float, ...]
    norms: tuple[Normed, ...]
    feeds: tuple[Fed, ...]
    written: tuple[Token, ...] = ()

    def words(self, name: str) -> tuple[Token, ...]:
        """Those that a layer, encoder.1 and so on, has numbers of."""
        return self.written if name.startswith("decoder") else self.tokens
