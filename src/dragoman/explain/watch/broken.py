"""Models with one part removed: private copies whose methods are wrapped, so that the loss of a part can be watched.

causal_mask       the decoder's self-attention sees the future
shift             in training the decoder reads the very token it has to predict
scale             scores are not divided by sqrt(K)
cache             every step computes the whole prefix anew, encoder included
positions         no position is added, none is turned, and no score is biased
encoder           the memory is blank: zeros
swap              the cross-attention takes Q from the memory, K and V from the decoder
training          the weights are as they were before the first step: at random, always the same ones
head:NAME:H       one head says nothing: head:decoder.2.cross:3
encoder.N         that layer is taken out: what goes into it goes on to the next; decoder.N likewise
twice:encoder.N   that layer stands twice, one copy on the other

Dimensions: B batch, S source, T target, D model, H heads, K head width, R rows, t tokens so far.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dragoman.errors import UsageError
from dragoman.explain.watch.record import Tape, private_copy, watch, wrap
from dragoman.protocols import Decodable
from dragoman.transformer.attention import KVCache, MultiHeadAttention
from dragoman.transformer.embedding import InputEmbedding
from dragoman.transformer.model import Transformer
from dragoman.transformer.positions import Positions

PARTS = ("causal_mask", "shift", "scale", "cache", "positions", "encoder", "swap", "training")
HEAD, TWICE = "head:", "twice:"
FIRST_SEED = 1  # of the weights before training
# Without a mask the past does not stand still, and swapped keys are not the memory's: neither can be cached.
UNCACHED = ("cache", "causal_mask", "swap")


@dataclass
class Clock:
    """How often the encoder ran, and for how long."""

    passes: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Machine:
    """A private copy of a model, perhaps broken, perhaps watched; `decodable` is what a search drives."""

    module: Transformer
    decodable: Decodable
    tape: Tape
    clock: Clock
    cached: bool


def machine(module: Transformer, removed: str | None = None, watched: bool = False) -> Machine:
    """Raises UsageError that names the parts, layers and heads there are."""
    copied = untaught(module) if removed == "training" else private_copy(module)
    assert isinstance(copied, Transformer)
    clock = Clock()
    wrap(copied.encoder, "forward", timed(clock))
    layered = removed is not None and _is_layer(removed)
    if removed is not None and layered:  # before the watcher, which is to find the layers that are left
        _restack(copied, removed)
    if removed == "encoder":  # before the watcher, which is to see what the decoder gets
        wrap(copied.encoder, "forward", lambda encode, *given: torch.zeros_like(encode(*given)))
    tape = watch(copied) if watched else Tape()
    if removed is not None and removed != "encoder" and not layered:
        _remove(copied, removed)  # after the watcher, which then sees what is really computed
    cached = removed not in UNCACHED
    decodable = copied if cached else Uncached(copied)
    return Machine(copied, decodable, tape, clock, cached)


def placeless(module: Transformer, removed: str | None) -> Transformer:
    """The same private copy without positions as well."""
    copied = machine(module, removed).module
    _forget_positions(copied)
    return copied


def timed(clock: Clock) -> Callable[..., Any]:
    def timed(original: Callable[..., Tensor], *given: Tensor) -> Tensor:
        began = time.perf_counter()
        out = original(*given)
        clock.passes += 1
        clock.seconds += time.perf_counter() - began
        return out

    return timed


@dataclass(frozen=True)
class Prefix:
    """All that is remembered without a cache: the tokens."""

    source: Tensor  # [B, S]
    mask: Tensor
    tokens: Tensor  # [R, t]

    def select(self, rows: Tensor) -> Prefix:
        return replace(self, tokens=self.tokens[rows])


@dataclass(frozen=True)
class Uncached:
    """A model that remembers nothing between steps: the encoder, and every position, once more for each token."""

    module: Transformer

    def start(self, source: Tensor, source_mask: Tensor) -> Prefix:
        return Prefix(source, source_mask, source.new_zeros(source.size(0), 0))

    def step(self, tokens: Tensor, state: Prefix) -> tuple[Tensor, Prefix]:
        """tokens [R, n] of one sentence -> logits [R, V], and the longer prefix."""
        after = replace(state, tokens=torch.cat((state.tokens, tokens), 1))
        read = self.module.read(state.source, state.mask)
        memory = self.module.encode(state.source, read).expand(tokens.size(0), -1, -1)
        hidden = self.module.decode(after.tokens, memory, read)
        return self.module.logits(hidden[:, -1]), after


# -- what can be removed ------------------------------------------------------------------------------------------


def _remove(module: Transformer, part: str) -> None:
    if part.startswith(HEAD):
        _silence(*_head(module, part))
    elif part == "causal_mask":
        for layer in module.decoder.layers:
            wrap(layer.self_attention, "attend", lambda attend, q, kv, mask: attend(q, kv, None))
    elif part == "scale":
        for attention in _attentions(module).values():
            wrap(attention, "attend", _unscaled)
    elif part == "positions":
        _forget_positions(module)
    elif part == "swap":
        for layer in module.decoder.layers:
            wrap(layer.cross_attention, "forward", _swapped(layer.cross_attention))
    elif part not in PARTS:
        raise UsageError(
            f"there is no part {part!r} to remove: there are {', '.join(PARTS)}, a layer, such as "
            f"encoder.1, and a head, such as {HEAD}decoder.1.cross:1"
        )


def _is_layer(part: str) -> bool:
    return re.fullmatch(rf"(?:{TWICE}.*|(?:en|de)coder\..*)", part) is not None


def _restack(module: Transformer, part: str) -> None:
    """encoder.3 out, or in twice: a layer's answer has the form of what it reads, so any number of them fit."""
    name = part.removeprefix(TWICE)
    stacks = {"encoder": module.encoder.layers, "decoder": module.decoder.layers}
    names = [f"{side}.{i}" for side, layers in stacks.items() for i in range(1, len(layers) + 1)]
    if name not in names:
        raise UsageError(f"there is no layer {name!r}: this model has {', '.join(names)}")
    side, _, number = name.partition(".")
    layers, at = stacks[side], int(number) - 1
    assert isinstance(layers, nn.ModuleList)
    if part != name:
        layers.insert(at + 1, private_copy(layers[at]))
    elif len(layers) == 1:
        raise UsageError(f"{name} is the only layer of the {side}: put it in twice, or take the encoder away")
    else:
        del layers[at]


