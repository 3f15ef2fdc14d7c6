"""A Transformer at work in C (compiled.c, ranking.c), in bfloat16 on a CPU. Knows no search and no text.

What `transformer/` computes, from fewer passes over memory: sentences without their padding, a cache that stays where
it is, beams that share the memory, and the likeliest tokens without a table of all logits.

Dimensions: B sentences, S source, R rows (sentences x beams), D model, V vocabulary, n new tokens, c candidates.
"""

from __future__ import annotations

import ctypes
import functools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dragoman import native
from dragoman.engines.packing import BLOCK_ROWS, LANES, Packer
from dragoman.native import INT, POINTER
from dragoman.transformer.attention import MultiHeadAttention
from dragoman.transformer.decoder import Decoder, DecoderLayer
from dragoman.transformer.description import NUMBERS, Computes, description, unlisted
from dragoman.transformer.embedding import InputEmbedding
from dragoman.transformer.encoder import Encoder, EncoderLayer
from dragoman.transformer.model import Transformer
from dragoman.transformer.positions import LearnedPositions
from dragoman.transformer.sublayers import Dropout, FeedForward, Residual

log = logging.getLogger("dragoman")

SOURCES = tuple(Path(__file__).with_name(name) for name in ("compiled.c", "ranking.c"))
RANKED, COLUMNS = 256, 256  # logits of `rank` that are made at once
CAPACITY = 2  # blocks of keys of a row, to begin with

_SIGNATURES: native.Signatures = {
    "room": (POINTER, INT, POINTER),
    "encode": (POINTER, INT, POINTER, POINTER, INT, *[POINTER] * 3),
    "step": (POINTER, INT, INT, *[POINTER] * 3, INT, *[POINTER] * 3, INT, *[POINTER] * 3),
    "copy_slots": (POINTER, INT, POINTER, POINTER, INT, INT, POINTER),
    "logits": (POINTER, INT, POINTER, POINTER),
    "rank": (POINTER, INT, POINTER, INT, INT, POINTER, INT, *[POINTER] * 4),
}


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiled functions; None where there is no compiler."""
    return native.load("inference", SOURCES, _SIGNATURES)


# What compiled.c computes. Positions that only add to the input are computed before it, by the embedding.
COMPUTES: Computes = {
    **NUMBERS,
    "norm": ("post", "pre"),
    "activation": ("relu", "swish"),
    "positions": ("sinusoidal", "fairseq", "learned", "grid"),
    "tie": ("all", "target", "none"),
    "output_bias": (False, True),
    "source_eos": (False, True),
    "norm_epsilon": None,
    "attention_dropout": None,  # of training
}
BLOCKS = {
    Transformer, Encoder, EncoderLayer, Decoder, DecoderLayer, MultiHeadAttention, FeedForward, Residual, Dropout,
    InputEmbedding, LearnedPositions, nn.Embedding, nn.Linear, nn.LayerNorm, nn.ModuleList,
}  # fmt: skip


def refusal(model: nn.Module) -> str | None:
    """Why a model is not of the kind that compiled.c knows, or None."""
    if not isinstance(model, Transformer):
        return f"the C decoder computes Transformers, not a {type(model).__name__}"
    # The very classes: one that does something else under the same name is another block.
    others = sorted({type(module).__name__ for module in model.modules() if type(module) not in BLOCKS})
    if others:
        return f"the C decoder does not compute {', '.join(others)}"
    if why := unlisted(description(model.config), COMPUTES):
        return f"the C decoder does not compute {why}"
    c = model.config
    widths = {"d_model": (c.d_model, 32), "d_ff": (c.d_ff, 32), "head": (c.d_model // c.n_heads, LANES)}
    for name, (width, unit) in widths.items():
        if width % unit:
            return f"the C decoder needs a {name} width that {unit} divides, not {width}"
    return None


def compiled(model: nn.Module) -> CompiledTransformer | None:
    """The model in C, where there is a compiler; what compiled.c does not compute is left to torch, with a word."""
    if library() is None:
        return None
    if why := refusal(model):
        log.warning("%s: torch computes it", why)
        return None
    assert isinstance(model, Transformer)
    return CompiledTransformer(model)


def _addresses(tensors: Sequence[Tensor]) -> Any:
    return (POINTER * len(tensors))(*(x.data_ptr() for x in tensors))


@dataclass(frozen=True)
class _Memory:
    """Keys and values of the sources, a tensor of blocks a layer, shared by all rows of a sentence."""

    layers: list[Tensor]
    first: Tensor  # [B] block of a sentence
    counts: Tensor  # [B] its tokens
    longest: int


class _Past:
    """Keys and values of what was written, [slots, capacity, block] a layer: made once, and then written into."""

    def __init__(self, layers: int, slots: int, block: int) -> None:
        self.layers = [_empty(slots, CAPACITY, block) for _ in range(layers)]
        self.moves = 0  # how often something was put into it

    @property
    def slots(self) -> int:
        return self.layers[0].size(0)

    @property
    def capacity(self) -> int:
        return self.layers[0].size(1)

    def resize(self, slots: int, capacity: int, kept: Tensor, length: int) -> None:
        """At least as large as before, with the first `length` tokens of the slots `kept`."""
        used = -(-length // LANES)
        grown = [_empty(slots, capacity, old.size(2)) for old in self.layers]
        for new, old in zip(grown, self.layers, strict=True):
            new[kept, :used] = old[kept, :used]
        self.layers = grown


def _empty(*shape: int) -> Tensor:
    return torch.empty(shape, dtype=torch.bfloat16)


@dataclass(frozen=True)
class CompiledState:
    """What decoding remembers: see State. It goes on once: a step writes into the past that it shares with the next."""

    memory: _Memory
    past: _Past
    slots: Tensor  # [R] where in the past each row stands
    owners: Tensor  # [R] its sentence
    length: int
    moves: int
    copy: Callable[[_Past, Tensor, Tensor, int], None]

    def select(self, rows: Tensor) -> CompiledState:
        """Rows that go on alone keep their place; of several with one parent, all but one get a copy."""
        self.check()
        wanted, owners = self.slots[rows], self.owners[rows]
        order = wanted.argsort(stable=True)
        ordered = wanted[order]
        again = order[1:][ordered[1:] == ordered[:-1]]  # rows whose place another has taken
        if not len(again):
            return replace(self, slots=wanted, owners=owners)
        free = torch.ones(max(self.past.slots, len(wanted)), dtype=torch.bool)
        free[wanted] = False
        if len(free) > self.past.slots:
            self.past.resize(len(free), self.past.capacity, torch.unique(wanted), self.length)
        places = free.nonzero().squeeze(1)[: len(again)]
        self.copy(self.past, wanted[again], places, self.length)
        self.past.moves += 1
        return replace(self, slots=wanted.index_copy(0, again, places), owners=owners, moves=self.past.moves)

    def check(self) -> None:
        assert self.moves == self.past.moves, "a state of a compiled Transformer goes on once"


class CompiledTransformer:
    """See Decodable and Ranks. The weights are copied: the model may change afterwards, but for its embeddings."""

    def __init__(self, model: Transformer) -> None:
        self._transformer = model
        self._packer = Packer()
        self._model = self._packer.model(model)
        self._vocabulary = len(model.output_weight)
        self._block = 2 * LANES * model.config.d_model

    def start(self, source: Tensor, source_mask: Tensor) -> CompiledState:
        """source [B, S] and source_mask [B, S], padded on the right -> the state before the first token."""
        model = self._transformer
        source_mask = model.read(source, source_mask)
        counts = source_mask.sum(1)
        assert torch.equal(source_mask, torch.arange(source.size(1)) < counts[:, None])
        longest = int(counts.max()) if len(counts) else 0
        x = model.source_input(source, model.source_table)[source_mask].float()  # [R, D]
        starts = nn.functional.pad(counts.cumsum(0), (1, 0))
        blocks = nn.functional.pad((-(-counts // LANES)).cumsum(0), (1, 0))
        layers = len(model.decoder.layers)
        memory = _Memory(
            [_empty(int(blocks[-1]), self._block) for _ in range(layers)], blocks[:-1], counts, longest
        )
        scratch = self._scratch(longest)
        self._run("encode", len(counts), starts, memory.first, longest, x, _addresses(memory.layers), scratch)
        rows = torch.arange(len(counts))
        past = _Past(layers, len(counts), self._block)
        return CompiledState(memory, past, rows, rows, 0, 0, self._copy)

    def step(self, tokens: Tensor, state: CompiledState) -> tuple[Tensor, CompiledState]:
        """tokens [R, n] -> logits [R, V] of the token after the last of them, and the new state."""
        hidden, state = self._hidden(tokens, state)
        logits = torch.empty(len(tokens), self._model.output.outer)
        self._run("logits", len(tokens), hidden, logits)
        return logits[:, : self._vocabulary], state

    def rank(
        self, tokens: Tensor, state: CompiledState, count: int, never: Sequence[int]
    ) -> tuple[Tensor, Tensor, CompiledState]:
        """See Ranks."""
        hidden, state = self._hidden(tokens, state)
        rows = len(tokens)
        top, found = torch.empty(rows, count), torch.empty(rows, count, dtype=torch.int64)
        sums, scratch = torch.empty(rows), torch.empty(RANKED * COLUMNS)
        forbidden = torch.tensor(never, dtype=torch.int64)
        self._run(
            "rank", rows, hidden, self._vocabulary, len(never), forbidden, count, top, found, sums, scratch
        )
        return top - sums[:, None], found, state

    def _hidden(self, tokens: Tensor, state: CompiledState) -> tuple[Tensor, CompiledState]:
        """The decoder's last hidden vectors, [R filled up, D]."""
        state.check()
        model, past, memory, rows = self._transformer, state.past, state.memory, len(tokens)
        hidden = _empty(-(-rows // BLOCK_ROWS) * BLOCK_ROWS, model.config.d_model)
        for column in torch.split(tokens, 1, dim=1):
            length = state.length
            if length == past.capacity * LANES:
                past.resize(past.slots, 2 * past.capacity, state.slots, length)
            x = model.target_input(column, model.target_table, length).float().contiguous()  # [R, 1, D]
            longest = max(memory.longest, length + 1)
            self._run(
                "step", rows, length, x, state.slots, _addresses(past.layers), past.capacity,
                state.owners, memory.first, memory.counts, longest, _addresses(memory.layers), hidden,
                self._scratch(longest),
            )  # fmt: skip
            past.moves += 1
            state = replace(state, length=length + 1, moves=past.moves)
        return hidden, state

    def _copy(self, past: _Past, origins: Tensor, places: Tensor, length: int) -> None:
        for layer in past.layers:
            self._run("copy_slots", len(origins), origins, places, -(-length // LANES), past.capacity, layer)

    def _scratch(self, longest: int) -> Tensor:
        size = INT()
        self._run("room", longest, ctypes.byref(size))
        return torch.empty(size.value, dtype=torch.uint8)

    def _run(self, name: str, *arguments: Any) -> None:
        native.call(library(), name, ctypes.byref(self._model), *arguments)