def _unscaled(attend: Callable[..., Tensor], q: Tensor, kv: KVCache, mask: Tensor | None) -> Tensor:
    """The layer divides by sqrt(K), so multiplying before it takes the scale away."""
    return attend(q * math.sqrt(q.size(-1)), kv, mask)


def _forget_positions(module: nn.Module) -> None:
    for part in module.modules():
        if isinstance(part, InputEmbedding | MultiHeadAttention):
            part.positions = Positions(part.positions.sizes)


def untaught(module: Transformer) -> Transformer:
    """A private copy with other weights; one that stands in two places, a tied table, still does."""
    copied = private_copy(module)
    assert isinstance(copied, Transformer)
    _forget_training(copied)
    return copied


def _forget_training(module: Transformer) -> None:
    """Outside inference mode: proofs take gradients of what is computed here."""
    fresh: dict[int, nn.Parameter] = {}
    generator = torch.Generator(module.output_weight.device).manual_seed(FIRST_SEED)
    with torch.inference_mode(False), torch.no_grad():
        for part in module.modules():
            for name, weight in part.named_parameters(recurse=False):
                unit = torch.ones_like(weight)  # the gain of a norm stays one
                setattr(part, name, fresh.setdefault(id(weight), nn.Parameter(unit, requires_grad=False)))
        module.initialise(generator)


def _swapped(attention: MultiHeadAttention) -> Callable[..., Tensor]:
    def forward(original: Callable[..., Tensor], x: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
        """x [B, T, D], memory [B, S, D]: S rows come out where T are needed; the rest is cut, or zero."""
        answer = attention.attend(attention.queries(memory), attention.keys_values(x), None)  # [B, S, D]
        return F.pad(answer, (0, 0, 0, x.size(1) - answer.size(1)))

    return forward


def _silence(attention: MultiHeadAttention, head: int) -> None:
    """Values of zero: the head still looks, and brings nothing back."""

    def attend(original: Callable[..., Tensor], q: Tensor, kv: KVCache, mask: Tensor | None) -> Tensor:
        values = kv.values.clone()  # [B, H, S, K]
        values[:, head] = 0
        return original(q, KVCache(kv.keys, values), mask)

    wrap(attention, "attend", attend)


def _head(module: Transformer, part: str) -> tuple[MultiHeadAttention, int]:
    """head:decoder.2.cross:3 -> that attention, and 2."""
    name, _, number = part.removeprefix(HEAD).rpartition(":")
    attentions = _attentions(module)
    if name not in attentions:
        raise UsageError(
            f"there is no attention {name!r} in {part!r}: this model has {', '.join(attentions)}"
        )
    heads = module.config.n_heads
    if not number.isdecimal() or not 1 <= int(number) <= heads:
        raise UsageError(f"{name} has no head {number!r}: its heads are 1 to {heads}")
    return attentions[name], int(number) - 1


def _attentions(module: Transformer) -> dict[str, MultiHeadAttention]:
    """All of them, by the names that a trace gives them."""
    named = {f"encoder.{i}.self": layer.self_attention for i, layer in enumerate(module.encoder.layers, 1)}
    for i, layer in enumerate(module.decoder.layers, 1):
        named |= {f"decoder.{i}.self": layer.self_attention, f"decoder.{i}.cross": layer.cross_attention}
    return named
